# SPDX-License-Identifier: MIT
"""Makes the ext2, ext3 and ext4 images that hosted tests damage: ext4images.py FOLDER

FOLDER gets 0.img, 1.img, ...: small, full of all that a file system can hold, and clean."""
import os
import pathlib
import random
import subprocess
import sys

OLD = "none,filetype,sparse_super,large_file,ext_attr,dir_index,resize_inode"
EXT4 = OLD + ",has_journal,extent,flex_bg,huge_file,dir_nlink,extra_isize"
FULL = EXT4 + ",64bit,metadata_csum"
SETS = (  # arguments of mke2fs, KiB; as many as IMAGES of test_ext4damage.c
    (f"-b 1024 -I 128 -O {OLD}", 2048),
    (f"-b 4096 -I 256 -O {OLD}", 2048),
    (f"-b 1024 -I 128 -O {OLD},has_journal", 3072),
    (f"-b 4096 -I 256 -O {FULL}", 12288),
    (f"-b 4096 -I 256 -O {FULL},metadata_csum_seed,orphan_file", 12288),
    (f"-b 1024 -g 1024 -I 256 -O {FULL}", 3072),
    (f"-b 1024 -I 256 -O {FULL},^extent,^64bit", 3072),
    (f"-b 1024 -I 256 -O {FULL},^64bit", 3072),
    (f"-b 1024 -g 1024 -I 256 -O {EXT4},uninit_bg", 3072),
    (f"-b 1024 -I 256 -O {FULL},inline_data,orphan_file", 3072),
    (f"-b 1024 -I 256 -O {FULL},large_dir", 3072),  # mounted with data=journal
    (f"-b 1024 -g 1024 -I 256 -O {FULL},meta_bg,^resize_inode", 3072),
)


def make_tree(folder):
    """Something of all that a file system can hold, the same each time."""
    some = random.Random(1)
    (folder / "big").write_bytes(some.randbytes(100_000))
    with open(folder / "sparse", "wb") as f:
        for n in range(30):
            f.seek(n * 20_000)
            f.write(some.randbytes(900))
    (folder / "wide").mkdir()
    for n in range(60):
        (folder / "wide" / f"some rather long name of file number {n}").write_text("x" * (n % 20))
    (folder / "deep/er/and/deeper").mkdir(parents=True)
    (folder / "deep/er/tiny").write_text("y" * 100)
    os.symlink("x" * 100, folder / "link")
    os.symlink("big", folder / "short")


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, PATH="/usr/sbin:/sbin:" + os.environ["PATH"],
                                   MKE2FS_CONFIG="/dev/null"))
    if done.returncode:
        sys.exit(f"{command}: status {done.returncode}\n{done.stdout}")


def make(path, arguments, size, tree):
    journal = ["-J", "size=" + ("4" if "4096" in arguments else "1")] * ("has_journal" in arguments)
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    run("mke2fs", "-q", "-F", "-N", "192", *arguments.split(), *journal, "-d", str(tree), "-U", uuid,
        "-E", f"lazy_itable_init=0,hash_seed={uuid}", str(path), f"{size}k")
    run("e2fsck", "-fn", str(path))


def main():
    folder = pathlib.Path(sys.argv[1])
    tree = folder / "tree"
    if not tree.exists():
        tree.mkdir(parents=True)
        make_tree(tree)
    for n, (arguments, size) in enumerate(SETS):
        path = folder / f"{n}.img"
        path.unlink(missing_ok=True)
        make(path, arguments, size, tree)


if __name__ == "__main__":
    main()
