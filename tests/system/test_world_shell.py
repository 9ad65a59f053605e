# SPDX-License-Identifier: MIT
"""Bash at a terminal, by named transcripts: what is typed, and all that is written until the prompt."""
import re

import pexpect
import pytest

import conftest

pytestmark = pytest.mark.one_config

PROMPT = "% "
START = """
mkdir -p /tmp/b; cd /tmp; PATH=/tmp/b:$PATH; export TERM=dumb HISTFILE= INPUTRC=/dev/null PS1='% ' PS2='> '
printf '#!/bin/sh\\necho ready\\nexec sleep 1000\\n' >b/nap; printf '#!/bin/sh\\necho ready\\nexec cat\\n' >b/kitten
chmod 755 b/nap b/kitten; ulimit -c 0; stty cols 250; exec bash --norc
"""
STOP, INT, QUIT, END = "\x1a", "\x03", "\x1c", "\x04"
PATIENCE = 120  # seconds

# Each: what is typed, and what comes then until the prompt; with "..." at the end no prompt comes. Of
# bytes, which edit the line, only the end of the answer is compared. A process's number is <PID>. <+> is
# a blank for a job that bash saw continue and end at once, so that there was no current one between.
TRANSCRIPTS = {
    "stop, foreground, interrupt": [
        ("kitten", "ready\n..."),
        (STOP, "^Z\n[1]+  Stopped                 kitten\n"),
        ("jobs", "[1]+  Stopped                 kitten\n"),
        ("fg", "kitten\n..."),
        ("said", "said\n..."),
        (INT, "^C\n"),
        ("echo $?", "130\n"),
        ("jobs", ""),
    ],
    "stop, background": [
        ("nap", "ready\n..."),
        (STOP, "^Z\n[1]+  Stopped                 nap\n"),
        ("bg", "[1]+ nap &\n"),
        ("jobs", "[1]+  Running                 nap &\n"),
        ("kill %1; wait %1; echo = $?", "[1]+  Terminated              nap\n= 143\n"),
    ],
    "kill a job and wait for it": [
        ("nap >b/out & until read x <b/out; do :; done 2>b/err", "[1] <PID>\n"),
        ("kill %1; wait %1; echo = $?", "[1]+  Terminated              nap > b/out\n= 143\n"),
        ("wait %1", "bash: wait: %1: no such job\n"),
    ],
    "a stopped job takes a signal when it continues": [
        ("nap", "ready\n..."),
        (STOP, "^Z\n[1]+  Stopped                 nap\n"),
        ("kill %nap; while [ -n \"$(jobs -s)\" ]; do :; done; fg",
         "bash: fg: job has terminated\n[1]<+>  Terminated              nap\n"),
    ],
    "two jobs, and which is current": [
        ("kitten", "ready\n..."),
        (STOP, "^Z\n[1]+  Stopped                 kitten\n"),
        ("nap", "ready\n..."),
        (STOP, "^Z\n[2]+  Stopped                 nap\n"),
        ("jobs", "[1]-  Stopped                 kitten\n[2]+  Stopped                 nap\n"),
        ("fg %-", "kitten\n..."),
        ("said", "said\n..."),
        (END, ""),
        ("kill %na; while [ -n \"$(jobs -s)\" ]; do :; done", "[2]<+>  Terminated              nap\n"),
    ],
    "a pipeline stopped and continued": [
        ("kitten | cat | cat", "ready\n..."),
        ("one", "one\n..."),
        (STOP, "^Z\n[1]+  Stopped                 kitten | cat | cat\n"),
        ("ps -o stat=,comm= --ppid $$ | grep cat", "T    cat\nT    cat\nT    cat\n"),
        ("fg", "kitten | cat | cat\n..."),
        ("two", "two\n..."),
        (END, ""),
        ("echo $?", "0\n"),
    ],
    "a pipeline interrupted": [
        ("nap | cat", "ready\n..."),
        (INT, "^C\n"),
        ("echo ${PIPESTATUS[@]}", "130 130\n"),
    ],
    "quit": [
        ("nap", "ready\n..."),
        (QUIT, "^\\Quit\n"),
        ("echo $?", "131\n"),
    ],
    "a background job that reads stops": [
        ("cat & until jobs %1 | grep -q Stopped; do :; done", "[1] <PID>\n\n[1]+  Stopped                 cat\n"),
        ("fg", "cat\n..."),
        ("text", "text\n..."),
        (END, ""),
    ],
    "a background job that writes stops if the terminal says so": [
        ("stty tostop; echo late & until jobs %1 | cat | grep -q Stopped; do :; done",
         "[1] <PID>\n\n[1]+  Stopped                 echo late\n"),
        ("fg; stty -tostop", "echo late\nlate\n"),
    ],
    "disown": [
        ("nap >b/out & disown; jobs; kill -0 $! && echo alive", "[1] <PID>\nalive\n"),
        ("kill $!; while kill -0 $! 2>b/err; do :; done; jobs", ""),
    ],
    "exit with a stopped job": [
        ("bash --norc", ""),
        ("nap", "ready\n..."),
        (STOP, "^Z\n[1]+  Stopped                 nap\n"),
        ("exit", "exit\nThere are stopped jobs.\n"),
        ("kill -9 %1; while [ -n \"$(jobs -s)\" ]; do :; done", "[1]+  Killed                  nap\n"),
        ("exit 3", "exit\n"),
        ("echo $?", "3\n"),
    ],
    "a shell that suspends itself": [
        ("bash --norc", ""),
        ("suspend", "\n[1]+  Stopped                 bash --norc\n"),
        ("fg", "bash --norc\n"),
        ("exit", "exit\n"),
    ],
    "wait is interrupted, the job is not": [
        ("nap >b/out &", "[1] <PID>\n"),
        ("echo waits; wait", "waits\n..."),
        (INT, "^C\n"),
        ("echo $?; jobs", "130\n[1]+  Running                 nap > b/out &\n"),
        ("kill %1; wait -n; echo $?", "[1]+  Terminated              nap > b/out\n143\n"),
    ],
    "traps": [
        ("trap 'echo caught $?' USR1; kill -USR1 $$; echo on", "caught 0\non\n"),
        ("trap 'echo int' INT; kill -INT $$", "int\n"),
        ("trap 'echo changed' CHLD; true | true; /bin/true; trap - CHLD", "changed\n" * 3),
        ("(trap 'echo bye' EXIT; exit 4); echo $?", "bye\n4\n"),
        ("trap 'echo line $LINENO' ERR; false; trap - ERR INT USR1; trap", "line 5\n"),
        ("(trap '' TERM; kill $BASHPID; echo lives); (trap - TERM; kill $BASHPID; echo no); echo $?",
         "lives\nTerminated\n143\n"),
    ],
    "a loop is interrupted": [
        ("echo on; while :; do :; done", "on\n..."),
        (INT, "^C\n"),
        ("echo $?", "130\n"),
    ],
    "an interrupted line is dropped": [
        (b"echo never\x03", "\n"),
        ("echo $?", "130\n"),
    ],
    "lines are edited, and found again": [
        (b"echo wrong\x15echo abc\x02\x7fX\r", "\naXc\n"),
        ("echo one two", "one two\n"),
        (b"\x10\r", "\none two\n"),
        (b"\x12aXc\x05de\r", "\naXcde\n"),
        (b"echo /etc/hostn\t\r", "\n/etc/hostname\n"),
    ],
    "coprocess and substitution": [
        ("coproc cat; echo through >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x", "[1] <PID>\nthrough\n"),
        ("eval \"exec ${COPROC[1]}>&-\"; wait %1; echo $?",
         "[1]+  Done                    coproc cat\n0\n"),
        ("diff <(seq 3) <(seq 2 4)", "1d0\n< 1\n3a3\n> 4\n"),
        ("tee >(tr a-z A-Z >b/up; echo done >b/fifo.done) <<<abc >b/low; until [ -e b/fifo.done ]; do :; done; cat b/up b/low", "ABC\nabc\n"),
    ],
    "a pipeline's group has the terminal": [
        ("ps -o tpgid=,pgid= $$ | awk '{ print $1 == $2 }' | cat", "0\n"),
        ("set +m; ps -o tpgid=,pgid= $$ | awk '{ print $1 == $2 }'; set -m", "1\n"),
    ],
    "the window's size": [
        ("stty rows 30 cols 240; stty size", "30 240\n"),
        ("stty rows 24 cols 250", ""),
    ],
}


