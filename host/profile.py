#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Where the kernel's instructions go in one row of tests/bench.

    host/profile.py [-n FUNCTIONS] [--mem SIZE] [--blocks] ROW      (RV_BUILD chooses the build)
    host/profile.py --storage [-n FUNCTIONS] [--blocks] ROW         a row of ./rv bench --storage

Runs `bench tiny SCALE ROW` under --icount at scale 1 and scale 2, with QEMU's log of executed
blocks (-d exec) and of their instructions (-d in_asm), both limited to the kernel's addresses. The
difference of the two runs, divided by the difference in operations, is free of boot and warm-up.
Prints instructions and entries per operation for each kernel function, most first; with --blocks
for each basic block instead. Instructions of user programs and firmware are not in it. A block that
a trap leaves half-way counts whole, so the sum may exceed what the benchmark itself reports.
"""
import argparse
import bisect
import collections
import os
import subprocess
import sys
import tempfile
import threading

import bench_storage
import guest
import machine

LOOPS = 5  # of tests/bench/bench.c
KERNEL = "0xffffffff80000000..0xffffffff9fffffff"


class Log:
    """Counts executions of blocks in a log that QEMU writes into a pipe; with a marker, only after
    an odd number of executions of the block at that address, but for the first."""

    def __init__(self, path, marker=None):
        self.marker = marker
        self.marks = 0
        self.runs = collections.Counter()  # by address
        self.sizes = {}                    # instructions of the block at an address
        self.thread = threading.Thread(target=self._read, args=(path,), daemon=True)
        self.thread.start()

    def _read(self, path):
        runs, at, marker = self.runs, None, self.marker
        if marker:
            runs = collections.Counter()
        with open(path, "rb", buffering=1 << 20) as lines:
            for line in lines:
                if line.startswith(b"Trace"):
                    key = line.split(b"/", 2)[1]
                    runs[key] += 1
                    if key == marker:
                        self.marks += 1
                        runs = self.runs if self.marks > 2 and self.marks % 2 else collections.Counter()
                elif line.startswith(b"0x"):
                    address = line[2:18]
                    if at is None:
                        at = address
                        self.sizes[at] = 0
                    self.sizes[at] += 1
                elif line.startswith(b"IN:"):
                    at = None
                elif line.startswith(b"Stopped"):  # between two blocks: it runs again
                    runs[line.split(b"[")[1][:16] if b"[" in line else b""] -= 1


def run_row(config, row, scale, argv, marker=None):
    """The log of one boot and the operations of one of the row's loops."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        os.mkfifo(path)
        log = Log(path, marker)
        plain = machine.qemu_command

        def logged(*arguments):
            return plain(*arguments) + ["-d", "exec,in_asm,nochain", "-dfilter", KERNEL, "-D", path]

        run = guest.Run(config, argv)
        machine.qemu_command = logged
        try:
            run.start()
        finally:
            machine.qemu_command = plain
        source, sink = os.pipe()
        run.pump(os.open(os.devnull, os.O_RDONLY), sink, 2)
        status = run.wait(None)
        run.close()
        os.close(sink)
        log.thread.join()
        fields = os.read(source, 4096).split()
    if status != 0 or len(fields) < 3:
        sys.exit(f"profile: bench {row} failed, status {status}")
    print(f"scale {scale}: {int(fields[1])} instructions an operation", file=sys.stderr)
    return log, int(fields[2])


def symbols(config):
    out = subprocess.run(["riscv64-linux-gnu-nm", os.path.join(config.kernel_dir(), "kernel.elf")],
                         check=True, capture_output=True, text=True).stdout
    table = [line.split() for line in out.splitlines()]
    return sorted((int(f[0], 16), f[2]) for f in table
                  if len(f) == 3 and f[1] in "tTwW" and not f[2].startswith((".L", "$")))


def storage_row(row):
    """The log of the row's three loops after the first, and their operations."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        config, words = bench_storage.config_for("rivulet", True, folder)
        table = symbols(config)
        marker = next(b"%016x" % address for address, name in table if name == "sys_getsid")
        argv = [*words, "3", "/bench/tar", row]
        log, operations = run_row(config, row, 1, argv, marker)
    return table, log.runs, log.sizes, 3 * operations


def bench_row(row, mem):
    """The same of two runs' difference."""
    put = [(machine.bench_program(name), f"/{name}") for name in ("bench", "tiny")]
    config = machine.Config(mem=mem, icount=True, put=put)
    machine.build(config)
    (first, one), (second, two) = (run_row(config, row, scale, ["/bench", "/tiny", str(scale), row])
                                   for scale in (1, 2))
    second.runs.subtract(first.runs)
    return symbols(config), second.runs, second.sizes, LOOPS * (two - one)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("-n", type=int, default=45, metavar="FUNCTIONS", help="lines to print (45)")
    p.add_argument("--mem", default="1G", metavar="SIZE")
    p.add_argument("--blocks", action="store_true", help="basic blocks, not functions")
    p.add_argument("--storage", action="store_true", help="a row of the storage table")
    p.add_argument("row", metavar="ROW")
    options = p.parse_args()
    machine.bench_build()
    table, runs, sizes, operations = (storage_row(options.row) if options.storage else
                                      bench_row(options.row, options.mem))
    starts = [address for address, _ in table]
    cost, entries = collections.Counter(), collections.Counter()
    for key, times in runs.items():
        if times <= 0 or key not in sizes:
            continue
        address = int(key, 16)
        start, name = table[bisect.bisect_right(starts, address) - 1]
        if options.blocks:
            name = f"{name}+{address - start:#x}"
        cost[name] += times * sizes[key]
        if address == start or options.blocks:
            entries[name] += times
    print(f"{sum(cost.values()) / operations:10.1f}           all of the kernel")
    for name, instructions in cost.most_common(options.n):
        print(f"{instructions / operations:10.1f} {entries[name] / operations:10.2f} {name}")


if __name__ == "__main__":
    main()
