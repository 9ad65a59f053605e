# SPDX-License-Identifier: MIT
"""ext2, ext3, ext4: what the host's e2fsprogs make is read, what is written passes e2fsck."""
import copy
import datetime
import hashlib
import os
import random
import re
import shutil
import subprocess
import threading

import pytest

import guest as guest_module
import machine
import mkinitramfs
import mkroot
from conftest import Guest, on_linux

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

MIB = 1 << 20
OLD = "none,filetype,sparse_super,large_file,ext_attr,dir_index,resize_inode"
EXT4 = OLD + ",has_journal,extent,flex_bg,huge_file,dir_nlink,extra_isize"
FULL = EXT4 + ",64bit,metadata_csum"
SETS = {  # name: arguments of mke2fs, mount options
    "ext2-1k": (f"-b 1024 -I 128 -O {OLD}", ""),
    "ext2-4k": (f"-b 4096 -I 256 -O {OLD}", ""),
    "ext3": (f"-b 4096 -I 256 -O {OLD},has_journal", ""),
    "debian12": (f"-b 4096 -I 256 -O {FULL}", ""),
    "debian13": (f"-b 4096 -I 256 -O {FULL},metadata_csum_seed,orphan_file", ""),
    "ext4-1k": (f"-b 1024 -I 256 -O {FULL}", ""),
    "ext4-2k": (f"-b 2048 -I 256 -O {FULL},orphan_file,large_dir", ""),
    "indirect": (f"-b 1024 -I 256 -O {FULL},^extent,^64bit", ""),
    "no-64bit": (f"-b 4096 -I 256 -O {FULL},^64bit", ""),
    "uninit_bg": (f"-b 1024 -I 256 -O {EXT4},uninit_bg", ""),
    "data-journal": (f"-b 4096 -I 256 -O {FULL}", "data=journal"),
    "meta_bg": (f"-b 1024 -I 256 -O {FULL},meta_bg,^resize_inode", ""),
    "sparse_super2": (f"-b 1024 -E num_backup_sb=2 -I 256 -O {FULL},sparse_super2", ""),
    "inline_data": (f"-b 4096 -I 512 -O {FULL},inline_data", ""),
    "no-journal": (f"-b 4096 -I 256 -O {FULL},^has_journal", ""),
}


