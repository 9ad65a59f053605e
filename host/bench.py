# SPDX-License-Identifier: MIT
"""The benchmark tables of `./rv bench`: what operations cost in instructions, and beside Linux.

tests/bench/bench.c measures inside the guest. Under --icount one nanosecond of guest time is one
instruction; in plain time the numbers mean something only as a ratio to Linux's in the same run.
Two measurements are made from outside: how long after reset the first instruction of a process
runs, and how much memory is in use at the shell's prompt.
"""
import argparse
import json
import os
import re
import select
import subprocess
import sys
import time

import bench_storage
import bench_world
import guest
import machine
from benchtable import lines_of, number, table

MEMORY_MB = 1024
TIMEOUT = 300
PROMPT_TIMEOUT = 60
FIRST, MEMORY = "first", "memory"

# name in bench.c, what people read, Linux 6.12, xv6, goal in instructions, goal as a part of
# Linux's plain time
ROWS = (
    ("null", "null call", 429, 1128, 120, 0.6),
    ("read", "read 1 byte of /dev/zero", 885, None, 260, 0.15),
    ("open", "open+close on tmpfs", 7321, 551722, 2500, 0.3),
    ("stat", "stat on tmpfs", 4382, 592146, 1500, None),
    ("pipe", "pipe ping-pong, round trip", 13736, 95815, 4500, 0.35),
    ("bandwidth", "pipe bandwidth, per KB", 1385, 659884, 640, None),
    ("fork", "fork+exit+wait", 193790, 564823, 30000, 0.35),
    ("exec", "fork+exec+exit+wait, tiny", 348702, 1618160, 55000, 0.35),
    ("fresh", "fresh page: get, touch, free", 5809, 37562, 1200, None),
    ("cow", "copy-on-write fault", 5516, None, 1800, None),
    ("signal", "signal to self", 5263, None, 1500, 0.2),
    ("futex", "futex ping-pong, round trip", 9974, None, 3500, None),
    ("create", "create+unlink on tmpfs", 24142, None, 7000, None),
    ("eventfd", "eventfd: write and read", 2050, None, 1000, None),
    ("epoll", "epoll: wake by eventfd, round trip", 15038, None, 6000, None),
    ("socket", "Unix-socket ping-pong, round trip", 23270, None, 5500, None),
    ("thread", "pthread create+join", 45693, None, 14500, None),
    ("mutex", "mutex with contention, each lock", 11528, None, 1500, None),
    ("area", "mmap 64 KiB, touch, munmap", 111053, None, 21000, None),
    (FIRST, "reset to first user instruction", 904000000, 415000000, 22000000, None),
    (MEMORY, "memory in use at prompt, KB", 104000, None, 12000, None),
)


def config_for(system, icount):
    put = [(machine.bench_program(name), f"/bench/{name}") for name in ("bench", "tiny", "first")]
    config = machine.Config(smp=1, mem=f"{MEMORY_MB}M", icount=icount, put=put, on=system,
                            firmware="opensbi")
    machine.build(config)
    return config


def rows_measure(config, scale, names):
    """{name: cost} of bench.c's rows."""
    argv = ["/bench/bench", "/bench/tiny", str(scale), *names]
    return {fields[0]: int(fields[1]) for fields in lines_of(config, argv, TIMEOUT)}


def first_measure(config):
    """Nanoseconds (instructions) from reset to the first instruction of process 1."""
    initrd = machine.memory_file("initramfs", machine.initramfs(config))
    log = machine.memory_file("console")
    serial = ["-chardev", f"file,id=uart,path={machine.fd_path(log)}", "-monitor", "none"]
    option = "rdinit" if config.on == "linux" else "init"
    command = machine.qemu_command(config, config.kernel(), machine.fd_path(initrd),
                                   f"{option}=/bench/first", serial)
    process = machine.start(command, [initrd, log], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL)
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        pass
    machine.stop(process)
    text = os.pread(log, os.fstat(log).st_size, 0)
    os.close(initrd)
    os.close(log)
    found = re.search(rb"first (\d+)", text)
    if not found:
        raise machine.Error(f"{config.on} did not run its first process")
    return int(found[1]) * 100


def console_until(process, text, pattern):
    """Reads the console, after `text`, until pattern is in it."""
    deadline = time.monotonic() + PROMPT_TIMEOUT
    while not re.search(pattern, text):
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not data:
            sys.stderr.buffer.write(text)
            raise machine.Error("the shell's prompt did not come")
        text += data
    return text


