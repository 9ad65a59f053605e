# SPDX-License-Identifier: MIT
"""The machine: what to build for it, its initramfs, and QEMU's command line.

Nothing is written to disk but below the build directory: the initramfs and the console's log of a
run are memory files that QEMU inherits.
"""
import ctypes
import fcntl
import glob
import lzma
import os
import signal
import subprocess
import sys

import cpio
import mkinitramfs
import mkroot
import world

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("RV_BUILD") or os.path.join(ROOT, "build"))
PORTS = ("stdin", "stdout", "stderr", "status", "get")
LINUX_MODULES = ("drivers/virtio/virtio_mmio",)
LINUX_DISK = ("drivers/block/virtio_blk", "lib/crc16", "crypto/crc32c_generic", "lib/libcrc32c",
              "fs/mbcache", "fs/jbd2/jbd2", "fs/ext4/ext4")
ENVIRONMENT = {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin", "HOME": "/root", "USER": "root"}


class Error(Exception):
    """Something the caller did or the host lacks; one line for people."""


class Disk:
    """A disk of the machine. `kind` is one of KINDS; `properties` are more of QEMU's device's, and
    `blockdev` replaces the description of the image, which may name `objects`. What is written to a
    `scratch` disk is forgotten: each machine has a copy of the image in memory."""

    KINDS = {"virtio": "virtio-blk-device", "virtio-pci": "virtio-blk-pci", "nvme": "nvme",
             "nvme-ns": "nvme-ns"}

    @classmethod
    def parse(cls, text):
        """[KIND:]IMAGE"""
        kind, colon, path = text.partition(":")
        return cls(path, kind) if colon and kind in cls.KINDS else cls(text)

    def __init__(self, path, kind="virtio", properties="", read_only=False,
                 blockdev="", objects=(), scratch=False):
        if not blockdev and not os.path.isfile(path):
            raise Error(f"{path}: there is no such image")
        self.path = path
        self.copy = None
        self.scratch = scratch
        self.blockdev = blockdev
        self.read_only = read_only
        self.objects = objects
        self.device = self.KINDS[kind] + ("," if properties else "") + properties
        self.kind = kind

    def _image(self):
        path = self.path
        if self.scratch:
            self.copy = os.fdopen(memory_file("disk"), "wb")
            mkroot.copy(path, self.copy.fileno())
            path = fd_path(self.copy.fileno())
        name = str(path).replace(",", ",,")
        return f"driver=raw,discard=unmap,file.driver=file,file.filename={name},file.locking=on"

    def arguments(self, number):
        image = (self.blockdev or self._image()) + ",read-only=on" * self.read_only
        serial = f",serial=disk{number}" * (self.kind == "nvme")  # it must have one
        objects = [word for one in self.objects for word in ("-object", one)]
        return [*objects, "-blockdev", f"node-name=disk{number},{image}",
                "-device", f"{self.device},drive=disk{number}{serial}"]


class Config:
    """One machine: the common options of rv. `put` is a list of (host, guest) paths.

    With icount the firmware is our own unless named: an idle machine's clock jumps to the next time
    that a timer is set to, and stands if there is none. OpenSBI sets one to the end of time.
    """

    def __init__(self, smp=None, mem="1G", icount=False, firmware=None, debug=False,
                 uaccess="walk", append="", put=(), on="rivulet",
                 disks=()):
        if icount and smp not in (None, 1):
            raise Error("--icount runs with one hart")
        if smp is not None and not 1 <= smp <= 64:
            raise Error("--smp takes 1 to 64")
        self.smp = smp or (1 if icount else 2)
        self.mem = mem
        self.icount = icount
        self.firmware = firmware or ("own" if icount and on == "rivulet" else "opensbi")
        self.debug = debug
        self.uaccess = uaccess
        self.append = append
        self.put = list(put)
        self.disks = [d if isinstance(d, Disk) else Disk.parse(d) for d in disks]
        self.devices = ()  # more of QEMU's, before the disks
        self.init = "/bin/init"  # of Rivulet
        self.files = None  # {name: bytes} instead of the native root, in memory
        self.on_disk = False  # whether the first disk is the root; root_use() sets it
        self.on = on  # rivulet, or linux: Debian's kernel with the same root

    def fds(self):
        """What QEMU inherits for the disks of the command last made."""
        return [d.copy.fileno() for d in self.disks if d.copy]

    def kernel(self):
        """The image to boot."""
        if self.on == "linux":
            return linux_image()
        return os.path.join(self.kernel_dir(), "Image")

    def kernel_dir(self):
        return os.path.join(BUILD, f"{'debug' if self.debug else 'release'}-{self.uaccess}")


def make_in(folder, *targets):
    """Runs make there; its output goes to stderr. Error if it fails."""
    command = ["make", "-C", os.path.join(ROOT, folder), "--no-print-directory",
               f"-j{os.cpu_count() or 1}", f"BUILD={BUILD}", *targets]
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would spoil each other's files
        if subprocess.call(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) != 0:
            raise Error("the build failed: " + " ".join(command))


def debs_fetch(*names):
    """Unpacks Debian packages below BUILD/debs; False, with a line on stderr, if it cannot."""
    return subprocess.call([os.path.join(ROOT, "host/debs.sh"), BUILD, *names],
                           stdin=subprocess.DEVNULL) == 0


def linux_file(pattern):
    """A file of Debian's riscv64 kernel package, unmodified; Error if it cannot be fetched."""
    if not debs_fetch("linux"):
        raise Error("Debian's kernel is not to be had")
    return glob.glob(os.path.join(BUILD, "debs/linux", pattern), recursive=True)[0]


def linux_image():
    return linux_file("boot/vmlinu*")


def linux_module(name):
    """A module of that kernel, unpacked; `name` is its path below kernel/, without an ending."""
    path = os.path.join(BUILD, "linux", name + ".ko")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with lzma.open(linux_file(f"**/kernel/{name}.ko.xz")) as packed, open(path, "wb") as f:
            f.write(packed.read())
    return path


def linux_modules(root, names):
    """The modules that tests/system/linux_init.c loads."""
    paths = [f"/modules/{os.path.basename(name)}.ko" for name in names]
    for name, path in zip(names, paths):
        with open(linux_module(name), "rb") as f:
            root.file(path.strip("/"), f.read())
    root.file("modules/list", "".join(p + "\n" for p in paths).encode())


def cross_program(source, *flags, out="", link=("-static",)):
    """The riscv64 glibc program of a C file, built if need be; its path, which `out` may name."""
    source = os.path.join(ROOT, source)
    program = os.path.join(BUILD, "cross", out or os.path.splitext(source)[0].lstrip("/"))
    newest = max(os.path.getmtime(f) for f in (source, *flags) if f.endswith(".c"))
    if not os.path.exists(program) or os.path.getmtime(program) < newest:
        os.makedirs(os.path.dirname(program), exist_ok=True)
        command = ["riscv64-linux-gnu-gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
                   "-Wno-unused-result", *link, "-pthread", f"-I{ROOT}",
                   "-o", program, source, *flags]
        if subprocess.call(command, stdout=sys.stderr) != 0:
            raise Error(f"cannot build {source} (is libc6-dev-riscv64-cross installed?)")
    return program


def dynamic_program(source, kind):
    """The same, dynamically linked; `kind` is "-pie" or "-no-pie"."""
    return cross_program(source, out=os.path.splitext(source)[0] + kind,
                         link=(kind, "-fPIE" if kind == "-pie" else "-fno-pie"))


def bench_program(name):
    return os.path.join(BUILD, "bench", name)


def bench_build():
    """Builds what bench_program() names."""
    make_in("tests/bench", "-s")


def build(config):
    """Builds all that `config` boots with."""
    if not mkinitramfs.busybox_path(BUILD) and not debs_fetch("busybox-static"):
        print("rv: busybox is missing; going on with the native userland", file=sys.stderr)
    if config.on == "linux":
        make_in(".", "user")
        linux_image()
        return
    make_in(".", "kernel", "user", f"DEBUG={int(config.debug)}", f"UACCESS={config.uaccess}",
         *(["firmware"] if config.firmware == "own" else []))


def exec_file(argv, environment, cwd="/", uid=0, size=(0, 0), get=()):
    """The contents of /rv.exec (docs/rv.md)."""
    variables = [f"{k}={v}" for k, v in environment.items()]
    strings = [len(argv), len(variables), len(get), uid, *size, cwd, *argv, *variables, *get]
    return b"".join(os.fsencode(str(s)) + b"\0" for s in strings)


def initramfs(config, extra=None):
    """The archive: the root unless a disk has it, config.put, and `extra` {guest path: bytes}."""
    if config.on_disk or config.files:
        root = cpio.Writer()
    else:
        root = mkinitramfs.build_root(BUILD)
    for name, data in (config.files or {}).items():
        root.file(name, data, 0o755)
    for host, guest in config.put:
        try:
            root.parents(guest.strip("/"))
            root.host_path(os.path.realpath(host), guest.strip("/"))
        except OSError as e:
            raise Error(f"--put {host}:{guest}: {e.strerror or e}") from None
    if config.on == "linux":
        with open(cross_program("tests/system/linux_init.c"), "rb") as f:
            root.file("init", f.read(), 0o755)
        linux_modules(root, LINUX_MODULES + LINUX_DISK * config.on_disk)
    for name, data in (extra or {}).items():
        root.file(name.strip("/"), data)
    return root.finish()


def memory_file(name, data=b""):
    """A file in memory that child processes may inherit; its path is fd_path()."""
    fd = os.memfd_create(name, 0)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]
    return fd


