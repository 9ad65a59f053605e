# SPDX-License-Identifier: MIT
"""Concurrency under stress, and that all memory comes back: to the page, caches dropped."""
import os

import pytest

import machine

KINDS = {"forks": 400, "live": 100, "threads": 10, "pipes": 1000, "signals": 200, "mm": 20,
         "files": 800, "exit": 8, "fds": 200, "proc": 8, "futex": 500}


def stress(guest):
    folder = os.path.join(machine.ROOT, "tests/stress")
    return guest.program("tests/stress/stress", f"{folder}/stress_events.c",
                         f"{folder}/stress_files.c")


@pytest.mark.rivulet
@pytest.mark.parametrize("kind", KINDS)
def test_stress(guest, kind):
    check = [] if guest.config.name == "disk" else ["memcheck"]  # the log keeps what is not in place
    result = guest.run([stress(guest), *check, kind, str(KINDS[kind])], timeout=120)
    assert result.status == 0, result


@pytest.mark.rivulet
@pytest.mark.long
@pytest.mark.configs("smp4")
@pytest.mark.parametrize("kind, count", [("forks", 20000), ("live", 1000)])
def test_many_processes(guest, kind, count):
    result = guest.run([stress(guest), "memcheck", kind, str(count)], timeout=600)
    assert result.status == 0, result


@pytest.mark.rivulet
@pytest.mark.configs("smp4", "debug")
def test_ids(rv):
    """All are in use, and one is given out again."""
    program = machine.cross_program("tests/stress/ids.c")
    done = rv("exec", "--root", "memory", "--mem", "2G", "--timeout", "300", "--put", f"{program}:/ids", "--",
              "/ids", timeout=360)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