def host(*command, status=0):
    """Runs a program of the host: its output."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, PATH="/usr/sbin:/sbin:" + os.environ["PATH"],
                                   MKE2FS_CONFIG="/dev/null"), text=True, errors="replace")
    assert done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def fsck(path):
    host("e2fsck", "-fn", str(path))


def debugfs(path, *requests):
    return [host("debugfs", "-R", r, str(path)).split("\n", 1)[1] for r in requests]


def make_tree(folder):
    """Files of many sizes, links, deep and wide directories."""
    some = random.Random(1)
    for size in (0, 1, 59, 60, 1023, 1024, 4095, 4096, 4097, 12 * 1024 + 1, 300_000, 3_000_000):
        (folder / f"file{size}").write_bytes(some.randbytes(size))
    with open(folder / "sparse", "wb") as f:
        for at in (5000, 100_000, 2_000_000, 20_000_000):
            f.seek(at)
            f.write(some.randbytes(3000))
    deep = folder / "deep"
    for n in range(30):
        deep = deep / f"level{n}"
    deep.mkdir(parents=True)
    (deep / "end").write_text("the end")
    (folder / "wide").mkdir()
    for n in range(400):
        (folder / "wide" / f"a rather long name for file number {n}").write_text(str(n))
    os.symlink("file59", folder / "short")
    os.symlink("deep/" * 50 + "nowhere", folder / "long")
    os.link(folder / "file4096", folder / "same")
    os.utime(folder / "file1", ns=(1_111_111_111_222_333_444, 1_222_222_222_333_444_555))
    os.chmod(folder / "file60", 0o4711)


def sums(folder):
    """path: checksum or target, of everything below a folder of the host."""
    found = {}
    for at, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(at, name)
            inside = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[inside] = os.readlink(path)
            else:
                with open(path, "rb") as f:
                    found[inside] = hashlib.md5(f.read()).hexdigest()
    return found


LIST = """cd /mnt/$1 || exit 1
find . -type f | sort | tr '\\n' '\\0' | xargs -0 md5sum
find . -type l | while read -r l; do echo "$(readlink "$l")  $l"; done"""


def guest_sums(guest, folder=""):
    lines = guest.sh(LIST, folder, timeout=120)
    assert lines.status == 0 and not lines.err, lines
    return {path[2:]: value for value, path in
            (line.split("  ", 1) for line in lines.out.decode().splitlines())}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    make_tree(folder)
    return folder


def mke2fs(path, arguments, size="64M", tree=None, inodes=4096):
    host("mke2fs", "-q", "-F", "-N", str(inodes), *arguments.split(), *(["-d", str(tree)] * bool(tree)),
         str(path), size)


class Disk:
    """An image and machines that have it as /dev/vda."""

    def __init__(self, config, path, options=""):
        self.config, self.path, self.options = config, path, options
        self.guest = None

    def boot(self):
        self.stop()
        mine = copy.copy(self.config)
        mine.disks = [machine.Disk(self.path)]
        self.guest = Guest(mine)
        self.guest.out("mkdir -p /mnt")

    def mount(self, options=""):
        if not self.guest:
            self.boot()
        options = ",".join(filter(None, (self.options, options)))
        return self.guest.sh("mount -t ext4 ${1:+-o $1} /dev/vda /mnt", options)

    def umount(self):
        self.guest.out("umount /mnt")

    def log(self):
        return "\n".join(line for line in self.guest.out("dmesg").splitlines() if "ext4" in line)

    def stop(self):
        """The power goes."""
        if self.guest:
            self.guest.stop()
        self.guest = None


@pytest.fixture
def disk(config, tmp_path):
    """disk(arguments of mke2fs, ...): a Disk with a new file system."""
    made = []

    def make(arguments, options="", **more):
        path = tmp_path / f"{len(made)}.img"
        mke2fs(path, arguments, **more)
        made.append(Disk(config, path, options))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def mounted(one, options=""):
    result = one.mount(options)
    assert (result.status, result.err) == (0, b""), (result, one.log())
    return one.guest


@pytest.mark.parametrize("name", SETS)
@pytest.mark.sampled("ext2-1k", "debian13", "indirect", "inline_data", "data-journal")
def test_reads(disk, tree, name):
    one = disk(*SETS[name], tree=tree)
    guest = mounted(one, "ro")
    assert guest_sums(guest) == sums(tree)
    for path in ("file1", "file0", "file60", "same", "sparse", "wide"):
        check_stat(one, guest, path)
    one.umount()
    one.stop()
    fsck(one.path)


def check_stat(one, guest, path):
    """The guest's stat against debugfs's."""
    ours = guest.out(f"stat -c '%i %a %h %s %b %x|%y' /mnt/{path}").split("|")
    number, mode, links, size, blocks, seen = ours[0].split(" ", 5)
    theirs = debugfs(one.path, f"stat /{path}")[0]

    def field(pattern):
        return re.search(pattern, theirs).group(1)
    assert field(r"Inode: (\d+)") == number
    assert int(field(r"Mode: +0(\d+)"), 8) == int(mode, 8)
    assert field(r"Links: (\d+)") == links
    assert field(r"Size: (\d+)") == size
    assert field(r"Blockcount: (\d+)") == blocks
    for kind, text in (("atime", seen), ("mtime", ours[1])):
        seconds, extra = re.search(kind + r": 0x([0-9a-f]{8}):?([0-9a-f]*)", theirs).groups()
        seconds = int(seconds, 16) - (int(seconds, 16) >> 31 << 32)
        seconds += (int(extra or "0", 16) & 3) << 32
        got = guest.out(f"date -u -d '{text.strip().split('.')[0]}' +%s").strip()
        assert int(got) == seconds, (path, kind, theirs)
        if extra:
            assert int(re.search(r"\.(\d+)", text).group(1)) == int(extra, 16) >> 2, theirs


WORK = """set -e
cd /mnt
mkdir new new/sub; i=0
while [ $i -lt 150 ]; do echo "content $i" >"new/file number $i"; i=$((i + 1)); done
cp -a wide new/copy; cp file3000000 sparse new/
dd if=file3000000 of=new/patched bs=1000 count=700 2>/dev/null
dd if=file300000 of=new/patched bs=1000 seek=333 conv=notrunc 2>/dev/null
ln -s target new/link; ln new/patched new/hard; mkfifo new/fifo; mknod new/node c 1 3
ln -s "$(printf '%0100d' 7)" new/slow
mv new/patched new/sub/moved; mv deep/level0 new/sub/; mv -f file1 file0
rm -r wide file4097; truncate -s 1000 file300000; truncate -s 50000 file4096
: >file12289; echo more >>file1023
chmod 640 file1024; touch -d @1000000007 file1024; touch -d @5500000000 new/sub/moved; chown 1234:567 file1024
"""


@pytest.mark.parametrize("name", SETS)
@pytest.mark.sampled("ext2-1k", "debian13", "indirect", "inline_data", "data-journal")
def test_writes(disk, tree, name):
    one = disk(*SETS[name], tree=tree)
    guest = mounted(one)
    guest.out(WORK, timeout=120)
    before = guest_sums(guest)
    assert len(before) > 550
    one.umount()
    fsck(one.path)
    mounted(one)
    for path in ("file1024", "new/sub/moved", "new/link", "new/copy", "file300000", "file4096"):
        check_stat(one, guest, path)
    assert guest_sums(guest) == before
    one.umount()
    one.boot()
    assert guest_sums(mounted(one, "ro")) == before
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name, last", (("debian13", 2**34 - 2**31 - 1), ("ext2-1k", 2**31 - 1)))
def test_times(disk, name, last):
    """From 1901 on; what is outside of what the file system holds becomes the nearest second."""
    one = disk(SETS[name][0])
    guest = mounted(one)
    first = -2**31
    times = [first - 10**9, first - 1, first, first + 1, -2, 0, last - 1, last, last + 1, 10**11]
    for time in times:
        date = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=time)
        guest.out(f"TZ=UTC touch -d '{date:%Y-%m-%d %H:%M:%S}' /mnt/{time}")

    def check():
        for time in times:
            got = int(guest.out(f"stat -c %Y /mnt/{time}"))
            assert got == max(first, min(last, time))
            check_stat(one, guest, time)
    one.umount()
    guest = mounted(one)
    check()
    one.umount()
    one.boot()
    guest = mounted(one, "ro")
    check()
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.sampled("ext2-1k", "debian13", "indirect", "inline_data", "data-journal")
def test_stress(disk, name):
    one = disk(*SETS[name])
    guest = mounted(one)
    seed = random.randrange(1 << 30)
    for sync in ((), ("sync",)):
        folder = f"/mnt/seed{seed}{len(sync)}"
        guest.out(f"mkdir {folder}")
        result = guest.run([guest.program("fsstress"), folder, "4", "1000", str(seed), *sync],
                           timeout=240)
        assert (result.status, result.out) == (0, b""), (seed, result)
    before = guest_sums(guest)
    one.umount()
    fsck(one.path)
    assert guest_sums(mounted(one, "ro")) == before
    guest.out("umount /mnt; mount -t ext4 /dev/vda /mnt; rm -r /mnt/seed*; umount /mnt", timeout=60)
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", ("ext3", "debian13", "ext4-1k", "indirect", "data-journal"))
def test_power_cut(disk, tree, name):
    """What was synced is there after the power went, and the image is clean once recovered."""
    one = disk(*SETS[name], tree=tree)
    guest = mounted(one)
    guest.out(WORK, timeout=120)
    guest.out("sync")
    before = guest_sums(guest)
    guest.out("rm -r /mnt/new/copy; exec 9<>/mnt/same; rm /mnt/same; mkdir /mnt/after")
    one.stop()
    after = guest_sums(mounted(one))
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert all(path.startswith("new/copy/") or path == "same" for path in changed), changed
    assert "journal" in one.guest.out("dmesg") or not changed
    one.umount()
    one.stop()
    fsck(one.path)


def requests(guest, command):
    """What the disk completes for a command that syncs: (reads, writes and discards; flushes)."""
    def row():
        return [int(n) for n in guest.out("grep 'vda ' /proc/diskstats").split()[3:]]
    guest.out("sync")
    before = row()
    guest.out(command, timeout=120)
    fields = [b - a for a, b in zip(before, row())]
    return fields[0] + fields[4] + fields[11], fields[15]


def test_requests(disk):
    """As few requests and flushes as Linux needs: files are written together, appends once."""
    guest = mounted(disk(*SETS["debian13"], size="256M"))
    done, flushes = requests(guest, """i=0; while [ $i -lt 20 ]; do
