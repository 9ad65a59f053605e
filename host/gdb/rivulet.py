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


STATES = ("running", "interruptible", "killable", "uninterruptible", "stopped", "new", "dead")


def listed(head, type_name, member):
    """The objects of a struct list."""
    kind = gdb.lookup_type(type_name)
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    node = head["next"]
    while int(node) != int(head.address):
        yield gdb.Value(int(node) - offset).cast(kind.pointer())
        node = node.dereference()["next"]


def frames(context):
    """Return addresses of a thread that is not running, by its frame pointers."""
    yield int(context["ra"])
    fp = int(context["s"][0])
    word = gdb.lookup_type("unsigned long").pointer()
    for _ in range(16):
        if fp >> 38 != (1 << 26) - 1 or fp & 7:
            return
        pc = int(gdb.Value(fp - 8).cast(word).dereference())
        fp = int(gdb.Value(fp - 16).cast(word).dereference())
        if pc >> 38 == (1 << 26) - 1:
            yield pc


class RvThreads(gdb.Command):
    """rv-threads: every user thread, its state, and where in the kernel it sleeps."""

    def __init__(self):
        super().__init__("rv-threads", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for process in listed(gdb.parse_and_eval("process_list"), "struct process", "all_node"):
            for task in listed(process["tasks"], "struct task", "link"):
                thread = task["thread"]
                name = thread["name"].string()
                state = STATES[int(thread["state"])]
                print(f"{int(thread['tid'])} {name}: {state}, hart {int(thread['arch']['hart'])}"
                      f"{', on it' if thread['on_hart'] else ''}")
                for pc in frames(thread["arch"]["context"]):
                    where = gdb.execute(f"info symbol {pc:#x}", to_string=True).strip()
                    print(f"    {pc:#x} {where.split(' in section')[0]}")


RvCurrent()
RvThreads()
