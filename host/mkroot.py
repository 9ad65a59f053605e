# SPDX-License-Identifier: MIT
"""Makes a disk with the native root on it as ext4, without root.

    mkroot.py --build BUILD [--size SIZE] -o OUT

mke2fs fills it from a folder; debugfs then gives what belongs to us to root.
"""
import argparse
import os
import subprocess
import tempfile

import cpio
import mkinitramfs

FEATURES = ("none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
            "large_file,huge_file,dir_nlink,extra_isize,metadata_csum")
PATH = "/usr/sbin:/sbin:" + os.environ.get("PATH", "/usr/bin")


class Error(Exception):
    pass


def run(*command, stdin=""):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env=dict(os.environ, PATH=PATH))
    if done.returncode:
        raise Error(f"{command[0]} failed:\n{done.stdout}")


def give_to_root(image, names):
    """Without root the files are ours, and mke2fs keeps their owners."""
    fields = (f'set_inode_field "/{name}" {field} 0\n' for name in names
              for field in ("uid", "gid"))
    run("debugfs", "-w", "-f", "-", image, stdin="".join(fields))


def make(build, out, size="256M"):
    """An image at `out`, where nothing may be yet."""
    archive = mkinitramfs.build_root(build).finish()
    with tempfile.TemporaryDirectory() as folder:
        for entry in cpio.read(archive):
            cpio.place(folder, *entry)
        run("mke2fs", "-q", "-F", "-b", "4096", "-I", "256", "-m", "1", "-L", "rivulet",
            "-O", FEATURES, "-E", "root_owner=0:0,lazy_itable_init=0", "-d", folder, out, size)
    if os.getuid():
        give_to_root(out, [name for name, *_ in cpio.read(archive)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--size", default="256M")
    parser.add_argument("-o", dest="out", required=True)
    args = parser.parse_args()
    make(args.build, args.out + ".new", args.size)
    os.rename(args.out + ".new", args.out)


if __name__ == "__main__":
    main()
