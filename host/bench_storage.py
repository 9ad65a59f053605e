# SPDX-License-Identifier: MIT
"""The table of `./rv bench --storage`: what file operations on a disk cost, and beside Linux.

tests/bench/storage.c measures inside the guest, on a new ext4 image that mke2fs made: the same
image, program and busybox on both kernels. Instructions are counted on a RAM disk, where nobody
waits; the image gets there block by block before it is mounted. Plain time is taken on virtio-blk,
whose image is in the host's memory, so that the host's disk is not what is measured.
"""
import itertools
import os
import tarfile
import tempfile

import machine
import mkroot
from benchtable import lines_of, number, table, verdict

MEMORY_MB = 1024
IMAGE_MB = 512
INODES = 131072
BLOCK = 4096
TIMEOUT = 1800
LOOPS = 3
SOURCES = ("abi", "docs", "firmware", "host", "kernel", "tests", "user")
MODULES = ("lib/crc16", "crypto/crc32c_generic", "lib/libcrc32c", "fs/mbcache", "fs/jbd2/jbd2",
           "fs/ext4/ext4")

# name in storage.c, what people read, whether it waits for the device
ROWS = (
    ("write", "sequential write, cached, per 4 KiB", False),
    ("write-sync", "sequential write and fsync, per 4 KiB", True),
    ("read", "sequential read, cached, per 4 KiB", False),
    ("read-cold", "sequential read, uncached, per 4 KiB", False),
    ("random-read", "random 4K read, cached", False),
    ("random-read-cold", "random 4K read, uncached", False),
    ("random-write", "random 4K write, cached", False),
    ("random-write-sync", "random 4K writes and one fsync, each", True),
    ("append", "append of 512 bytes and fsync", True),
    ("create", "create, of 10,000 files", False),
    ("stat", "stat, of 10,000 files", False),
    ("unlink", "unlink, of 10,000 files", False),
    ("tar", "tar x of the source tree", False),
    ("tar-sync", "tar x of the source tree and syncfs", True),
)
FIRST, LAST = "many-first", "many-last"  # not compared with Linux
NAMES = [row[0] for row in ROWS] + ["many"]
GOALS = {"instructions": 0.6, "nanoseconds": 0.5}


def image_make(path, megabytes=IMAGE_MB, inodes=INODES):
    """A new file system; nothing of it is left for the kernel to initialise later."""
    mkroot.run("mke2fs", "-q", "-F", "-b", str(BLOCK), "-I", "256", "-N", str(inodes),
               "-O", mkroot.FEATURES, "-E",
               "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0", path, f"{megabytes}M")


def image_pack(path, out):
    """Writes the blocks that are not zero, each behind its position."""
    with open(path, "rb") as image, open(out, "wb") as packed:
        for at in itertools.count(0, BLOCK):
            block = image.read(BLOCK)
            if not block:
                break
            if any(block):
                packed.write(at.to_bytes(8, "little") + block)


def archive_make(path):
    """Our own sources; owners and times do not depend on the checkout."""
    def plain(member):
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return None if "__pycache__" in member.name or not (member.isreg() or member.isdir()) else member

    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in SOURCES:
            archive.add(os.path.join(machine.ROOT, name), name, filter=plain)


def script(config, icount):
    """Shell commands that make the device ready, and then run "$@"."""
    lines = ["set -e"]
    if config.on == "linux":
        driver = "drivers/block/" + ("brd" if icount else "virtio_blk")
        for name in (*MODULES, driver):
            inside = f"/bench/{os.path.basename(name)}.ko"
            config.put.append((machine.linux_module(name), inside))
            options = f" rd_nr=1 rd_size={IMAGE_MB << 10}" if name.endswith("/brd") else ""
            lines.append(f"insmod {inside}{options}")
        lines.append(f"until [ -b {device(icount)} ]; do sleep 0.01; done")
    if icount:
        lines.append("/bench/storage fill /bench/blocks /dev/ram0")
    return "\n".join([*lines, 'exec "$@"'])


def device(icount):
    return "/dev/ram0" if icount else "/dev/vda"


def config_for(system, icount, folder):
    """The machine, and the arguments that stand before the rows' names."""
    image, blocks, archive = (os.path.join(folder, name) for name in ("image", "blocks", "tar"))
    if not os.path.exists(archive):
        archive_make(archive)
    image_make(image)
    put = [(machine.bench_program("storage"), "/bench/storage"), (archive, "/bench/tar")]
    if icount:
        image_pack(image, blocks)
        put.append((blocks, "/bench/blocks"))
    config = machine.Config(smp=1, mem=f"{MEMORY_MB}M", icount=icount, put=put, on=system,
                            firmware="opensbi", disks=[] if icount else [image],
                            append=f"ramdisk={IMAGE_MB}M" * (icount and system == "rivulet"))
    words = ["busybox", "sh", "-c", script(config, icount), "sh", "/bench/storage", device(icount)]
    machine.build(config)
    return config, words


def measure(system, icount, options):
    """{name: {"cost", "requests", "flushes"}} of the rows asked for."""
    names = options.row or [row[0] for row in ROWS] + ["many"] * icount
    with tempfile.TemporaryDirectory(prefix="rv-bench-", dir="/dev/shm") as folder:
        config, words = config_for(system, icount, folder)
        words += [str(LOOPS * options.scale), "/bench/tar", *names]
        lines = lines_of(config, words, TIMEOUT)
    return {f[0]: {"cost": int(f[1]), "requests": int(f[3]), "flushes": int(f[4])} for f in lines}


def row_cells(row, ours, theirs, counted):
    name, label, synced = row
    cells = [label, number(ours[name]["cost"])]
    if theirs:
        cells += [number(theirs[name]["cost"]), f"{ours[name]['cost'] / theirs[name]['cost']:.2f}"]
    for one in (ours, theirs) if counted else ():
        if one:
            cells += [f"{one[name][what]:,}" if synced else "" for what in ("requests", "flushes")]
    return cells


def many_print(ours):
    first, last = ours[FIRST]["cost"], ours[LAST]["cost"]
    print(f"of 100,000 creations in one directory the last 1,000 cost {number(last)} each, the "
          f"first {number(first)}: {last / first:.2f} (goal 2)\n")


def tables(results, on, vs):
    for kind, systems in results.items():
        ours, theirs, counted = systems[on], systems.get(vs), kind == "nanoseconds"
        rows = [row for row in ROWS if row[0] in ours]
        columns = [f"{kind} per operation, " + ("virtio-blk" if counted else "RAM disk"), on]
        columns += [vs, "ratio"] if vs else []
        for name in [on] + [vs] * bool(vs) if counted else ():
            columns += [f"{name}: requests", "flushes"]
        if rows:
            table(columns, [row_cells(row, ours, theirs, counted) for row in rows])
        if rows and vs:
            verdict([ours[r[0]]["cost"] / theirs[r[0]]["cost"] for r in rows], GOALS[kind])
        if FIRST in ours:
            many_print(ours)