class Shell:
    """Bash on the console of one machine. Each transcript has a shell of its own in it."""

    def __init__(self, options):
        self.console = conftest.Console("exec", [*options, "--", "bash", "-c", START])
        self.console.timeout = PATIENCE
        self.text = ""  # what was written since the last was typed

    def until(self, done):
        """Takes what is written until done(text)."""
        while not done(self.text):
            try:
                data = self.console.read_nonblocking(65536, PATIENCE)
            except (pexpect.TIMEOUT, pexpect.EOF) as e:
                return type(e).__name__
            self.text = re.sub(r"\r+\n", "\n", self.text + data.decode())
        return None

    def type(self, typed, answer):
        """Types a line or a key, and compares what comes then."""
        self.text = ""
        key = len(typed) == 1
        self.console.send(typed if key or isinstance(typed, bytes) else typed + "\r")
        want = answer[:-3] if answer.endswith("...") else answer + PROMPT
        if isinstance(typed, str) and not key:
            want = f"{typed}\n{want}"
        want = re.escape(want).replace("<PID>", "[0-9]+").replace(re.escape("<+>"), "[+ ]")
        pattern = re.compile(want + r"\Z")
        match = pattern.search if isinstance(typed, bytes) else pattern.match
        why = self.until(match)
        assert not why, f"{why} after {typed!r}; wanted: {want!r}; came: {self.text!r}"

    def enter(self):
        """Waits for the first prompt."""
        why = self.until(lambda text: text.endswith(PROMPT))
        assert not why, f"{why}: {self.text!r}"


@pytest.fixture(scope="module")
def shells(config):
    """At most one machine at a time; one in which a transcript failed is not used again."""
    some = []
    yield some
    for one in some:
        one.console.close(force=True)


@pytest.fixture
def shell(config, shells):
    if not shells:
        shells.append(Shell([*conftest.options_of(config), "--on", config.on, "--root", "world"]))
        shells[0].enter()
    return shells[0]


def is_quick(name):
    return name.startswith(("stop,", "kill", "a pipeline i", "traps"))


@pytest.mark.parametrize("name", [n if is_quick(n) else pytest.param(n, marks=pytest.mark.long)
                                  for n in TRANSCRIPTS])
def test_transcript(shells, shell, name):
    try:
        shell.type("bash --norc", "")
        for typed, answer in TRANSCRIPTS[name]:
            shell.type(typed, answer)
        shell.type("jobs; exit", "exit\n")
    except BaseException:
        shells.remove(shell)
        shell.console.close(force=True)
        raise
