# SPDX-License-Identifier: MIT
"""/proc/sysrq-trigger: the kernel tells its log where its harts are."""
import re

import pytest

pytestmark = pytest.mark.rivulet  # Linux's text is another


def told(guest, letters):
    """What the log says from the last "sysrq:" on."""
    guest.out(f"printf %s {letters} >/proc/sysrq-trigger")
    return guest.out("dmesg").rsplit("sysrq: ", 1)[1]


CHAIN = r"((?:  [0-9a-f]{16} \w+(?:\.\w+)*\+0x[0-9a-f]+\n)+)"


def test_backtrace(guest):
    """Of the writer first, from the call down; then of each other hart, where it was interrupted."""
    harts = re.findall(r"^hart (\d+): (.+)\nbacktrace:\n" + CHAIN, told(guest, "l"), re.MULTILINE)
    chains = [re.findall(r"(\w+)\+", text) for _, _, text in harts]
    assert sorted(int(n) for n, *_ in harts) == list(range(guest.config.smp)), harts
    assert harts[0][1] == "busybox"
    assert "proc_write_sysrq" in chains[0] and chains[0][-2:] == ["sys_write", "trap_entry"], chains[0]
    assert all("smp_interrupt" in chain[:2] for chain in chains[1:]), chains


@pytest.mark.configs("smp4", "debug")
def test_seen_from_outside(guest):
    """A thread that is in the kernel on another hart, by what lies on its stack."""
    try:
        guest.out("busybox dd if=/dev/zero of=/dev/null bs=1M >/dev/null 2>&1 & echo $! >/tmp/spinner")
        while True:
            seen = re.findall(r"^hart \d+ runs busybox \(\d+\).*\n(?:  holds .*\n)*stack, oldest call first:\n" +
                              CHAIN, told(guest, "l"), re.MULTILINE)
            if any("sys_read" in chain or "sys_write" in chain for chain in seen):
                break
    finally:
        guest.out("kill $(cat /tmp/spinner); rm /tmp/spinner")


@pytest.mark.configs("smp4", "debug")
def test_while_threads_end(guest):
    """What a hart runs may have ended by the time it is told."""
    try:
        guest.out("(while ! [ -e /tmp/enough ]; do for i in 1 2 3 4; do busybox true & done; wait; done; "
                  "rm /tmp/enough) >/dev/null 2>&1 &")
        for _ in range(50):
            assert len(re.findall(r"^hart \d+: ", told(guest, "l"), re.MULTILINE)) == guest.config.smp
    finally:
        guest.out("touch /tmp/enough; while [ -e /tmp/enough ]; do busybox true; done")


def test_other_letters(guest):
    for letters in "x", "''", "xl":
        assert told(guest, letters).startswith("no such letter"), letters


def test_only_for_root(rv):
    done = rv("exec", "--uid", "1", "--", "busybox", "sh", "-c",
              "ls -l /proc/sysrq-trigger; echo l >/proc/sysrq-trigger")
    assert done.returncode and done.stdout.startswith(b"--w-------") and b"denied" in done.stderr, done
