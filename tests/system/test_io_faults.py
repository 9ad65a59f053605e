# SPDX-License-Identifier: MIT
"""Requests that fail: what `fault=` chooses, and ext4 while each of a workload's fails in turn."""
import copy
import random

import pytest

import machine
from conftest import Guest
from test_ext4 import SETS, fsck, host, mke2fs

pytestmark = [pytest.mark.rivulet, pytest.mark.configs("debug")]

FAULT = "/proc/sys/kernel/fault"
BAD = ("", "io", "io:", "x", "io:1,", "io:1x", "io:-1", "io:1+x", "io:3,a-name-that-no-disk-has", "memory:1")
EXCUSES = ("Input/output error", "Read-only file system", "No such file or directory",
           "nonexistent directory")

# What cannot be done is said on standard error; names that were never made count as done.
WORK = r"""
mount -t ext4 ${1:+-o $1} /dev/vda /mnt && {
    cd /mnt
    mkdir new && echo one >new/one
    cat old/big >new/copy && sync
    mv new/one old/two
    echo more >>old/log
    ln -s a-target new/link
    rm old/gone && rmdir old/empty
    sync
    dd if=/dev/zero of=old/big bs=1024 count=8 seek=5 conv=notrunc,fsync 2>/tmp/dd || grep dd: /tmp/dd >&2
    echo 3 >/proc/sys/vm/drop_caches
    cat old/[!e]* >/dev/null  # but for a directory that could not be removed
    cd /
    umount /mnt
}
cat /proc/sys/kernel/fault
echo io:0 >/proc/sys/kernel/fault
"""
AGAIN = r"""
echo 3 >/proc/sys/vm/drop_caches
mount -t ext4 ${1:+-o $1} /dev/vda /mnt && cat /mnt/old/big >/dev/null && echo x >/mnt/x && rm /mnt/x && umount /mnt
"""


class Faulty:
    """A machine with one disk."""

    def __init__(self, config, path, append=""):
        self.path = path
        mine = copy.copy(config)
        mine.disks, mine.append = [machine.Disk(path)], append
        self.guest = Guest(mine)
        self.out = self.guest.out
        self.sh = self.guest.sh


@pytest.fixture
def faulty(config, tmp_path):
    made = []

    def make(image, append=""):
        (tmp_path / "disk").write_bytes(image)
        made.append(Faulty(config, tmp_path / "disk", append))
        return made[-1]
    yield make
    for one in made:
        one.guest.stop()


def reads(one, count):
    """Which of so many reads fail, from the first on; each is one request."""
    one.out("echo 3 >/proc/sys/vm/drop_caches")
    return [n for n in range(1, count + 1) if one.sh(
        f"dd if=/dev/vda of=/dev/null bs=4096 count=1 skip={n * 100}").status]


def test_which_requests_fail(faulty):
    one = faulty(bytes(8 << 20), "fault=io:6,vda")  # the partition table is read first
    assert one.out(f"cat {FAULT}") == "io:5,vda\n"
    assert reads(one, 8) == [5]
    assert one.out(f"cat {FAULT}") == "io:0,vda\n"
    assert reads(one, 8) == []
    for text, failing, left in (("io:2", [2], "io:0"), ("io:3+", [3, 4, 5, 6], "io:1+"),
                                ("io:1,vda", [1], "io:0,vda"), ("io:1+,ram0", [], "io:1+,ram0"),
                                ("io:9,vda", [], "io:3,vda"), ("io:0", [], "io:0")):
        one.out(f"echo {text} >{FAULT}")
        assert (reads(one, 6), one.out(f"cat {FAULT}")) == (failing, left + "\n"), text
    for text in BAD:
        assert one.sh(f"echo '{text}' >{FAULT}").err.endswith(b"Invalid argument\n"), text
    assert one.out(f"cat {FAULT}") == "io:0\n"


def test_wrong_argument(faulty):
    one = faulty(bytes(1 << 20), "fault=disk:5")
    assert "fault=disk:5: not understood" in one.out("dmesg")


def small_image(folder, arguments):
    tree = folder / "tree/old"
    tree.mkdir(parents=True)
    for name, size in (("big", 60000), ("log", 100), ("gone", 9000)):
        (tree / name).write_bytes(random.Random(name).randbytes(size))
    (tree / "empty").mkdir()
    mke2fs(folder / "image", arguments, size="8M", tree=folder / "tree", inodes=64)
    return (folder / "image").read_bytes()


def strike(one, n, options):
    """The workload while the nth request fails; False: it has not that many."""
    one.out("cat /tmp/image >/dev/vda && sync && echo 3 >/proc/sys/vm/drop_caches")
    one.out(f"echo io:{n},vda >{FAULT}")
    done = one.sh(WORK, options, timeout=60)
    left = done.out.decode().split()[-1]
    said = [line for line in done.err.decode().splitlines() if not line.endswith(EXCUSES)]
    assert not done.timed_out and not said, (n, done)
    assert one.sh("grep vda /proc/mounts").status == 1, (n, done, "it is still mounted")
    again = one.sh(AGAIN, options, timeout=60)
    assert (again.status, again.err) == (0, b""), (n, done, again, one.out("dmesg")[-1500:])
    # What the log keeps of an error is e2fsck's to clear; then there is nothing left to say.
    host("sh", "-c", 'e2fsck -fp "$1"; test $? -le 1', "sh", one.path)
    fsck(one.path)
    return left == "io:0,vda"


@pytest.mark.parametrize("name", ("ext3", "debian13", "indirect", "data-journal"))
@pytest.mark.sampled("debian13")
def test_each_request_fails(faulty, tmp_path, name, request):
    arguments, options = SETS[name]
    image = small_image(tmp_path, arguments)
    one = faulty(image)
    one.guest.put("/tmp/image", image)
    one.out("mkdir -p /mnt")
    n = step = 1
    tried = 0
    while strike(one, n, options):
        tried += 1
        if not request.config.getoption("long"):
            step = 1 + n // 3
        n += step
    print(f"{name}: {tried} requests failed, of {n}")
    assert n > 30
