# SPDX-License-Identifier: MIT
"""What the benchmarks share: their programs' lines, and how they print tables."""
import math
import sys

import guest
import machine


def lines_of(config, words, timeout):
    """The fields of each line that a benchmark prints in the guest; Error if it fails."""
    status, out, err, run = guest.run(config, words, timeout=timeout)
    if status != 0:
        sys.stderr.buffer.write(err + (run.console() if run.panicked else b""))
        raise machine.Error(f"the benchmark ended with status {status} on {config.on}")
    return [line.split() for line in out.decode().splitlines()]


def verdict(ratios, goal):
    """Rows beside Linux's, together."""
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.2f} (goal {goal}), no row over 1: {'no' if max(ratios) > 1 else 'yes'}\n")


def number(value):
    if value is None:
        return ""
    if value >= 10000000:
        return f"{value / 1e6:,.1f} M"
    return f"{value:,}"


def table(columns, rows):
    lines = [columns, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(line[1:], widths[1:])]
        print("  ".join(cells).rstrip())
    print()
