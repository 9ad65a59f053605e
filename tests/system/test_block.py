# SPDX-License-Identifier: MIT
"""Disks: what the guest reads and writes is what the host's images hold, byte for byte."""
import copy
import os
import struct
import zlib

import pytest

import machine
from conftest import Guest

pytestmark = pytest.mark.rivulet

MIB = 1 << 20
BLOCK = 4096
PATHS = ("plain", "read-only", "errors", "4k", "logged", "parts")  # vda and on
BAD_READ, BAD_WRITE = 104, 408  # sectors of `errors`


def pattern(index, generation):
    """Block `index` as blkio.c fills it."""
    x = index * 1000003 + generation
    words = []
    for _ in range(BLOCK // 8):
        x = (x * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        words.append(x)
    return struct.pack("<512Q", *words)


def mbr(*entries):
    """A boot record of (slot, type, start, sectors)."""
    table = bytearray(512)
    for slot, kind, start, count in entries:
        at = 446 + slot * 16
        table[at + 4] = kind
        struct.pack_into("<II", table, at + 8, start, count)
    table[510:] = b"\x55\xaa"
    return bytes(table)


def gpt_side(lba, other, entries_lba, sectors, entries):
    header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, lba, other, 34,
                         sectors - 34, b"g" * 16, entries_lba, 128, 128, zlib.crc32(entries))
    return header[:16] + struct.pack("<I", zlib.crc32(header)) + header[20:]


def put_gpt(f, sectors, *parts):
    """A GPT of (slot, first, last) at both ends of the file."""
    entries = bytearray(128 * 128)
    for slot, first, last in parts:
        struct.pack_into("<16s16sQQ", entries, slot * 128, b"t" * 16, b"u" * 16, first, last)
    for at, data in ((0, mbr((0, 0xee, 1, sectors - 1))),
                     (1, gpt_side(1, sectors - 1, 2, sectors, entries)), (2, entries),
                     (sectors - 33, entries),
                     (sectors - 1, gpt_side(sectors - 1, 1, sectors - 33, sectors, entries))):
        f.seek(at * 512)
        f.write(data)


class Disks:
    def __init__(self, folder):
        self.folder = folder
        for name in PATHS:
            self.path(name).write_bytes(os.urandom(4 * MIB))
        self.path("log").write_bytes(b"")
        with open(self.path("parts"), "r+b") as f:
            for lba, table in ((0, mbr((0, 0x83, 64, 128), (1, 0x0f, 1024, 4096))),
                               (1024, mbr((0, 0x83, 8, 100), (1, 5, 512, 256))),
                               (1536, mbr((0, 0x83, 16, 200)))):
                f.seek(lba * 512)
                f.write(table)

    def path(self, name):
        return self.folder / name

    def data(self, name, start=0, size=None):
        with open(self.path(name), "rb") as f:
            f.seek(start)
            return f.read(size)

    def list(self, queues):
        error = ("driver=throttle,throttle-group=slow,file.driver=blkdebug"
                 ",file.image.driver=file,file.image.filename={path}"
                 ",file.inject-error.0.event=none,file.inject-error.0.iotype=read"
                 ",file.inject-error.0.errno=5,file.inject-error.0.sector={read}"
                 ",file.inject-error.1.event=none,file.inject-error.1.iotype=write"
                 ",file.inject-error.1.errno=5,file.inject-error.1.sector={write}")
        log = "driver=blklogwrites,file.driver=file,file.filename={},log.driver=file,log.filename={}"
        disk = machine.Disk
        return [disk(self.path("plain"), properties=f"num-queues={queues}"),
                disk(self.path("read-only"), read_only=True),
                disk("", blockdev=error.format(path=self.path("errors"), read=BAD_READ,
                                               write=BAD_WRITE),
                     properties="rerror=report,werror=report",
                     objects=["throttle-group,id=slow,x-iops-total=500"]),
                disk(self.path("4k"), properties="logical_block_size=4096,physical_block_size=4096"),
                disk("", blockdev=log.format(self.path("logged"), self.path("log"))),
                disk(self.path("parts"))]


@pytest.fixture(scope="module")
def disks(tmp_path_factory, config):
    return Disks(tmp_path_factory.mktemp("disks"))


@pytest.fixture(scope="module")
def guest(config, disks):
    mine = copy.copy(config)
    mine.disks = disks.list(config.smp)
    mine.append = "ramdisk=4M"
    one = Guest(mine)
    yield one
    one.stop()


@pytest.fixture
def blkio(guest):
    """blkio(OPERATION, DEVICE, NUMBER...): its output, or its complaint."""
    def run(operation, device, *numbers):
        result = guest.run([guest.program("blkio"), operation, f"/dev/{device}",
                            *map(str, numbers)])
        assert result.status in (0, 1), result
        return result.out.decode().strip()
    return run


def test_sizes(blkio):
    assert blkio("info", "vda") == f"{4 * MIB} 8192 512 512 0 {4 * MIB}"
    assert blkio("info", "vdb") == f"{4 * MIB} 8192 512 512 1 {4 * MIB}"
    assert blkio("info", "vdd") == f"{4 * MIB} 8192 4096 4096 0 {4 * MIB}"


def test_numbers(guest):
    out = guest.out("stat -c '%n %F %t %T %a' /dev/vda /dev/vdc /dev/vdf6")
    assert out.splitlines() == ["/dev/vda block special file fe 0 660",
                                "/dev/vdc block special file fe 20 660",
                                "/dev/vdf6 block special file fe 56 660"]


def test_reads(guest, disks):
    for name, device in (("plain", "vda"), ("4k", "vdd"), ("read-only", "vdb")):
        result = guest.run(["busybox", "cat", f"/dev/{device}"])
        assert result.status == 0 and result.out == disks.data(name), device


def test_writes(blkio, disks):
    for name, device in (("plain", "vda"), ("4k", "vdd")):
        before = disks.data(name)
        assert blkio("write", device, 100, 50, 1) == ""
        assert blkio("check", device, 100, 50, 1) == ""
        assert blkio("check", device, 100, 50, 2) == "block 100 differs"
        assert blkio("flush", device) == ""
        wanted = b"".join(pattern(i, 1) for i in range(100, 150))
        assert disks.data(name) == before[:100 * BLOCK] + wanted + before[150 * BLOCK:]


def test_threads(blkio, disks):
    for name, device in (("plain", "vda"), ("4k", "vdd")):
        assert blkio("threads", device) == ""
        assert disks.data(name, 0, 512 * BLOCK) == b"".join(pattern(i, 1) for i in range(512))


def test_ram_disk(blkio, guest):
    assert blkio("info", "ram0") == f"{4 * MIB} 8192 512 4096 0 {4 * MIB}"
    assert guest.out("stat -c '%t %T' /dev/ram0") == "1 0\n"
    assert guest.run(["busybox", "cat", "/dev/ram0"]).out == bytes(4 * MIB)
    assert blkio("threads", "ram0") == ""
    assert blkio("check", "ram0", 0, 512, 1) == ""
    assert blkio("flush", "ram0") == ""
    for start, operation in ((100, "discard"), (201, "zero")):
        assert blkio(operation, "ram0", start * 512, 1536) == ""
    wanted = bytearray(b"".join(pattern(i, 1) for i in range(64)))
    for start in (100, 201):
        wanted[start * 512:start * 512 + 1536] = bytes(1536)
    assert guest.run(["busybox", "head", "-c", str(64 * BLOCK), "/dev/ram0"]).out == wanted
    assert blkio("put", "ram0", 4 * MIB, 512) == "transfer: No space left on device"
    assert blkio("reread", "ram0") == "reread: Invalid argument"


def test_ends(blkio):
    size = 4 * MIB
    assert blkio("get", "vda", size - 512, 512) == "512"
    assert blkio("get", "vda", size - 512, 1024) == "512"
    assert blkio("get", "vda", size, 512) == "0"
    assert blkio("get", "vda", size + MIB, 512) == "0"
    assert blkio("put", "vda", size - 512, 1024) == "512"
    assert blkio("put", "vda", size, 512) == "transfer: No space left on device"
    assert blkio("get", "vda", 0, 3 * MIB) == str(3 * MIB)
    assert blkio("discard", "vda", size - 512, 1024) == "range: Invalid argument"
    assert blkio("zero", "vda", (1 << 64) - 512, 1024) == "range: Invalid argument"


def test_read_only(blkio, disks):
    before = disks.data("read-only")
    assert blkio("put", "vdb", 0, 512) == "transfer: Operation not permitted"
    assert blkio("zero", "vdb", 0, 512) == "range: Operation not permitted"
    assert blkio("flush", "vdb") == ""
    assert disks.data("read-only") == before


def test_discard_and_zero(blkio, disks):
    for name, device in (("plain", "vda"), ("4k", "vdd")):
        for i, operation in enumerate(("discard", "zero")):
            start = (2 + i) * MIB
            assert blkio("write", device, start // BLOCK, 128, 3) == ""
            blocks = os.stat(disks.path(name)).st_blocks
            assert blkio(operation, device, start + 8 * BLOCK, 64 * BLOCK) == ""
            assert disks.data(name, start + 8 * BLOCK, 64 * BLOCK) == bytes(64 * BLOCK)
            assert disks.data(name, start + 72 * BLOCK, BLOCK) == pattern(start // BLOCK + 72, 3)
            if operation == "discard":
                assert os.stat(disks.path(name)).st_blocks < blocks


def test_errors(blkio):
    """Only what touches a bad sector fails."""
    for operation, bad in (("get", BAD_READ), ("put", BAD_WRITE)):
        assert blkio(operation, "vdc", (bad - 8) * 512, 8 * 512) == str(8 * 512)
        assert blkio(operation, "vdc", bad * 512, 512) == "transfer: Input/output error"
        assert blkio(operation, "vdc", (bad - 4) * 512, 4096) == "transfer: Input/output error"
        assert blkio(operation, "vdc", (bad + 1) * 512, 4096) == "4096"


def test_error_of_a_merged_transfer(blkio, guest):
    """Requests that were merged with one for a bad sector do not share its error."""
    bad = BAD_READ // 8
    assert blkio("around", "vdc", bad - 12, bad) == ""
    assert int(guest.out("grep 'vdc ' /proc/diskstats").split()[4]) > 0


def test_flush_reaches_host(blkio, disks):
    """The host's log: what is written, then flushed."""
    assert blkio("write", "vde", 8, 1, 5) == ""
    assert blkio("flush", "vde") == ""
    log, entries, at = disks.data("log"), [], 512
    while at < len(log):
        sector, count, flags, _ = struct.unpack_from("<QQQQ", log, at)
        if count or flags:
            entries.append((sector, count, flags))
        at += 512 * (1 + (0 if flags & 4 else count))
    write = entries.index((64, 8, 0))
    assert (0, 0, 1) in entries[write + 1:]


def partitions(guest, device):
    """{name: KiB} of /proc/partitions."""
    rows = [line.split() for line in guest.out("cat /proc/partitions").splitlines()[2:]]
    return {row[3]: int(row[2]) for row in rows if row[3].startswith(device)}


def test_partitions(guest, disks):
    assert partitions(guest, "vdf") == {"vdf": 4096, "vdf1": 64, "vdf2": 1, "vdf5": 50,
                                        "vdf6": 100}
    for name, start, count in (("vdf1", 64, 128), ("vdf5", 1032, 100), ("vdf6", 1552, 200)):
        assert guest.run(["busybox", "cat", f"/dev/{name}"]).out == \
            disks.data("parts", start * 512, count * 512)


def test_partition_ends(blkio, disks):
    before = disks.data("parts", 192 * 512, 512)
    assert blkio("put", "vdf1", 127 * 512, 512) == "512"
    assert disks.data("parts", 191 * 512, 512) == bytes(512)
    assert blkio("put", "vdf1", 127 * 512, 1024) == "512"
    assert blkio("put", "vdf1", 128 * 512, 512) == "transfer: No space left on device"
    assert disks.data("parts", 192 * 512, 512) == before


def test_new_table(guest, blkio, disks):
    """The guest sees a new table when it asks; never while a partition is open."""
    with open(disks.path("parts"), "r+b") as f:
        put_gpt(f, 8192, (0, 2048, 4095), (5, 40, 47))
    held = guest.sh(f"exec 3</dev/vdf1; {guest.program('blkio')} reread /dev/vdf")
    assert held.out == b"reread: Device or resource busy\n"
    assert blkio("reread", "vdf") == ""
    assert partitions(guest, "vdf") == {"vdf": 4096, "vdf1": 1024, "vdf6": 4}
    assert guest.run(["busybox", "cat", "/dev/vdf6"]).out == disks.data("parts", 40 * 512, 4096)
    assert blkio("get", "vdf5", 0, 512) == "open: No such device or address"
    assert blkio("reread", "vdf1") == "reread: Invalid argument"


def test_statistics(guest, blkio):
    def row():
        return [int(n) for n in guest.out("grep 'vda ' /proc/diskstats").split()[3:]]
    before = row()
    blkio("write", "vda", 0, 10, 1)
    blkio("check", "vda", 0, 10, 1)
    blkio("flush", "vda")
    change = [b - a for a, b in zip(before, row())]
    assert (change[0], change[2], change[4], change[6]) == (10, 80, 10, 80)
    assert change[15] == 1 and len(change) == 17
    assert row()[8] == 0
