# SPDX-License-Identifier: MIT
"""Loop devices: files as disks, byte for byte."""
import os
import subprocess

import pytest

from test_block import mbr

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

KIB = 1 << 10
READ_ONLY, AUTOCLEAR, PARTSCAN = 1, 4, 8


@pytest.fixture
def loop(guest):
    """loop(WORD...): what loopctl says. Afterwards no device has a file."""
    def run(*words):
        result = guest.run([guest.program("loopctl"), *map(str, words)])
        assert result.status in (0, 1), result
        return result.out.decode().strip()
    yield run
    guest.sh("cd /dev; for i in loop*[0-9]; do busybox losetup -d /dev/$i; done; rm -rf /tmp/loop")


@pytest.fixture
def blkio(guest):
    def run(operation, device, *numbers):
        return guest.run([guest.program("blkio"), operation, device,
                          *map(str, numbers)]).out.decode().strip()
    return run


@pytest.fixture
def image(guest):
    """image(NAME, DATA): a file of the guest."""
    def make(name, data):
        guest.sh("mkdir -p /tmp/loop")
        guest.put(f"/tmp/loop/{name}", data)
        return f"/tmp/loop/{name}"
    return make


def test_read_and_write(guest, loop, blkio, image):
    data = os.urandom(500 * KIB + 300)
    path = image("disk", data)
    assert guest.out(f"busybox losetup /dev/loop0 {path}; busybox losetup -a") == \
        f"/dev/loop0: 0 {path}\n"
    assert guest.get("/dev/loop0") == data[:500 * KIB]
    assert blkio("info", "/dev/loop0") == f"{500 * KIB} 1000 512 512 0 {500 * KIB}"
    assert guest.out("cat /proc/partitions").split()[-4:] == ["7", "0", "500", "loop0"]
    assert blkio("write", "/dev/loop0", 10, 20, 1) == ""
    assert blkio("flush", "/dev/loop0") == ""
    assert blkio("check", path, 10, 20, 1) == ""
    assert guest.get(path)[30 * 4096:] == data[30 * 4096:]
    assert guest.out("busybox losetup -d /dev/loop0; busybox losetup -a") == ""
    assert blkio("get", "/dev/loop0", 0, 512) == "0"


def test_writes_arrive_when_it_is_cleared(guest, loop, blkio, image):
    path = image("disk", bytes(2048 * KIB))
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == ""
    assert blkio("threads", "/dev/loop0") == ""
    assert blkio("write", "/dev/loop0", 0, 100, 3) == ""
    assert loop("clear", "/dev/loop0") == ""
    assert blkio("check", path, 0, 100, 3) == ""
    assert blkio("check", path, 100, 412, 1) == ""


def test_offset_and_limit(guest, loop, image):
    data = os.urandom(100 * KIB)
    path = image("disk", data)
    assert loop("configure", "/dev/loop3", path, 1000, 3 * KIB, 0, READ_ONLY) == ""
    inode = guest.out(f"stat -c %i {path}").strip()
    assert loop("status", "/dev/loop3") == f"3 1000 {3 * KIB} {READ_ONLY} {inode} {path}"
    assert guest.get("/dev/loop3") == data[1000:1000 + 3 * KIB]
    assert guest.sh("echo >/dev/loop3").status == 1
    assert loop("set", "/dev/loop3", 0, 0, 0) == ""
    assert guest.get("/dev/loop3") == data
    assert loop("set", "/dev/loop3", 101 * KIB, 0, 0) == ""
    assert guest.get("/dev/loop3") == b""
    assert loop("set", "/dev/loop3", 1 << 63, 0, 0) == "set: Value too large for defined data type"


def test_pages_of_another_file(guest, loop, image):
    """What is mapped or changed of one file is not seen in the next, nor after a change of place."""
    first, second = image("first", b"a" * (8 * KIB)), image("second", b"b" * (4 * KIB) + b"c" * (4 * KIB))
    assert loop("swap", "/dev/loop0", first, second) == "aabbcc"
    assert guest.get(first) == b"a" * (4 * KIB) + b"!" + b"a" * (4 * KIB - 1)
    assert guest.get(second) == b"b" * (4 * KIB) + b"c" * (4 * KIB)


def test_size_of_file_changes(guest, loop, blkio, image):
    path = image("disk", b"x" * (10 * KIB))
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == ""
    guest.out(f"busybox truncate -s 20k {path}")
    assert len(guest.get("/dev/loop0")) == 10 * KIB
    assert loop("capacity", "/dev/loop0") == ""
    assert guest.get("/dev/loop0") == b"x" * (10 * KIB) + bytes(10 * KIB)
    guest.out(f"busybox truncate -s 5k {path}")
    assert blkio("flsbuf", "/dev/loop0") == ""
    assert guest.get("/dev/loop0") == b"x" * (5 * KIB) + bytes(15 * KIB)


def test_block_size(loop, blkio, image):
    path = image("disk", bytes(64 * KIB))
    assert loop("configure", "/dev/loop0", path, 0, 0, 4096, 0) == ""
    assert blkio("info", "/dev/loop0") == f"{64 * KIB} 128 4096 4096 0 {64 * KIB}"
    assert blkio("write", "/dev/loop0", 3, 5, 1) == blkio("flush", "/dev/loop0") == ""
    assert loop("block", "/dev/loop0", 1024) == ""
    assert blkio("info", "/dev/loop0") == f"{64 * KIB} 128 1024 1024 0 {64 * KIB}"
    assert blkio("check", "/dev/loop0", 3, 5, 1) == ""
    for bad in (0, 256, 3000, 8192):
        assert loop("block", "/dev/loop0", bad) == "block: Invalid argument"


