# SPDX-License-Identifier: MIT
"""Makes a disk with the native root on it as ext4, without privileges.

    mkroot.py --build BUILD [--size SIZE] -o OUT

mke2fs fills it from a folder; debugfs then gives the files to their owners.
"""
import argparse
import errno
import glob
import hashlib
import os
import subprocess
import tempfile

import cpio
import mkinitramfs

FEATURES = ("none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
            "large_file,huge_file,dir_nlink,extra_isize,metadata_csum")
SIZE = "1G"
PATH = "/usr/sbin:/sbin:" + os.environ.get("PATH", "/usr/bin")


class Error(Exception):
    pass


def run(*command, stdin=""):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env=dict(os.environ, PATH=PATH))
    if done.returncode:
        raise Error(f"{command[0]} failed:\n{done.stdout}")


def give(image, owners):
    """Without root the files are ours, and mke2fs keeps that. `owners` is {name: (uid, gid)}."""
    fields = (f'set_inode_field "/{name}" {field} {value}\n' for name, ids in owners.items()
              for field, value in zip(("uid", "gid"), ids))
    run("debugfs", "-w", "-f", "-", image, stdin="".join(fields))


def image(folder, owners, out, size):
    """An image of a folder at `out`, whole or not at all; `owners` are those of other than us."""
    new, sparse = f"{out}.{os.getpid()}", f"{out}.{os.getpid()}.sparse"
    try:
        run("mke2fs", "-q", "-F", "-b", "4096", "-I", "256", "-m", "1", "-L", "rivulet", "-O",
            FEATURES, "-E", "root_owner=0:0,lazy_itable_init=0", "-d", folder, new, size)
        give(new, owners)
        run("cp", "--sparse=always", new, sparse)  # without the journal's zeroes
        os.rename(sparse, out)
    finally:
        for path in (new, sparse):
            if os.path.exists(path):
                os.unlink(path)


def make(archive, out, size=SIZE):
    """The image of an archive, whose files are root's."""
    with tempfile.TemporaryDirectory() as folder:
        for entry in cpio.read(archive):
            cpio.place(folder, *entry)
        ours = os.getuid() or os.getgid()
        image(folder, {name: (0, 0) for name, *_ in cpio.read(archive) if ours}, out, size)


def base(build):
    """The image of what is built now; made again when that has changed."""
    archive = mkinitramfs.build_root(build).finish()
    digest = hashlib.sha256(archive + (FEATURES + SIZE).encode()).hexdigest()[:16]
    path = os.path.join(build, f"root-{digest}.img")
    if not os.path.exists(path):
        for old in glob.glob(os.path.join(build, "root-*.img")):
            os.unlink(old)
        make(archive, path)
    return path


def kept(build):
    """The image of `rv run --persist`, made the first time."""
    path = os.path.join(build, "root.img")
    if not os.path.exists(path):
        make(mkinitramfs.build_root(build).finish(), path)
    return path


def copy(path, fd):
    """Copies an image into an empty file, holes and all."""
    with open(path, "rb") as image:
        end = 0
        os.ftruncate(fd, os.fstat(image.fileno()).st_size)
        while True:
            try:
                start = os.lseek(image.fileno(), end, os.SEEK_DATA)
            except OSError as e:
                if e.errno == errno.ENXIO:
                    return
                raise
            end = os.lseek(image.fileno(), start, os.SEEK_HOLE)
            os.lseek(fd, start, os.SEEK_SET)
            while start < end:
                start += os.sendfile(fd, image.fileno(), start, end - start)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--size", default=SIZE)
    parser.add_argument("-o", dest="out", required=True)
    args = parser.parse_args()
    make(mkinitramfs.build_root(args.build).finish(), args.out, args.size)


if __name__ == "__main__":
    main()
