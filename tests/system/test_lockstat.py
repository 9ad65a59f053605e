# SPDX-License-Identifier: MIT
"""/proc/lockstat: what it counts was counted, once each, and adds up."""
import pytest

pytestmark = [pytest.mark.rivulet, pytest.mark.configs("debug")]

FORKS = "for j in 1 2 3 4 5; do (for i in 1 2 3 4 5 6 7 8; do /bin/echo; done) & done >/dev/null; wait; "


def rows(text):
    """{lock: (acquired, contended, spins)}, the names of the most contended, the total."""
    table, worst, total = ([line.split() for line in part.splitlines()]
                           for part in text.split("---"))
    numbers = {name: tuple(map(int, n)) for name, *n in table[1:]}
    return numbers, [row[0] for row in worst[1:]], tuple(map(int, total[1][1:]))


def test_counts(guest):
    first, *_ = rows(guest.out("cat /proc/lockstat"))
    later, worst, total = rows(guest.out(FORKS + "cat /proc/lockstat"))
    assert later["proctree"][0] >= first["proctree"][0] + 40
    assert all(now >= then for name in first for now, then in zip(later[name], first[name]))
    assert all(contended <= acquired for acquired, contended, _ in later.values())
    assert total == tuple(map(sum, zip(*later.values())))
    by_contention = sorted(later, key=lambda name: later[name][1], reverse=True)
    assert [later[n][1] for n in worst] == [later[n][1] for n in by_contention[:5] if later[n][1]]


def test_reset(guest):
    before, *_ = rows(guest.out(FORKS + "cat /proc/lockstat"))
    after, *_ = rows(guest.out("echo 0 >/proc/lockstat; cat /proc/lockstat"))
    assert after["proctree"][0] < before["proctree"][0]
    assert guest.out("echo 1 2>/dev/null >/proc/lockstat || echo refused") == "refused\n"
