# SPDX-License-Identifier: MIT
"""How the benchmarks print their tables."""


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
