# SPDX-License-Identifier: MIT
"""The power goes while sqlite or git work on a disk: what they promised is there, and all is sound.

One run is recorded; states of its disk after a cut at any event are made from the record. Each is
judged on the host, after e2fsck has replayed the journal, and some in a machine of ours, which mounts it.
"""
import os
import random
import subprocess

import pytest

import conftest
import machine
from powerdisk import PowerDisk
from test_ext4 import fsck
from test_powercut import Machine

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config, pytest.mark.long]

SIZE = "64M"
STEPS = {"sqlite": 60, "git": 25}
STATES = {"sqlite": 300, "git": 60}  # judged on the host
BOOTS = 5  # of them in a machine

# Each step ends with its number on standard output, and waits for a byte: then it is promised.
SQLITE_RUN = """
import os, random, sqlite3, sys
seed, steps = int(sys.argv[1]), int(sys.argv[2])
some = random.Random(seed)
db = sqlite3.connect("/mnt/db", isolation_level=None)
mode = ("delete", "wal", "truncate", "persist")[seed % 4]
assert db.execute(f"pragma journal_mode={mode}").fetchone() == (mode,)
db.execute("pragma synchronous=full" if mode != "delete" else "pragma synchronous=extra")
db.execute("pragma wal_autocheckpoint=20")
db.execute("create table t (id integer primary key, step integer, text text)")
db.execute("create index i on t (text)")
for step in range(steps):
    db.execute("begin immediate")
    for _ in range(some.randrange(1, 8)):
        db.execute("insert into t (step, text) values (?, ?)", (step, "x" * some.randrange(3000)))
    db.execute("delete from t where id in (select id from t order by random() limit ?)", (some.randrange(4),))
    db.execute("insert into t (step, text) values (?, 'the last of its step')", (step,))
    db.execute("update t set step = ?", (step,))
    db.execute("commit")
    print(step, flush=True)
    sys.stdin.buffer.raw.read(1)
"""
GIT_RUN = """
cd /mnt; git init -q -b main g; cd g; git config user.email a@b; git config user.name n
git config core.fsync all; git config gc.auto 0; sync # init itself makes nothing durable
for step in $(seq 0 $(($2 - 1))); do
    seq $step $((step * 50)) >f$((step % 5)); echo $step >step; git add . && git commit -qm "step $step" || exit 1
    [ $((step % 10)) != 9 ] || git repack -qad || exit 1
    echo $step; read -rn1
done
"""
# What holds then, in a folder: the last step that is there, or an exception.
SQLITE_LOOK = """
import sqlite3
def look(folder):
    db = sqlite3.connect(folder + "/db")
    assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    if not db.execute("select count(*) from sqlite_master").fetchone()[0]:
        return -1
    low, high, ends = db.execute("select min(step), max(step), sum(text = 'the last of its step') from t").fetchone()
    assert low == high and (low is None or ends), (low, high, ends)
    return -1 if low is None else low
"""
GIT_LOOK = """
import subprocess
def look(folder):
    def git(*words):
        done = subprocess.run(["git", "-c", "safe.directory=*", "-C", folder + "/g", *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, (words, done.stdout)
        return done.stdout.decode()
    git("fsck", "--full", "--strict")
    return int(git("show", "HEAD:step"))
"""
RUNS = {"sqlite": (["python3", "-c", SQLITE_RUN], SQLITE_LOOK, "world"),
        "git": (["bash", "-c", GIT_RUN, "bash"], GIT_LOOK, "world:full")}
# Of what was answered, these many steps may be away: git renames a branch's file without an fsync of its folder.
AWAY = {"sqlite": 0, "git": 1}
CHECK = "\nimport sys\nprint(look('/mnt'))\n"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An empty file system."""
    path = tmp_path_factory.mktemp("disk") / "image"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0", path, SIZE], check=True)
    return path.read_bytes()


def boot(config, root, disk, argv):
    """A machine of Debian's packages that mounts the disk at /mnt and runs argv."""
    one = conftest.on_world(config, root)
    one.disks.append(disk)
    return Machine(one, ["bash", "-c", 'mount /dev/vdb /mnt && exec "$@" 2>&1', "bash", *argv])


def record(config, image, folder, name, seed):
    """The disk after a run, and at which event each step was promised."""
    argv, _, root = RUNS[name]
    disk = PowerDisk(image, folder / "socket", seed)
    one = boot(config, root, machine.Disk("", blockdev=disk.blockdev()), [*argv, str(seed), str(STEPS[name])])
    promised = []
    try:
        while (line := one.line()) is not None:
            assert line == str(len(promised)), line
            promised.append(disk.events)
            one.go_on()
        assert one.end() == 0
    finally:
        log = one.close()
        disk.close()
    assert len(promised) == STEPS[name], log[-3000:]
    return disk, promised


def judge_on_host(path, folder, look):
    """The last step, after e2fsck has replayed the journal."""
    done = subprocess.run(["e2fsck", "-p", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode in (0, 1), done.stdout
    fsck(path)
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {folder}", path], check=True, stderr=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    return look(str(folder))


def judge_in_machine(config, root, path, source):
    """The last step, after our own recovery."""
    one = boot(config, root, machine.Disk(str(path)), ["python3", "-c", source + CHECK])
    lines, status, log = one.finish()
    assert status == 0 and len(lines) == 1, f"{lines}\n{log[-3000:]}"
    fsck(path)
    return int(lines[0])


@pytest.mark.parametrize("name", RUNS)
def test_power_cuts(config, image, tmp_path, name):
    """SEED=N in the environment repeats one."""
    seed = int(os.environ.get("SEED", 0)) or random.randrange(1, 1 << 30)
    disk, promised = record(config, image, tmp_path, name, seed)
    some = random.Random(seed)
    _, source, root = RUNS[name]
    scope = {}
    exec(source, scope)
    for n in range(STATES[name]):
        at = some.randrange(promised[0], disk.events + 1)
        least = sum(p <= at for p in promised) - 1
        left, how = disk.after_cut(some, at)
        path = tmp_path / "cut.img"
        path.write_bytes(left)
        print(f"seed {seed}, state {n}: event {at} of {disk.events}, step {least} promised, {how}")
        if n < BOOTS:
            found = judge_in_machine(config, root, path, source)
        else:
            found = judge_on_host(path, tmp_path / "left", scope["look"])
        assert least - AWAY[name] <= found <= least + 1
