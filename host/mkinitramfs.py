# SPDX-License-Identifier: MIT
"""Makes the root file system as a newc archive, without root.

    mkinitramfs.py --build BUILD -o OUT     OUT is written only if it changes

host/root/ as it is; BUILD/user/bin/* in /bin; /init -> bin/init; busybox, if BUILD/debs has it, in
/usr/bin with a link for every applet, and as /bin/busybox.
"""
import argparse
import os

import cpio

HOST = os.path.dirname(os.path.abspath(__file__))
DIRECTORIES = (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("proc", 0o555), ("root", 0o700),
               ("sys", 0o555), ("tmp", 0o1777), ("usr/bin", 0o755), ("usr/sbin", 0o755),
               ("var", 0o755), ("run", 0o755))


def busybox_path(build):
    path = os.path.join(build, "debs/busybox-static/usr/bin/busybox")
    return path if os.path.exists(path) else None


def applets(binary):
    """The applet names of a busybox binary: its table of sorted strings, `[` first."""
    at = binary.find(b"[\0[[\0")
    names = []
    while at >= 0:
        end = binary.index(b"\0", at)
        name = binary[at:end]
        if not name or names and name <= names[-1]:
            break
        names.append(name)
        at = end + 1
    return [n.decode() for n in names]


def build_root(build):
    """A cpio.Writer that holds the native root; the caller may add to it, and finishes it."""
    root = cpio.Writer()
    for name, mode in DIRECTORIES:
        root.directory(name, mode)
    root.host_path(os.path.join(HOST, "root"), "")
    programs = os.path.join(build, "user/bin")
    for name in sorted(os.listdir(programs)):
        with open(os.path.join(programs, name), "rb") as f:
            root.file(f"bin/{name}", f.read(), 0o755)
    root.symlink("init", "bin/init")
    busybox = busybox_path(build)
    if busybox:
        with open(busybox, "rb") as f:
            binary = f.read()
        root.file("usr/bin/busybox", binary, 0o755)
        root.symlink("bin/busybox", "../usr/bin/busybox")
        for name in (a for a in applets(binary) if a != "busybox"):
            root.symlink(f"usr/bin/{name}", "busybox")
    return root


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("-o", dest="out", required=True)
    args = parser.parse_args()
    archive = build_root(args.build).finish()
    if os.path.exists(args.out):
        with open(args.out, "rb") as f:
            if f.read() == archive:
                return
    with open(args.out + ".new", "wb") as f:
        f.write(archive)
    os.rename(args.out + ".new", args.out)


if __name__ == "__main__":
    main()