def fd_path(fd):
    return f"/proc/self/fd/{fd}"


def root_use(config, root, persist=False):
    """Gives the machine its root: "memory", the initramfs; "native", the same files on a disk, whose
    changes are forgotten, or with `persist` kept in the build directory; "world" or "world:LIST",
    Debian's packages, whose changes are forgotten; or an image, which keeps what is written."""
    if root == "memory":
        return
    kind, _, packages = root.partition(":")
    try:
        if kind == "world":
            disk = Disk(world.image(BUILD, packages or "base"), scratch=True)
            world_use(config)
        elif root != "native":
            disk = Disk(root)
        elif persist:
            disk = Disk(mkroot.kept(BUILD))
        else:
            disk = Disk(mkroot.base(BUILD), scratch=True)
    except (mkroot.Error, world.Error) as e:
        raise Error(str(e)) from None
    config.on_disk = True
    config.disks.insert(0, disk)
    config.append = f"root=/dev/vda {config.append}"


def world_use(config):
    """Process 1 is ours; it comes with the initramfs, so that the image lasts when it changes."""
    config.init = "/usr/sbin/init"
    with open(os.path.join(BUILD, "user/bin/init"), "rb") as f:
        config.files = {config.init.strip("/"): f.read()}
    config.append = f"SHELL=/bin/bash {config.append}"


