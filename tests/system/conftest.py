# SPDX-License-Identifier: MIT
"""Fixtures for the tests that boot QEMU. README.md beside this file says how to use them."""
import copy
import os
import socket
import subprocess
import sys

import pexpect
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../host"), os.path.join(HERE, "../host")]

import agent  # noqa: E402
import guest as guest_module  # noqa: E402
import machine  # noqa: E402
import vt  # noqa: E402

CONFIGS = {
    "smp1": {"smp": 1},
    "smp4": {"smp": 4},
    "smp8": {"smp": 8},
    "icount": {"icount": True},
    "own": {"smp": 4, "firmware": "own"},
    "sum": {"smp": 4, "uaccess": "sum"},
    "debug": {"smp": 4, "debug": True},
    "disk": {"smp": 4},  # the root on ext4
    "debug-own-sum": {"smp": 2, "debug": True, "firmware": "own", "uaccess": "sum"},
    "linux": {"smp": 2, "on": "linux"},
}
SHORT = ("smp1", "smp4")
ONE = ("smp4",)
LONG_OF_DISKS = ("smp1", "smp4", "smp8", "debug")
LONG = tuple(name for name in CONFIGS if name != "linux")
SLACK = 60  # seconds beyond a command's own time before its machine counts as hung
AGENT_PATH = "/rv.agent"


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="every configuration and long test")
    parser.addoption("--on", choices=("rivulet", "linux"), default="rivulet")
    parser.addoption("--config-name", action="append", choices=CONFIGS, help="only this one")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with --long")
    config.addinivalue_line("markers", "configs(*names): exactly these configurations")
    config.addinivalue_line("markers", "rivulet: not on Debian's kernel")
    config.addinivalue_line("markers", "one_config: a test of disks; without --long in one configuration only")
    config.addinivalue_line("markers", "memory_exact: compares memory; not with the root on a disk")
    config.addinivalue_line("markers", "sampled(*values): only these parameters, but for --long in smp4")


def pytest_generate_tests(metafunc):
    if "config" not in metafunc.fixturenames:
        return
    option = metafunc.config.getoption
    marker = metafunc.definition.get_closest_marker("configs")
    one = metafunc.definition.get_closest_marker("one_config")
    long = LONG_OF_DISKS if one else LONG
    names = marker.args if marker else long if option("long") else ONE if one else SHORT
    if option("on") == "linux":
        names = ("linux",)
    elif option("config_name"):
        allowed = marker.args if marker else LONG_OF_DISKS if one else LONG
        names = [n for n in option("config_name") if n in allowed]
    metafunc.parametrize("config", names, indirect=True, scope="session")


def is_left_out(item, long):
    """Whether it is one of many that only --long runs all of, and that in one configuration."""
    marker = item.get_closest_marker("sampled")
    if not marker or long and item.callspec.params.get("config") in ONE:
        return False
    return not set(marker.args) & set(map(str, item.callspec.params.values()))


def pytest_collection_modifyitems(config, items):
    items[:] = [item for item in items if not is_left_out(item, config.getoption("long"))]
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("long"):
            item.add_marker(pytest.mark.skip(reason="only with --long"))
        if item.get_closest_marker("rivulet") and config.getoption("on") == "linux":
            item.add_marker(pytest.mark.skip(reason="not on Debian's kernel"))
        if item.get_closest_marker("memory_exact") and item.callspec.params["config"] == "disk":
            item.add_marker(pytest.mark.skip(reason="the log keeps what is not in place yet"))


def on_linux(config):
    """A configuration like that one with Debian's kernel. It has one hart: with four, one boot in fifty
    or so stops before that kernel's first line."""
    mine = copy.copy(config)
    mine.on, mine.append, mine.icount, mine.smp, mine.firmware = "linux", "", False, 1, "opensbi"
    return mine


def on_world(config, root="world"):
    """A configuration like that one with Debian's packages as its root. Every program lies where it
    lay before: the emulator translates code anew for each place, which is most of its work then."""
    mine = copy.copy(config)
    mine.put, mine.disks, mine.on_disk = list(config.put), [], False
    mine.append += " sysctl.kernel.randomize_va_space=0"
    machine.root_use(mine, root)
    return mine


@pytest.fixture(scope="module")
def full(config):
    """One machine with the larger programs of `--root world:full`."""
    mine = on_world(config, "world:full")
    mine.mem = "2G"
    one = Guest(mine)
    yield one
    one.stop()


