# SPDX-License-Identifier: MIT
"""The lock lab: with eight harts hardly anybody waits for memory or for cached blocks."""
import os
import re

import pytest

import machine
from test_xv6 import xv6

pytestmark = [pytest.mark.rivulet, pytest.mark.configs("debug")]


def program(name):
    return os.path.join(machine.ROOT, "user/xv6/bin", f"{name}.c")


@pytest.mark.parametrize("name", ["kalloctest", "bcachetest"])
def test_load(name):
    out = xv6("--debug", "--smp", "8", program(name))
    assert out.startswith("lock ") and out.endswith(f"\n{name}: OK\n")


def counts(table):
    """{lock: how often it was taken}, and the sum that the table ends with."""
    rows = re.findall(r"^(\w+) +(\d+) +\d+ +\d+$", table.split("---")[0], re.MULTILINE)
    return {name: int(acquired) for name, acquired in rows}, int(re.search(r"total +(\d+)", table)[1])


def test_stats():
    """`stats` prints the whole table, which goes on counting."""
    out = xv6("--debug", "--", "sh", "-c", "stats; echo then; cat /proc/lockstat")
    (seen, total), (later, more) = map(counts, out.split("then\n"))
    assert {"frames", "buffers", "runq"} <= seen.keys() and total == sum(seen.values()) < more
    assert all(later[name] >= seen[name] for name in seen)


def test_release():
    """Only debug builds count."""
    assert xv6(program("kalloctest"), status=2) == ""
