# SPDX-License-Identifier: MIT
"""Dirty logs cross over: what debugfs logs is replayed at mount, and what we leave by e2fsck."""
import random
import shutil

import pytest

from test_ext4 import EXT4, FULL, WORK, disk, fsck, guest_sums, host, mounted, sums, tree  # noqa: F401

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

FORMATS = {  # arguments of mke2fs, of debugfs's jo
    "plain": (f"-b 1024 -I 256 -O {EXT4}", ""),
    "wide": (f"-b 4096 -I 256 -O {EXT4},64bit", ""),
    "v2": (f"-b 1024 -I 256 -O {EXT4}", "-c -v 2"),
    "v3": (f"-b 4096 -I 256 -O {FULL}", "-c -v 3"),
}


def replay(path, *options):
    """What e2fsck says."""
    return host("sh", "-c", 'e2fsck -fy "$@"; test $? -le 1', "sh", *options, path)


@pytest.mark.parametrize("name", FORMATS)
def test_replays(disk, tmp_path, name):  # noqa: F811
    arguments, opening = FORMATS[name]
    one = disk(arguments, size="32M")
    size = int(arguments.split()[1])
    some = random.Random(name)
    for n in range(3):
        (tmp_path / f"data{n}").write_bytes(some.randbytes(8 * size))
    escaped = bytearray(some.randbytes(8 * size))
    for n in range(8):
        escaped[n * size:n * size + 4] = b"\xc0\x3b\x39\x98"
    (tmp_path / "data1").write_bytes(escaped)
    host("debugfs", "-w", "-R", f"write {tmp_path}/data0 victim", one.path)
    b = host("debugfs", "-R", "blocks victim", one.path).split()[-8:]
    revoke = f"jw -r {b[2]}\n" if opening != "-c -v 2" else ""  # seals those blocks wrongly
    (tmp_path / "commands").write_text(
        f"jo {opening}\njw -b {','.join(b[:4])} {tmp_path}/data1\n"
        f"jw -b {','.join(b[4:])} {tmp_path}/data1\n{revoke}jw -b {b[0]},{b[7]} {tmp_path}/data2\njc\n")
    host("debugfs", "-w", "-f", f"{tmp_path}/commands", one.path)
    shutil.copy(one.path, tmp_path / "theirs")
    replay(tmp_path / "theirs", "-E", "journal_only")
    host("debugfs", "-R", f"dump victim {tmp_path}/expected", tmp_path / "theirs")
    guest = mounted(one)
    assert guest.get("/mnt/victim") == (tmp_path / "expected").read_bytes()
    assert f"journal replayed: {3 + bool(revoke)} transactions" in guest.out("dmesg")
    one.umount()
    one.stop()
    fsck(one.path)


@pytest.mark.parametrize("name", ("plain", "wide", "v3"))
def test_is_replayed(disk, tree, tmp_path, name):  # noqa: F811
    one = disk(FORMATS[name][0], tree=tree)
    guest = mounted(one)
    guest.out(WORK, timeout=120)
    guest.out("sync")
    before = guest_sums(guest)
    one.stop()
    assert "recovering journal" in replay(one.path)
    fsck(one.path)
    (tmp_path / "out").mkdir()
    host("debugfs", "-R", f"rdump / {tmp_path}/out", one.path)
    found = sums(tmp_path / "out")
    assert {path: found.get(path) for path in before} == before
