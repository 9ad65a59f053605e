# SPDX-License-Identifier: MIT
"""The labs: links lead to what they name, cuts apply and build, and the checks tell trees apart."""
import glob
import os
import re
import shutil
import subprocess

import pytest

import lab
import machine

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

# What a lab's cut takes from the other tests: tests of this folder, and those of usertests. What else
# test_tests runs are checks of the other labs.
OWN = {
    "cow": ("test_tests", "cow_"),
    "fs": ("test_tests or test_bigfile and not without_room or test_xv6fs and (test_layout or"
           " test_host_tree or test_sizes or test_largest_file or test_full)",
           "symlink_|file_indirect|all_blocks"),
    "lazy": ("test_tests", "sbrk_|sysinfo_memory"),
    "lock": ("test_load", "$"),
    "mmap": ("test_tests or test_more_than_memory or test_mix or test_durable or test_mapped_writes or"
             " test_ext4_files or test_ext4 and test_stress", "map_"),
    "pgtbl": ("test_tests or test_table or test_pgaccess", "ugetpid|layout_top"),
    "syscall": ("test_tests or test_trace or cputime or badptr", "trace_|sysinfo_|orphans_live"),
    "thread": ("test_tests", "$"),
    "traps": ("test_tests or test_alarm or test_backtrace", "alarm_"),
    "util": ("test_primes or test_pingpong or test_find_ or test_xargs_ or test_sleep or test_trace",
             "$"),
}
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
LEAST_LINKS = 10
NAMES = lab.names()


def defines(text, name):
    """Whether C text defines (or, for a header, declares) a function, type, constant or variable."""
    word = re.escape(name)
    return re.search(rf"^(#define\s+{word}\b|(?:.*\W)?{word}\(|(?:static |const )*(?:struct|enum|union)"
                     rf" {word} \{{|\s+{word}(?: = .*)?,|.*\W{word}(?:\[.*\])?(?: = .*)?;)", text,
                     re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_links(name):
    links = LINK.findall(lab.text_of(name, "README.md"))
    assert len(links) >= LEAST_LINKS
    for word, path in links:
        with open(os.path.join(lab.LABS, name, path)) as f:
            assert defines(f.read(), word), f"{path} does not define {word}"


def objects_hand_on(to):
    """Gives a copy of the tree what is built already: the files it changed are newer."""
    build = os.path.join(to, "build")
    for part in "release-walk", "user":
        shutil.copytree(os.path.join(machine.BUILD, part), os.path.join(build, part), symlinks=True)
        for path in glob.glob(f"{build}/{part}/**/*.d", recursive=True):
            with open(path) as f:
                text = f.read()
            state = os.stat(path)
            with open(path, "w") as f:
                f.write(text.replace(machine.BUILD, build).replace(f"{machine.ROOT}/", f"{to}/"))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def cut(name, tree):
    """The tree without the feature, built."""
    machine.make_in(".", "kernel", "user")
    lab.start(name, tree)
    objects_hand_on(tree)
    subprocess.run(["make", "-s", "-C", tree, f"-j{os.cpu_count()}", f"BUILD={tree}/build", "kernel", "user"],
                   check=True, stdout=subprocess.DEVNULL)


def run_in(tree, *command):
    """Whether it succeeds, and what it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "RV_BUILD"}
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def grade(tree, name):
    return run_in(tree, "./rv", "lab", name, "--grade")


@pytest.mark.parametrize("name", NAMES)
def test_cut(name, tmp_path):
    """The cut tree builds and boots."""
    tree = str(tmp_path / "tree")
    cut(name, tree)
    if "--- a/kernel/" in lab.text_of(name, "cut.patch"):
        assert (os.path.getmtime(f"{tree}/build/release-walk/Image")
                >= os.path.getmtime(lab.path_of(name, "cut.patch")))
    assert run_in(tree, "./rv", "exec", "--", "echo", "up") == (True, "up\n")


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_usertests(name, tmp_path):
    """The cut tree lacks nothing that xv6's programs want but the feature."""
    tree = str(tmp_path / "tree")
    cut(name, tree)
    _, out = run_in(tree, "./rv", "xv6", "tests/xv6", "--", "usertests", "-q")
    failed = re.findall(r"^(\w+): FAILED", out, re.MULTILINE)
    assert f" passed, {len(failed)} failed\n" in out, out  # so nothing leaks
    assert all(re.match(OWN[name][1], test) for test in failed), failed


@pytest.mark.parametrize("name", NAMES)
def test_solution(name, tmp_path):
    """It turns the cut tree into the whole one."""
    tree = str(tmp_path / "tree")
    lab.start(name, tree)
    subprocess.run(["patch", "-s", "-p1", "-d", tree], input=lab.solution(name), text=True, check=True)
    for path in lab.tree_files():
        if os.path.isfile(os.path.join(machine.ROOT, path)):
            with open(os.path.join(machine.ROOT, path), "rb") as ours, \
                    open(os.path.join(tree, path), "rb") as theirs:
                assert ours.read() == theirs.read(), path


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_rest(name, tmp_path):
    """In the cut tree every other system test passes, and every other lab has full points."""
    tree = str(tmp_path / "tree")
    cut(name, tree)
    good, text = run_in(tree, "tests/run", "system", "--config-name", "smp4", "-k",
                        f"not test_labs and not test_xv6_usertests and not ({OWN[name][0]})")
    assert good, text
    for other in NAMES:
        full, text = grade(tree, other)
        assert full == (other != name), text


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_whole_tree(name):
    full, text = grade(machine.ROOT, name)
    assert full, text


@pytest.mark.parametrize("program", ["ph", "barrier"])
def test_threads_on_host(program, tmp_path):
    """The programs of the lab thread run on any system. How fast is for a quiet machine to tell."""
    out = str(tmp_path / program)
    subprocess.run(["gcc", "-O2", "-pthread", "-o", out, lab.path_of("thread", f"{program}.c")], check=True)
    done = subprocess.run([out, "keys"], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stdout.endswith(f"{program}: OK\n"), done.stdout