dd if=/dev/zero of=/mnt/log bs=512 count=1 oflag=append conv=notrunc,fsync 2>/dev/null; i=$((i + 1)); done""")
    assert 60 <= done <= 66 and 20 <= flushes <= 42, (done, flushes)
    done, flushes = requests(guest, "dd if=/dev/zero of=/mnt/large bs=64k count=256 conv=fsync 2>/dev/null")
    assert done <= 32 and flushes <= 4, (done, flushes)
    done, flushes = requests(guest, """mkdir /mnt/many; i=0; while [ $i -lt 400 ]; do
echo $i >/mnt/many/$i; i=$((i + 1)); done; sync""")
    assert done <= 40 and flushes <= 4, (done, flushes)


MODULES = ("lib/crc16", "crypto/crc32c_generic", "lib/libcrc32c", "fs/mbcache", "fs/jbd2/jbd2",
           "fs/ext4/ext4", "drivers/block/virtio_blk")
CHANGE = """set -e
cd /mnt; mkdir theirs; cp -a new/sub/moved theirs/; i=0
while [ $i -lt 120 ]; do echo "their $i" >"theirs/a file with the number $i"; i=$((i + 1)); done
rm -r new/copy; mv new/sub theirs/; truncate -s 70000 theirs/moved; ln theirs/moved new/hard2
dd if=/dev/urandom of=theirs/random bs=5000 count=100 2>/dev/null
sync
"""


@pytest.fixture
def linux(config, tmp_path):
    """A configuration that boots Debian's kernel, with the modules that it needs for the disk."""
    folder = tmp_path / "modules"
    folder.mkdir()
    mine = on_linux(config)
    for name in MODULES:
        shutil.copy(machine.linux_module(name), folder)
    mine.put = [*config.put, (str(folder), "/ko")]
    return mine


