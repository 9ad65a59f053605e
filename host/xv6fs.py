# SPDX-License-Identifier: MIT
"""Makes and checks images of the xv6 file system.

    xv6fs.py make IMAGE [DIR] [--blocks N] [--inodes N] [--log N]
        an image of N blocks of 1 KiB with what DIR holds
    xv6fs.py check IMAGE [--crashed]
        complains about all that is not consistent, exit status 1. --crashed: a machine ended while
        it wrote; what the log holds counts, and files without a name or longer than their size
        may be there, as the next mount ends them
"""
import argparse
import os
import stat
import struct
import sys
from collections import Counter, defaultdict

BLOCK = 1024
MAGIC = 0x10203040
ROOT = 1
DIR, FILE, DEVICE, SYMLINK = 1, 2, 3, 4
DIRECT, SLOTS = 11, BLOCK // 4
MAX_BLOCKS = DIRECT + SLOTS + SLOTS * SLOTS
NAME = 14
SUPER = struct.Struct("<8I")
INODE = struct.Struct("<4hI13I")
ENTRY = struct.Struct("<H14s")
PER_BLOCK = BLOCK // INODE.size
BITS = 8 * BLOCK


class Error(Exception):
    pass


def blocks_of(size):
    return -(-size // BLOCK)


class Layout:
    def __init__(self, size, inodes, log):
        self.size, self.inodes, self.log = size, inodes, log
        self.log_start = 2
        self.inode_start = self.log_start + log
        self.bitmap_start = self.inode_start + inodes // PER_BLOCK + 1
        self.data_start = self.bitmap_start + size // BITS + 1

    def super_block(self):
        return SUPER.pack(MAGIC, self.size, self.size - self.data_start, self.inodes, self.log,
                          self.log_start, self.inode_start, self.bitmap_start)


# Making


class Maker:
    def __init__(self, blocks, inodes, log):
        self.layout = Layout(blocks, inodes, log)
        if not 11 <= log <= BLOCK // 4 or not 2 <= inodes <= 65536 or \
                self.layout.data_start >= blocks:
            raise Error("no file system has these sizes")
        self.blocks = {}
        self.inodes = []  # the packed ones, from number 1 on
        self.next = self.layout.data_start
        self.links = {}

    def block(self, data):
        at = self.next
        if at >= self.layout.size:
            raise Error(f"does not fit into {self.layout.size} blocks")
        self.next += 1
        self.blocks[at] = data.ljust(BLOCK, b"\0")
        return at

    def table(self, numbers):
        return self.block(struct.pack(f"<{len(numbers)}I", *numbers)) if numbers else 0

    def contents(self, data):
        """The 13 addresses of new blocks with this data."""
        if blocks_of(len(data)) > MAX_BLOCKS:
            raise Error("a file is too large")
        numbers = [self.block(data[at:at + BLOCK]) for at in range(0, len(data), BLOCK)]
        double = numbers[DIRECT + SLOTS:]
        tables = [self.table(double[at:at + SLOTS]) for at in range(0, len(double), SLOTS)]
        direct = numbers[:DIRECT] + [0] * (DIRECT - len(numbers[:DIRECT]))
        return [*direct, self.table(numbers[DIRECT:DIRECT + SLOTS]), self.table(tables)]

    def number(self):
        self.inodes.append(None)
        if len(self.inodes) >= self.layout.inodes:
            raise Error(f"more than {self.layout.inodes} inodes")
        return len(self.inodes)

    def inode(self, number, kind, data=b"", nlink=1, device=(0, 0)):
        addresses = self.contents(data)
        self.inodes[number - 1] = INODE.pack(kind, *device, nlink, len(data), *addresses)

    def add(self, path):
        """The inode number of what a path of the host leads to."""
        s = os.lstat(path)
        key = (s.st_dev, s.st_ino)
        if key in self.links:
            number = self.links[key]
            old = self.inodes[number - 1]
            nlink = struct.unpack_from("<h", old, 6)[0] + 1
            self.inodes[number - 1] = old[:6] + struct.pack("<h", nlink) + old[8:]
            return number
        number = self.links[key] = self.number()
        if stat.S_ISREG(s.st_mode):
            with open(path, "rb") as f:
                self.inode(number, FILE, f.read())
        elif stat.S_ISLNK(s.st_mode):
            target = os.fsencode(os.readlink(path))
            if len(target) > BLOCK:
                raise Error(f"{os.fsdecode(path)}: a link's target is longer than {BLOCK} bytes")
            self.inode(number, SYMLINK, target)
        elif stat.S_ISCHR(s.st_mode):
            self.inode(number, DEVICE, device=(os.major(s.st_rdev), os.minor(s.st_rdev)))
        else:
            raise Error(f"{os.fsdecode(path)}: xv6 has no such file")
        return number

    def directory(self, path, parent):
        number = self.number()
        entries = [(number, b"."), (parent or number, b"..")]
        nlink = 1
        for name in sorted(os.listdir(os.fsencode(path))) if path else []:
            if len(name) > NAME:
                raise Error(f"{os.fsdecode(name)}: longer than {NAME} bytes")
            child = os.path.join(os.fsencode(path), name)
            if os.path.isdir(child) and not os.path.islink(child):
                entries.append((self.directory(child, number), name))
                nlink += 1
            else:
                entries.append((self.add(child), name))
        self.inode(number, DIR, b"".join(ENTRY.pack(*e) for e in entries), nlink)
        return number

    def write(self, path):
        layout = self.layout
        table = bytes(INODE.size) + b"".join(self.inodes)
        bits = (1 << self.next) - 1
        with open(path, "wb") as f:
            f.truncate(layout.size * BLOCK)
            for at, data in ((1, layout.super_block()), (layout.inode_start, table),
                             (layout.bitmap_start, bits.to_bytes(blocks_of(-(-self.next // 8)) *
                                                                 BLOCK, "little")),
                             *self.blocks.items()):
                f.seek(at * BLOCK)
                f.write(data)


def make(image, folder=None, blocks=1000, inodes=200, log=30):
    maker = Maker(blocks, inodes, log)
    maker.directory(folder, 0)
    maker.write(image)


# Reading


class Inode:
    def __init__(self, number, data):
        self.number = number
        (self.type, self.major, self.minor, self.nlink, self.size, *self.addresses) = \
            INODE.unpack(data)


class Image:
    """What an image holds; the log's blocks count as written if `replay`."""

    def __init__(self, path, replay=False):
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        magic, self.size, count, self.inodes, self.log, self.log_start, self.inode_start, \
            self.bitmap_start = SUPER.unpack(self.block(1).ljust(BLOCK, b"\0")[:SUPER.size])
        self.data_start = self.size - count  # the bitmap may have a block more than it needs
        if magic != MAGIC or self.size * BLOCK > len(self.data) or \
                not 2 <= self.log_start < self.log_start + self.log <= self.inode_start or \
                self.inode_start + -(-self.inodes // PER_BLOCK) > self.bitmap_start or \
                not self.bitmap_start + -(-self.size // BITS) <= self.data_start < self.size:
            raise Error("no xv6 file system")
        self.logged = struct.unpack_from("<I", self.data, self.log_start * BLOCK)[0]
        if replay:
            self.replay()

    def block(self, n):
        return bytes(self.data[n * BLOCK:(n + 1) * BLOCK])

    def replay(self):
        if self.logged >= self.log:
            raise Error("the log's header is damaged")
        header = struct.unpack_from(f"<{1 + self.logged}I", self.data, self.log_start * BLOCK)
        for n, home in enumerate(header[1:]):
            if not self.inode_start <= home < self.size:
                raise Error("the log's header is damaged")
            self.data[home * BLOCK:(home + 1) * BLOCK] = self.block(self.log_start + 1 + n)
        self.logged = 0

    def inode(self, number):
        at = self.inode_start * BLOCK + number * INODE.size
        return Inode(number, self.data[at:at + INODE.size])

    def is_used(self, block):
        return self.data[self.bitmap_start * BLOCK + block // 8] >> block % 8 & 1

    def table(self, block):
        if block and not self.data_start <= block < self.size:
            return [0] * SLOTS
        return struct.unpack(f"<{SLOTS}I", self.block(block)) if block else [0] * SLOTS

    def map(self, inode):
        """({index: block} of a file, [its indirect blocks])."""
        single, double = inode.addresses[DIRECT:]
        tables = self.table(double)
        numbers = [*inode.addresses[:DIRECT], *self.table(single)]
        for table in tables if double else ():
            numbers.extend(self.table(table))
        return ({n: block for n, block in enumerate(numbers) if block},
                [t for t in (single, double, *tables) if t])

    def contents(self, inode):
        blocks, _ = self.map(inode)
        return b"".join(self.block(blocks[n]) if n in blocks else bytes(BLOCK)
                        for n in range(min(blocks_of(inode.size), MAX_BLOCKS)))[:inode.size]

    def entries(self, inode):
        """[(number, name)] of a directory."""
        data = self.contents(inode)
        return [(number, name.rstrip(b"\0")) for number, name in
                ENTRY.iter_unpack(data[:len(data) // ENTRY.size * ENTRY.size]) if number]

    def tree(self, number=ROOT, path=""):
        """{path: Inode} of all below a directory."""
        found = {}
        for child, name in self.entries(self.inode(number)):
            if name in (b".", b".."):
                continue
            inode, at = self.inode(child), f"{path}/{os.fsdecode(name)}"
            found[at] = inode
            if inode.type == DIR:
                found.update(self.tree(child, at))
        return found


# Checking


class Checker:
    def __init__(self, path, crashed=False):
        self.complaints = []
        self.crashed = crashed
        self.image = Image(path, crashed)
        self.owners = defaultdict(list)
        self.names = Counter()
        self.parents = {}

    def say(self, number, text):
        self.complaints.append(f"inode {number}: {text}" if number else text)

    def check_blocks(self, inode):
        blocks, tables = self.image.map(inode)
        for block in (*blocks.values(), *tables):
            if not self.image.data_start <= block < self.image.size:
                self.say(inode.number, f"block {block} lies outside of the data")
            self.owners[block].append(inode.number)
        if not self.crashed and any(n >= blocks_of(inode.size) for n in blocks):
            self.say(inode.number, "blocks past its size")
        last = blocks.get(inode.size // BLOCK)
        if inode.type == FILE and last and any(self.image.block(last)[inode.size % BLOCK:]) and \
                inode.size % BLOCK:
            self.say(inode.number, "bytes past its size are not zero")
        if inode.type == DIR and set(range(blocks_of(inode.size))) - set(blocks):
            self.say(inode.number, "a directory with holes")

    def check_directory(self, inode):
        entries = self.image.entries(inode)
        if inode.size % ENTRY.size or [name for _, name in entries[:2]] != [b".", b".."] or \
                entries[0][0] != inode.number:
            self.say(inode.number, "a directory without . and ..")
            return
        self.parents[inode.number] = entries[1][0]
        for name, count in Counter(name for _, name in entries).items():
            if count > 1 or not name or b"/" in name or b"\0" in name:
                self.say(inode.number, f"the name {name!r} cannot be")
        for number, name in entries[2:]:
            self.check_name(inode, number, name)

    def check_name(self, inode, number, name):
        child = self.image.inode(number) if number < self.image.inodes else None
        if not child or not child.type:
            self.say(inode.number, f"the name {name!r} leads to no inode")
            return
        self.names[number] += 1
        if child.type == DIR:
            self.names[inode.number] += 1
            up = [n for n, text in self.image.entries(child) if text == b".."]
            if up != [inode.number]:
                self.say(number, "its .. is not where its name is")

    def check_inode(self, inode):
        if not DIR <= inode.type <= SYMLINK or inode.size > MAX_BLOCKS * BLOCK:
            self.say(inode.number, "cannot be")
            return
        self.check_blocks(inode)
        if inode.type == DIR and (inode.nlink or not self.crashed):
            self.check_directory(inode)

    def check_links(self, inodes):
        for inode in inodes:
            wanted = self.names[inode.number] + (inode.number == ROOT)
            if inode.nlink != wanted or not (wanted or self.crashed):
                self.say(inode.number, f"{inode.nlink} links, {wanted} names")
        if self.parents.get(ROOT) != ROOT:
            self.say(ROOT, "the root is no directory, or has a parent")
        for number in self.parents:  # none is its own parent's parent
            seen = set()
            while number != ROOT and number not in seen:
                seen.add(number)
                number = self.parents.get(number, ROOT)
            if number != ROOT:
                self.say(number, "a directory below itself")

    def check_bitmap(self):
        for block, owners in self.owners.items():
            if len(owners) > 1:
                self.say(0, f"block {block} belongs to inodes {owners}")
        for block in range(self.image.size):
            used = block < self.image.data_start or block in self.owners
            if used != self.image.is_used(block):
                self.say(0, f"block {block} is {'' if used else 'not '}used, the bitmap differs")

    def check(self):
        image = self.image
        if image.logged:
            self.say(0, f"the log holds {image.logged} blocks")
        inodes = [i for i in map(image.inode, range(1, image.inodes)) if i.type]
        for inode in inodes:
            self.check_inode(inode)
        self.check_links(inodes)
        self.check_bitmap()
        return self.complaints


def check(path, crashed=False):
    """What is wrong with an image: a list of lines."""
    try:
        return Checker(path, crashed).check()
    except Error as e:
        return [str(e)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("make")
    p.add_argument("image")
    p.add_argument("folder", nargs="?")
    p.add_argument("--blocks", type=int, default=1000)
    p.add_argument("--inodes", type=int, default=200)
    p.add_argument("--log", type=int, default=30)
    p = commands.add_parser("check")
    p.add_argument("image")
    p.add_argument("--crashed", action="store_true")
    options = parser.parse_args()
    if options.command == "make":
        make(options.image, options.folder, options.blocks, options.inodes, options.log)
        return 0
    complaints = check(options.image, options.crashed)
    for line in complaints:
        print(f"{options.image}: {line}")
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Error, OSError) as error:
        sys.exit(f"xv6fs: {error}")
