# SPDX-License-Identifier: MIT
"""Files that are larger than memory, read and written by every way there is; what a call has made
durable is there when the power goes."""
import random
import shutil

import pytest

from test_ext4 import disk, fsck, host, mke2fs, mounted # disk is a fixture

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

EXT4 = "-b 4096 -O has_journal,extent,64bit,metadata_csum"
SMALL = "-b 1024 -O has_journal,extent,64bit,metadata_csum"
WAYS = ("fsync", "fdatasync", "syncfs", "sync", "range", "O_SYNC", "O_DSYNC", "O_DIRECT", "msync")
OVERWRITES = ("range", "O_DIRECT") # data only: the file has to be there already


def cachio(guest, *arguments, timeout=120):
    result = guest.run([guest.program("cachio"), *map(str, arguments)], timeout=timeout)
    assert (result.status, result.out) == (0, b""), result


def pattern(seed, pages):
    words = bytearray()
    for _ in range(pages * 4096):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        words.append(seed >> 33 & 255)
    return bytes(words)


def small(one, size):
    """The same disk, of a machine with little memory."""
    one.config.mem, before = size, one.config.mem
    try:
        return mounted(one)
    finally:
        one.config.mem = before


@pytest.mark.parametrize("features", (EXT4, SMALL), ids=("4k", "1k"))
def test_more_than_memory(disk, features):
    one = disk(features, size="200M")
    guest = small(one, "48M")
    cachio(guest, "mapped", "/mnt/file", 14000, random.randrange(1 << 20))
    copy = guest.sh("cp /mnt/file /mnt/copy && cmp /mnt/file /mnt/copy && rm /mnt/file", timeout=120)
    assert copy.status == 0, copy
    one.umount()
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("features", (EXT4, SMALL), ids=("4k", "1k"))
def test_mix(disk, features):
    one = disk(features)
    guest = small(one, "64M")
    for _ in range(2):
        cachio(guest, "mix", "/mnt/file", random.randrange(1 << 20), 1500)
    cachio(guest, "mix", "/tmp/file", random.randrange(1 << 20), 1500)
    one.umount()
    one.stop()
    fsck(one.path)


WRITERS = """w() { for i in 1 2 3; do
dd if=/dev/zero of=$at/$1 bs=$size count=2 && dd if=$at/$1 of=$at/to$1 bs=$size count=2 || exit 1; done; }
w 1 & one=$!; w 2 & two=$!; w 3 & three=$!; w 4 & four=$!
wait $one && wait $two && wait $three && wait $four
"""


def test_writers_short_of_memory(disk):
    """Four writers with 32 of 48 MB for themselves: what one frees another takes, and none is ended."""
    one = disk(EXT4, size="256M")
    guest = small(one, "48M")
    written = guest.sh("at=/mnt size=8M\n" + WRITERS, timeout=240)
    assert written.status == 0, written
    one.umount()
    one.stop()
    fsck(one.path)


def test_loop_short_of_memory(disk, tmp_path):
    """A file system in a file of another: the loop's thread never waits for what waits for it."""
    (tmp_path / "tree").mkdir()
    inner = tmp_path / "tree/inner"
    mke2fs(inner, EXT4, size="120M")
    one = disk(EXT4, size="200M", tree=tmp_path / "tree")
    guest = small(one, "40M") # the writers' own take 24M of it
    guest.out("mkdir -p /inner; losetup /dev/loop0 /mnt/inner; mount -t ext4 /dev/loop0 /inner")
    written = guest.sh("at=/inner size=6M\n" + WRITERS, timeout=240)
    assert written.status == 0, written
    guest.out("umount /inner; losetup -d /dev/loop0")
    one.umount()
    one.stop()
    fsck(one.path)
    host("debugfs", "-R", f"dump /inner {inner}", str(one.path))
    fsck(inner)


@pytest.mark.parametrize("how", WAYS)
def test_durable(disk, tmp_path, how):
    one = disk(EXT4, size="32M")
    guest = mounted(one)
    if how in OVERWRITES:
        cachio(guest, "put", "/mnt/file", "fsync", 1, 20)
    seed = random.randrange(1 << 32)
    cachio(guest, "put", "/mnt/file", how, seed, 20)
    state = tmp_path / "state.img"
    shutil.copy(one.path, state) # as if the power went now
    one.stop()
    host("e2fsck", "-y", "-E", "journal_only", str(state))
    host("debugfs", "-R", f"dump /file {tmp_path}/file", str(state))
    assert (tmp_path / "file").read_bytes() == pattern(seed, 20)
