# SPDX-License-Identifier: MIT
"""./rv lab: the labs of the course, each a page, a cut through this tree, and checks.

labs/NAME/README.md     the page
labs/NAME/cut.patch     takes the feature out of the tree
labs/NAME/checks        what it is worth: sections with points, a command of ./rv, what it must print

docs/labs.md explains them.
"""
import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import machine
import xv6

LABS = os.path.join(machine.ROOT, "labs")
HUNK = re.compile(r"@@ -(\S+) \+(\S+) @@(.*)", re.DOTALL)
PATIENCE = 60  # boots that a check may last
MIN_PATIENCE = 30  # seconds


def names():
    return sorted(os.path.basename(os.path.dirname(p)) for p in
                  (os.path.join(LABS, n, "checks") for n in os.listdir(LABS)) if os.path.exists(p))


def path_of(name, file):
    return os.path.join(LABS, name, file)


def text_of(name, file):
    with open(path_of(name, file)) as f:
        return f.read()


# The feature: out of the tree and back


def tree_files():
    """Paths of what belongs to the tree, relative to it."""
    git = shutil.which("git") and os.path.exists(os.path.join(machine.ROOT, ".git"))
    done = git and subprocess.run(
        ["git", "-C", machine.ROOT, "ls-files", "-z", "-co", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done and done.returncode == 0:
        return [p for p in os.fsdecode(done.stdout).split("\0") if p]
    found = []
    for folder, folders, files in os.walk(machine.ROOT):
        outside = (machine.BUILD, *(os.path.join(machine.ROOT, f) for f in (".git", "build")))
        folders[:] = [f for f in folders if os.path.join(folder, f) not in outside]
        found += [os.path.relpath(os.path.join(folder, f), machine.ROOT) for f in files]
    return found


def start(name, to):
    """A copy of the tree in the new folder `to`, with the feature cut out."""
    if os.path.exists(to) and os.listdir(to):
        raise machine.Error(f"{to} is there already, and not empty")
    for path in tree_files():
        source, copy = os.path.join(machine.ROOT, path), os.path.join(to, path)
        if not os.path.lexists(source):
            continue
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
    done = subprocess.run(["patch", "-s", "-p1", "-d", to, "-i", path_of(name, "cut.patch")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise machine.Error(f"labs/{name}/cut.patch does not fit this tree:\n{done.stdout}")
    packages = os.path.join(machine.BUILD, "debs")  # what was fetched need not be fetched again
    if os.path.isdir(packages):
        shutil.copytree(packages, os.path.join(to, "build/debs"), symlinks=True)


def solution(name):
    """The patch the other way round: what the cut took away is added."""
    lines = []
    for line in text_of(name, "cut.patch").splitlines(keepends=True):
        hunk = HUNK.match(line)
        if hunk:
            line = f"@@ -{hunk[2]} +{hunk[1]} @@{hunk[3]}"
        elif line.startswith("index "):  # which the other way round would be wrong
            continue
        elif line.startswith("deleted file"):
            line = line.replace("deleted", "new", 1)
        elif line.startswith(("--- ", "+++ ")):
            lines.append(line)
            if line == "+++ /dev/null\n":  # of a file that was taken away
                lines[-2:] = ["--- /dev/null\n", lines[-2].replace("--- a/", "+++ b/", 1)]
            continue
        elif line[0] in "+-":
            line = ("-" if line[0] == "+" else "+") + line[1:]
        lines.append(line)
    return "".join(lines)


# Checks


def tail_of(text):
    """Its end, and what the kernel died of if it did."""
    lines = text.strip().splitlines()
    panics = [line for line in lines[:-3] if "panic: " in line]
    return "".join("\n      " + line for line in panics + lines[-3:])


class Check:
    def __init__(self, title, section):
        self.title = title
        self.points = section.getint("points")
        self.command = shlex.split(section["run"])
        self.expect = re.compile(section["expect"], re.MULTILINE)
        self.status = section.getint("status", 0)

    def failure(self, timeout):
        """None, or why it failed."""
        try:
            done = subprocess.run([os.path.join(machine.ROOT, "rv"), *self.command],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, errors="replace",
                                  timeout=timeout, cwd=machine.ROOT)
        except subprocess.TimeoutExpired as e:
            said = (e.stdout or b"") + (e.stderr or b"")
            return f"no end after {timeout:.0f} seconds" + tail_of(said.decode(errors="replace"))
        if done.returncode != self.status:
            return f"status {done.returncode}" + tail_of(done.stdout + done.stderr)
        if not self.expect.search(done.stdout):
            return f"nothing printed fits {self.expect.pattern!r}"
        return None


def checks(name):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path_of(name, "checks"))
    return [Check(title, parser[title]) for title in parser.sections()]


def build(all_checks):
    """Builds what the checks boot, the root of ./rv xv6 too: none of them waits for a compiler."""
    for debug, icount in {("--debug" in c.command, "--icount" in c.command) for c in all_checks}:
        machine.build(machine.Config(debug=debug, icount=icount))
    xv6.own_files()


def machine_time():
    """Seconds that this machine takes for a boot; the first reads what is not in memory yet."""
    command = [os.path.join(machine.ROOT, "rv"), "exec", "--", "true"]
    for _ in range(2):
        begin = time.monotonic()
        if subprocess.call(command, stdin=subprocess.DEVNULL, stdout=sys.stderr):
            raise machine.Error("the tree does not boot: ./rv exec -- true")
        last = time.monotonic() - begin
    return last


def grade(name):
    """Runs the checks and prints the points; whether all were reached."""
    all_checks = checks(name)
    print(f"{name}: building what the checks boot", file=sys.stderr)
    build(all_checks)
    timeout = max(MIN_PATIENCE, PATIENCE * machine_time())
    reached = total = 0
    for check in all_checks:
        why = check.failure(timeout)
        got = 0 if why else check.points
        print(f"{got:3}/{check.points:<3} {check.title}" + (f"\n      {why}" if why else ""),
              flush=True)
        reached += got
        total += check.points
    print(f"{name}: {reached} of {total} points")
    return reached == total
