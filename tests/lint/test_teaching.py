# SPDX-License-Identifier: MIT
"""The table of xv6's mechanisms in docs/xv6.md: what it names is where it says."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def rows():
    with open(os.path.join(ROOT, "docs/xv6.md")) as f:
        section = f.read().split("\n## Teaching view\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_names():
    assert len(rows()) >= 30
    for xv6, here, why in rows():
        text = None
        assert here.startswith("`kernel/") and why, xv6
        for name in re.findall(r"`([^`]+)`", here):
            if name.startswith("kernel/"):
                with open(os.path.join(ROOT, name)) as f:
                    text = f.read()
            else:
                defined = rf"(^[^\s/].*\b{name}\(|^{name}:|^struct {name} {{|#define {name}\b|\b{name}\[)"
                assert re.search(defined, text, re.MULTILINE), f"{xv6}: {name} is not there"
