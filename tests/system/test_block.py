# SPDX-License-Identifier: MIT
"""Disks: what the guest reads and writes is what the host's images hold, byte for byte."""
import copy
import os
import re
import struct
import zlib

import pytest

import machine
from conftest import Guest

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

MIB = 1 << 20
BLOCK = 4096
KINDS = ("virtio", "virtio-pci", "nvme")
PATHS = ("plain", "read-only", "errors", "4k", "logged", "parts")  # in the order of the command line
BUSES = {"parts": "deep", "logged": "deep", "4k": "rp1"}  # others are on the root bus
BRIDGES = ("pcie-root-port,id=rp1,chassis=1", "pcie-root-port,id=rp2,chassis=2",
           "pcie-pci-bridge,id=flat,bus=rp2", "pci-bridge,id=deep,bus=flat,chassis_nr=3,addr=2")
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
    def __init__(self, folder, kind):
        self.folder = folder
        self.kind = kind
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

    def device(self, name, partition=0):
        """The guest's name of a disk, or of its partition."""
        index = PATHS.index(name)
        if self.kind == "nvme":
            return f"nvme{index}n1" + f"p{partition}" * (partition > 0)
        return f"vd{'abcdef'[index]}" + f"{partition}" * (partition > 0)

    def disk(self, name, properties="", **options):
        if self.kind != "virtio":
            bus, slot = BUSES.get(name, "pcie.0"), 3 + PATHS.index(name)
            properties += f",bus={bus},addr={0 if bus == 'rp1' else slot}"
        path = "" if "blockdev" in options else self.path(name)
        return machine.Disk(path, self.kind, properties.strip(","), **options)

    def list(self, queues):
        error = ("driver=throttle,throttle-group=slow,file.driver=blkdebug"
                 ",file.image.driver=file,file.image.filename={path}"
                 ",file.inject-error.0.event=none,file.inject-error.0.iotype=read"
                 ",file.inject-error.0.errno=5,file.inject-error.0.sector={read}"
                 ",file.inject-error.1.event=none,file.inject-error.1.iotype=write"
                 ",file.inject-error.1.errno=5,file.inject-error.1.sector={write}")
        log = "driver=blklogwrites,file.driver=file,file.filename={},log.driver=file,log.filename={}"
        many, report = f"num-queues={queues}", "rerror=report,werror=report,request-merging=off"
        if self.kind == "nvme":
            many, report = f"max_ioqpairs={queues}", ""
        return [self.disk("plain", many),
                self.disk("read-only", read_only=True),
                self.disk("errors", report,
                          blockdev=error.format(path=self.path("errors"), read=BAD_READ,
                                                write=BAD_WRITE),
                          objects=["throttle-group,id=slow,x-iops-total=500"]),
                self.disk("4k", "logical_block_size=4096,physical_block_size=4096"),
                self.disk("logged", blockdev=log.format(self.path("logged"), self.path("log"))),
                self.disk("parts")]


@pytest.fixture(scope="module", params=KINDS)
def disks(tmp_path_factory, config, request):
    return Disks(tmp_path_factory.mktemp("disks"), request.param)


@pytest.fixture(scope="module")
def guest(config, disks):
    mine = copy.copy(config)
    mine.disks = disks.list(config.smp)
    mine.append = "ramdisk=4M"
    mine.devices = BRIDGES if disks.kind != "virtio" else ()
    one = Guest(mine)
    yield one
    one.stop()


@pytest.fixture
def blkio(guest, disks):
    """blkio(OPERATION, DISK, NUMBER...): its output, or its complaint. DISK is one of PATHS, one
    with its partition ("parts5"), or a device."""
    def run(operation, disk, *numbers):
        name, number = re.fullmatch(r"(.*?)(\d*)", disk).groups()
        device = disks.device(name, int(number or 0)) if name in PATHS else disk
        result = guest.run([guest.program("blkio"), operation, f"/dev/{device}",
                            *map(str, numbers)])
        assert result.status in (0, 1), result
        return result.out.decode().strip()
    return run


