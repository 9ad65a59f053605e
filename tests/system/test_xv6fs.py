# SPDX-License-Identifier: MIT
"""The xv6 file system: what the guest makes is what the host finds in the image, and the image is
consistent after unmounting and after the machine is killed."""
import copy
import hashlib
import os
import random
import struct

import pytest

import guest as guest_module
import machine
import xv6fs
from conftest import Guest

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

BLOCK = 1024
LARGEST = 65803  # blocks of a file
IMAGES = ("small", "large", "tree", "magic", "super", "inodes")  # vda and on


def damaged(path, at, data):
    xv6fs.make(path)
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory):
    """Images by name, and the host's tree that one holds."""
    folder = tmp_path_factory.mktemp("xv6fs")
    tree = folder / "host"
    (tree / "sub/deeper").mkdir(parents=True)
    (tree / "empty").write_bytes(b"")
    (tree / "fourteen_bytes").write_bytes(b"x" * 2000)
    (tree / "sub/data").write_bytes(os.urandom(400_000))
    os.link(tree / "sub/data", tree / "sub/deeper/again")
    os.symlink("sub/data", tree / "link")
    xv6fs.make(folder / "small")
    xv6fs.make(folder / "large", blocks=66500, log=128)
    xv6fs.make(folder / "tree", tree)
    damaged(folder / "magic", 1024, b"\0")
    damaged(folder / "super", 1024 + 28, b"\xff")  # the bitmap starts behind the inodes
    damaged(folder / "inodes", 32 * BLOCK + 64, struct.pack("<h", 2))  # the root is a file
    return folder


@pytest.fixture(scope="module")
def guest(config, folder):
    mine = copy.copy(config)
    mine.disks = [machine.Disk(folder / name) for name in IMAGES]
    one = Guest(mine)
    yield one
    one.stop()


def mounted(guest, name, script, **options):
    """The output of a script that runs in the mounted file system; then it is unmounted."""
    disk = f"/dev/vd{'abcdef'[IMAGES.index(name)]}"
    return guest.out(f"mkdir -p /mnt && mount -t xv6fs {disk} /mnt && cd /mnt || exit 1\n"
                     f"{script}\ncd / && umount /mnt", **options)


def consistent(folder, name):
    assert xv6fs.check(folder / name) == []


def test_layout(guest, folder):
    """Decoded by hand: the stated places, to the byte."""
    mounted(guest, "small", "mkdir dir; echo hello >dir/file; mknod console c 1 0; ln -s dir/file l")
    consistent(folder, "small")
    data = (folder / "small").read_bytes()
    assert len(data) == 1000 * BLOCK
    assert struct.unpack_from("<8I", data, BLOCK) == (0x10203040, 1000, 954, 200, 30, 2, 32, 45)
    assert data[2 * BLOCK:2 * BLOCK + 4] == bytes(4)  # no transaction in the log

    def inode(n):
        return struct.unpack_from("<4hI13I", data, 32 * BLOCK + 64 * n)
    assert inode(0) == (0,) * 18
    assert inode(1)[:5] == (1, 0, 0, 2, 80) and inode(1)[5] == 46  # "." is not counted
    entries = [struct.unpack_from("<H14s", data, 46 * BLOCK + 16 * n) for n in range(5)]
    assert [name.rstrip(b"\0") for _, name in entries] == [b".", b"..", b"dir", b"console", b"l"]
    assert [n for n, _ in entries] == [1, 1, 2, 4, 5]
    assert inode(2)[:5] == (1, 0, 0, 1, 48)
    assert inode(3)[:5] == (2, 0, 0, 1, 6)
    assert data[inode(3)[5] * BLOCK:][:8] == b"hello\n\0\0"
    assert inode(4)[:5] == (3, 1, 0, 1, 0)
    assert inode(5)[:5] == (4, 0, 0, 1, 8)
    assert data[inode(5)[5] * BLOCK:][:9] == b"dir/file\0"
    used = {0, 46, inode(2)[5], inode(3)[5], inode(5)[5], *range(46)}
    bits = int.from_bytes(data[45 * BLOCK:46 * BLOCK], "little")
    assert {n for n in range(8192) if bits >> n & 1} == used


