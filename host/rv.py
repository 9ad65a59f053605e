# SPDX-License-Identifier: MIT
"""The commands of ./rv. `rv` has installed the tools; docs/rv.md explains the parts."""
import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading

import cpio
import guest
import lab
import machine
import mkroot
import world
import xv6

INTERRUPTED = 130
MEMORY_TOO_LITTLE = {*range(6), *range(7, 11)}  # MiB: QEMU finds no place for what it loads


def pair(text):
    """HOST:GUEST or GUEST:HOST; the guest's path is absolute, and neither is empty."""
    first, colon, second = text.rpartition(":")
    if not colon or not first or not second:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form A:B")
    return first, second


def memory_size(text):
    if not re.fullmatch(r"[1-9][0-9]*[MG]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 512M or 2G")
    if text.endswith("M") and int(text[:-1]) in MEMORY_TOO_LITTLE:
        raise argparse.ArgumentTypeError(f"{text}: a machine takes 6M, or 11M and more")
    return text


def seconds(text):
    value = float(text)
    if not 0 < value < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time")
    return value


def count(text):
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is below 0")
    return value


def add_no_install(p):
    p.add_argument("--no-install", action="store_true",
                   help="do not install missing tools, list them")


def common_options():
    """The options that every command that boots takes."""
    p = argparse.ArgumentParser(add_help=False)
    p.add_argument("--smp", type=int, metavar="N", help="harts, 1 to 64 (2; with --icount 1)")
    p.add_argument("--mem", type=memory_size, default="1G", metavar="SIZE",
                   help="memory, as 512M or 2G (1G)")
    p.add_argument("--icount", action="store_true",
                   help="deterministic: one nanosecond is one instruction, one hart")
    p.add_argument("--timeout", type=seconds, metavar="S", help="end after S seconds, status 124")
    p.add_argument("--put", type=pair, action="append", default=[], metavar="HOST:GUEST",
                   help="a file or directory into the root")
    p.add_argument("--get", type=pair, action="append", default=[], metavar="GUEST:HOST",
                   help="a file or directory out of it, after the command")
    p.add_argument("--root", metavar="native|memory|world[:LIST]|IMAGE",
                   help="root file system: on a disk, whose changes are forgotten (native); the same "
                        "in memory, which is the default with --icount; Debian's packages, whose "
                        "changes are forgotten (world); or an image, which keeps what is written")
    p.add_argument("--disk", action="append", default=[], metavar="[KIND:]IMAGE",
                   help="a disk, which keeps what is written; KIND is virtio (the default: /dev/vdb and "
                        "on, /dev/vda if the root is in memory), virtio-pci (the same, after those) or nvme (/dev/nvme0n1 and on)")
    p.add_argument("--ramdisk", metavar="SIZE|IMAGE",
                   help="/dev/ram0: of a size like 64M and empty, or filled from an image")
    p.add_argument("--append", default="", metavar="ARGS", help="more kernel arguments")
    p.add_argument("--firmware", choices=("opensbi", "own"),
                   help="what runs below the kernel (opensbi; with --icount own)")
    p.add_argument("--debug", action="store_true", help="the kernel with checks (DEBUG=1)")
    p.add_argument("--uaccess", choices=("walk", "sum"), default="walk",
                   help="how the kernel reaches user memory (walk)")
    add_no_install(p)
    return p


def boot_parser(command, description, usage=None):
    return argparse.ArgumentParser(prog=f"rv {command}", parents=[common_options()],
                                   description=description, usage=usage)


def use_ramdisk(options):
    """Has the kernel make /dev/ram0; an image travels in the initramfs."""
    what = options.ramdisk
    size = re.fullmatch(r"([1-9][0-9]*)([KMG]?)", what)
    if size and int(size[1]) << 10 * " KMG".index(size[2] or " ") < 4096:
        raise machine.Error(f"--ramdisk {what}: less than a page, 4K")
    if not size:
        if not os.path.isfile(what):
            raise machine.Error(f"--ramdisk {what}: neither a size like 64M nor an image")
        options.put.append((what, "/ramdisk.img"))
        what = "/ramdisk.img"
    options.append = f"{options.append} ramdisk={what}"


