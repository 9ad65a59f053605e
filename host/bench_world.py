# SPDX-License-Identifier: MIT
"""The table of `./rv bench --world`: what unmodified programs of Debian's packages cost, and beside
Linux on the same image. tests/bench/world.c measures inside the guest, when all that is read is in
memory; what waits for a disk writes to a RAM disk.
"""
import os
import tempfile

import bench_storage
import machine
from benchtable import lines_of, number, table, verdict

MEMORY_MB = 2048
RAM_MB = 64
INODES = 1024
TIMEOUT = 3600
LOOPS = 3

# name in world.c, what people read
ROWS = (
    ("dynamic", "a dynamic program: true"),
    ("sh", "sh -c true"),
    ("find", "find over /usr"),
    ("sqlite", "sqlite3: insert, synchronous=OFF"),
    ("sqlite-sync", "sqlite3: insert, synchronous=FULL"),
    ("python", "python3 -c pass"),
    ("git", "git status of this source tree"),
    ("gcc", "gcc -O2 of a small program"),
)
NAMES = [row[0] for row in ROWS]
GOALS = {"instructions": 0.5, "nanoseconds": 0.4}
SCRIPT = """set -e
{module}
mount -t tmpfs tmpfs /tmp
/bench/storage fill /bench/blocks /dev/ram0
mkdir -p /ram
mount -t ext4 /dev/ram0 /ram
exec /bench/world "$@" """


def config_for(system, icount, folder):
    image, blocks, archive = (os.path.join(folder, name) for name in ("image", "blocks", "tar"))
    if not os.path.exists(archive):
        bench_storage.archive_make(archive)
        bench_storage.image_make(image, RAM_MB, INODES)
        bench_storage.image_pack(image, blocks)
    put = [(machine.bench_program(name), f"/bench/{name}") for name in ("storage", "world")]
    put += [(archive, "/bench/tar"), (blocks, "/bench/blocks")]
    module = ""
    if system == "linux":
        put.append((machine.linux_module("drivers/block/brd"), "/bench/brd.ko"))
        module = f"busybox insmod /bench/brd.ko rd_nr=1 rd_size={RAM_MB << 10}"
    config = machine.Config(smp=1, mem=f"{MEMORY_MB}M", icount=icount, put=put, on=system,
                            firmware="opensbi", append=f"ramdisk={RAM_MB}M" * (system == "rivulet"))
    machine.build(config)
    machine.root_use(config, "world:full")
    return config, ["sh", "-c", SCRIPT.format(module=module), "sh"]


def measure(system, icount, options):
    """{name: cost} of the rows asked for."""
    with tempfile.TemporaryDirectory(prefix="rv-bench-") as folder:
        config, words = config_for(system, icount, folder)
        words += [str(LOOPS * options.scale), *(options.row or NAMES)]
        return {fields[0]: int(fields[1]) for fields in lines_of(config, words, TIMEOUT)}


def tables(results, on, vs):
    for kind, systems in results.items():
        ours, theirs = systems[on], systems.get(vs)
        rows = []
        for name, label in ROWS:
            if name in ours:
                more = [number(theirs[name]), f"{ours[name] / theirs[name]:.2f}"] if vs else []
                rows.append([label, number(ours[name]), *more])
        table([f"{kind} per operation", on, *([vs, "ratio"] if vs else [])], rows)
        if vs:
            verdict([ours[name] / theirs[name] for name in ours], GOALS[kind])
