# SPDX-License-Identifier: MIT
"""compdb.py OUT.json COMPILER FLAGS... -- SOURCES...: writes a compilation database."""
import json
import os
import sys

out, *rest = sys.argv[1:]
split = rest.index("--")
entries = [{"directory": os.getcwd(), "file": source,
            "arguments": rest[:split] + ["-c", source]} for source in rest[split + 1:]]
with open(out, "w") as f:
    json.dump(entries, f, indent=1)
