# SPDX-License-Identifier: MIT
"""The host's side of agent.c's protocol, over any pair of send and receive functions."""
import struct
from collections import namedtuple

# `status`: the exit status, or 128 + n for signal n. Outputs are bytes.
Result = namedtuple("Result", "status out err timed_out")


class Gone(Exception):
    """The agent is gone: the machine panicked, hangs or ended."""


def request(argv, stdin=b"", env=None, cwd="/", timeout=30.0):
    variables = [f"{k}={v}" for k, v in (env or {}).items()]
    text = b"".join((s if isinstance(s, bytes) else s.encode()) + b"\0"
                    for s in [cwd, *argv, *variables])
    body = struct.pack("<4I", int(timeout * 1000), len(argv), len(variables), len(stdin))
    body += text + stdin
    return struct.pack("<I", len(body)) + body


def replies(receive):
    """Result of the command whose frames receive(n) -> n bytes delivers."""
    streams = {"o": [], "e": []}
    while True:
        kind, size = struct.unpack("<cI", receive(5))
        data = receive(size)
        if kind == b"s":
            break
        streams[kind.decode()].append(data)
    raw, timed_out = struct.unpack("<2I", data)
    status = 128 + (raw & 0x7f) if raw & 0x7f else raw >> 8 & 0xff
    return Result(status, b"".join(streams["o"]), b"".join(streams["e"]), bool(timed_out))
