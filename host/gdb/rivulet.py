# SPDX-License-Identifier: MIT
"""GDB commands that know Rivulet. Loaded by ./rv debug."""
import gdb


class RvCurrent(gdb.Command):
    """rv-current: the kernel thread that each hart runs (register tp; kernel mode only)."""

    def __init__(self):
        super().__init__("rv-current", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        selected = gdb.selected_thread()
        for hart in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            hart.switch()
            pc = int(gdb.parse_and_eval("(unsigned long)$pc"))
            tp = int(gdb.parse_and_eval("(unsigned long)$tp"))
            where = gdb.execute("info symbol $pc", to_string=True).strip()
            state = f"thread {tp:#x}" if pc >> 63 else "user mode or firmware"
            print(f"hart {hart.num - 1}: pc {pc:#x} ({where}) {state}")
        selected.switch()


RvCurrent()
