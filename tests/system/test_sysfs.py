# SPDX-License-Identifier: MIT
"""/sys: what it says of the block devices, also to Debian's lsblk."""
import copy
import glob
import json
import os

import pytest

import machine
from conftest import Guest
from test_block import MIB, mbr

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

PACKAGES = ("libc6", "util-linux", "libsmartcols1", "libmount1", "libblkid1", "libudev1",
            "libselinux1", "libpcre2-8-0", "libtinfo6", "libcap2")
LIBRARIES = ("libblkid.so.1", "libmount.so.1", "libsmartcols.so.1", "libtinfo.so.6", "libudev.so.1",
             "libc.so.6", "libselinux.so.1", "libpcre2-8.so.0", "libcap.so.2")
LOADER = "ld-linux-riscv64-lp64d.so.1"


def lsblk_files():
    """Debian's lsblk and its libraries, as (host, guest) paths."""
    if not machine.debs_fetch(*PACKAGES):
        pytest.skip("Debian's util-linux is not to be had")
    folder = os.path.join(machine.BUILD, "debs/*/usr")
    find = {name: glob.glob(os.path.join(folder, "lib/riscv64-linux-gnu", name))[0]
            for name in (*LIBRARIES, LOADER)}
    return [(glob.glob(os.path.join(folder, "bin/lsblk"))[0], "/bin/lsblk"),
            (find[LOADER], f"/lib/{LOADER}"),
            *((find[name], f"/usr/lib/riscv64-linux-gnu/{name}") for name in LIBRARIES)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    tables = {"parts": mbr((0, 0x83, 2048, 4096), (1, 0x83, 8192, 2048)), "plain": b""}
    for name, table in tables.items():
        (folder / name).write_bytes(table.ljust(8 * MIB, b"\0"))
    return folder


@pytest.fixture(scope="module")
def guest(config, images):
    mine = copy.copy(config)
    mine.disks = [machine.Disk(images / "parts"),
                  machine.Disk(images / "plain", read_only=True),
                  machine.Disk(images / "plain", "nvme", read_only=True)]
    one = Guest(mine)
    yield one
    one.stop()


def test_lsblk(config, images):
    """As util-linux 2.41 prints it on Debian's Linux 6.12 for the same disks, a loop device with
    them."""
    def device(name, number, size, kind, read_only=False, **more):
        return {"name": name, "maj:min": number, "rm": False, "size": size, "ro": read_only,
                "type": kind, "mountpoints": [], **more}
    mine = copy.copy(config)
    mine.put = config.put + lsblk_files()
    mine.disks = [machine.Disk(images / "parts"), machine.Disk(images / "plain", "nvme")]
    one = Guest(mine)
    try:
        one.out("head -c 307500 /dev/zero >/tmp/loop; losetup -r /dev/loop2 /tmp/loop")
        listed = json.loads(one.out("lsblk -J"))
    finally:
        one.stop()
    assert listed == {"blockdevices": [
        device("loop2", "7:2", "300K", "loop", True),
        device("vda", "254:0", "8M", "disk", children=[device("vda1", "254:1", "2M", "part"),
                                                       device("vda2", "254:2", "1M", "part")]),
        device("nvme0n1", "259:0", "8M", "disk")]}


def test_links(guest):
    """Each device is found by three ways, and says its number."""
    for name, number, place in (("vda", "254:0", "vda"), ("vda2", "254:2", "vda/vda2"),
                                ("nvme0n1", "259:0", "nvme0n1"), ("loop0", "7:0", "loop0")):
        ways = [f"/sys/class/block/{name}", f"/sys/dev/block/{number}"]
        ways += [f"/sys/block/{name}"] if "/" not in place else []
        for way in ways:
            assert guest.out(f"cat {way}/dev; readlink -f {way}").split() == \
                [number, f"/sys/devices/virtual/block/{place}"]
        assert guest.out(f"readlink -f /sys/class/block/{name}/subsystem") == "/sys/class/block\n"
    assert guest.sh("cat /sys/block/vda1/dev").status == 1


def test_directories(guest):
    """Every name of every directory is there, and of the kind that the directory says."""
    assert guest.out("ls /sys") == "block\nclass\ndev\ndevices\nkernel\n"
    assert guest.out("ls -d /sys/devices/virtual/block/vda/vda*").split()[-1].endswith("vda2")
    everything = guest.out("find /sys -exec ls -ld {} +").splitlines()
    assert len(everything) > 100
    assert guest.out("find /sys/ -type f | xargs cat | wc -l").strip().isdigit()
    links = guest.out("find /sys -type l").split()
    assert guest.out(f"ls -dL {' '.join(links)} | wc -l") == f"{len(links)}\n"


def test_values(guest):
    def value(path):
        return guest.out(f"cat /sys/block/{path}").strip()
    assert [value(f"{d}/size") for d in ("vda", "vda/vda1", "vdb")] == ["16384", "4096", "16384"]
    assert [value(f"{d}/ro") for d in ("vda", "vda/vda1", "vdb")] == ["0", "0", "1"]
    assert (value("vda/vda2/start"), value("vda/vda2/partition")) == ("8192", "2")
    assert value("vda/queue/logical_block_size") == "512"
    assert value("vda/uevent").split() == ["MAJOR=254", "MINOR=0", "DEVNAME=vda", "DEVTYPE=disk"]
    assert value("vda/stat").split() == \
        guest.out("grep 'vda ' /proc/diskstats").split()[3:]
    assert guest.sh("echo 1 >/sys/block/vda/ro").status == 1


def test_partitions_that_go(guest):
    guest.out("head -c 1048576 /dev/zero >/tmp/disk; losetup /dev/loop0 /tmp/disk")
    assert guest.out("cat /sys/block/loop0/size; ls /dev/loop0p1 2>&1 | wc -l") == "2048\n1\n"
    guest.put("/tmp/table", mbr((0, 0x83, 64, 128)))
    program = guest.program("loopctl")
    guest.out("losetup -d /dev/loop0; dd if=/tmp/table of=/tmp/disk conv=notrunc 2>/dev/null")
    guest.out(f"{program} configure /dev/loop0 /tmp/disk 0 0 0 8")
    assert guest.out("cat /sys/class/block/loop0p1/size; cat /sys/block/loop0/loop0p1/start") == \
        "128\n64\n"
    guest.out("losetup -d /dev/loop0")
    for path in ("block/loop0/loop0p1", "class/block/loop0p1"):
        assert guest.sh(f"test -e /sys/{path}").status == 1
