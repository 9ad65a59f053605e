# SPDX-License-Identifier: MIT
"""A terminal's screen in memory, as far as vi, top, less and a shell drive one (ECMA-48, VT100)."""
import re

SEQUENCE = re.compile(r"\x1b(?:\[([?>]?)([0-9;]*)([@-~])|([()][0-9A-Za-z]|[=>78MDEc]))")
PARTIAL = re.compile(r"\x1b(?:\[[?>]?[0-9;]*|[()])?$")


class Screen:
    """feed() it what a program writes; lines() is what a person sees; replies are collected in
    `answers` (to the question where the cursor is)."""

    def __init__(self, rows=24, columns=80):
        self.rows, self.columns = rows, columns
        self.answers = ""
        self.rest = ""
        self.saved = (0, 0)
        self.reset()

    def reset(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, self.rows - 1

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def text(self):
        return "\n".join(self.lines()).rstrip("\n")

    def feed(self, data):
        text = self.rest + (data.decode("utf-8", "replace") if isinstance(data, bytes) else data)
        self.rest, at = "", 0
        while at < len(text):
            if text[at] != "\x1b":
                self._character(text[at])
                at += 1
                continue
            match = SEQUENCE.match(text, at)
            if match:
                self._sequence(match)
                at = match.end()
            elif PARTIAL.match(text, at):
                self.rest = text[at:]
                return
            else:
                at += 1

    def _character(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self._down()
        elif c == "\b":
            self.column = max(0, min(self.column, self.columns) - 1)
        elif c == "\t":
            self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)
        elif c >= " " and c != "\x7f":
            if self.column >= self.columns:
                self.column = 0
                self._down()
            self.cells[self.row][self.column] = c
            self.column += 1

    def _down(self):
        if self.row == self.bottom:
            self._scroll(self.top, 1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def _scroll(self, top, count):
        """Moves the lines top..bottom up by `count`, or down if it is negative."""
        for _ in range(abs(count)):
            gone, new = (top, self.bottom) if count > 0 else (self.bottom, top)
            del self.cells[gone]
            self.cells.insert(new, [" "] * self.columns)

    def _sequence(self, match):
        private, numbers, final, short = match.groups()
        if short:
            return self._short(short)
        n = [int(x) if x else 0 for x in numbers.split(";")]
        if private:
            if final in "hl" and n[0] in (47, 1047, 1049):
                self.reset()
            return None
        method = getattr(self, "_csi_" + {"@": "at"}.get(final, "upper_" * final.isupper()
                                                          + final.lower()), None)
        if method:
            method(n, max(n[0], 1))
            self.row = max(0, min(self.row, self.rows - 1))
            self.column = max(0, min(self.column, self.columns - 1))
        return None

    def _short(self, short):
        if short == "7":
            self.saved = (self.row, self.column)
        elif short == "8":
            self.row, self.column = self.saved
        elif short == "M":
            if self.row == self.top:
                self._scroll(self.top, -1)
            else:
                self.row -= 1
        elif short in "DE":
            self._down()
        elif short == "c":
            self.reset()

    def _csi_upper_a(self, n, count):
        self.row -= count

    def _csi_upper_b(self, n, count):
        self.row += count

    def _csi_upper_c(self, n, count):
        self.column += count

    def _csi_upper_d(self, n, count):
        self.column -= count

    def _csi_upper_g(self, n, count):
        self.column = count - 1

    def _csi_d(self, n, count):
        self.row = count - 1

    def _csi_upper_h(self, n, count):
        self.row = count - 1
        self.column = max(n[1], 1) - 1 if len(n) > 1 else 0

    _csi_f = _csi_upper_h

    def _csi_upper_j(self, n, count):
        here = self.row * self.columns + min(self.column, self.columns - 1)
        end = self.rows * self.columns
        for i in {0: range(here, end), 1: range(here + 1)}.get(n[0], range(end)):
            self.cells[i // self.columns][i % self.columns] = " "

    def _csi_upper_k(self, n, count):
        spans = {0: range(self.column, self.columns), 1: range(min(self.column + 1, self.columns))}
        for i in spans.get(n[0], range(self.columns)):
            self.cells[self.row][i] = " "

    def _csi_upper_l(self, n, count):
        self._scroll(self.row, -count)

    def _csi_upper_m(self, n, count):
        self._scroll(self.row, count)

    def _csi_upper_s(self, n, count):
        self._scroll(self.top, count)

    def _csi_upper_t(self, n, count):
        self._scroll(self.top, -count)

    def _csi_upper_p(self, n, count):
        row = self.cells[self.row]
        del row[self.column:self.column + count]
        row += [" "] * (self.columns - len(row))

    def _csi_at(self, n, count):
        row = self.cells[self.row]
        row[self.column:self.column] = [" "] * count
        del row[self.columns:]

    def _csi_r(self, n, count):
        self.top = count - 1
        self.bottom = (n[1] if len(n) > 1 and n[1] else self.rows) - 1
        self.row = self.column = 0

    def _csi_s(self, n, count):
        self.saved = (self.row, self.column)

    def _csi_u(self, n, count):
        self.row, self.column = self.saved

    def _csi_n(self, n, count):
        if n[0] == 6:
            self.answers += f"\x1b[{self.row + 1};{self.column + 1}R"
