# SPDX-License-Identifier: MIT
"""The lock lab: with eight harts hardly anybody waits for memory or for cached blocks."""
import os

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


def test_release():
    """Only debug builds count."""
    assert xv6(program("kalloctest"), status=2) == ""
