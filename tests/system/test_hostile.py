# SPDX-License-Identifier: MIT
"""Hostile programs and heavy loads: the machine lives on, and gets all of its memory back."""
import re

import pytest

from test_abi import abi, abi_programs  # noqa: F401

DROP_AND_SHOW = "sync; echo 3 >/proc/sys/vm/drop_caches; cat /proc/meminfo"
REPEATS = 5


def free_kb(guest):
    """MemFree with the caches dropped, at its best: who measures holds a few pages itself."""
    samples = [guest.out(DROP_AND_SHOW) for _ in range(4)]
    return max(int(re.search(r"^MemFree:\s+(\d+) kB", s, re.MULTILINE)[1]) for s in samples)


def leaves_nothing(guest, work):
    """Fails if work() costs memory for good. Slab caches may keep a page more or less each time; a
    leak costs something every time, so that free memory falls with every run."""
    work()
    seen = [free_kb(guest)]
    for _ in range(REPEATS):
        work()
        seen.append(free_kb(guest))
        if seen[-1] >= min(seen[:-1]):
            return
    pytest.fail(f"MemFree, in kB, after each run: {seen}")


@pytest.mark.parametrize("seed", range(1, 4))
def test_random_seeds(abi, seed):  # noqa: F811
    abi("hostile", "--seed", str(seed * 1000003))


def test_all_of_memory(abi):  # noqa: F811
    abi("hostile", "--memory")


@pytest.mark.rivulet
def test_memory_comes_back(guest, abi):  # noqa: F811
    def work():
        abi("hostile", "--forks", "500")
        abi("hostile", "--live", "50")
    leaves_nothing(guest, work)


@pytest.mark.rivulet
@pytest.mark.parametrize("program", ["files", "memory", "pipes", "process", "signals", "threads",
                                     "badptr", "exec"])
def test_program_leaves_nothing(guest, abi, program):  # noqa: F811
    leaves_nothing(guest, lambda: abi(program))


@pytest.mark.long
@pytest.mark.configs("smp4", "linux")
def test_many_processes(guest, abi):  # noqa: F811
    def work():
        abi("hostile", "--forks", "20000", timeout=600)
        abi("hostile", "--live", "1000", timeout=600)
    if guest.config.on == "rivulet":
        leaves_nothing(guest, work)
    else:
        work()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4, 20))
def test_more_seeds(abi, seed):  # noqa: F811
    abi("hostile", "--seed", str(seed * 1000003))


def test_kill_by_signal_does_not_reach_others(guest):
    script = "sleep 1000 & victim=$!; (kill -9 $victim); { wait $victim; } 2>/dev/null; echo $?; echo alive"
    assert guest.out(script) == "137\nalive\n"
