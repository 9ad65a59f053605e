# SPDX-License-Identifier: MIT
"""Writes /etc/ld.so.cache, where the dynamic loader of glibc looks libraries up by their names.

The format is that of glibc 2.32 and later ("glibc-ld.so.cache1.1"): a header, entries in descending
order of names, strings. An entry's key and value are places of strings, from the file's start.
"""
import functools
import os
import re
import struct

PLACES = ("/usr/local/lib/riscv64-linux-gnu", "/lib/riscv64-linux-gnu", "/lib")  # /lib is /usr/lib
HEADER = "<17s3sIIB3xI12x"
ENTRY = "<iIIIQ"
LITTLE_ENDIAN = 2
LINKS_MAX = 40
PT_LOAD, PT_DYNAMIC = 1, 2
DT_STRTAB, DT_SONAME = 5, 14
LIBC6_RISCV_DOUBLE_FLOAT = 0x1003
NAME = re.compile(r"(lib.*|ld-.*)\.so(\..*)?$")


def compare(a, b):
    """The loader's order: runs of digits are numbers, and stand after other characters."""
    parts = [re.findall(r"\d+|\D", text) for text in (a, b)]
    for x, y in zip(*parts):
        if x.isdigit() != y.isdigit():
            return 1 if x.isdigit() else -1
        x, y = (int(x), int(y)) if x.isdigit() else (x, y)
        if x != y:
            return 1 if x > y else -1
    return len(parts[0]) - len(parts[1])


def text_at(data, at):
    return data[at:data.index(b"\0", at)].decode()


def soname(path):
    """The name that a shared library goes by, "" if it has none, None if it is no library."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:5] != b"\177ELF\2":
        return None
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQ", data, start + i * size) for i in range(count)]
    entries = {}
    for kind, _, offset, _, _, length in headers:
        if kind == PT_DYNAMIC:
            entries = dict(struct.iter_unpack("<QQ", data[offset:offset + length]))
    if DT_SONAME not in entries:
        return "" if entries else None
    strings = entries[DT_STRTAB]
    for kind, _, offset, address, _, length in headers:
        if kind == PT_LOAD and address <= strings < address + length:
            return text_at(data, strings - address + offset + entries[DT_SONAME])
    return ""


def end_of_links(path, path_of):
    """The path that a chain of links leads to."""
    for _ in range(LINKS_MAX):
        if not os.path.islink(path_of(path)):
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path_of(path))))
    return path


def names_of(place, names, path_of):
    """The names that the libraries of a folder go by. A link to a file of its library's own name is a
    name, too."""
    found = set()
    for name in (n for n in names if NAME.match(n)):
        end = end_of_links(f"{place}/{name}", path_of)
        own = soname(path_of(end)) if os.path.isfile(path_of(end)) else None
        if own is not None:
            found.add(name if not own or os.path.basename(end) == own else own)
    return found


def make(libraries, path_of):
    """The cache for {folder: names}; path_of(path) is where the host has it."""
    found = [(name, f"{place}/{name}") for place, names in libraries.items()
             for name in sorted(names_of(place, names, path_of))]
    order = sorted(found, key=functools.cmp_to_key(lambda a, b: compare(a[0], b[0])), reverse=True)
    strings, entries = b"", b""
    start = struct.calcsize(HEADER) + len(order) * struct.calcsize(ENTRY)
    for name, path in order:
        value = start + len(strings)
        path = path.encode() + b"\0"
        strings += path
        key = value + len(path) - len(name) - 1  # the path's end is the name
        entries += struct.pack(ENTRY, LIBC6_RISCV_DOUBLE_FLOAT, key, value, 0, 0)
    head = struct.pack(HEADER, b"glibc-ld.so.cache", b"1.1", len(order), len(strings),
                       LITTLE_ENDIAN, 0)
    return head + entries + strings
