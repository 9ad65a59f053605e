# SPDX-License-Identifier: MIT
"""A root file system of unmodified Debian packages for riscv64, as an ext4 image.

The packages of a list in host/world/ are fetched with what they depend on, and unpacked one over
the other, /bin, /sbin and /lib being links into /usr. Nothing of theirs is run: host/world/setup
says what their scripts would have done. docs/world.md explains it.
"""
import glob
import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile

import ldcache
import mkroot

HOST = os.path.dirname(os.path.abspath(__file__))
PLACE = os.path.join(HOST, "world")
MERGED = ("bin", "sbin", "lib", "lib64")
ROOM = 2 << 30  # free in the image
GIB = 1 << 30


class Error(Exception):
    pass


def lists():
    """The names of the lists there are."""
    return sorted(os.path.basename(p)[:-5] for p in glob.glob(os.path.join(PLACE, "*.list")))


def packages(name):
    """The packages that a list names."""
    path = os.path.join(PLACE, name + ".list")
    if not os.path.isfile(path):
        raise Error(f"there is no list {name} of packages; there are: {' '.join(lists())}")
    found = []
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words[:1] == ["include"]:
                found += packages(words[1])
            else:
                found += words
    return list(dict.fromkeys(found))


class Root:
    """A root below a folder of the host. Owners are kept apart: the files are ours."""

    def __init__(self, folder):
        self.folder = folder
        self.owners = {}  # {name: (uid, gid)}, of what is not the host's user's
        self.modes = {}  # of directories; set at the end, they may forbid writing
        for name in MERGED:
            os.makedirs(os.path.join(folder, "usr", name))
            os.symlink("usr/" + name, os.path.join(folder, name))
            self.own("usr/" + name, 0, 0)
            self.own(name, 0, 0)
        self.own("usr", 0, 0)

    def own(self, name, uid, gid):
        if (uid, gid) == (os.getuid(), os.getgid()):
            self.owners.pop(name, None)
        else:
            self.owners[name] = uid, gid

    def path(self, name):
        """The host's path of a name, which goes through no link; (name, path)."""
        name = os.path.normpath(name.lstrip("/"))
        first, slash, rest = name.partition("/")
        if slash and first in MERGED:
            name = f"usr/{first}/{rest}"
        path = self.folder
        for part in name.split("/"):
            if part == ".." or os.path.islink(path) and path != self.folder:
                raise Error(f"{name} leaves the root")
            path = os.path.join(path, part)
        return name, path

    def exists(self, name):
        return os.path.lexists(self.path(name)[1])

    def directory(self, name, mode, uid=0, gid=0):
        name, path = self.path(name)
        if name in (".", *MERGED):
            return
        if not os.path.isdir(path) or os.path.islink(path):
            self.remove(path)
            os.mkdir(path)
        self.modes[path] = mode
        self.own(name, uid, gid)

    @staticmethod
    def remove(path):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)

    def fresh(self, name):
        """The path of a name that is to be made."""
        name, path = self.path(name)
        self.remove(path)
        self.own(name, 0, 0)
        return path

    def link(self, name, target):
        path = self.fresh(name)
        os.symlink(target, path)

    def file(self, name, data, mode=0o644, uid=0, gid=0, mtime=0):
        """`data` is bytes or a file."""
        path = self.fresh(name)
        with open(path, "xb") as f:
            if isinstance(data, bytes):
                f.write(data)
            else:
                shutil.copyfileobj(data, f, 1 << 20)
        os.chmod(path, mode)
        os.utime(path, (mtime, mtime))
        self.own(self.path(name)[0], uid, gid)

    def member(self, archive, m):
        """One entry of a package's archive."""
        mode = stat.S_IMODE(m.mode)
        if m.isdir():
            self.directory(m.name, mode, m.uid, m.gid)
        elif m.issym():
            if self.path(m.name)[0] not in MERGED:
                self.link(m.name, m.linkname)
        elif m.islnk():
            os.link(self.path(m.linkname)[1], self.fresh(m.name))
            self.own(self.path(m.name)[0], m.uid, m.gid)
        elif m.isreg():
            self.file(m.name, archive.extractfile(m), mode, m.uid, m.gid, m.mtime)
        else:
            raise Error(f"{m.name}: not a file, link or directory")

    def unpack(self, package):
        """The files of a .deb."""
        dpkg = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        with dpkg.stdout, tarfile.open(fileobj=dpkg.stdout, mode="r|") as archive:
            for m in archive:
                self.member(archive, m)
        if dpkg.wait():
            raise Error(f"cannot unpack {package}")

    def parents(self, name):
        for i in range(1, name.strip("/").count("/") + 1):
            above = "/".join(name.strip("/").split("/")[:i])
            if not self.exists(above):
                self.directory(above, 0o755)

    def finish(self):
        for path, mode in self.modes.items():
            os.chmod(path, mode)

    def size(self):
        return sum(-(-os.lstat(os.path.join(folder, name)).st_size // 4096) * 4096
                   for folder, folders, names in os.walk(self.folder) for name in names + folders)


def setup_line(root, words):
    """Carries out one line of host/world/setup."""
    verb, *rest = words
    if verb == "directory":
        root.parents(rest[1])
        root.directory(rest[1], int(rest[0], 8))
    elif verb == "copy":
        if root.exists(rest[0]):
            with open(root.path(rest[0])[1], "rb") as f:
                root.parents(rest[1])
                root.file(rest[1], f.read())
    elif verb == "symlink":
        root.parents(rest[0])
        root.link(*rest)
    elif verb == "link":
        target = next((t for t in rest[1:] if root.exists(t)), None)
        if target:
            root.link(rest[0], target)
    else:
        raise Error(f"host/world/setup: {' '.join(words)}: not understood")


def setup(root):
    with open(os.path.join(PLACE, "setup"), encoding="ascii") as f:
        for line in f:
            if line.split("#")[0].strip():
                setup_line(root, line.split())
    top = os.path.join(PLACE, "root")
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                root.file(os.path.relpath(path, top), f.read())
    libraries = {place: sorted(os.listdir(root.path(place)[1]))
                 for place in ldcache.PLACES if root.exists(place)}
    root.file("etc/ld.so.cache", ldcache.make(libraries, lambda p: root.path(p)[1]))


def fetch(build, names):
    """The paths of the packages and of what they need."""
    done = subprocess.run([os.path.join(HOST, "debs.sh"), build, "--needed",
                           os.path.join(build, "debs/archives"), *names],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    paths = done.stdout.split()
    if done.returncode or not paths:
        raise Error("Debian's packages are not to be had")
    return paths


def make(build, names, out):
    """Fetches packages and makes their image at `out`."""
    archives = fetch(build, names)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        root = Root(folder)
        for package in archives:
            root.unpack(package)
        setup(root)
        root.finish()
        gib = -(-(root.size() * 5 // 4 + ROOM) // GIB)
        mkroot.image(folder, root.owners, out, f"{gib}G")


def digest(names):
    """Of all that an image is made from."""
    h = hashlib.sha256(" ".join(names).encode())
    sources = glob.glob(os.path.join(PLACE, "**"), recursive=True) + [
        os.path.join(HOST, name) for name in ("world.py", "ldcache.py")]
    for path in sorted(p for p in sources if os.path.isfile(p) and not p.endswith(".list")):
        with open(path, "rb") as f:
            h.update(path[len(HOST):].encode() + b"\0" + f.read())
    return h.hexdigest()[:16]


def image(build, name="base"):
    """The image of a list; made again when the list has changed."""
    names = packages(name)
    path = os.path.join(build, f"world-{name}-{digest(names)}.img")
    if not os.path.exists(path):
        for old in glob.glob(os.path.join(build, f"world-{name}-" + "?" * 16 + ".img")):
            os.unlink(old)
        make(build, names, path)
    return path