@pytest.mark.configs("smp4")
@pytest.mark.parametrize("name", ("debian12", "indirect", "debian13", *(
    pytest.param(n, marks=pytest.mark.long) for n in (
        "ext2-1k", "ext3", "ext4-1k", "ext4-2k", "uninit_bg", "data-journal", "meta_bg",
        "sparse_super2"))))
def test_linux(disk, tree, linux, name):
    """Linux reads what we wrote, and we read what it wrote, each after the other's power cut."""
    one = disk(*SETS[name], tree=tree)
    guest = mounted(one)
    guest.out(WORK + "sync", timeout=120)
    before = guest_sums(guest)
    if "has_journal" not in SETS[name][0]:
        one.umount()
    one.stop()

    other = Disk(linux, one.path, one.options)
    other.boot()
    other.guest.out("for m in " + " ".join(map(os.path.basename, MODULES)) +
                    "; do insmod /ko/$m.ko; done; until [ -b /dev/vda ]; do sleep 0.1; done")
    guest = mounted(other)
    assert guest_sums(guest) == before
    assert "error" not in other.log()
    guest.out(CHANGE, timeout=120)
    before = guest_sums(guest)
    if "has_journal" not in SETS[name][0]:
        other.umount()
    other.stop()

    assert guest_sums(mounted(one)) == before
    one.umount()
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("feature", ("encrypt", "casefold", "quota", "project", "bigalloc",
                                     "verity"))