def config_of(options):
    """The machine that the common options describe; Error for what nothing serves yet."""
    on = getattr(options, "on", "rivulet")
    persist = getattr(options, "persist", False)
    root = options.root or ("memory" if on == "linux" or options.icount and not persist else "native")
    if on == "linux" and root != "memory" and root.partition(":")[0] != "world":
        raise machine.Error("--on linux has its root in memory, or the world")
    if root != "native" and persist:
        raise machine.Error("--persist keeps the native root")
    for _, path in options.put:
        if not path.startswith("/") or not path.strip("/"):
            raise machine.Error(f"--put: the guest's path {path!r} is not absolute")
    for path, _ in options.get:
        if not path.startswith("/") or not path.strip("/"):
            raise machine.Error(f"--get: the guest's path {path!r} is not absolute")
    if options.ramdisk:
        use_ramdisk(options)
    config = machine.Config(options.smp, options.mem, options.icount, options.firmware,
                            options.debug, options.uaccess, options.append, options.put,
                            on, options.disk)
    machine.build(config)
    machine.root_use(config, root, persist)
    return config


class Terminal:
    """Our terminal's settings, which QEMU changes, as they were before; usable as a context."""

    def __enter__(self):
        self.saved = termios.tcgetattr(0) if os.isatty(0) else None

    def __exit__(self, *_):
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)


def cmd_run(arguments):
    p = boot_parser("run", "Boots to a shell on this terminal. Ctrl-A x ends QEMU, Ctrl-A c is its "
                           "monitor.")
    p.add_argument("--persist", action="store_true",
                   help="keep the root's disk, build/root.img")
    options = p.parse_args(arguments)
    if options.get:
        raise machine.Error("--get goes with exec")
    return console_session(config_of(options), options.timeout)


def console_session(config, timeout, environment=""):
    """init's shell on this terminal; the status."""
    initrd = machine.memory_file("initramfs", machine.initramfs(config))
    log = machine.memory_file("console")
    serial = ["-chardev", f"stdio,id=uart,mux=on,signal=off,logfile={machine.fd_path(log)}",
              "-mon", "chardev=uart"]
    cmdline = f"init={config.init} TERM={os.environ.get('TERM', 'linux')} {environment}"
    command = machine.qemu_command(config, config.kernel(),
                                   machine.fd_path(initrd), cmdline, serial, interactive=True)
    with Terminal():
        process = machine.start(command, [initrd, log, *config.fds()], foreground=True)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            machine.stop(process)
            return guest.STATUS_TIMEOUT
    text = os.pread(log, os.fstat(log).st_size, 0)
    return guest.STATUS_PANIC if guest.PANIC.search(text) else status


def split_command(arguments):
    """Options, and the command behind `--` (None if there is no `--`)."""
    if "--" not in arguments:
        return arguments, None
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1:]


