# SPDX-License-Identifier: MIT
"""What the kernel itself does with what is typed on the console."""
import re

import pytest

pytestmark = pytest.mark.rivulet

PROCESS_LIST_KEY = "\x10"  # ^P
HEAD = "  pid  ppid  pgid state   threads name"
ROW = re.compile(r" *(\d+) +(\d+) +(\d+) (\w+) +(\d+) (\S+)\s*")
NOBODY_WAITS = "busybox sh -c 'true & exec busybox sleep 1000' & cat\r"


def process_list(console):
    """{pid: (parent, group, state, threads, name)} as the key shows it to who runs `cat`, which then
    shows that the key was no input, and the line it stood in still one."""
    console.send(f"before{PROCESS_LIST_KEY}after\r")
    console.expect_exact(HEAD)
    console.expect(r"after\s+beforeafter\r")
    rows = [ROW.fullmatch(line) for line in console.before.decode().split("\n")]
    return {int(row[1]): (int(row[2]), int(row[3]), row[4], int(row[5]), row[6]) for row in rows if row}


def test_process_list(console):
    """^P shows all processes: each one's parent and group, and the dead that nobody waits for."""
    console.expect_exact("$ ")
    console.send(NOBODY_WAITS)
    console.expect(r"\[1\] \d+\s")  # the shell says nothing more
    names = {}
    while not {"cat", "dead"} <= names.keys():
        found = process_list(console)
        names = {"dead" if state == "zombie" else name: pid for pid, (_, _, state, _, name) in found.items()}
    assert found[1] == (0, 1, "alive", 1, "init"), found
    parent, *rest, name = found[names["dead"]]
    assert rest == [parent, "zombie", 0] and name not in ("-", ""), found  # in its parent's group, with a name
    for pid in parent, names["cat"]:
        assert found[pid][:-1] == (names["sh"], pid, "alive", 1), found