class Guest:
    """One machine with the agent in it. run() boots it if need be, also after a panic."""

    def __init__(self, config):
        self.config = config
        self.machine = None
        self.programs = {}

    def start(self):
        self.machine = guest_module.Run(self.config, [AGENT_PATH])
        self.machine.start()
        self.machine.sockets["stdin"].settimeout(SLACK)
        self.programs = {}

    def stop(self):
        if self.machine:
            self.machine.close()
            self.machine = None

    def console(self):
        return self.machine.console().decode("utf-8", "replace") if self.machine else ""

    def _receive(self, size):
        data = b""
        while len(data) < size:
            got = self.machine.sockets["stdout"].recv(min(size - len(data), 1 << 20))
            if not got:
                raise agent.Gone("the machine ended")
            data += got
        return data

    def run(self, argv, stdin=b"", env=None, cwd="/", timeout=30.0):
        """Runs argv in the guest: Result(status, out, err, timed_out)."""
        if not self.machine:
            self.start()
        try:
            self.machine.sockets["stdin"].sendall(agent.request(argv, stdin, env, cwd, timeout))
            self.machine.sockets["stdout"].settimeout(timeout + SLACK)
            result = agent.replies(self._receive)
            if result.timed_out:
                print(f"{argv}: time is up; the console's end:\n{self.console()[-12000:]}")
            return result
        except (agent.Gone, OSError) as e:
            why = "hangs" if isinstance(e, socket.timeout) else f"is gone ({e})"
            log = self.console()[-4000:]
            self.stop()
            raise agent.Gone(f"the machine {why} after {argv}; its console:\n{log}") from None

    def sh(self, script, *arguments, **options):
        """Runs a script in busybox's ash."""
        return self.run(["busybox", "sh", "-c", script, "sh", *arguments], **options)

    def out(self, script, **options):
        """The standard output of a script that succeeds and says nothing on standard error."""
        result = self.sh(script, **options)
        assert (result.status, result.err) == (0, b""), result
        return result.out.decode()

    def put(self, path, data, mode=0o644):
        result = self.sh('cat >"$1" && chmod "$2" "$1"', path, f"{mode:o}", stdin=data)
        assert result.status == 0, result

    def get(self, path):
        result = self.run(["busybox", "cat", path])
        assert result.status == 0, result
        return result.out

    def program(self, source, *flags):
        """The guest's path of a static glibc program, built from tests/system/SOURCE.c, or from
        the file SOURCE.c of the tree if it has a slash."""
        if not self.machine:
            self.start()
        if source not in self.programs:
            folder = "" if "/" in source else "tests/system/"
            path = machine.cross_program(f"{folder}{source}.c", *flags)
            with open(path, "rb") as f:
                self.programs[source] = f"/tmp/{os.path.basename(source)}"
                self.put(self.programs[source], f.read(), 0o755)
        return self.programs[source]


@pytest.fixture(scope="session")
def config(request):
    """The machine.Config of a configuration, built."""
    one = machine.Config(**CONFIGS[request.param],
                         put=[(machine.cross_program("tests/system/agent.c"), AGENT_PATH)])
    one.name = request.param
    machine.build(one)
    if one.name == "disk":
        machine.root_use(one, "native")
    return one


@pytest.fixture(scope="session")
def shared_guest(config):
    one = Guest(config)
    yield one
    one.stop()


@pytest.fixture
def guest(shared_guest):
    """One machine for all tests of a configuration; a test cleans up what it makes."""
    return shared_guest


@pytest.fixture
def fresh_guest(config):
    """A machine of the test's own, for what changes or ends it."""
    one = Guest(config)
    yield one
    one.stop()


def options_of(config):
    """rv's options for a configuration."""
    options = ["--mem", config.mem, "--firmware", config.firmware, "--uaccess", config.uaccess]
    options += ["--icount"] if config.icount else ["--smp", str(config.smp)]
    return options + ["--debug"] * config.debug


@pytest.fixture
def rv_start(config):
    """rv_start(COMMAND, ARG...): ./rv with the configuration's options, as a Popen with pipes."""
    started = []

    def start(command, *arguments):
        options = options_of(config) + (["--on", config.on] if command == "exec" else [])
        started.append(subprocess.Popen(
            [os.path.join(machine.ROOT, "rv"), command, *options, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]
    yield start
    for process in started:
        process.terminate()
        process.wait()


@pytest.fixture
def rv(rv_start):
    """rv(COMMAND, ARG..., stdin=b""): the same to its end, as a CompletedProcess."""
    def run(command, *arguments, stdin=b"", timeout=300):
        process = rv_start(command, *arguments)
        out, err = process.communicate(stdin, timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
    return run


class Console(pexpect.spawn):
    """./rv on a terminal of 24 by 80, whose screen is kept."""

    def __init__(self, command, options):
        self.screen = vt.Screen(24, 80)
        self.answers = True  # tells a program that asks where the cursor is
        super().__init__(os.path.join(machine.ROOT, "rv"), [command, *options], timeout=60,
                         dimensions=(24, 80), env=dict(os.environ, TERM="linux"))

    def read_nonblocking(self, size=1, timeout=-1):
        data = super().read_nonblocking(size, timeout)
        self.screen.feed(data)
        if self.screen.answers and self.answers:
            self.send(self.screen.answers)
            self.screen.answers = ""
        return data

    def see(self, condition):
        """Takes what is written until condition(the screen's lines); returns them."""
        while not condition(self.screen.lines()):
            try:
                self.read_nonblocking(65536, self.timeout)
            except (pexpect.TIMEOUT, pexpect.EOF) as e:
                raise AssertionError(f"{type(e).__name__} before it; the screen:\n"
                                     f"{self.screen.text()}") from None
        return self.screen.lines()


@pytest.fixture
def terminal(config):
    """terminal(CMD, ARG...): the command on a terminal, by ./rv exec."""
    opened = []

    def run(*command, options=()):
        opened.append(Console("exec", [*options_of(config), "--on", config.on, *options, "--",
                                       *command]))
        return opened[-1]
    yield run
    for one in opened:
        one.close(force=True)


@pytest.fixture
def console(config):
    """The native shell's console, by ./rv run."""
    one = Console("run", options_of(config))
    yield one
    one.close(force=True)
