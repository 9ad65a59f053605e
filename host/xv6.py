# SPDX-License-Identifier: MIT
"""./rv xv6: programs written for xv6, on the machine that the course has. docs/xv6.md explains it."""
import glob
import hashlib
import os
import subprocess
import sys
import tempfile

import cpio
import machine
import mkroot
import xv6fs

SMP, MEM = 3, "128M"
NPROC = 64
FREE_BLOCKS = 2000  # of 1 KiB, behind what the root holds
INODES = 400
LOG = 30
EXT4_JOURNAL = 4096
OWN_INIT = "rv.init"  # process 1, beside a program named init
PLACES = {"PATH": "/", "HOME": "/"}
SOURCES = (".c", ".S", ".s")

CC = "riscv64-linux-gnu-gcc"
CFLAGS = ["-Wall", "-O", "-fno-omit-frame-pointer", "-ggdb", "-march=rv64gc", "-mabi=lp64d",
          "-mcmodel=medany", "-msmall-data-limit=0", "-ffreestanding", "-fno-common", "-nostdinc",
          "-fno-builtin", "-fno-stack-protector", "-fno-pie", "-ffunction-sections",
          "-fdata-sections", "-Wno-main", "-Wno-infinite-recursion", "-Wno-format", "-Wno-unused"]
LDFLAGS = ["-nostdlib", "-static", "-no-pie", "-Wl,--gc-sections", "-Wl,--build-id=none",
           "-Wl,-z,max-page-size=4096", "-Wl,-z,separate-code", "-Wl,--no-relax",
           "-Wl,--no-warn-rwx-segments"]


def user(*path):
    return os.path.join(machine.ROOT, "user", *path)


def is_source(path):
    return path.endswith(SOURCES)


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


class Builder:
    """Compiles programs into a folder."""

    def __init__(self, folder):
        self.folder = folder
        builtin = subprocess.run([CC, "-print-file-name=include"], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout.strip()
        self.includes = ["-I", user("include"), "-isystem", builtin]
        built = os.path.join(machine.BUILD, "user")
        self.start = [os.path.join(built, "obj/xv6", name) for name in ("crt.o", "start.o")]
        self.library = os.path.join(built, "lib/libxv6.a")

    def run(self, *command):
        if subprocess.call(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) != 0:
            raise machine.Error("the program cannot be built")

    def program(self, name, sources):
        """The bytes of program `name`."""
        out = os.path.join(self.folder, name)
        objects = []
        for number, source in enumerate(sources):
            objects.append(f"{out}.{number}.o")
            self.run(CC, *CFLAGS, *self.includes, "-I", os.path.dirname(source) or ".", "-c",
                     "-o", objects[-1], source)
        self.run(CC, *LDFLAGS, "-Wl,-T," + user("xv6/xv6.ld"), "-o", out, *self.start, *objects,
                 self.library)
        self.run("riscv64-linux-gnu-strip", out)
        with open(out, "rb") as f:
            return f.read()


def own_programs():
    """{name: its sources} of the programs that come with us: those of the native root that need
    nothing else, and those that only this root has, of which a folder is one program."""
    found = {stem(path): [path] for path in sorted(glob.glob(user("bin", "*.c")))
             if not needs_linux(path)}
    found.update(programs_of(user("xv6/bin"))[0])
    for folder in glob.glob(user("xv6/bin/*/")):
        found[os.path.basename(folder[:-1])] = sorted(filter(is_source, glob.glob(folder + "*")))
    return found


def needs_linux(path):
    with open(path) as f:
        return '"lib/' in f.read()


def native_programs():
    """{name: bytes} of those that use more of the kernel than xv6 has."""
    folder = os.path.join(machine.BUILD, "user/bin")
    names = set(os.listdir(folder)) - set(own_programs())
    found = {}
    for name in names:
        with open(os.path.join(folder, name), "rb") as f:
            found[name] = f.read()
    return found


def own_key():
    """What the own programs and their library are built from."""
    digest = hashlib.sha256(repr((CFLAGS, LDFLAGS)).encode())
    parts = [user("xv6/xv6.ld"), *glob.glob(os.path.join(machine.BUILD, "user/obj/xv6/*.o")),
             os.path.join(machine.BUILD, "user/lib/libxv6.a"),
             *glob.glob(user("include/**/*.h"), recursive=True),
             *glob.glob(user("xv6/bin/**/*.[hS]"), recursive=True)]
    for path in sorted(parts + sum(own_programs().values(), [])):
        with open(path, "rb") as f:
            digest.update(path.encode() + b"\0" + f.read())
    return digest.hexdigest()[:16]


def own_files():
    """{name: bytes} of all that a root holds before the user's programs; kept from run to run."""
    kept = os.path.join(machine.BUILD, "xv6", own_key())
    if not os.path.isdir(kept):
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(kept)) as folder:
            builder = Builder(folder)
            new = os.path.join(folder, "root")
            os.mkdir(new)
            for name, sources in own_programs().items():
                data = builder.program(name, sources)
                with open(os.path.join(new, name), "wb") as f:
                    f.write(data)
            if not os.path.isdir(kept):
                os.rename(new, kept)
    files = native_programs()
    for name in os.listdir(kept):
        with open(os.path.join(kept, name), "rb") as f:
            files[name] = f.read()
    with open(user("xv6/README"), "rb") as f:
        files["README"] = f.read()
    return files