def variable(text):
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def cmd_exec(arguments):
    p = boot_parser("exec", "Boots, runs one command, and exits with its status: 128+n for signal n, "
                            "124 on time-out, 70 on a kernel panic with the log on stderr, 2 for "
                            "rv's own errors.", "rv exec [options] -- CMD ARG...")
    p.add_argument("--env", type=variable, action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--cwd", default="/", metavar="DIR", help="working directory (/)")
    p.add_argument("--uid", type=count, default=0, metavar="N", help="user and group (0)")
    p.add_argument("--on", choices=("rivulet", "linux"), default="rivulet",
                   help="linux: Debian's kernel with the same root, for comparison")
    p.add_argument("--log", action="store_true", help="the kernel's log on stderr, afterwards")
    p.add_argument("--cc", action="append", default=[], metavar="NAME.c",
                   help="a C file, compiled (static, glibc, threads), into the root as /NAME")
    arguments, command = split_command(arguments)
    options = p.parse_args(arguments)
    if not command:
        p.error("a command is missing: rv exec [options] -- CMD ARG...")
    for source in options.cc:
        program = machine.cross_program(os.path.abspath(source))
        options.put.append((program, "/" + os.path.basename(program)))
    return command_session(config_of(options), options, command, dict(options.env), options.cwd,
                           options.uid, options.log)


def command_session(config, options, command, environment, cwd="/", uid=0, log=False):
    """One command, on our standard descriptors; its status."""
    tty = os.isatty(0) and os.isatty(1)
    run = guest.Run(config, command, environment, cwd, uid, [path for path, _ in options.get], tty)
    with Terminal():
        try:
            run.start()
            if not tty:
                run.pump(0, 1, 2)
            status = run.wait(options.timeout)
        finally:
            run.close()
    if run.panicked or log:
        sys.stderr.buffer.write(run.console())
        sys.stderr.buffer.flush()
    if options.get and run.status is not None:
        for path in cpio.extract(run.archive, options.get):
            print(f"rv: --get {path}: the guest has no such file", file=sys.stderr)
            status = status or guest.STATUS_ERROR
    return status


def cmd_xv6(arguments):
    p = boot_parser("xv6", "Compiles a program written for xv6 and runs it on the course's machine. A "
                           "directory of programs becomes a root in which a shell starts, or the "
                           "command behind --.", "rv xv6 [options] FILE... [-- ARG...]")
    p.add_argument("file", nargs="*",
                   help="C and assembly files of one program, or a directory; nothing: our programs")
    p.add_argument("--fs", choices=("xv6", "ext4", "memory"), default="xv6",
                   help="what the root is (xv6)")
    p.add_argument("--blocks", type=int, metavar="N", help="its size in KiB (2,000 are free)")
    p.set_defaults(mem=xv6.MEM)
    arguments, command = split_command(arguments)
    options = p.parse_args(arguments)
    if options.root:
        p.error("--root does not go with xv6; see --fs")
    options.root = "memory"  # until xv6.prepare()
    config = config_of(options)
    config.smp = config.smp if options.smp or options.icount else xv6.SMP
    name = xv6.prepare(config, options.file, options.fs, options.blocks)
    if name:
        command = [name, *(command or [])]
    if not command:
        if options.get:
            raise machine.Error("--get goes with a command")
        return console_session(config, options.timeout, "PATH=/ HOME=/")
    return command_session(config, options, command, xv6.PLACES)


def cmd_world(arguments):
    p = argparse.ArgumentParser(prog="rv world", description="Makes the root file system of "
                                "unmodified Debian packages that --root world boots, unless it "
                                "stands, and prints its path. docs/world.md explains it.")
    p.add_argument("list", nargs="?", default="base", metavar="LIST",
                   help=f"of {' '.join(world.lists())} (base): host/world/LIST.list")
    p.add_argument("--no-install", action="store_true",
                   help="do not install missing tools, list them")
    options = p.parse_args(arguments)
    try:
        print(world.image(machine.BUILD, options.list))
    except (mkroot.Error, world.Error) as e:
        raise machine.Error(str(e)) from None
    return 0


def cmd_lab(arguments):
    p = argparse.ArgumentParser(prog="rv lab", description="The labs of the course: prints the page of "
                                "one, or the list. docs/labs.md explains them.")
    p.add_argument("name", nargs="?", metavar="NAME", help="the lab; without it, they are listed")
    what = p.add_mutually_exclusive_group()
    what.add_argument("--start", metavar="DIR", help="make a working tree without the feature")
    what.add_argument("--grade", action="store_true", help="check this tree, and print the points")
    what.add_argument("--solution", action="store_true", help="show what was taken out")
    add_no_install(p)
    options = p.parse_args(arguments)
    if not options.name:
        print(*lab.names(), sep="\n")
        return 0
    if options.name not in lab.names():
        raise machine.Error(f"no lab {options.name}; there are: {' '.join(lab.names())}")
    if options.start:
        lab.start(options.name, options.start)
        print(f"The tree is in {options.start}; in it, ./rv lab {options.name} --grade checks it.")
    elif options.grade:
        return 0 if lab.grade(options.name) else 1
    elif options.solution:
        print(lab.solution(options.name), end="")
    else:
        print(lab.text_of(options.name, "README.md"), end="")
    return 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def cmd_debug(arguments):
    p = boot_parser("debug", "QEMU stopped at reset, with GDB attached and the kernel's symbols "
                             "loaded. `thbreak up_kmain` and `continue` reach the kernel's first C "
                             "function. The console is on the pseudo-terminal that QEMU names.",
                    "rv debug [options]")
    options = p.parse_args(arguments)
    if options.get or options.timeout:
        raise machine.Error("--get and --timeout do not go with debug")
    config = config_of(options)
    initrd = machine.memory_file("initramfs", machine.initramfs(config))
    port = free_port()
    command = machine.qemu_command(config, config.kernel(),
                                   machine.fd_path(initrd), "init=/bin/init",
                                   ["-chardev", "pty,id=uart", "-monitor", "none"])
    command += ["-S", "-gdb", f"tcp:127.0.0.1:{port}"]
    process = machine.start(command, [initrd, *config.fds()], stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.call(
            ["gdb-multiarch", "-q", "-iex", "set architecture riscv:rv64",
             "-iex", f"set auto-load safe-path {machine.ROOT}",
             os.path.join(config.kernel_dir(), "kernel.elf"),
             "-ex", f"source {machine.ROOT}/host/gdb/rivulet.py",
             "-ex", f"target remote 127.0.0.1:{port}"],
            cwd=machine.ROOT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    finally:
        machine.stop(process)


def cmd_crash(arguments):
    p = argparse.ArgumentParser(prog="rv crash",
                                description="What power cuts leave of ext4, recovered by e2fsck and "
                                            "by the kernel, and judged. docs/crash.md explains it.")
    p.add_argument("--states", type=count, metavar="N", help="distinct states (20000)")
    p.add_argument("--long", action="store_true", help="1,000,000 states")
    p.add_argument("--seed", type=count, metavar="N", help="another choice of workloads (1)")
    p.add_argument("--replay", metavar="FILE", help="a state that was saved, and its workload's others")
    p.add_argument("--only", metavar="WORKLOAD", help="this workload, written as in a saved state")
    p.add_argument("--planted", action="store_true", help="whether each planted bug is found")
    p.add_argument("--faults", type=count, metavar="N",
                   help="instead let N requests and allocations fail, and space be short")
    add_no_install(p)
    options = p.parse_args(arguments)
    machine.make_in("tests/crash", "-s")
    folder = os.path.join(machine.BUILD, "crash")
    command = [os.path.join(folder, "crash"), "--save", os.path.join(folder, "found")]
    command += ["--states", "1000000"] * options.long + ["--planted"] * options.planted
    for name in ("states", "seed", "replay", "only", "faults"):
        if getattr(options, name) is not None:
            command += ["--" + name, str(getattr(options, name))]
    os.execv(command[0], command)


def hand_over(script):
    """A command that is a program of its own."""
    def command(arguments):
        path = os.path.join(machine.ROOT, script)
        os.execv("/usr/bin/python3", ["python3", "-B", path,
                                      *(a for a in arguments if a != "--no-install")])
    return command


COMMANDS = {"run": cmd_run, "exec": cmd_exec, "xv6": cmd_xv6, "lab": cmd_lab, "world": cmd_world,
            "debug": cmd_debug,
            "crash": cmd_crash, "test": hand_over("tests/run"), "bench": hand_over("host/bench.py")}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        status = COMMANDS[sys.argv[1]](sys.argv[2:])
    except KeyboardInterrupt:
        status = INTERRUPTED
    except (machine.Error, cpio.Error, OSError) as e:
        print(f"rv: {e}", file=sys.stderr)
        status = guest.STATUS_ERROR
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # a thread may still wait for our stdin


if __name__ == "__main__":
    main()
