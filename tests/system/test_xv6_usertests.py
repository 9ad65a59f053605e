# SPDX-License-Identifier: MIT
"""usertests, the suite of all that a program written for xv6 may ask for (user/xv6/bin/usertests)."""
import re

import pytest

from test_xv6 import PROGRAMS, xv6

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

LEAST = 80  # tests there are
ROUNDS = 10
HOUR = 3600
HARTS = {"smp1": ["--smp", "1"], "smp3": ["--smp", "3"], "smp8": ["--smp", "8"], "icount": ["--icount"]}
OTHERS = {"large": ["--blocks", "70000"], "debug": ["--debug"],
          "ext4-debug-smp8": ["--fs", "ext4", "--debug", "--smp", "8"]}


def usertests(*arguments, options=(), timeout=HOUR, **kind):
    return xv6(*options, PROGRAMS, "--", "usertests", *arguments, timeout=timeout, **kind)


def all_passed(out):
    assert out.endswith(" passed, 0 failed\nusertests: OK\n"), out
    assert len(re.findall(r"^\w+: ok ", out, re.MULTILINE)) >= LEAST


def test_quick():
    all_passed(usertests("-q"))


def test_names():
    """A test by its name; one that does not exist is an error."""
    assert usertests("wait_none").endswith("1 passed, 0 failed\nusertests: OK\n")
    assert "no such test" in usertests("none", status=1)


@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_machines(name):
    all_passed(usertests(options=OTHERS[name]))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["xv6", "ext4"])
@pytest.mark.parametrize("name", HARTS)
def test_ten_in_a_row(name, kind):
    out = usertests("-c", str(ROUNDS), options=[*HARTS[name], "--fs", kind])
    all_passed(out)
    assert out.count(" passed, 0 failed\n") == ROUNDS
