# SPDX-License-Identifier: MIT
"""A disk in memory for QEMU, by the NBD protocol, with a volatile cache and a switch for the power.

Every write and flush is recorded when it is submitted and when it completes; requests complete in any
order, as a seed decides. A write is durable if it completed before a flush was submitted that completed
too, or completed with FUA. At the chosen event of the record the power goes: nothing more is answered.
What a disk may hold then is all that is durable and any part of the rest, in sectors.

The protocol: github.com/NetworkBlockDevice/nbd, doc/proto.md.
"""
import random
import select
import socket
import struct
import threading

SECTOR = 512
READ, WRITE, DISCONNECT, FLUSH, TRIM, ZEROES = 0, 1, 2, 3, 4, 6
FUA = 1
OPTIONS, OPTION_REPLY = b"IHAVEOPT", 0x3e889045565a9
GO, INFO, ABORT = 7, 6, 2
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, 0x80000001
FLAGS = 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6  # flags, flush, FUA, trim, zeroes
AT_ONCE = 8  # requests that wait at most


class Write:
    """Or a flush, which has no data."""

    def __init__(self, at, data, fua, submitted):
        self.at, self.data, self.fua, self.submitted = at, data, fua, submitted
        self.completed = None


class PowerDisk:
    def __init__(self, image, path, seed):
        self.initial = bytes(image)
        self.image = bytearray(image)
        self.some = random.Random(seed)
        self.events = 0
        self.writes, self.flushes = [], []
        self.cut = None  # the event at which the power goes
        self.off = None  # then called
        self.dead = False
        self.waiting = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.path = path
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def blockdev(self):
        return f"driver=nbd,server.type=unix,server.path={self.path}"

    def close(self):
        self.listener.close()
        self.thread.join(10)

    # The protocol

    def _receive(self, n):
        data = bytearray()
        while len(data) < n:
            part = self.client.recv(n - len(data))
            if not part:
                raise ConnectionError
            data += part
        return bytes(data)

    def _option_reply(self, option, kind, data=b""):
        self.client.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)

    def _negotiate(self):
        self.client.sendall(b"NBDMAGIC" + OPTIONS + struct.pack(">H", 3))
        self._receive(4)
        while True:
            magic, option, length = struct.unpack(">8sII", self._receive(16))
            assert magic == OPTIONS
            self._receive(length)
            if option in (GO, INFO):
                self._option_reply(option, REPLY_INFO,
                                   struct.pack(">HQH", 0, len(self.image), FLAGS))
                self._option_reply(option, REPLY_ACK)
            elif option == ABORT:
                raise ConnectionError
            else:
                self._option_reply(option, REPLY_UNSUPPORTED)
            if option == GO:
                return

    def _serve(self):
        try:
            self.client, _ = self.listener.accept()
            with self.client:
                self._negotiate()
                while not self.dead:
                    self._step()
        except (OSError, ConnectionError):
            pass  # QEMU is gone

    def _step(self):
        """Takes what has come, or else completes one of those that wait."""
        patience = 0.0002 if self.waiting else None
        if len(self.waiting) < AT_ONCE and select.select([self.client], [], [], patience)[0]:
            self._take()
        elif self.waiting:
            self._complete(self.waiting.pop(self.some.randrange(len(self.waiting))))

    def _take(self):
        magic, flags, kind, cookie, at, length = struct.unpack(">IHHQQI", self._receive(28))
        assert magic == 0x25609513
        if kind == DISCONNECT:
            raise ConnectionError
        if kind == READ:
            self._answer(cookie, bytes(self.image[at:at + length]))
            return
        data = self._receive(length) if kind == WRITE else None if kind == FLUSH else bytes(length)
        one = Write(at, data, bool(flags & FUA), self.events)
        (self.flushes if kind == FLUSH else self.writes).append(one)
        self.waiting.append((cookie, one))
        self._event()

    def _complete(self, entry):
        cookie, one = entry
        one.completed = self.events
        if one.data is not None:
            self.image[one.at:one.at + len(one.data)] = one.data
        self._event()
        if not self.dead:
            self._answer(cookie)

    def _answer(self, cookie, data=b""):
        self.client.sendall(struct.pack(">IIQ", 0x67446698, 0, cookie) + data)

    def _event(self):
        self.events += 1
        if self.cut is not None and self.events >= self.cut:
            self.dead = True
            self.off()

    # What is left

    def after_cut(self, some, at=None):
        """The image after a cut at the event `at`, or now: all that is durable then and a part of
        the rest, chosen by a random.Random; and which part."""
        at = self.events if at is None else at

        def is_done(one):
            return one.completed is not None and one.completed < at

        safe = max((f.submitted for f in self.flushes if is_done(f)), default=0)
        image = bytearray(self.initial)
        done = [w for w in self.writes if is_done(w)]
        rest = [w for w in self.writes if w.submitted < at and not is_done(w)]
        order = sorted(done, key=lambda w: w.completed) + rest
        way = some.choice(("none", "completed", "all", "some", "some", "torn", "torn"))
        kept = 0
        for w in order:
            if is_done(w) and (w.completed < safe or w.fua):
                image[w.at:w.at + len(w.data)] = w.data
            elif way in ("all", "completed") and (way == "all" or is_done(w)) or \
                    way in ("some", "torn") and some.randrange(2):
                kept += 1
                for sector in range(0, len(w.data), SECTOR):
                    if way != "torn" or some.randrange(4):
                        image[w.at + sector:w.at + sector + SECTOR] = w.data[sector:sector + SECTOR]
        return bytes(image), f"{way}: {kept} writes that were not durable"


def log_writes(path):
    """(offset, data) of each write, in order, and the number of flushes, that QEMU's blklogwrites
    has in its log (the format of Linux's dm-log-writes)."""
    with open(path, "rb") as f:
        log = f.read()
    at, writes, flushes = 512, [], 0
    while at < len(log):
        sector, count, flags, _ = struct.unpack_from("<QQQQ", log, at)
        at += 512
        flushes += bool(flags & 1 and not count)
        if count and flags & 4:  # a discard: has no data
            writes.append((sector * SECTOR, bytes(count * SECTOR)))
        elif count:
            writes.append((sector * SECTOR, log[at:at + count * SECTOR]))
            at += count * SECTOR
    return writes, flushes