def test_host_tree(guest, folder):
    out = mounted(guest, "tree", "cat link | md5sum; cat sub/deeper/again | md5sum; ls -a sub;"
                  "stat -c '%n %h %s %F' * sub/deeper; ls -i sub/data sub/deeper/again")
    digest = hashlib.md5((folder / "host/sub/data").read_bytes()).hexdigest()
    lines = out.splitlines()
    assert lines[:2] == [f"{digest}  -"] * 2
    assert lines[2:6] == [".", "..", "data", "deeper"]
    assert lines[6:11] == ["empty 1 0 regular empty file", "fourteen_bytes 1 2000 regular file",
                           "link 1 8 symbolic link", "sub 3 64 directory",
                           "sub/deeper 2 48 directory"]
    assert lines[11].split()[0] == lines[12].split()[0]
    consistent(folder, "tree")


def test_names(guest, folder):
    out = mounted(guest, "tree", """
        mkdir a a/b c; echo 1 >a/b/one; echo 2 >two
        mv a/b c/b; mv two c/b/one; cat c/b/one; ls a; ls c/b
        ln c/b/one hard; rm c/b/one; cat hard
        mkdir e; mv e c/b; rmdir c 2>/dev/null || echo full
        touch fifteen_letters 2>/dev/null || echo long
        cat fifteen_letters 2>/dev/null || echo long
        mkfifo f 2>/dev/null || echo fifo
        chmod 600 hard; chown 5 hard 2>/dev/null || echo owner; stat -c '%a %u' hard
        stat -c '%n %h' . a c c/b c/b/e
        rm -r a c hard""")
    assert out.split("\n") == ["2", "one", "2", "full", "long", "long", "fifo", "owner", "777 0",
                               ". 5", "a 2", "c 3", "c/b 3", "c/b/e 2", ""]
    consistent(folder, "tree")
    assert sorted(xv6fs.Image(folder / "tree").tree()) == \
        ["/empty", "/fourteen_bytes", "/link", "/sub", "/sub/data", "/sub/deeper",
         "/sub/deeper/again"]


def test_sizes(guest, folder):
    out = mounted(guest, "tree", """
        echo 0123456789 >f; truncate -s 5 f; truncate -s 8 f; od -An -c f
        printf x | dd of=f bs=1 seek=300000 conv=notrunc 2>/dev/null; wc -c <f
        md5sum <f; rm f""")
    wanted = hashlib.md5(b"01234" + bytes(299995) + b"x").hexdigest()
    assert out.split("\n") == ["   0   1   2   3   4  \\0  \\0  \\0", "300001", f"{wanted}  -", ""]
    consistent(folder, "tree")


