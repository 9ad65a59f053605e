# SPDX-License-Identifier: MIT
"""A tree that a lab's feature is cut out of: built, and compared with ours by what came of it."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import lab
import machine
import xv6

VARIANTS = ("release-walk", "debug-walk")  # of the kernel, that the checks and tests boot
HANDED_ON = (*VARIANTS, "user", "abi")
CUT_FROM = ("docs/", "kernel/", "labs/", "user/")  # what makes the machines and tests is the same
LIBRARY = ("user/include/", "user/lib/")  # what a program is built with that a check brings
PATCHED = re.compile(r"^(?:---|\+\+\+) [ab]/(.*)$", re.MULTILINE)
POINTS = re.compile(r"^\w+: (\d+) of (\d+) points$", re.MULTILINE)


def objects_hand_on(to):
    """Gives a copy of the tree what is built already: the files it changed are newer."""
    build = os.path.join(to, "build")
    for part in HANDED_ON:
        if not os.path.isdir(os.path.join(machine.BUILD, part)):
            continue
        shutil.copytree(os.path.join(machine.BUILD, part), os.path.join(build, part), symlinks=True)
        for path in glob.glob(f"{build}/{part}/**/*.d", recursive=True):
            with open(path) as f:
                text = f.read()
            state = os.stat(path)
            with open(path, "w") as f:
                f.write(text.replace(machine.BUILD, build).replace(f"{machine.ROOT}/", f"{to}/"))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    for image in glob.glob(f"{machine.BUILD}/world-*.img"):  # of Debian's packages; nobody writes to it
        os.symlink(image, os.path.join(build, os.path.basename(image)))


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


def code_of(path):
    """An object file without what only a debugger reads: the lines of its source."""
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["riscv64-linux-gnu-strip", "--strip-debug", "-o", stripped.name, path], check=True)
        return bytes_of(stripped.name)


def kernel_objects(build, variant):
    """{"vm/fork.c": its object file} of all that the kernel is linked from."""
    top = os.path.join(build, variant, "kernel/")
    return {path[len(top):-len(".o")]: path for path in glob.glob(f"{top}**/*.o", recursive=True)}


def programs(build, root):
    """{path in its root: bytes}; `root` is the folder of those that only ./rv xv6 puts there."""
    return {f"{kind}/{os.path.basename(path)}": bytes_of(path)
            for kind, folder in (("native", os.path.join(build, "user/bin")), ("xv6", root))
            for path in glob.glob(f"{folder}/*")}


class Cut:
    """The tree without the feature `name`, in the new folder `path`, built but for debug kernels. It is
    built from ours as far as that is possible, unless `afresh`."""

    def __init__(self, name, path, afresh=False):
        self.name, self.path = name, path
        self.build = os.path.join(path, "build")
        self.patched = PATCHED.findall(lab.text_of(name, "cut.patch"))
        machine.make_in(".", "kernel", "user")
        lab.start(name, path)
        if not afresh:
            objects_hand_on(path)
        self._make("kernel", "user")

    def _make(self, *what):
        subprocess.run(["make", "-s", "-C", self.path, f"-j{os.cpu_count()}", f"BUILD={self.build}", *what],
                       check=True, stdout=subprocess.DEVNULL)

    def run(self, *command):
        """Whether it succeeds in the tree, and what it prints."""
        environment = {k: v for k, v in os.environ.items() if k != "RV_BUILD"}
        done = subprocess.run(command, cwd=self.path, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode == 0, done.stdout

    def points(self, name):
        """What the tree reaches of the points of a lab, how many there are, and what was printed."""
        _, text = self.run("./rv", "lab", name, "--grade")
        points = POINTS.search(text)
        assert points, text
        return int(points[1]), int(points[2]), text

    def compare(self):
        """Builds the rest of both trees. `objects` are the kernel's, of any variant, that came out
        otherwise or only once, `programs` the user's, by their paths in a root."""
        assert all(p.startswith(CUT_FROM) for p in self.patched)
        machine.make_in(".", "kernel", "DEBUG=1")
        self._make("kernel", "DEBUG=1")
        self.objects = set()
        for variant in VARIANTS:
            found = self._objects(variant)
            images = {bytes_of(os.path.join(b, variant, "Image")) for b in (machine.BUILD, self.build)}
            assert bool(found) == (len(images) > 1)  # so what is linked is what was compared
            self.objects |= found
        self._compare_programs()

    def _objects(self, variant):
        ours, theirs = (kernel_objects(b, variant) for b in (machine.BUILD, self.build))
        return {name for name in ours.keys() | theirs.keys() if name not in ours or name not in theirs or
                bytes_of(ours[name]) != bytes_of(theirs[name]) and code_of(ours[name]) != code_of(theirs[name])}

    def _compare_programs(self):
        xv6.own_files()
        good, text = self.run(sys.executable, "-B", "-c",
                              "import sys; sys.path[:0] = ['host']; import xv6; xv6.own_files()")
        assert good, text
        ours = programs(machine.BUILD, os.path.join(machine.BUILD, "xv6", xv6.own_key()))
        theirs = programs(self.build, glob.glob(os.path.join(self.build, "xv6/*"))[0])
        self.programs = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}

    def is_new_to(self, command):
        """Whether a command of ./rv meets anything here that ours does not give it: the kernel, the library,
        a program or a file of the tree that it names."""
        words = set(re.findall(r"[\w./]+", " ".join(command)))
        return bool(self.objects or any(p.startswith(LIBRARY) for p in self.patched) or
                    words & {os.path.basename(name) for name in self.programs} or words & set(self.patched))
