# SPDX-License-Identifier: MIT
"""cpio "newc" archives: built in memory from host files, and unpacked."""
import io
import os
import stat

HEADER = "070701" + "%08x" * 13
TRAILER = "TRAILER!!!"


def padding(n):
    return b"\0" * (-n % 4)


class Writer:
    """Adds entries; names are relative, parents come first and once."""

    def __init__(self):
        self.out = io.BytesIO()
        self.ino = 0
        self.names = set()

    def entry(self, name, mode, data=b"", mtime=0):
        self.ino += 1
        self._write(name, self.ino, mode, data, mtime)

    def _write(self, name, ino, mode, data, mtime):
        raw = os.fsencode(name) + b"\0"
        fields = (ino, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(raw), 0)
        head = (HEADER % fields).encode() + raw
        self.out.write(head + padding(len(head)) + data + padding(len(data)))
        self.names.add(name)

    def parents(self, name):
        parts = name.split("/")[:-1]
        for i in range(len(parts)):
            self.directory("/".join(parts[:i + 1]))

    def directory(self, name, mode=0o755):
        if name not in self.names:
            self.parents(name)
            self.entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644, mtime=0):
        self.parents(name)
        self.entry(name, stat.S_IFREG | mode, data, mtime)

    def symlink(self, name, target):
        self.parents(name)
        self.entry(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def host_path(self, path, name):
        """The host's file, link or directory tree at `path` as `name`, with modes and times."""
        info = os.lstat(path)
        mtime = int(info.st_mtime) & 0xffffffff
        if stat.S_ISLNK(info.st_mode):
            self.symlink(name, os.readlink(path))
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as f:
                self.file(name, f.read(), stat.S_IMODE(info.st_mode), mtime)
        elif stat.S_ISDIR(info.st_mode):
            if name:
                self.directory(name, stat.S_IMODE(info.st_mode))
            for child in sorted(os.listdir(path)):
                self.host_path(os.path.join(path, child), f"{name}/{child}" if name else child)
        else:
            raise OSError(f"{path}: not a file, link or directory")

    def finish(self):
        self._write(TRAILER, 0, 0, b"", 0)
        return self.out.getvalue()


class Error(Exception):
    pass


def read(archive):
    """Yields (name, mode, mtime, data) up to the trailer; Error if there is none."""
    at = 0
    while True:
        head = archive[at:at + 110]
        if len(head) < 110 or head[:6] != b"070701":
            raise Error("not a newc archive, or cut short")
        fields = [int(head[6 + 8 * i:14 + 8 * i], 16) for i in range(13)]
        mode, mtime, size, name_size = fields[1], fields[5], fields[6], fields[11]
        start = at + 110 + name_size
        name = os.fsdecode(archive[at + 110:start - 1])
        start += -start % 4
        if start + size > len(archive):
            raise Error("archive cut short")
        if name == TRAILER:
            return
        yield name, mode, mtime, archive[start:start + size]
        at = start + size + (-(start + size) % 4)


def extract(archive, pairs):
    """Unpacks entries below each guest path of `pairs` [(guest, host)] to the host path.

    Returns the guest paths that the archive does not have. An entry outside all of them, or one
    that would leave its host path, is an Error.
    """
    found = set()
    for name, mode, mtime, data in read(archive):
        if ".." in name.split("/"):
            raise Error(f"unexpected entry {name}")
        matches = [(g, h) for g, h in pairs
                   if name == g.strip("/") or name.startswith(g.strip("/") + "/")]
        if not matches:
            raise Error(f"unexpected entry {name}")
        for guest, host in matches:
            found.add(guest)
            below = name[len(guest.strip("/")):].lstrip("/")
            place(host, below, mode, mtime, data)
    return [g for g, _ in pairs if g not in found]


def place(top, below, mode, mtime, data):
    """Makes an entry of an archive at the path `below` a folder."""
    path = top
    for part in below.split("/") if below else ():
        if os.path.islink(path) and path != top:
            raise Error(f"{path}: an entry below a link")
        path = os.path.join(path, part)
    if stat.S_ISDIR(mode):
        os.makedirs(path, exist_ok=True)
    elif stat.S_ISLNK(mode) or stat.S_ISREG(mode):
        if os.path.lexists(path) and not (os.path.isdir(path) and not os.path.islink(path)):
            os.unlink(path)
        if stat.S_ISLNK(mode):
            os.symlink(os.fsdecode(data), path)
            return
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, (mtime, mtime))
    else:
        raise Error(f"{path}: not a file, link or directory")
    os.chmod(path, stat.S_IMODE(mode))
