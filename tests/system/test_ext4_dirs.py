# SPDX-License-Identifier: MIT
"""ext4's directories, links and extended attributes: against models, and e2fsprogs."""
import re
import struct

import pytest

from test_ext4 import FULL, OLD, SETS, debugfs, disk, fsck, host, mounted  # noqa: F401

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

DIRS = {name: SETS[name] for name in ("ext2-1k", "debian13", "ext4-1k", "data-journal")}
DIRS["inline_data"] = (f"-b 1024 -I 512 -O {FULL},inline_data", "")
DIRS["no-filetype"] = (f"-b 1024 -O {OLD},^filetype", "")
DIRS["no-index"] = (f"-b 1024 -O {FULL},^dir_index", "")
DIRS["small-inodes"] = (f"-b 4096 -I 128 -O {FULL},^extra_isize", "")


def dirio(guest, *arguments, timeout=300):
    result = guest.run([guest.program("dirio"), *map(str, arguments)], timeout=timeout)
    assert result.status == 0 and not result.err, result
    return result.out.decode().strip()


def finish(one):
    one.umount()
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", DIRS)
@pytest.mark.sampled("ext2-1k", "debian13", "indirect", "inline_data", "data-journal")
def test_steps(disk, name):
    one = disk(*DIRS[name])
    guest = mounted(one)
    counts = dirio(guest, "steps", "/mnt", 11, 4000).split()
    assert all(int(n) > 50 for n in counts), counts
    listed = guest.out("cd /mnt; find . | sort | md5sum")
    finish(one)
    assert mounted(one, "ro").out("cd /mnt; find . | sort | md5sum") == listed


def test_threads(disk):
    one = disk(*SETS["ext4-1k"])
    one.config.smp = 4
    guest = mounted(one)
    dirio(guest, "threads", "/mnt", 5, 700)
    finish(one)


@pytest.mark.parametrize("kind", ("legacy", "half_md4", "tea"))
@pytest.mark.parametrize("sign", ("signed", "unsigned"))
def test_hashes(disk, kind, sign):
    """Every hash: e2fsck checks that names lie where their hashes say, and debugfs finds them."""
    one = disk(f"-b 1024 -O {FULL}")
    bits = {"signed": "0x1", "unsigned": "0x2"}[sign]
    host("tune2fs", "-E", f"hash_alg={kind}", str(one.path))
    host("debugfs", "-w", "-R", f"ssv flags {bits}", str(one.path))
    guest = mounted(one)
    dirio(guest, "steps", "/mnt", 3, 2500)
    finish(one)
    version = {"legacy": 0, "half_md4": 1, "tea": 2}[kind]
    dump = debugfs(one.path, "htree_dump /folder0")[0]
    assert re.search(rf"Hash Version: {version}\b", dump), dump[:300]


def test_host_index(disk, tmp_path):
    """Names in an index that e2fsprogs made are found, and more are added to it."""
    (tmp_path / "t" / "d").mkdir(parents=True)
    for n in range(3000):
        (tmp_path / "t" / "d" / f"{n:030}").touch()
    one = disk(f"-b 1024 -O {FULL} -N 8000", tree=tmp_path / "t")
    host("e2fsck", "-fyD", str(one.path))
    guest = mounted(one)
    assert guest.out("ls /mnt/d | md5sum") == guest.out(
        "i=0; while [ $i -lt 3000 ]; do printf '%030d\\n' $i; i=$((i + 1)); done | md5sum")
    dirio(guest, "many", "/mnt/d", 3000, 6000, 30)
    guest.out("cd /mnt/d; rm *7")
    assert int(guest.out("ls /mnt/d | wc -l")) == 5400
    finish(one)


@pytest.mark.parametrize("features,levels", (("", 1), (",large_dir", 2)))
def test_deep_index(disk, features, levels):
    one = disk(f"-b 1024 -O {FULL}{features} -N 70000", size="128M")
    guest = mounted(one)
    guest.out("mkdir /mnt/d")
    dirio(guest, "many", "/mnt/d", 0, 24000 if levels == 1 else 60000, 200)
    finish(one)
    dump = debugfs(one.path, "htree_dump /d")[0]
    assert f"Indirect levels: {levels}" in dump, dump[:300]