def qemu_command(config, kernel, initrd_path, cmdline, serial, interactive=False):
    """QEMU's arguments. `serial` is a list of arguments that make the chardev `uart`. A person at it
    sees sleeps take their time also with icount, which otherwise skips them."""
    command = ["qemu-system-riscv64", "-machine", "virt", "-smp", str(config.smp),
               "-m", config.mem, "-nic", "none", "-display", "none", "-no-reboot",
               "-bios", os.path.join(BUILD, "firmware.bin") if config.firmware == "own"
               else "default",
               "-kernel", kernel, "-append", f"{cmdline} {config.append}".strip(),
               "-global", "virtio-mmio.force-legacy=false",
               "-object", "rng-builtin,id=rng", "-device", "virtio-rng-device,rng=rng",
               *serial, "-serial", "chardev:uart"]
    for device in config.devices:
        command += ["-device", device]
    for number, disk in enumerate(config.disks):
        command += disk.arguments(number)
    if initrd_path:
        command += ["-initrd", initrd_path]
    if config.icount:
        # Asleep, an idle machine's clock jumps to the next timer: past any wait for a disk or a person.
        sleep = "on" if interactive or config.disks else "off"
        command += ["-icount", f"shift=0,sleep={sleep}", "-seed", "1",
                    "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
    return command


def port_arguments(fds):
    """The console device and a port for each of PORTS, on connected sockets {port: fd}."""
    arguments = ["-device", "virtio-serial-device,max_ports=8"]
    for number, port in enumerate(PORTS, 1):
        arguments += ["-chardev", f"socket,id=rv-{port},fd={fds[port]}",
                      "-device", f"virtserialport,chardev=rv-{port},name=rv.{port},nr={number}"]
    return arguments


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(command, fds, foreground=False, **streams):
    """Starts QEMU, which inherits `fds` and ends with us; in a session of its own if not
    `foreground`."""
    try:
        return subprocess.Popen(command, pass_fds=fds, preexec_fn=_die_with_parent,
                                start_new_session=not foreground, **streams)
    except FileNotFoundError:
        raise Error("qemu-system-riscv64 is not installed") from None


def stop(process):
    """Ends QEMU if it runs, and takes its exit status."""
    if process.poll() is None:
        process.kill()
    return process.wait()
