# SPDX-License-Identifier: MIT
"""Failed allocations: each one of many workloads by fail-nth, and memory that is out at boot."""
import os

import pytest

import machine

CRASH = (b"backtrace", b"assertion", b"undefined behaviour")


@pytest.mark.rivulet
@pytest.mark.configs("debug")
def test_every_allocation_fails_once(rv):
    folder = os.path.join(machine.ROOT, "tests/stress")
    program = machine.cross_program("tests/stress/failnth.c", f"{folder}/failnth_files.c",
                                    f"{folder}/failnth_processes.c")
    done = rv("exec", "--root", "memory", "--timeout", "600", "--put", f"{program}:/failnth", "--", "/failnth",
              timeout=660)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, [line for line in lines if not line.startswith("ok ")][:-1]) == \
        (0, []), done.stdout.decode() + done.stderr.decode()
    assert len(lines) > 40


def out_of_memory_at_boot(done):
    """Whether the machine ended with one line that says so, and nothing behind it."""
    lines = done.stderr.rstrip().splitlines()
    assert done.returncode == 70, done
    assert lines[-1].startswith(b"panic: out of memory at boot: "), done.stderr.decode()
    assert not any(word in done.stderr for word in CRASH), done.stderr.decode()


@pytest.mark.rivulet
@pytest.mark.configs("smp4", "own")  # QEMU has no place for a debug kernel in 6M, nor takes 7M
def test_initramfs_beyond_memory(rv):
    out_of_memory_at_boot(rv("exec", "--root", "memory", "--mem", "6M", "--timeout", "30", "--",
                             "true"))


@pytest.mark.rivulet
@pytest.mark.configs("smp4", "debug", "own")
@pytest.mark.parametrize("mem,files", [("11M", 1300), ("12M", 2000), ("16M", 3000)])
def test_root_larger_than_memory(rv, tmp_path, mem, files):
    for i in range(files):
        (tmp_path / str(i)).write_bytes(b"x")  # takes a page
    out_of_memory_at_boot(rv("exec", "--root", "memory", "--mem", mem, "--timeout", "30",
                             "--put", f"{tmp_path}:/many", "--", "true"))


@pytest.mark.rivulet
@pytest.mark.configs("debug")
@pytest.mark.parametrize("root", ["memory", "native"])
def test_each_allocation_of_boot(rv, root):
    n, step, came_up, failed = 1, 1, 0, 0
    while came_up < 2:  # once may be a page read ahead of need
        done = rv("exec", "--root", root, "--timeout", "30", "--append", f"fail_nth={n}", "--",
                  "true")
        if done.returncode:
            out_of_memory_at_boot(done)
            failed += 1
        came_up = 0 if done.returncode else came_up + 1
        n, step = n + step, step + step // 4 + 1
    assert failed > 15  # the boot allocates often
