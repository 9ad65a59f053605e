# SPDX-License-Identifier: MIT
"""Hostile programs and heavy loads: the machine lives on, and gets all of its memory back."""
import re

import pytest

from test_abi import abi, abi_programs  # noqa: F401

DROP_AND_SHOW = "sync; echo 3 >/proc/sys/vm/drop_caches; cat /proc/meminfo"


def free_kb(guest):
    """MemFree with the caches dropped; twice, as the first run leaves things of its own behind."""
    guest.out(DROP_AND_SHOW)
    return int(re.search(r"^MemFree:\s+(\d+) kB", guest.out(DROP_AND_SHOW), re.MULTILINE)[1])


@pytest.mark.parametrize("seed", range(1, 4))
def test_random_seeds(abi, seed):  # noqa: F811
    abi("hostile", "--seed", str(seed * 1000003))


def test_all_of_memory(abi):  # noqa: F811
    abi("hostile", "--memory")


@pytest.mark.rivulet
def test_memory_comes_back(guest, abi):  # noqa: F811
    abi("hostile", "--forks", "50")
    before = free_kb(guest)
    abi("hostile", "--forks", "500")
    abi("hostile", "--live", "50")
    assert free_kb(guest) == before


@pytest.mark.rivulet
@pytest.mark.parametrize("program", ["files", "memory", "pipes", "process", "signals", "threads",
                                     "badptr", "hostile"])
def test_program_leaves_nothing(guest, abi, program):  # noqa: F811
    abi(program)
    before = free_kb(guest)
    abi(program)
    assert free_kb(guest) == before


@pytest.mark.long
@pytest.mark.configs("smp4", "linux")
def test_many_processes(guest, abi):  # noqa: F811
    abi("hostile", "--forks", "100")
    abi("hostile", "--live", "1000", timeout=600)
    before = free_kb(guest)
    abi("hostile", "--forks", "20000", timeout=600)
    abi("hostile", "--live", "1000", timeout=600)
    if guest.config.on == "rivulet":
        assert free_kb(guest) == before


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4, 20))
def test_more_seeds(abi, seed):  # noqa: F811
    abi("hostile", "--seed", str(seed * 1000003))


def test_kill_by_signal_does_not_reach_others(guest):
    script = "sleep 1000 & victim=$!; (kill -9 $victim); wait $victim; echo $?; echo alive"
    assert guest.out(script) == "137\nalive\n"
