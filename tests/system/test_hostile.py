# SPDX-License-Identifier: MIT
"""Hostile programs and heavy loads: the machine lives on, and gets all of its memory back."""
import re
from operator import le

import pytest

from test_abi import abi, abi_programs  # noqa: F401

DROP_AND_SHOW = "sync; echo 3 >/proc/sys/vm/drop_caches; cat /proc/meminfo /proc/slabinfo"
SAMPLES = 4
REPEATS = 5


def in_use(guest):
    """(kB of pages outside slabs, objects in slabs), caches dropped. The least of a few samples: who
    measures holds something too, and what ended lately is freed a moment later."""
    def sample():
        text = guest.out(DROP_AND_SHOW)
        kb = {name: int(value) for name, value in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
        objects = re.findall(r"^[\w-]+ +(\d+) +\d+ +\d+ ", text, re.MULTILINE)
        return kb["MemTotal"] - kb["MemFree"] - kb["Slab"], sum(map(int, objects))
    return tuple(map(min, zip(*(sample() for _ in range(SAMPLES)))))


def leaves_nothing(guest, work):
    """Fails if work() costs memory for good: a page or an object more after each of its runs. A page
    that a later run touches for the first time, in this shell say, is none: two runs in a row then
    cost nothing. How many slabs the objects lie in varies with where they fell, and says nothing."""
    work()
    seen = [in_use(guest)]
    for _ in range(REPEATS):
        work()
        seen.append(in_use(guest))
        if any(all(map(le, seen[-1], before)) for before in [seen[0], *seen[:-2]]):
            return
    pytest.fail(f"kB and objects in use after each run: {seen}")


@pytest.mark.parametrize("seed", range(1, 4))
def test_random_seeds(abi, seed):  # noqa: F811
    abi("hostile", "--seed", str(seed * 1000003))


def test_all_of_memory(abi):  # noqa: F811
    abi("hostile", "--memory")


@pytest.mark.rivulet
def test_memory_of_no_process(abi):  # noqa: F811
    abi("hostile", "--sets")


@pytest.mark.rivulet
@pytest.mark.memory_exact
def test_memory_comes_back(guest, abi):  # noqa: F811
    def work():
        abi("hostile", "--forks", "500")
        abi("hostile", "--live", "50")
    leaves_nothing(guest, work)


@pytest.mark.rivulet
@pytest.mark.memory_exact
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
        abi("hostile", "--pidfds", "33000", timeout=600)
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
