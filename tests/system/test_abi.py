# SPDX-License-Identifier: MIT
"""The static glibc programs of tests/abi, each run in the shared machine."""
import os
import subprocess

import pytest

import machine

SOURCE = os.path.join(machine.ROOT, "tests/abi")
PROGRAMS = sorted(name[:-2] for name in os.listdir(SOURCE) if name.endswith(".c"))
DIRECTORY = "/tmp/abi.bin"
MORE = {"exec": ["exec_pie"], "loader": ["loader_interp"]}  # what a program runs
TIMEOUT = 240
SLOW = 4  # times the time that a configuration without --icount or DEBUG gets


@pytest.fixture(scope="session")
def abi_programs():
    """The directory with all programs, built."""
    command = ["make", "-s", "-C", SOURCE, f"BUILD={machine.BUILD}", f"-j{os.cpu_count()}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return os.path.join(machine.BUILD, "abi")


@pytest.fixture
def abi(guest, abi_programs):
    """abi(NAME, ARG...): runs a program; all of its checks must have passed."""
    def copy(name):
        with open(os.path.join(abi_programs, name), "rb") as f:
            guest.put(f"{DIRECTORY}/{name}", f.read(), 0o755)

    def run(name, *arguments, timeout=TIMEOUT):
        guest.out(f"mkdir -p {DIRECTORY}")
        for one in [name, *MORE.get(name, [])]:
            copy(one)
        factor = SLOW if guest.config.icount or guest.config.debug else 1
        result = guest.run([f"{DIRECTORY}/{name}", *arguments], timeout=timeout * factor)
        lines = result.out.decode("utf-8", "replace").splitlines()
        failed = [line for line in lines if line.startswith("FAIL ")]
        assert not result.timed_out, f"hangs after: {lines[-3:]}"
        assert not failed, "\n".join(failed)
        assert result.status == 0, f"status {result.status}; {lines[-3:]} {result.err}"
    yield run
    if guest.machine:
        guest.run(["busybox", "rm", "-rf", DIRECTORY, "/tmp/abi.dir"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_abi(abi, program):
    abi(program)