def test_index_is_full(disk):
    """Two levels of 1 KiB blocks hold no more: ENOSPC, and the directory stays sound."""
    one = disk(f"-b 1024 -O {FULL} -N 80000", size="128M")
    guest = mounted(one)
    result = guest.run([guest.program("dirio"), "many", "/mnt", "0", "75000", "250"], timeout=300)
    assert result.status == 1 and b"No space left" in result.out, result
    guest.out("cd /mnt; rm *1; mkdir other; touch other/x")
    finish(one)


@pytest.mark.parametrize("name", ("ext2-1k", "debian13", "no-index"))
def test_cookies(disk, name):
    one = disk(DIRS[name][0] + " -N 16000")
    guest = mounted(one)
    for count in (5, 60, 1500):
        guest.out(f"mkdir /mnt/d{count}")
        dirio(guest, "cookies", f"/mnt/d{count}", count)
    finish(one)


@pytest.mark.configs("debug")
@pytest.mark.parametrize("features,size", ((SETS["ext2-1k"][0], 700), (SETS["debian13"][0], 700),
                                           (f"-b 1024 -O {FULL},ea_inode", 2500)))
def test_failing_allocations(disk, features, size):
    """Each operation without the nth memory it asks for: it fails whole, and nothing is damaged."""
    one = disk(features)
    guest = mounted(one)
    assert int(dirio(guest, "failures", "/mnt", size)) > 100
    assert "damaged" not in one.log()
    finish(one)


def test_many_subdirectories(disk):
    """Past 65,000 links a directory has 1 for good, with dir_nlink; without it: EMLINK."""
    for features, wanted in ((FULL, "1"), (f"{OLD},extent,dir_nlink", "1"), (OLD, "65000")):
        one = disk(f"-b 1024 -O {features} -N 80000", size="256M")
        guest = mounted(one)
        made = int(dirio(guest, "folders", "/mnt", 65010))
        assert made == (65010 if wanted == "1" else 64997)  # the root has lost+found too
        assert guest.out("stat -c %h /mnt").strip() == wanted
        guest.out("rmdir /mnt/100 /mnt/101")
        assert guest.out("stat -c %h /mnt").strip() == (wanted if wanted == "1" else "64998")
        finish(one)


def test_attributes(disk):
    for name in ("ext2-1k", "debian13", "small-inodes"):
        one = disk(*DIRS[name])
        guest = mounted(one)
        most = 900 if name == "ext2-1k" else 4000
        full = int(dirio(guest, "attributes", "/mnt", 1, 1500, most))
        assert 0 < full < 700
        finish(one)
        mounted(one)
        one.guest.out("rm /mnt/attributes")
        finish(one)


def test_large_attributes(disk):
    """Values in inodes of their own: made, changed, removed, and gone with their file."""
    one = disk(f"-b 1024 -O {FULL},ea_inode")
    guest = mounted(one)
    assert not int(dirio(guest, "attributes", "/mnt", 2, 400, 30000))
    guest.out("cp /mnt/attributes /mnt/other")
    dirio(guest, "set", "/mnt/other", "user.large", "w" * 5000)
    before = guest.out("df -i /mnt").split()[-4]
    finish(one)
    assert 'value size 5000' in debugfs(one.path, "ea_list other")[0] or \
        "(5000)" in debugfs(one.path, "ea_list other")[0]
    assert debugfs(one.path, "ea_get -V other user.large")[0].strip() == "w" * 5000
    guest = mounted(one)
    assert guest.out("df -i /mnt").split()[-4] == before
    assert dirio(guest, "get", "/mnt/other", "user.large") == "w" * 5000
    guest.out("rm /mnt/attributes /mnt/other; sync")
    assert guest.out("df -i /mnt").split()[-4] == "11"
    finish(one)


