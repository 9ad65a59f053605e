# SPDX-License-Identifier: MIT
"""The programs that come with ./rv xv6: the everyday ones by what they print, the tests by running
them. docs/xv6.md lists them."""
import re

import pytest

from test_xv6 import xv6

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

QUICK = ["sysinfotest", "pgtbltest", "bttest", "lazytests", "cowtest", "uthread", "symlinktest",
         "mmaptest", "grind 2000 7"]
PRIMES = [n for n in range(2, 150) if all(n % d for d in range(2, n))]


def run(*command, options=(), **kind):
    return xv6(*options, "--", *command, timeout=600, **kind)


def sh(script, **kind):
    return run("sh", "-c", script, **kind)


def primes(last):
    return "".join(f"prime {p}\n" for p in PRIMES if p <= last)


@pytest.mark.parametrize("options", [("--fs", "xv6"), ("--fs", "ext4"), ("--smp", "8")], ids=" ".join)
def test_tests(options):
    """Every test program, one after another."""
    out = sh("; ".join(f"{program} 2>&1 && echo passed" for program in QUICK), options=options)
    for program in QUICK:
        name = program.split()[0]
        assert f"{name}: OK\npassed\n" in out, out
    assert out.count("passed\n") == len(QUICK)


def test_alarm():
    assert run("alarmtest") == "alarmtest: OK\n"


def test_bigfile():
    """The largest file of the xv6 file system, and not a block more."""
    assert run("bigfile", options=("--blocks", "70000")) == (
        "65803 blocks\none block more: refused\nbigfile: OK\n")


def test_bigfile_without_room():
    """A disk that is too small: the file ends early, and the test says where."""
    out = sh("bigfile 3000; echo $?; bigfile 20", options=("--blocks", "2000"))
    assert out == "3000 blocks\n1\n20 blocks\nbigfile: OK\n"


def test_primes():
    """Thirty-seven processes in a row, of sixty-four, with sixteen descriptors each."""
    assert sh("primes; primes 149") == primes(35) + primes(149)


def test_pingpong():
    out = run("pingpong")
    match = re.fullmatch(r"(\d+): received ping\n(\d+): received pong\n", out)
    assert match and match[1] != match[2], out


def test_find_and_xargs():
    out = sh("mkdir a a/b a/b/c; echo one > a/README; echo two > a/b/c/README; ln -s .. a/b/c/up;"
             "find . README; find a/ README; find a/b b; find /a none; echo $?;"
             "find a README | xargs grep o; echo hello too | xargs echo bye;"
             "find none README; echo $?")
    assert out == ("./README\n./a/b/c/README\n./a/README\na/b/c/README\na/README\na/b\n0\n"
                   "two\none\nbye hello too\n1\n")


def test_find_depth():
    """Deeper than there are descriptors."""
    names = "d/" * 40
    script = "".join(f"mkdir {'d/' * i}; " for i in range(1, 41))
    assert sh(f"{script} echo x > {names}deep; find . deep") == f"./{names}deep\n"


def test_xargs_lines():
    """One run a line; none for an empty one; what the command leaves of the input is there still."""
    script = ("(echo a; echo; echo b  c; echo d) > lines; xargs echo - < lines;"
              "(echo first; echo rest) | xargs cat; echo none | xargs missing; echo $?")
    assert sh(script) == "- a\n- b c\n- d\n1\n"


def test_sleep():
    out = sh("sleep; echo $?; sleep x; echo $?; sleep 2; echo $?")
    assert out == "1\n1\n0\n"


def test_trace():
    """One line a call, with xv6's names only, exec's too; a mask chooses; children are traced."""
    def lines(script):
        return re.findall(r"^\d+: syscall (.*) -> (-?\d+)$", sh(f"{script}; echo"), re.MULTILINE)

    calls = lines("trace 2147483647 grep hello README 2>&1")
    assert calls[:3] == [("trace", "0"), ("exec", "3"), ("open", "3")]
    assert [name for name, _ in calls if name != "sbrk"] == [
        "trace", "exec", "open", "read", "read", "close"]
    assert {name for name, _ in lines("trace 32 grep hello README 2>&1")} == {"read"}
    forks = lines("trace 2 pingpong 2>&1")
    assert len(forks) == 1 and forks[0][0] == "fork"
    assert len(lines("trace 2 primes 2>&1")) == 12
    assert lines("grep hello README 2>&1") == []


def test_small_programs():
    """`stats` fails where the kernel counts nothing; test_xv6_locks.py has the other."""
    assert sh("call; stats > out; echo $?") == "23 55 9\n1\n"
