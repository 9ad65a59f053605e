# SPDX-License-Identifier: MIT
"""Makes the kernel's symbol table.

    symtab.py OUT.S            an empty table
    symtab.py OUT.S -          the table of the code symbols in `nm -n` output on stdin
    symtab.py --check OUT.S -  whether OUT.S is what that output gives; exit 1 if not

The table: ksym_table, sorted pairs (u32 offset from kernel_start, u32 offset in ksym_names);
ksym_count and ksym_names_size (u32); ksym_names, zero-terminated strings. Section .ksym. A name that
ends another one lies within it.
"""
import sys


def code_symbols(lines):
    """(offset, name) of each code symbol, ascending; one name an address, global ones first."""
    start, symbols = None, {}
    for line in lines:
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == "kernel_start":
            start = address
        if kind in "tTwW" and not name.startswith(("$", ".L")):
            if address not in symbols or symbols[address][0] in "tw" and kind in "TW":
                symbols[address] = (kind, name)
    if start is None:
        sys.exit("symtab.py: the kernel has no symbol kernel_start")
    return [(a - start, symbols[a][1]) for a in sorted(symbols) if a >= start]


def place_names(names):
    """({name: place}, the names to write in order)"""
    places, written, end, last = {}, [], 0, ""
    for turned in sorted({name[::-1] for name in names}, reverse=True):
        name = turned[::-1]
        if not last.endswith(name):
            written.append(name)
            end += len(name) + 1
            last = name
        places[name] = end - len(name) - 1
    return places, written


def assembly(symbols):
    out = ['    .section .ksym, "a"', "    .balign 8", "    .globl ksym_table", "ksym_table:"]
    places, written = place_names(name for _, name in symbols)
    out += [f"    .word {offset:#x}, {places[name]}" for offset, name in symbols]
    size = sum(len(name) + 1 for name in written)
    for label, value in (("ksym_count", len(symbols)), ("ksym_names_size", size)):
        out += [f"    .globl {label}", f"{label}:", f"    .word {value}"]
    out += ["    .globl ksym_names", "ksym_names:"]
    out += [f'    .asciz "{name}"' for name in written]
    out.append('    .section .note.GNU-stack, "", @progbits')
    return "\n".join(out) + "\n"


def main(argv):
    check = argv[0] == "--check"
    path = argv[check]
    text = assembly(code_symbols(sys.stdin) if argv[-1] == "-" else [])
    if not check:
        with open(path, "w") as f:
            f.write(text)
    elif open(path).read() != text:
        sys.exit("symtab.py: linking the symbol table moved the code; is .ksym behind it?")


if __name__ == "__main__":
    main(sys.argv[1:])
