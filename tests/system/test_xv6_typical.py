# SPDX-License-Identifier: MIT
"""Programs as people who take the course write them (tests/xv6), compiled as they are."""
import os

import pytest

from test_xv6 import PROGRAMS, xv6

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

PRIMES = [n for n in range(2, 150) if all(n % d for d in range(2, n))]
# A line for the shell among them, and what it prints.
SESSION = [
    ("sieve", [*(f"prime {n}" for n in PRIMES), f"{len(PRIMES)} processes"]),
    ("noreturn", ["child 3"]),
    ("bsszero", ["sum 0 last 7"]),
    ("shrink", ["kept 5a again 0"]),
    ("manyargs", ["20: " + " ".join(chr(97 + i) + chr(122 - i) for i in range(1, 20))]),
    ("lowfd", ["into the file", "pipe 0 3"]),
    ("opencons", ["type 3 wrote 2"]),
    ("mkdir a", []),
    ("mkdir a/b", []),
    ("echo one > a/b/x", []),
    ("echo two >> a/b/x", []),
    ("cat < a/b/x | grep t | wc", ["1 1 4"]),
    ("(echo p ; echo q) | cat > a/pq ; cat a/pq", ["p", "q"]),
    ("echo a/pq a/b/x | eachline cat", ["p", "q", "one", "two"]),
    ("echo here > x", []),
    ("lookfor a x", ["a/b/x"]),  # of all there are, the order would be the directory's
    ("lookfor . README | eachline wc", None),
    ("cd a", []),
    ("cat none | cat | cat b/x", ["one", "two"]),
    ("echo 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", [" ".join(map(str, range(1, 19)))]),
    ("(echo in ; (echo deeper | cat)) | grep deep", ["deeper"]),
    ("echo behind &", ["behind"]),
]


def readme_counts():
    with open(os.path.join(PROGRAMS, "../../user/xv6/README"), "rb") as f:
        text = f.read()
    lines, words = text.count(b"\n"), len(text.split())
    return [f"{lines} {words} {len(text)} ./README"]


@pytest.mark.parametrize("kind", ["xv6", "ext4"])
def test_session(kind):
    """A shell with a parser of its own runs all of them."""
    script = "".join(line + "\n" for line, _ in SESSION).encode()
    out = xv6("--fs", kind, PROGRAMS, "--", "minish", stdin=script).splitlines()
    wanted = sum(([*readme_counts()] if lines is None else lines for _, lines in SESSION), [])
    assert [" ".join(line.split()) for line in out] == wanted


def test_one_file():
    """Any of them by itself, without a word about how it is written."""
    out = xv6(os.path.join(PROGRAMS, "sieve.c"))
    assert out.splitlines()[-1] == f"{len(PRIMES)} processes"