# QEMU's NVMe namespaces do not say that they are read-only; their writes fail.
def test_sizes(blkio, disks):
    read_only = int(disks.kind != "nvme")
    assert blkio("info", "plain") == f"{4 * MIB} 8192 512 512 0 {4 * MIB}"
    assert blkio("info", "read-only") == f"{4 * MIB} 8192 512 512 {read_only} {4 * MIB}"
    assert blkio("info", "4k") == f"{4 * MIB} 8192 4096 4096 0 {4 * MIB}"


def test_numbers(guest, disks):
    wanted = {"virtio": ("fe 0", "fe 20", "fe 56"), "virtio-pci": ("fe 0", "fe 20", "fe 56"),
              "nvme": ("103 0", "103 2", "103 9")}
    names = (disks.device("plain"), disks.device("errors"), disks.device("parts", 6))
    for name, numbers in zip(names, wanted[disks.kind]):
        assert guest.out(f"stat -c '%F %t %T %a' /dev/{name}") == \
            f"block special file {numbers} 660\n"


def test_reads(guest, disks):
    for name in ("plain", "4k", "read-only"):
        result = guest.run(["busybox", "cat", f"/dev/{disks.device(name)}"])
        assert result.status == 0 and result.out == disks.data(name), name


def test_writes(blkio, disks):
    for name in ("plain", "4k"):
        before = disks.data(name)
        assert blkio("write", name, 100, 50, 1) == ""
        assert blkio("check", name, 100, 50, 1) == ""
        assert blkio("check", name, 100, 50, 2) == "block 100 differs"
        assert blkio("flush", name) == ""
        wanted = b"".join(pattern(i, 1) for i in range(100, 150))
        assert disks.data(name) == before[:100 * BLOCK] + wanted + before[150 * BLOCK:]


def test_threads(blkio, disks):
    for name in ("plain", "4k"):
        assert blkio("threads", name) == ""
        assert blkio("flush", name) == ""
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
    assert blkio("get", "plain", size - 512, 512) == "512"
    assert blkio("get", "plain", size - 512, 1024) == "512"
    assert blkio("get", "plain", size, 512) == "0"
    assert blkio("get", "plain", size + MIB, 512) == "0"
    assert blkio("put", "plain", size - 512, 1024) == "512"
    assert blkio("put", "plain", size, 512) == "transfer: No space left on device"
    assert blkio("get", "plain", 0, 3 * MIB) == str(3 * MIB)
    assert blkio("discard", "plain", size - 512, 1024) == "range: Invalid argument"
    assert blkio("zero", "plain", (1 << 64) - 512, 1024) == "range: Invalid argument"


def test_read_only(blkio, disks):
    before = disks.data("read-only")
    if disks.kind == "nvme":
        assert blkio("put", "read-only", 0, 512) == "512"
        assert blkio("flush", "read-only") == "flush: Input/output error"
    else:
        assert blkio("put", "read-only", 0, 512) == "transfer: Operation not permitted"
        assert blkio("zero", "read-only", 0, 512) == "range: Operation not permitted"
        assert blkio("flush", "read-only") == ""
    assert disks.data("read-only") == before