def test_attributes_between(disk, tmp_path):
    """What debugfs sets is read, and the other way round; links and rights."""
    one = disk(*SETS["debian13"])
    big = tmp_path / "big"
    big.write_bytes(b"v" * 3000)
    for request in ("mkdir d", "symlink l target", f"write {big} f", "ea_set f user.one value",
                    f"ea_set -f {big} f user.large", "ea_set d trusted.t yes",
                    "ea_set l trusted.l link"):
        host("debugfs", "-w", "-R", request, str(one.path))
    guest = mounted(one)
    assert dirio(guest, "get", "/mnt/f", "user.one") == "value"
    assert dirio(guest, "get", "/mnt/f", "user.large") == "v" * 3000
    assert set(dirio(guest, "list", "/mnt/f").split()) == {"user.one", "user.large"}
    assert dirio(guest, "get", "/mnt/d", "trusted.t") == "yes"
    assert dirio(guest, "list", "/mnt/l") == "trusted.l"
    dirio(guest, "set", "/mnt/f", "user.two", "another")
    dirio(guest, "set", "/mnt/f", "security.label", "x" * 700)
    dirio(guest, "remove", "/mnt/f", "user.one")
    program = guest.program("dirio")
    for operation, path, attribute, error in (
            ("set", "/mnt/l", "user.no", b"Operation not permitted"),
            ("get", "/mnt/l", "user.no", b"No data available"),
            ("remove", "/mnt/f", "user.one", b"No data available"),
            ("set", "/mnt/f", "system.posix_acl_access", b"Operation not supported"),
            ("set", "/proc/self/status", "user.x", b"Operation not supported")):
        result = guest.run([program, operation, path, attribute, "value"])
        assert result.status == 1 and result.out == error, (operation, path, attribute, result)
    assert guest.sh(f"chmod 644 /mnt/f; su -s /bin/sh -c '{program} list /mnt/d' nobody").out == b""
    finish(one)
    assert set(re.findall(r"^  (\S+) \(", debugfs(one.path, "ea_list f")[0], re.M)) == \
        {"user.large", "user.two", "security.label"}
    assert '"another"' in debugfs(one.path, "ea_get f user.two")[0]


def test_attributes_without_extension(disk):
    """Attributes of an inode without any field past the first 128 bytes begin right there."""
    one = disk("-b 1024 -I 256 -O ^metadata_csum")
    host("debugfs", "-w", "-R", "symlink f target", str(one.path))
    block, offset = re.search(r"block (\d+), offset (0x\w+)", debugfs(one.path, "imap f")[0]).groups()
    entry = struct.pack("<IBBHIII", 0xea020000, 3, 4, 60, 0, 4, 0) + b"old"
    with open(one.path, "r+b") as image:
        image.seek(int(block) * 1024 + int(offset, 16) + 128)
        image.write(entry.ljust(64, b"\0") + b"kept" + bytes(60))
    guest = mounted(one)
    dirio(guest, "set", "/mnt/f", "trusted.new", "added")
    assert dirio(guest, "get", "/mnt/f", "trusted.old") == "kept"
    finish(one)
    guest = mounted(one)
    assert set(dirio(guest, "list", "/mnt/f").split()) == {"trusted.old", "trusted.new"}
    finish(one)


def test_tmpfs_attributes(guest):
    guest.out("mkdir -p /tmp/here")
    assert dirio(guest, "attributes", "/tmp/here", 4, 600, 5000) == "0"
    guest.out("rm -r /tmp/here")


def test_links(disk):
    one = disk(*SETS["debian13"])
    guest = mounted(one)
    for length in (1, 59, 60, 61, 4095):
        guest.out(f"cd /mnt; ln -s \"$(head -c {length} /dev/zero | tr '\\0' x)\" l{length}; "
                  f"[ \"$(readlink l{length} | wc -c)\" = {length + 1} ]")
    assert guest.sh("cd /mnt; ln -s \"$(head -c 4096 /dev/zero | tr '\\0' x)\" no").status
    guest.out("cd /mnt; rm l59 l61")
    finish(one)