def test_foreign_features(disk, feature):
    refused = feature in ("encrypt", "casefold")
    size = {"size": "64M"}
    one = disk(f"-b 4096 -I 256 -O {FULL},{feature}", **size)
    result = one.mount()
    assert (result.status != 0) == refused, (result, one.log())
    assert f"feature {feature}" in one.log()
    if not refused:
        assert one.guest.sh("echo >/mnt/x").status
        assert "lost+found" in one.guest.out("ls /mnt")
        one.umount()


@pytest.mark.parametrize("policy", ("continue", "remount-ro"))
def test_errors(disk, policy):
    """A bitmap is wrong: what errors= says, and the superblock remembers."""
    one = disk(f"-b 1024 -I 256 -O {FULL}")
    at = int(re.search(r"Inode bitmap at (\d+)", host("dumpe2fs", one.path)).group(1)) * 1024
    with open(one.path, "r+b") as f:
        f.seek(at + 40)
        f.write(b"\1")
    guest = mounted(one, f"errors={policy}")
    result = guest.sh("echo x >/mnt/x")
    if policy == "continue":  # another group takes it
        guest.out("echo y >/mnt/y; cat /mnt/y")
    else:
        assert result.status and guest.sh("mkdir /mnt/y").status
        guest.out("ls /mnt")
    assert "bitmap of inodes" in one.log()
    guest.sh("umount /mnt")
    one.stop()
    header = host("dumpe2fs", "-h", one.path)
    assert "with errors" in header and "FS Error count:" in header
    host("e2fsck", "-fy", one.path, status=1)
    fsck(one.path)


def test_unknown_features(disk):
    for word, offset, refused in (("incompat", 0x60, True), ("ro_compat", 0x64, False)):
        one = disk(f"-b 4096 -I 256 -O {EXT4}")
        with open(one.path, "r+b") as f:
            f.seek(1024 + offset)
            bits = int.from_bytes(f.read(4), "little") | 1 << 27
            f.seek(1024 + offset)
            f.write(bits.to_bytes(4, "little"))
        result = one.mount()
        assert (result.status != 0) == refused, (word, result, one.log())
        assert "0x8000000" in one.log(), word


def test_not_a_file_system(disk):
    one = disk(f"-b 4096 -I 256 -O {FULL}")
    one.boot()
    for damage in (b"\0" * 4096, os.urandom(4096)):
        one.guest.put("/junk", damage)
        one.guest.out("dd if=/junk of=/dev/vda conv=notrunc 2>/dev/null; sync")
        assert one.mount().status
    assert one.guest.sh("mount -t ext4 /nowhere /mnt").status
    assert one.guest.sh("mount -t ext4 /dev/null /mnt").status
    assert one.guest.sh("mount -t ext4 -o nonsense /dev/vda /mnt").status