def test_partitions(guest, loop, image):
    data = bytearray(os.urandom(256 * KIB))
    data[:512] = mbr((0, 0x83, 64, 128), (2, 0x83, 200, 100))
    path = image("disk", bytes(data))
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, PARTSCAN) == ""
    assert guest.get("/dev/loop0p1") == data[64 * 512:192 * 512]
    assert guest.get("/dev/loop0p3") == data[200 * 512:300 * 512]
    held = guest.sh(f"exec 3</dev/loop0p3; {guest.program('loopctl')} clear /dev/loop0;"
                    f"{guest.program('loopctl')} status /dev/loop0")
    assert held.out.split()[3] == str(AUTOCLEAR | PARTSCAN).encode(), held
    assert loop("status", "/dev/loop0") == "status: No such device or address"
    assert b"No such device" in guest.run(["busybox", "cat", "/dev/loop0p1"]).err
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == ""
    assert b"No such device" in guest.run(["busybox", "cat", "/dev/loop0p1"]).err
    assert loop("set", "/dev/loop0", 0, 0, PARTSCAN) == ""
    assert guest.get("/dev/loop0p1") == data[64 * 512:192 * 512]


def test_discard(guest, loop, blkio, image):
    path = image("disk", b"x" * (256 * KIB))
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == ""
    before = int(guest.out(f"stat -c %b {path}"))
    assert blkio("discard", "/dev/loop0", 64 * KIB, 128 * KIB) == ""
    assert blkio("zero", "/dev/loop0", 0, 8 * KIB) == ""
    assert guest.get(path) == bytes(8 * KIB) + b"x" * (56 * KIB) + bytes(128 * KIB) + \
        b"x" * (64 * KIB)
    assert int(guest.out(f"stat -c %b {path}")) == before - 256


def test_loops_on_loops(guest, loop, blkio, image):
    path = image("disk", bytes(128 * KIB))
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == ""
    assert loop("configure", "/dev/loop1", "/dev/loop0", 4096, 0, 0, 0) == ""
    assert loop("configure", "/dev/loop2", "/dev/loop1", 4096, 0, 0, 0) == ""
    assert blkio("write", "/dev/loop2", 5, 10, 7) == blkio("flush", "/dev/loop2") == ""
    wanted = guest.get("/dev/loop2")[5 * 4096:15 * 4096]
    assert guest.get(path)[7 * 4096:17 * 4096] == wanted != bytes(40960)
    assert loop("again", "/dev/loop3") == "again: Bad file descriptor"
    for n in (2, 1, 0):
        assert loop("clear", f"/dev/loop{n}") == ""
    assert loop("configure", "/dev/loop0", "/dev/loop1", 0, 0, 0, 0) == \
        "configure: Bad file descriptor"


def test_errors(guest, loop, image):
    path = image("disk", bytes(KIB))
    assert loop("configure", "/dev/loop0", "/dev/null", 0, 0, 0, 0) == "configure: Invalid argument"
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 2) == "configure: Invalid argument"
    assert loop("configure", "/dev/loop0", path, 0, 0, 700, 0) == "configure: Invalid argument"
    for what in ("clear", "status", "capacity"):
        assert loop(what, "/dev/loop0") == f"{what}: No such device or address"
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == ""
    assert loop("configure", "/dev/loop0", path, 0, 0, 0, 0) == "configure: Device or resource busy"
    result = guest.sh(f"busybox losetup /dev/loop1 {path}; busybox losetup -f")
    assert result.out == b"/dev/loop2\n"


def test_devices(guest, loop, image):
    path = image("disk", bytes(KIB))
    for n in range(8):
        assert loop("configure", f"/dev/loop{n}", path, 0, 0, 0, 0) == ""
    assert loop("free") == loop("free") == "8"
    assert loop("add", 8) == "add: File exists"
    assert loop("add", 9999) == "add: No space left on device"
    assert loop("remove", 3) == "remove: Device or resource busy"
    assert guest.out("stat -c '%F %t %T %a' /dev/loop8 /dev/loop-control").splitlines() == \
        ["block special file 7 8 660", "character special file a ed 660"]


def test_program_that_ends_without_clearing(guest, loop, image):
    """With AUTOCLEAR the last close gives the file up."""
    path = image("disk", bytes(KIB))
    held = guest.sh(f"exec 3</dev/loop0; {guest.program('loopctl')} configure /dev/loop0 {path} "
                    f"0 0 0 {AUTOCLEAR}; {guest.program('loopctl')} status /dev/loop0")
    assert held.out.split()[3] == str(AUTOCLEAR).encode()
    assert loop("status", "/dev/loop0") == "status: No such device or address"


def test_file_system_in_a_file(guest, loop, image, tmp_path):
    """mount -o loop gives the device up with the mount, and the file has what was written."""
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(8 << 20))
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-t", "ext4", disk], check=True)
    path = image("disk", disk.read_bytes())
    data = os.urandom(1 << 20)
    image("data", data)
    guest.out(f"mkdir /tmp/loop/m; mount -t ext4 -o loop {path} /tmp/loop/m")
    assert guest.out("losetup -a") == f"/dev/loop0: 0 {path}\n"
    guest.out("cp /tmp/loop/data /tmp/loop/m; umount /tmp/loop/m")
    assert guest.out("losetup -a") == ""
    disk.write_bytes(guest.get(path))
    subprocess.run(["/usr/sbin/e2fsck", "-fn", disk], check=True, capture_output=True)
    assert subprocess.run(["/usr/sbin/debugfs", "-R", "cat /data", disk], check=True,
                          capture_output=True).stdout == data
