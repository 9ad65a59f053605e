# SPDX-License-Identifier: MIT
"""Damaged ext file systems: mounts, walks and writes end in errors, never in a panic or a hang."""
import copy
import os
import random
import struct

import pytest

from conftest import Guest
from ext4images import make_tree
from test_ext4 import EXT4, FULL, OLD, fsck, mke2fs

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

SIZE = 10 << 20
SETS = (f"-b 1024 -I 128 -O {OLD}", f"-b 1024 -I 256 -O {EXT4}", f"-b 4096 -I 256 -O {EXT4},^extent",
        f"-b 1024 -I 256 -O {FULL},orphan_file", f"-b 2048 -I 256 -O {FULL},inline_data",
        f"-b 1024 -I 256 -O {OLD},has_journal")
WORK = """mount -t ext4 /dev/ram0 /mnt || exit 0
cd /mnt
ls -laR; find . -type f -exec head -c 2000000 {} + | wc -c; find . -type l -exec readlink {} +
mkdir new; cp -a wide new/; for i in 1 2 3 4 5 6 7 8; do echo $i >wide/$i; mv wide/$i new/; done
rm -r new deep wide; echo more >>big; truncate -s 10 big; ln big again; cat /proc/mounts
cd /; sync; umount /mnt; exit 0
"""


class Image:
    """A file system and where its parts are, to be damaged."""

    def __init__(self, data):
        self.data = bytearray(data)
        first, shift, = struct.unpack_from("<II", data, 1024 + 20)
        self.block = 1024 << shift
        self.per_group, = struct.unpack_from("<I", data, 1024 + 40)
        self.inode_size, = struct.unpack_from("<H", data, 1024 + 88)
        incompat, = struct.unpack_from("<I", data, 1024 + 96)
        self.desc = struct.unpack_from("<H", data, 1024 + 254)[0] if incompat & 0x80 else 32
        self.groups = (first + 1) * self.block
        bitmaps = struct.unpack_from("<III", data, self.groups)
        self.block_bitmap, self.inode_bitmap, self.table = (b * self.block for b in bitmaps)

    def put(self, at, value, size):
        self.data[at:at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")

    def used_inode(self, some):
        """Where an inode in use is."""
        used = [n for n in range(self.per_group)
                if self.data[self.inode_bitmap + n // 8] >> n % 8 & 1 and n not in (0, 5)]
        return self.table + some.choice(used) * self.inode_size

    def block_of(self, some, kind):
        """A block that looks like one of a directory or an extent tree, or else any."""
        found = []
        for at in range(self.table, len(self.data), self.block):
            head = self.data[at:at + 12]
            tree = head[:2] == b"\x0a\xf3"
            names = 8 <= struct.unpack_from("<H", head, 4)[0] <= self.block and \
                head[6] and head[7] in (1, 2) and any(head[8:12])
            if tree if kind == "tree" else names:
                found.append(at)
        return some.choice(found or [some.randrange(len(self.data) // self.block) * self.block])


def interesting(some, size):
    top = 1 << 8 * size
    return some.choice((0, 1, 2, 11, 12, 255, 256, top - 1, top // 2, top // 2 - 1,
                        some.randrange(top), some.randrange(8000), some.randrange(64)))


def damage_super(image, some):
    size = some.choice((1, 2, 4))
    image.put(1024 + some.randrange(0, 0x180 // size) * size, interesting(some, size), size)


def damage_group(image, some):
    size = some.choice((2, 4))
    image.put(image.groups + some.randrange(image.desc // size) * size, interesting(some, size), size)


def damage_bitmap(image, some):
    at = some.choice((image.block_bitmap, image.inode_bitmap))
    for _ in range(some.choice((1, 8, 100))):
        image.data[at + some.randrange(128)] ^= 1 << some.randrange(8)


def damage_inode(image, some):
    size = some.choice((1, 2, 4))
    image.put(image.used_inode(some) + some.randrange(128 // size) * size,
              interesting(some, size), size)


def damage_map(image, some):
    """The words of i_block: extents, pointers, inline data."""
    at = image.used_inode(some) + 40
    size = some.choice((2, 4))
    image.put(at + some.randrange(60 // size) * size, interesting(some, size), size)


def damage_tree(image, some):
    size = some.choice((2, 4))
    image.put(image.block_of(some, "tree") + some.randrange(64 // size) * size,
              interesting(some, size), size)


def damage_names(image, some):
    at = image.block_of(some, "names")
    image.put(at + some.randrange(200), interesting(some, some.choice((1, 2))), 2)


def damage_cross_link(image, some):
    one, other = image.used_inode(some), image.used_inode(some)
    image.data[one + 40:one + 100] = image.data[other + 40:other + 100]


def damage_block(image, some):
    at = some.randrange(len(image.data) // image.block) * image.block
    other = some.randrange(len(image.data) // image.block) * image.block
    image.data[at:at + image.block] = image.data[other:other + image.block]


def damage_journal(image, some):
    starts = [at for at in range(0, len(image.data), image.block)
              if image.data[at:at + 4] == b"\xc0\x3b\x39\x98"]
    at = some.choice(starts or [1024])
    image.put(1024 + 96, struct.unpack_from("<I", image.data, 1024 + 96)[0] | 4, 4)
    image.put(at + some.randrange(24) * 4, interesting(some, 4), 4)
    if some.randrange(2):
        image.put(at + 28, some.randrange(40), 1)  # s_start: there is something to replay


CLASSES = [damage_super, damage_group, damage_bitmap, damage_inode, damage_map, damage_tree,
           damage_names, damage_cross_link, damage_block, damage_journal]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    (folder / "tree").mkdir()
    make_tree(folder / "tree")
    made = []
    for n, arguments in enumerate(SETS):
        path = folder / f"{n}.img"
        mke2fs(path, arguments,
               size=f"{SIZE >> 10}k", tree=folder / "tree", inodes=512)
        fsck(path)
        made.append(path.read_bytes())
    return made


@pytest.fixture(scope="module")
def guest(config):
    mine = copy.copy(config)
    mine.append = f"ramdisk={SIZE >> 20}M"
    one = Guest(mine)
    yield one
    one.stop()


def attack(guest, images, kind, seed):
    some = random.Random(seed)
    image = Image(some.choice(images))
    for _ in range(some.choice((1, 1, 2, 5))):
        kind(image, some)
    guest.run(["busybox", "dd", "of=/dev/ram0", "bs=65536"], stdin=bytes(image.data))
    result = guest.sh(WORK, timeout=60)
    assert not result.timed_out, (kind.__name__, seed, result)
    left = guest.sh("grep ram0 /proc/mounts && umount /mnt")
    assert left.status == 1, (kind.__name__, seed, result, left, "it is still mounted")


@pytest.mark.parametrize("kind", CLASSES)
def test_damage(guest, images, kind, request):
    count = 60 if request.config.getoption("long") else 8
    guest.out("mkdir -p /mnt")
    base = int(os.environ.get("EXT4_SEED", "0")) or random.randrange(1 << 30)
    for n in range(count):
        try:
            attack(guest, images, kind, base + n)
        except Exception:
            print(f"{kind.__name__}: EXT4_SEED={base + n}")
            raise