def test_remount(disk, tree):
    one = disk(*SETS["debian13"], tree=tree)
    guest = mounted(one)
    held = guest.sh("exec 3>/mnt/held; mount -o remount,ro /dev/vda /mnt")
    assert held.status and b"busy" in held.err
    guest.out("echo one >/mnt/one; mount -o remount,ro /dev/vda /mnt")
    assert guest.sh("echo two >/mnt/two").status
    fsck(one.path)
    guest.out("mount -o remount,rw /dev/vda /mnt; echo three >/mnt/three; cat /mnt/one")
    one.umount()
    one.stop()
    fsck(one.path)


def test_twice(disk):
    one = disk(*SETS["debian12"])
    guest = mounted(one)
    guest.out("mkdir /again; mount -t ext4 /dev/vda /again; echo x >/again/x; cat /mnt/x")
    guest.out("umount /mnt; cat /again/x; umount /again")
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", ("ext2-1k", "debian13"))
def test_full(disk, name):
    """Blocks, then inodes, run out: -ENOSPC, nothing lost, and all comes back."""
    one = disk(*SETS[name], size="16M")
    guest = mounted(one)
    free = guest.out("df -k /mnt").split()[-3]
    result = guest.sh("cat /dev/zero >/mnt/fill; sync", timeout=120)
    assert b"No space left" in result.err, result
    guest.out("rm /mnt/fill; sync; sync")
    assert guest.out("df -k /mnt").split()[-3] == free
    result = guest.sh("cd /mnt; i=0; while : >f$i; do i=$((i + 1)); done", timeout=120)
    assert b"No space left" in result.err, result
    assert guest.out("df -i /mnt").split()[-3] == "0"
    guest.out("cd /mnt; rm f1* f2*; mkdir d; rm -r f*")
    one.umount()
    one.stop()
    fsck(one.path)


def test_root(rv_start, config, tmp_path):
    """The root on a disk: clean after power-off, and kept."""
    image = tmp_path / "root.img"
    shutil.copy(mkroot.base(machine.BUILD), image)
    for script, wanted in (("echo kept >/kept; grep ' / ' /proc/mounts; sh -c 'exit 3'",
                            (3, "/dev/vda / ext4 rw,relatime 0 0\n")), ("cat /kept", (0, "kept\n"))):
        process = rv_start("exec", "--root", str(image), "--", "busybox", "sh", "-c", script)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out.decode()) == wanted, err
        fsck(image)
        assert "Filesystem state:         clean" in host("dumpe2fs", "-h", str(image))


def test_mmp(disk):
    """A disk that another machine writes, or did, or checks, is not mounted to be written."""
    one = disk(f"-b 1024 -I 256 -E mmp_update_interval=1 -O {EXT4},mmp")

    def sequence(change=None):
        at = int(re.search(r"MMP block number: +(\d+)", host("dumpe2fs", "-h", one.path))[1]) * 1024
        with open(one.path, "r+b") as f:
            f.seek(at + 4)
            now = int.from_bytes(f.read(4), "little")
            if change is not None:
                f.seek(at + 4)
                f.write(change.to_bytes(4, "little"))
        return now
    clean, checked = 0xff4d4d50, 0xe24d4d50
    guest = mounted(one)
    first = sequence()
    assert 0 < first < checked
    guest.out("echo x >/mnt/x; sleep 3")
    assert first != sequence() < checked
    one.umount()
    assert sequence() == clean
    fsck(one.path)
    sequence(checked)
    assert one.mount().status and "e2fsck" in one.log()
    sequence(77)
    other = threading.Timer(4, sequence, (78,))
    other.start()
    assert guest.sh("mount -t ext4 /dev/vda /mnt", timeout=60).status and "in use" in one.log()
    other.join()
    assert sequence() == 78  # the other machine's
    assert not guest.sh("mount -t ext4 /dev/vda /mnt && umount /mnt", timeout=90).status
    assert sequence() == clean
    one.stop()
    fsck(one.path)


