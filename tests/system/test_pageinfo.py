# SPDX-License-Identifier: MIT
"""What processes learn of pages: pagemap, idle page tracking, the printed page table."""
import os
import re

import pytest

import machine
from test_xv6 import xv6


def checked(guest, what):
    result = guest.run([guest.program("pageinfo"), what])
    assert result.status == 0, result.err.decode()


def test_pagemap(guest):
    checked(guest, "pagemap")


@pytest.mark.rivulet  # Debian's kernel has no idle page tracking
def test_idle(guest):
    checked(guest, "idle")


@pytest.mark.rivulet
def test_table(guest):
    """Every page that maps lists, and no other, is printed; of any process, but not to anybody."""
    checked(guest, "table")
    shown = guest.out("cat /proc/1/pagetable")
    areas = [[int(n, 16) for n in line.split()[0].split("-")]
             for line in guest.out("cat /proc/1/maps").splitlines()]
    pages = [int(va, 16) for va in re.findall(r" va 0x(\w+) ", shown)]
    assert pages == sorted(set(pages))
    assert all(any(a <= va < b for a, b in areas) for va in pages)
    assert shown.count("\n    ") > shown.count("\n  ") - shown.count("\n    ") >= 2


@pytest.mark.rivulet
def test_megapage(guest):
    checked(guest, "megapage")


@pytest.mark.rivulet
@pytest.mark.one_config
def test_pgaccess():
    """What xv6's programs see of it."""
    program = os.path.join(machine.ROOT, "user/xv6/bin/pgaccesstest.c")
    assert xv6(program) == "pgaccesstest: OK\n"