def meminfo_at_prompt(config):
    """/proc/meminfo as the native shell shows it when it has just started."""
    initrd = machine.memory_file("initramfs", machine.initramfs(config))
    command = machine.qemu_command(config, config.kernel(), machine.fd_path(initrd),
                                   "init=/bin/init", ["-chardev", "stdio,id=uart,signal=off",
                                                      "-monitor", "none"])
    process = machine.start(command, [initrd], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        console_until(process, b"", rb"[$#] $")
        process.stdin.write(b"cat /proc/meminfo\n")
        process.stdin.flush()
        return console_until(process, b"", rb"MemFree:[^\n]*\n")
    finally:
        machine.stop(process)
        os.close(initrd)


def memory_measure(config):
    """KB of RAM that are not free at a shell's prompt."""
    config.put = []
    if config.on == "linux":
        script = ["busybox", "sh", "-c", "cat /proc/meminfo; :"]
        text = guest.run(config, script, timeout=TIMEOUT)[1]
    else:
        text = meminfo_at_prompt(config)
    found = re.search(rb"MemFree:\s*(\d+) kB", text)
    if not found:
        raise machine.Error(f"{config.on}: /proc/meminfo has no MemFree")
    return MEMORY_MB * 1024 - int(found[1])


def measure(system, icount, options):
    """{name: cost} of the rows asked for."""
    config = config_for(system, icount)
    wanted = options.row or [row[0] for row in ROWS]
    inside = [name for name in wanted if name not in (FIRST, MEMORY)]
    result = rows_measure(config, options.scale, inside) if inside else {}
    if FIRST in wanted:
        result[FIRST] = first_measure(config)
    if MEMORY in wanted and icount:
        result[MEMORY] = memory_measure(config)
    return result


def instruction_table(results, on, vs):
    """Costs beside the goals and the reference figures; `vs` adds Linux as measured now."""
    rows = []
    for name, label, linux, xv6, goal, _ in ROWS:
        if name not in results[on]:
            continue
        cost = results[on][name]
        cells = [label, number(cost), number(goal), "" if cost <= goal else "over"]
        if vs:
            cells += [number(results[vs][name]), f"{cost / results[vs][name]:.2f}"]
        rows.append(cells + [number(linux), number(xv6)])
    columns = ["instructions per operation, one hart", on, "goal", ""]
    columns += [f"{vs} here", "ratio"] if vs else []
    table(columns + ["Linux 6.12", "xv6"], rows)


def time_table(results, on, vs):
    rows = []
    for name, label, _, _, _, goal in ROWS:
        if name not in results[on]:
            continue
        cost = results[on][name]
        cells = [label, number(cost)]
        if vs:
            ratio = cost / results[vs][name]
            cells += [number(results[vs][name]), f"{ratio:.2f}", "" if goal is None else f"{goal}",
                      "over" if goal and ratio > goal else ""]
        rows.append(cells)
    columns = ["nanoseconds per operation, plain time", on]
    table(columns + ([vs, "ratio", "goal", ""] if vs else []), rows)


def arguments_parse():
    p = argparse.ArgumentParser(prog="rv bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--vs", choices=("linux",), help="the same on Debian's kernel, and in plain time")
    p.add_argument("--on", choices=("rivulet", "linux"), default="rivulet", help="what to measure")
    p.add_argument("--icount", action="store_true", help="instructions only, no plain time")
    p.add_argument("--plain", action="store_true", help="plain time only")
    p.add_argument("--scale", type=int, default=1, metavar="N", help="N times the iterations (with --storage, the loops)")
    p.add_argument("--storage", action="store_true",
                   help="instead, the table of file systems on disks: ext4 on a RAM disk for "
                        "instructions, on virtio-blk for plain time")
    p.add_argument("--world", action="store_true",
                   help="instead, the table of unmodified programs of Debian's packages")
    p.add_argument("--row", action="append", metavar="ROW",
                   help="only this row; may be given again: " + ", ".join(row[0] for row in ROWS) +
                        "; with --storage " + ", ".join(bench_storage.NAMES) +
                        "; with --world " + ", ".join(bench_world.NAMES))
    p.add_argument("--json", action="store_true", help="{instructions, nanoseconds: {system: rows}}")
    p.add_argument("--no-install", action="store_true", help=argparse.SUPPRESS)
    options = p.parse_args()
    options.other = bench_storage if options.storage else bench_world if options.world else None
    names = options.other.NAMES if options.other else [row[0] for row in ROWS]
    for name in options.row or ():
        if name not in names:
            p.error(f"there is no row {name!r}; there are: {', '.join(names)}")
    return options


def main():
    options = arguments_parse()
    systems = [options.on] + [options.vs] * (options.vs not in (None, options.on))
    kinds = {"instructions": not options.plain,
             "nanoseconds": options.plain or (bool(options.vs) and not options.icount)}
    take = options.other.measure if options.other else measure
    results = {}
    try:
        machine.bench_build()
        for kind in (kind for kind, wanted in kinds.items() if wanted):
            results[kind] = {system: take(system, kind == "instructions", options)
                             for system in systems}
    except (machine.Error, OSError) as e:
        print(f"rv: {e}", file=sys.stderr)
        return guest.STATUS_ERROR
    if options.json:
        json.dump(results, sys.stdout, indent=2)
        print()
        return 0
    vs = systems[1] if len(systems) > 1 else None
    if options.other:
        options.other.tables(results, options.on, vs)
        return 0
    if "instructions" in results:
        instruction_table(results["instructions"], options.on, vs)
    if "nanoseconds" in results:
        time_table(results["nanoseconds"], options.on, vs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