def test_statfs(disk, tree):
    for name in ("ext2-1k", "debian12"):
        one = disk(*SETS[name], tree=tree)
        total, free, available, files, free_files = map(
            int, mounted(one).out("stat -f -c '%b %f %a %c %d' /mnt").split())
        one.umount()
        one.stop()
        header = host("dumpe2fs", "-h", str(one.path))

        def field(key):
            return int(re.search(key + r": +(\d+)", header).group(1))
        blocks = field("Block count")
        assert (free, files, free_files) == \
            (field("Free blocks"), field("Inode count"), field("Free inodes"))
        assert total == blocks - field("Overhead clusters")
        assert available == free - field("Reserved block count") - min(blocks // 50, 4096)


def test_large_file_in_a_small_journal(disk):
    """Each block of a journaled file is revoked: more than one transaction of this log can take."""
    one = disk(f"-b 1024 -I 256 -J size=1 -O {FULL}", "data=journal", size="48M")
    guest = mounted(one)
    guest.out("dd if=/dev/zero of=/mnt/large bs=1M count=28 2>/dev/null && sync && rm /mnt/large && sync", timeout=120)
    one.umount()
    one.stop()
    fsck(one.path)


def test_some_of_the_fields(disk):
    """An inode with room for no more than the first of the later fields: its seconds end in 2038."""
    one = disk(f"-b 4096 -I 256 -O {EXT4}")
    one.boot()
    mounted(one).out("echo > /mnt/f")
    one.umount()
    one.stop()
    host("debugfs", "-w", "-R", "sif /f extra_isize 4", one.path)
    mounted(one).out("touch -d 2050-01-01 /mnt/f")
    one.umount()
    one.stop()
    assert "mtime: 0x7fffffff" in debugfs(one.path, "stat /f")[0]
    fsck(one.path)


def test_wrong_count_of_a_group(disk):
    """A group whose bitmap was never written has more free blocks than it says."""
    one = disk(f"-b 1024 -I 256 -O {EXT4},uninit_bg")
    for request in ("set_bg 5 free_blocks_count 7000", "set_bg 5 checksum calc"):
        host("debugfs", "-w", "-R", request, one.path)
    guest = mounted(one, "errors=continue")
    guest.sh("dd if=/dev/zero of=/mnt/f bs=1M; sync", timeout=120)
    assert "damaged: bitmap of blocks" in one.log()
    assert int(guest.out("stat -f -c %f /mnt")) < 65536
    one.umount()


def test_read_only_disk(disk):
    """As on Linux it is not mounted to write, and mount(8) tries again to read."""
    one = disk(SETS["debian12"][0])
    mine = copy.copy(one.config)
    mine.disks = [machine.Disk(one.path, read_only=True)]
    one.guest = Guest(mine)
    result = one.guest.sh("mkdir -p /mnt; mount -t ext4 /dev/vda /mnt; grep -o '/mnt ext4 r[ow]' "
                          "/proc/mounts; busybox mount -o remount,rw /mnt")
    assert result.out == b"/mnt ext4 ro\n" and result.status != 0, result


def test_read_only_root(config, tmp_path):
    """A root that cannot be written is read; and the last root= is the one."""
    archive = mkinitramfs.build_root(machine.BUILD)
    archive.file("check", b"#!/bin/busybox sh\nexec >/dev/console 2>&1\nbusybox cat /proc/mounts\n"
                 b"busybox poweroff -f\n", 0o755)
    mkroot.make(archive.finish(), str(tmp_path / "root"), "64M")
    mine = copy.copy(config)
    mine.disks, mine.on_disk = [machine.Disk(tmp_path / "root", read_only=True)], True
    mine.put = []
    mine.append = "root=/dev/nothing root=/dev/vda init=/check"
    run = guest_module.Run(mine, ["true"])
    run.start()
    try:
        run.process.wait(60)
        said = run.console().decode()
    finally:
        run.close()
    assert "/dev/vda, the root, is read-only" in said, said
    assert re.search(r"^/dev/vda / ext4 ro", said, re.MULTILINE), said
