#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/coverage.md: which of Linux's calls are there, from the table of calls and coverage.notes.

    host/coverage.py            writes it
    host/coverage.py --check    fails if it is not what would be written
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "docs/coverage.md"

HEAD = """# Which Linux calls there are

Of the {all} system calls of Linux 6.12 for riscv64, {done} are done, {partial} are there with something missing, and
{absent} are absent. `host/coverage.py` makes this page from the table of calls (`kernel/syscall/table.h`) and
`docs/coverage.notes`; the lint says when it is not up to date.

A call that is absent gives `ENOSYS`. What is missing of one that is there gives the error its manual page names.

## With something missing

| call | what is missing |
|---|---|
{rows}
## Done

{done_names}

## Absent

{absent_names}
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def wrapped(names, width=110):
    lines, line = [], ""
    for name in names:
        if len(line) + len(name) + 3 > width:
            lines.append(line.rstrip())
            line = ""
        line += f"`{name}` "
    return "\n".join([*lines, line.rstrip()])


def page():
    numbers = dict(re.findall(r"#define SYS_([a-z]\w+)\s+(\d+)", read("abi/syscall.h")))
    table = set(re.findall(r"SYSCALL\(([a-z]\w+), \d", read("kernel/syscall/table.h")))
    notes = dict(line.split(": ", 1) for line in read("docs/coverage.notes").splitlines()
                 if line and not line.startswith("#"))
    wrong = sorted(set(notes) - table)
    if wrong:
        raise SystemExit(f"coverage.notes: not in the table: {' '.join(wrong)}")
    known = [name for name in numbers if name in table]  # private calls are none of Linux's
    done = [name for name in known if name not in notes]
    absent = [name for name in numbers if name not in table]
    rows = "".join(f"| `{name}` | {notes[name]} |\n" for name in known if name in notes)
    return HEAD.format(all=len(numbers), done=len(done), partial=len(known) - len(done),
                       absent=len(absent), rows=rows, done_names=wrapped(done),
                       absent_names=wrapped(absent))


def main(args):
    text = page()
    if args == ["--check"]:
        if read(PAGE) != text:
            raise SystemExit(f"{PAGE} is not up to date: run host/coverage.py")
    else:
        with open(os.path.join(ROOT, PAGE), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