def test_discard_and_zero(blkio, disks):
    for name in ("plain", "4k"):
        for i, operation in enumerate(("discard", "zero")):
            start = (2 + i) * MIB
            assert blkio("write", name, start // BLOCK, 128, 3) == ""
            assert blkio("flush", name) == ""
            blocks = os.stat(disks.path(name)).st_blocks
            assert blkio(operation, name, start + 8 * BLOCK, 64 * BLOCK) == ""
            assert disks.data(name, start + 8 * BLOCK, 64 * BLOCK) == bytes(64 * BLOCK)
            assert disks.data(name, start + 72 * BLOCK, BLOCK) == pattern(start // BLOCK + 72, 3)
            if operation == "discard":
                assert os.stat(disks.path(name)).st_blocks < blocks


def test_errors(blkio):
    """Only pages with a bad sector fail, and a write when it is flushed."""
    for operation, bad in (("get", BAD_READ), ("put", BAD_WRITE)):
        assert blkio(operation, "errors", (bad - 8) * 512, 8 * 512) == str(8 * 512)
        assert blkio(operation, "errors", (bad + 8) * 512, 4096) == "4096"
    assert blkio("flush", "errors") == ""
    assert blkio("get", "errors", (BAD_READ + 7) * 512, 512) == "transfer: Input/output error"
    assert blkio("get", "errors", (BAD_READ - 1) * 512, 1024) == "512"
    assert blkio("put", "errors", BAD_WRITE * 512, 512) == "512"
    assert blkio("flush", "errors") == "flush: Input/output error"


def test_errors_of_neighbours(blkio):
    """Threads that read around a bad sector: only who asks for it has the error."""
    bad = BAD_READ // 8
    assert blkio("around", "errors", bad - 12, bad) == ""


def test_direct(blkio, disks):
    """O_DIRECT and the cache agree; the host has the bytes without a flush."""
    for name in ("plain", "4k"):
        assert blkio("write", name, 300, 8, 6) == ""
        assert blkio("direct-check", name, 300, 8, 6) == ""
        assert blkio("direct-write", name, 304, 8, 7) == ""
        assert blkio("check", name, 300, 4, 6) == blkio("check", name, 304, 8, 7) == ""
        assert disks.data(name, 304 * BLOCK, BLOCK) == pattern(304, 7)
        assert blkio("direct-threads", name) == ""
        assert disks.data(name, 0, 512 * BLOCK) == b"".join(pattern(i, 1) for i in range(512))
    assert blkio("direct-get", "plain", 512, 512) == "512"
    assert blkio("direct-get", "4k", 512, 4096) == "transfer: Invalid argument"
    assert blkio("direct-get", "plain", 100, 512) == "transfer: Invalid argument"
    assert blkio("direct-put", "plain", 4 * MIB, 512) == "transfer: No space left on device"
    assert blkio("direct-get", "plain", 4 * MIB - 512, 1024) == "512"


def test_direct_errors(blkio, guest, disks):
    """Only who touches a bad sector has its error, also when requests are merged."""
    for operation, bad in (("direct-get", BAD_READ), ("direct-put", BAD_WRITE)):
        assert blkio(operation, "errors", (bad - 8) * 512, 8 * 512) == str(8 * 512)
        assert blkio(operation, "errors", bad * 512, 512) == "transfer: Input/output error"
        assert blkio(operation, "errors", (bad - 4) * 512, 4096) == "transfer: Input/output error"
        assert blkio(operation, "errors", (bad + 1) * 512, 4096) == "4096"
    assert blkio("direct-around", "errors", BAD_READ // 8 - 12, BAD_READ // 8) == ""
    row = guest.out(f"grep '{disks.device('errors')} ' /proc/diskstats").split()
    assert int(row[4]) > 0 or disks.kind == "nvme" # which has room for all of them


def test_last_close_writes(blkio, disks):
    assert blkio("write", "plain", 0, 4, 9) == ""
    assert disks.data("plain", 0, 4 * BLOCK) == b"".join(pattern(i, 9) for i in range(4))
    with open(disks.path("plain"), "r+b") as f: # nothing is cached now
        f.write(pattern(0, 10))
    assert blkio("check", "plain", 0, 1, 10) == ""


def test_sync_writes_devices(guest, blkio, disks):
    """sync(2), while somebody has the device open."""
    name = disks.device("plain")
    blkio("write", "plain", 8, 1, 11)
    out = guest.sh(f"exec 3<>/dev/{name}; dd if=/dev/zero bs=4096 count=2 conv=notrunc seek=8 "
                   f"of=/dev/{name} 2>/dev/null; sync; echo done; sleep 0").out
    assert out == b"done\n"
    assert disks.data("plain", 8 * BLOCK, 2 * BLOCK) == bytes(2 * BLOCK)


def test_flush_reaches_host(blkio, disks):
    """The host's log: what is written, then flushed."""
    assert blkio("write", "logged", 8, 1, 5) == ""
    assert blkio("flush", "logged") == ""
    log, entries, at = disks.data("log"), [], 512
    while at < len(log):
        sector, count, flags, _ = struct.unpack_from("<QQQQ", log, at)
        if count or flags:
            entries.append((sector, count, flags))
        at += 512 * (1 + (0 if flags & 4 else count))
    write = entries.index((64, 8, 0))
    assert (0, 0, 1) in entries[write + 1:]


def partitions(guest, disks):
    """{number: KiB} of /proc/partitions; 0 is the whole disk."""
    rows = [line.split() for line in guest.out("cat /proc/partitions").splitlines()[2:]]
    sizes = {row[3]: int(row[2]) for row in rows}
    names = [(number, disks.device("parts", number)) for number in range(16)]
    return {number: sizes[name] for number, name in names if name in sizes}


def test_partitions(guest, disks):
    assert partitions(guest, disks) == {0: 4096, 1: 64, 2: 1, 5: 50, 6: 100}
    for number, start, count in ((1, 64, 128), (5, 1032, 100), (6, 1552, 200)):
        name = disks.device("parts", number)
        assert guest.run(["busybox", "cat", f"/dev/{name}"]).out == \
            disks.data("parts", start * 512, count * 512)


def test_partition_ends(blkio, disks):
    before = disks.data("parts", 192 * 512, 512)
    assert blkio("put", "parts1", 127 * 512, 512) == "512"
    assert blkio("flush", "parts1") == ""
    assert disks.data("parts", 191 * 512, 512) == bytes(512)
    assert blkio("put", "parts1", 127 * 512, 1024) == "512"
    assert blkio("put", "parts1", 128 * 512, 512) == "transfer: No space left on device"
    assert disks.data("parts", 192 * 512, 512) == before


def test_new_table(guest, blkio, disks):
    """The guest sees a new table when it asks; never while a partition is open."""
    with open(disks.path("parts"), "r+b") as f:
        put_gpt(f, 8192, (0, 2048, 4095), (5, 40, 47))
    assert blkio("flsbuf", "parts") == ""
    held = guest.sh(f"exec 3</dev/{disks.device('parts', 1)}; "
                    f"{guest.program('blkio')} reread /dev/{disks.device('parts')}")
    assert held.out == b"reread: Device or resource busy\n"
    assert blkio("reread", "parts") == ""
    assert partitions(guest, disks) == {0: 4096, 1: 1024, 6: 4}
    sixth = disks.device("parts", 6)
    assert guest.run(["busybox", "cat", f"/dev/{sixth}"]).out == disks.data("parts", 40 * 512, 4096)
    assert blkio("get", "parts5", 0, 512) == "open: No such device or address"
    assert blkio("reread", "parts1") == "reread: Invalid argument"


def test_table_of_the_cache(guest, disks):
    """A table that was written counts before it is on the disk."""
    program, name = guest.program("blkio"), disks.device("parts")
    assert partitions(guest, disks).keys() > {0}
    both = guest.sh(f"exec 3</dev/{name}; {program} put /dev/{name} 0 512; {program} reread /dev/{name}")
    assert both.out == b"512\n", both
    assert partitions(guest, disks) == {0: 4096}


def test_statistics(guest, blkio, disks):
    def row():
        name = disks.device("plain")
        return [int(n) for n in guest.out(f"grep '{name} ' /proc/diskstats").split()[3:]]
    before = row()
    blkio("write", "plain", 0, 10, 1)
    blkio("flsbuf", "plain")
    blkio("check", "plain", 0, 10, 1)
    reads, _, sectors_read, _, writes, _, written, *rest = (b - a for a, b in zip(before, row()))
    assert 0 < reads < 10 and sectors_read >= 80 and 0 < writes < 10 and written == 80
    assert rest[8] == 1 and len(rest) == 10
    assert row()[8] == 0


@pytest.fixture
def disk_guest(config):
    """disk_guest(DISKS, DEVICES=(), APPEND=""): a machine with these disks."""
    opened = []

    def start(disks, devices=(), append=""):
        mine = copy.copy(config)
        mine.disks, mine.devices, mine.append = disks, devices, append
        opened.append(Guest(mine))
        return opened[-1]
    yield start
    for one in opened:
        one.stop()


def image(folder, name, size=MIB):
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def test_namespaces(disk_guest, tmp_path):
    """Namespaces of one controller, numbered as they are found; one whose blocks have metadata is
    left out."""
    images = [image(tmp_path, str(n), (n + 1) * MIB) for n in range(4)]
    spaces = ("nsid=1", "nsid=3,logical_block_size=4096,physical_block_size=4096", "nsid=4,ms=8",
              "nsid=9")
    disks = [machine.Disk(path, "nvme-ns", f"bus=ctrl,{space}")
             for path, space in zip(images, spaces)]
    guest = disk_guest(disks, ["nvme,id=ctrl,serial=one"])
    rows = [line.split() for line in guest.out("cat /proc/partitions").splitlines()[2:]]
    assert [(name, int(size)) for _, _, size, name in rows] == \
        [("nvme0n1", 1024), ("nvme0n2", 2048), ("nvme0n3", 4096)]
    for name, path in (("nvme0n1", images[0]), ("nvme0n2", images[1]), ("nvme0n3", images[3])):
        assert guest.run(["busybox", "cat", f"/dev/{name}"]).out == path.read_bytes()
    assert "namespace 4 has blocks of 2^9 bytes and 8 of metadata" in guest.console()


def test_disk_that_does_not_answer(disk_guest, tmp_path):
    """The controller is stopped; everything fails, nothing hangs."""
    path = image(tmp_path, "slow")
    slow = machine.Disk("", "nvme", objects=["throttle-group,id=stop,x-bps-total=1"],
                        blockdev=f"driver=throttle,throttle-group=stop,file.driver=file"
                                 f",file.filename={path}")
    good = machine.Disk(image(tmp_path, "good"), "nvme")
    guest = disk_guest([slow, good], append="nvme_timeout=1")
    for _ in range(2):
        result = guest.run(["busybox", "dd", "if=/dev/nvme0n1", "of=/dev/null", "skip=100"])
        assert result.status == 1 and b"Input/output error" in result.err
    assert "nvme0: the controller does not answer, and is stopped" in guest.console()
    assert guest.run(["busybox", "cat", "/dev/nvme1n1"]).out == (tmp_path / "good").read_bytes()


def test_rv_disks(rv, tmp_path):
    """./rv exec --disk: kinds in any order, behind the root."""
    paths = [image(tmp_path, name) for name in ("a", "b", "c:d")]
    options = [word for option in (f"nvme:{paths[0]}", f"virtio-pci:{paths[1]}", str(paths[2]))
               for word in ("--disk", option)]
    result = rv("exec", *options, "--", "busybox", "cat", "/dev/vdb", "/dev/vdc", "/dev/nvme0n1")
    assert result.returncode == 0, result.stderr
    assert result.stdout == b"".join(paths[n].read_bytes() for n in (2, 1, 0))


def test_ram_disk_from_an_image(rv, tmp_path):
    data = bytearray(os.urandom(3 * MIB + 700))
    data[MIB:2 * MIB] = bytes(MIB)
    (tmp_path / "image").write_bytes(data)
    result = rv("exec", "--ramdisk", str(tmp_path / "image"), "--", "busybox", "sh", "-c",
                "cat /dev/ram0; ls /ramdisk.img; echo new >/dev/ram0; head -c 4 /dev/ram0")
    assert result.returncode == 0 and b"No such file" in result.stderr
    assert result.stdout == data + bytes(-len(data) % 4096) + b"new\n"
    assert rv("exec", "--ramdisk", str(tmp_path / "none"), "--", "true").returncode == 2


def test_ram_disk_of_no_use(disk_guest):
    for wrong in ("0", "12Q", "99G", "/missing", "/bin"):
        guest = disk_guest([], append=f"ramdisk={wrong}")
        assert guest.sh("test -e /dev/ram0").status == 1
        assert f"ramdisk={wrong}: error" in guest.console()
        guest.stop()