def is_included(path, paths):
    for other in filter(is_source, paths):
        with open(other, errors="replace") as f:
            if f'"{os.path.basename(path)}"' in f.read():
                return True
    return False


def programs_of(folder):
    """({name: sources}, {name: path}): the programs and the other files of a directory. A program is
    a C file, with the assembly files whose names begin with its name and an underscore, and with no
    longer name of another."""
    paths = sorted(p for p in glob.glob(os.path.join(folder, "*")) if os.path.isfile(p))
    programs = {stem(p): [p] for p in paths if p.endswith(".c")}
    names = sorted(programs, key=len)
    for path in filter(lambda p: p.endswith((".S", ".s")), paths):
        owners = [name for name in names if stem(path).startswith(name + "_")]
        if owners:
            programs[owners[-1]].append(path)
        elif not is_included(path, paths):
            raise machine.Error(f"{path}: belongs to no program; its name is to begin with PROGRAM_")
    return programs, {os.path.basename(p): p for p in paths if not is_source(p)}


def user_files(files):
    """({name: bytes}, the program to run or None) of what the command line names."""
    programs, others, run = {}, {}, None
    for path in files:
        if not os.path.exists(path):
            raise machine.Error(f"{path}: there is no such file")
    if len(files) == 1 and os.path.isdir(files[0]):
        programs, others = programs_of(files[0])
        if not programs:
            raise machine.Error(f"{files[0]}: no program is in it")
    elif files and all(is_source(p) for p in files):
        run = stem(files[0])
        programs[run] = files
    elif files:
        raise machine.Error("./rv xv6 takes C and assembly files of one program, or one directory")
    for name in [*programs, *others]:
        if len(name) > 14:
            raise machine.Error(f"{name}: a name has at most 14 bytes")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(folder)
        for name, sources in programs.items():
            found[name] = builder.program(name, sources)
    for name, path in others.items():
        with open(path, "rb") as f:
            found[name] = f.read()
    return found, run


def image_xv6(files, blocks, out):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
        try:
            xv6fs.make(out, folder, blocks, INODES, LOG)
        except xv6fs.Error as e:
            raise machine.Error(str(e)) from None


def image_ext4(files, blocks, out):
    archive = cpio.Writer()
    for name, data in files.items():
        archive.file(name, data, 0o755)
    mkroot.make(archive.finish(), out, f"{blocks + EXT4_JOURNAL}k")


def root_use(config, files, kind, blocks):
    """Gives the machine a root that holds `files`, {name: bytes}: "xv6" or "ext4", on a disk with
    room for `blocks` of 1 KiB, or "memory"."""
    if kind == "memory":
        config.files = files
        return
    blocks = blocks or sum(len(data) // 1024 + 2 for data in files.values()) + FREE_BLOCKS
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "image")
        make = image_xv6 if kind == "xv6" else image_ext4
        make(files, blocks, image)
        fd = machine.memory_file("root")
        mkroot.copy(image, fd)
    disk = machine.Disk(machine.fd_path(fd))
    disk.copy = os.fdopen(fd, "wb")
    config.on_disk = True
    config.disks.insert(0, disk)
    config.append = (f"root=/dev/vda rootfstype={'xv6fs' if kind == 'xv6' else 'ext4'} "
                     f"{config.append}")


def prepare(config, sources, kind, blocks):
    """Builds what `sources` names and the machine's root with it. The program's name, or None for a
    directory."""
    machine.build(config)
    files = own_files()
    found, name = user_files(sources)
    config.init = "/init"
    if "init" in found:
        config.init = "/" + OWN_INIT
        files[OWN_INIT] = files["init"]
    files.update(found)
    root_use(config, files, kind, blocks)
    config.append += f" sysctl.kernel.threads-max={NPROC} sysctl.kernel.randomize_va_space=0"
    return name
