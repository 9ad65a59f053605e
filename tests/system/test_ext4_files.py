# SPDX-License-Identifier: MIT
"""ext4's file data: random operations against a model, holes and promises, sizes at the limits."""
import random

import pytest

from test_ext4 import SETS, debugfs, disk, fsck, mounted  # noqa: F401

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

HAS_NO_EXTENTS = ("ext2-1k", "ext2-4k", "ext3", "indirect")


def filemodel(one, name, steps, seed, processes):
    one.boot()
    result = one.guest.run([one.guest.program("filemodel"), "/dev/vda", "/mnt", str(steps),
                            str(seed), SETS[name][1], str(int(name not in HAS_NO_EXTENTS)),
                            str(processes)], timeout=300)
    assert result.status == 0, (result, one.log())
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.sampled("ext2-1k", "debian13", "indirect", "inline_data", "data-journal")
def test_model(disk, tmp_path, name):
    some = random.Random(name)
    folder = tmp_path / "t"
    folder.mkdir()
    for n, size in enumerate((0, 50, 9000, 300_000)):
        (folder / f"model{n}").write_bytes(some.randbytes(size))
    filemodel(disk(SETS[name][0], tree=folder), name, 1500, 1, 1)


@pytest.mark.parametrize("name", ("ext2-1k", "debian13", "ext4-1k", "data-journal"))
def test_processes(disk, name):
    filemodel(disk(SETS[name][0]), name, 1000, 2, 4)


@pytest.mark.parametrize("name, size", (
    ("debian13", 2**44 - 2**12), ("ext4-1k", 2**42 - 2**10),
    ("ext2-1k", (12 + 256 + 256**2 + 256**3) << 10)))
def test_limits(disk, name, size):
    """The last byte that a file can have, and the next; holes of gigabytes."""
    one = disk(*SETS[name])
    guest = mounted(one)
    put = "printf %s | dd of=/mnt/huge bs=1 seek=%d conv=notrunc 2>&1"
    guest.out(put % ("x", size - 1))
    assert "too large" in guest.sh(put % ("x", size)).out.decode()
    assert "too large" in guest.sh(f"truncate -s {size + 1} /mnt/huge").err.decode()
    for at in range(0, min(size, 64 << 30), 4 << 30):
        guest.out(put % (f"{at:012x}", at))
    one.umount()
    guest = mounted(one)
    get = "dd if=/mnt/huge bs=1 skip=%d count=%d 2>/dev/null"
    assert guest.out("stat -c %s /mnt/huge").strip() == str(size)
    assert guest.out(get % (size - 2, 9)) == "\0x"
    for at in range(0, min(size, 64 << 30), 4 << 30):
        assert guest.out(get % (at, 12)) == f"{at:012x}"
    guest.out("rm /mnt/huge")
    one.umount()
    one.stop()
    fsck(one.path)


def test_synced_at_once(disk):
    """What fsync and fdatasync answer for is there after the power went, the smallest things too."""
    one = disk(*SETS["debian13"])

    def work(command, how, path):
        guest = mounted(one)
        program = guest.program("filemodel")
        guest.out(f"cd /mnt; {command}; {program} {how} {path}")
        one.stop()
        return mounted(one)
    guest = work(": >empty", "fdatasync", "empty")
    assert guest.out("ls /mnt/empty") == "/mnt/empty\n"
    one.stop()
    guest = work("mkdir a; touch a/b", "fdatasync", "a")
    assert guest.out("ls /mnt/a/b") == "/mnt/a/b\n"
    one.stop()
    guest = work("echo one >empty; chmod 600 empty", "fsync", "empty")
    assert guest.out("cat /mnt/empty; stat -c %a /mnt/empty") == "one\n600\n"
    one.umount()
    one.stop()
    fsck(one.path)