def test_mapped_writes(guest, folder):
    n = 70_001
    program = guest.program("xv6map")
    mounted(guest, "tree", f"{program} mapped {n}")
    consistent(folder, "tree")
    image = xv6fs.Image(folder / "tree")
    assert image.contents(image.tree()["/mapped"]) == bytes(i // 1000 & 255 for i in range(n))
    result = mounted(guest, "tree", "md5sum <mapped; rm mapped")
    assert result == hashlib.md5(bytes(i // 1000 & 255 for i in range(n))).hexdigest() + "  -\n"


def test_largest_file(guest, folder):
    out = mounted(guest, "large", f"""
        yes 0123456789abcde | dd bs=64k count=2000 of=big iflag=fullblock 2>&1 | grep -o 'File too large'
        stat -c %s big; echo x 2>&1 >>big | grep -o 'File too large'
        truncate -s {LARGEST * BLOCK + 1} big 2>/dev/null || echo no
        sync""", timeout=120)
    assert out.split("\n") == ["File too large", str(LARGEST * BLOCK), "File too large", "no", ""]
    consistent(folder, "large")
    image = xv6fs.Image(folder / "large")
    inode = image.tree()["/big"]
    assert all(inode.addresses) and inode.size == LARGEST * BLOCK
    wanted = b"0123456789abcde\n" * (LARGEST * BLOCK // 16)
    assert image.contents(inode) == wanted
    assert mounted(guest, "large", "md5sum <big; rm big; df -k . | tail -1", timeout=60).split()[0] \
        == hashlib.md5(wanted).hexdigest()
    consistent(folder, "large")


def test_full(guest, folder):
    free = "df -k . | tail -1; df -i . | tail -1"
    before = mounted(guest, "small", free)
    out = mounted(guest, "small", """
        mkdir full; dd if=/dev/zero of=full/all bs=1000 2>&1 | grep -o 'No space left on device'
        mkdir full/x 2>/dev/null || echo no
        df -k . | tail -1 | awk '{print $4}'
        rm full/all; n=0; while touch full/$n 2>/dev/null; do n=$((n + 1)); done
        df -i . | tail -1 | awk '{print $4}'
        rm -r full""")
    assert out.split("\n") == ["No space left on device", "no", "0", "0", ""]
    assert mounted(guest, "small", free) == before
    consistent(folder, "small")


def test_refused(guest):
    for disk, error in (("vdd", "Invalid argument"), ("vde", "Structure needs cleaning"),
                        ("vdf", "Structure needs cleaning"), ("null", "Block device required")):
        result = guest.sh(f"mkdir -p /mnt; mount -t xv6fs /dev/{disk} /mnt")
        assert result.status != 0 and error.encode() in result.err, (disk, result)


def test_remount(guest, folder):
    before = (folder / "small").read_bytes()
    out = guest.sh("""
        mkdir -p /mnt /mnt2; mount -r -t xv6fs /dev/vda /mnt
        touch /mnt/x 2>&1 | grep -o 'Read-only.*'
        mount -t xv6fs /dev/vda /mnt2 2>&1 | grep -o 'busy'; umount /mnt
        mount -t xv6fs /dev/vda /mnt; mount -t xv6fs /dev/vda /mnt2; echo hi >/mnt/x; cat /mnt2/x
        umount /mnt; cat /mnt2/x; rm /mnt2/x; umount /mnt2""").out.decode()
    assert out.split("\n") == ["Read-only file system", "busy", "hi", "hi", ""]
    consistent(folder, "small")
    after = (folder / "small").read_bytes()
    assert before[:2 * BLOCK] == after[:2 * BLOCK]


WORK = """
mkdir -p /mnt; mount -t xv6fs /dev/vda /mnt; cd /mnt; i=0
while true; do
    i=$((i + 1)); n=$((i % 7)); mkdir d$n 2>/dev/null
    dd if=/dev/zero bs=$((i % 5 * 1000 + 100)) count=3 of=d$n/new 2>/dev/null
    mv d$n/new d$n/f; ln -f d$n/f same; rm -rf d$((n * 3 % 7)); truncate -s $((i * 77 % 9000)) same
    test $((i % 4)) = 0 && echo $i >mark && sync && echo $i
done"""


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_killed(config, tmp_path, seed):
    """The machine ends at any time: the log brings everything back that was synced."""
    image = tmp_path / "image"
    xv6fs.make(image)
    mine = copy.copy(config)
    mine.disks = [machine.Disk(image)]
    run = guest_module.Run(mine, ["busybox", "sh", "-c", WORK])
    run.start()
    rounds, seen = random.Random(seed).randrange(3, 12), b""
    run.sockets["stdout"].settimeout(60)
    while seen.count(b"\n") < rounds:
        seen += run.sockets["stdout"].recv(1)
    run.process.kill()
    run.close()
    assert xv6fs.check(image, crashed=True) == []
    found = xv6fs.Image(image, replay=True)
    assert int(found.contents(found.tree()["/mark"])) >= int(seen.split()[-1])
    one = Guest(mine)
    try:
        one.out("mkdir -p /mnt; mount -t xv6fs /dev/vda /mnt; ls -R /mnt >/dev/null; umount /mnt")
    finally:
        one.stop()
    assert xv6fs.check(image) == []