def test_inline(disk, tmp_path):
    """Small files and directories inside inodes: read, changed, moved to blocks."""
    tree = tmp_path / "tree"
    for size in (0, 1, 59, 60, 61, 100, 160, 400):
        (tree / f"d{size}").mkdir(parents=True)
        (tree / f"f{size}").write_bytes(bytes(n % 251 for n in range(size)))
        for n in range(size // 16):
            (tree / f"d{size}" / f"n{n}").touch()
    (tree / "d400" / "sub").mkdir()
    one = disk(f"-b 1024 -I 512 -O {FULL},inline_data", tree=tree)
    inside = [name for name in sorted(p.name for p in tree.iterdir())
              if int(re.search(r"Flags: 0x(\w+)", debugfs(one.path, f"stat {name}")[0]).group(1), 16)
              & 0x10000000]
    assert len(inside) > 10, inside
    guest = mounted(one)
    for path in tree.iterdir():
        if path.is_file():
            assert guest.get(f"/mnt/{path.name}") == path.read_bytes()
        else:
            assert guest.out(f"ls /mnt/{path.name}").split() == sorted(p.name for p in path.iterdir())
    guest.out("""cd /mnt; rm d100/n0 d160/n9; mv d400/n1 d400/m1; mv d400/sub d0/; mv d0/sub d160/x
                 touch d59/one; i=0; while [ $i -lt 100 ]; do touch d60/a$i d160/b$i; i=$((i + 1)); done
                 echo more >>f59; echo more >>f0; truncate -s 10 f160; truncate -s 1000 f100
                 printf x | dd of=f400 bs=1 seek=300 conv=notrunc 2>/dev/null; rm f60 f1; mkdir d1/z
                 ln f61 d61/same; rm -r d0""")
    wanted = {"f59": bytes(range(59)) + b"more\n", "f0": b"more\n", "f160": bytes(range(10)),
              "f100": bytes(range(100)) + b"\0" * 900, "d61/same": bytes(range(61)),
              "f400": bytes(120 if n == 300 else n % 251 for n in range(400))}
    for mount in range(2):
        for name, data in wanted.items():
            assert guest.get(f"/mnt/{name}") == data, name
        assert len(guest.out("ls /mnt/d160").split()) == 110 and guest.out("ls /mnt/d1") == "z\n"
        finish(one)
        guest = mounted(one)
    finish(one)


def damage(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def block_of(path, name, logical):
    """The device block of a file's logical block."""
    return int(debugfs(path, f"bmap {name} {logical}")[0].split()[-1])


def test_damaged_directories(disk):
    """Wrong bytes in leaves, index and ".." are found, said, and hang nothing."""
    one = disk(f"-b 1024 -O {FULL},^metadata_csum,^has_journal")
    guest = mounted(one)
    guest.out("mkdir -p /mnt/a/b/c /mnt/d; echo x >/mnt/d/x")
    dirio(guest, "many", "/mnt/d", 0, 2000, 30)
    finish(one)
    a, b = (block_of(one.path, name, 0) * 1024 for name in ("/a", "/a/b"))
    numbers = {name: debugfs(one.path, f"stat {name}")[0].split()[1] for name in ("/a", "/a/b")}
    root, leaf = (block_of(one.path, "/d", n) * 1024 for n in (0, 1))
    damage(one.path, root + 34, b"\xff\xff")          # more entries than there is room for
    damage(one.path, b + 24, int(numbers["/a"]).to_bytes(4, "little"))  # c is a: a cycle
    guest = mounted(one, "errors=continue")
    for command in ("cat /mnt/d/x", "ls /mnt/a/b/c"):
        result = guest.sh(command, timeout=20)
        assert result.status and b"Structure needs cleaning" in result.err, (command, result)
    assert guest.out("ls /mnt/d") == ""
    assert "damaged directory index" in one.log() and "another's place" in one.log()
    assert guest.out("ls /mnt/a") == "b\n"
    one.stop()
    damage(one.path, root + 34, b"\x10\x00")
    damage(one.path, leaf + 4, b"\x03\x00")
    damage(one.path, a + 16, b"\xf0\xff")
    result = mounted(one, "errors=continue").sh("cat /mnt/a/b; find /mnt; rm -r /mnt/d", timeout=30)
    assert result.status and b"Structure needs cleaning" in result.err, result
    assert one.log().count("a damaged directory block") >= 2
