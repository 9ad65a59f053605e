# SPDX-License-Identifier: MIT
"""The labs: links lead to what they name, cuts apply and build, and the checks tell trees apart."""
import os
import re
import shutil
import subprocess

import pytest

import lab
import labtree
import machine

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

# What a lab's cut takes from the other tests: tests of this folder, and those of usertests. What else
# test_tests runs are checks of the other labs.
OWN = {
    "cow": ("test_tests or test_abi and smaps or test_pageinfo and (test_pagemap or test_idle)", "cow_"),
    "fs": ("test_tests or test_bigfile and not without_room or test_xv6fs and (test_layout or"
           " test_host_tree or test_sizes or test_largest_file or test_full) or test_on_disk and xv6fs",
           "symlink_|file_indirect|all_blocks"),
    "lazy": ("test_tests", "sbrk_|sysinfo_memory"),
    "lock": ("test_load", "$"),
    "mmap": ("test_tests or test_more_than_memory or test_mix or test_durable or test_mapped_writes or"
             " test_pages_of_another_file or test_ext4_files or test_ext4 and test_stress or test_sqlite", "map_"),
    "pgtbl": ("test_tests or test_table or test_pgaccess or test_megapage", "ugetpid|layout_top"),
    "syscall": ("test_tests or test_trace or test_abi and time or badptr",
                "trace_|sysinfo_|orphans_live|alarm_trace"),
    "thread": ("test_tests", "$"),
    "traps": ("test_tests or test_alarm or test_backtrace", "alarm_"),
    "util": ("test_primes or test_pingpong or test_find_ or test_xargs_ or test_sleep or test_trace",
             "$"),
}
# Tests of a part of the kernel: left out where no object file of that part came out otherwise. Other tests
# run wherever any did.
DISKS = ("block/", "buf/", "drivers/")
PAGES = ("vm/fill.c", "vm/object", "vm/reclaim.c", "vm/writeback.c")  # of files
PARTS = {
    "test_block": DISKS,
    "test_loop": (*DISKS, *PAGES, "vfs/"),
    "test_pagecache": (*DISKS, *PAGES, "mm/"),
    "test_ext4 or test_io_faults or test_journal or test_powercut": (*DISKS, *PAGES, "vfs/", "fs/ext4/"),
    "test_xv6fs or test_bigfile": (*DISKS, *PAGES, "vfs/", "fs/xv6fs/"),
}
OF_XV6 = "test_xv6 and not test_xv6fs"  # those that boot programs which the native root lacks
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
LEAST_LINKS = 10
NAMES = lab.names()


def defines(path, text, name):
    """Whether C text defines (or, for a header, declares) a function, type, constant or variable. What is
    indented is a use, but in a header a field or an enumerator."""
    word = re.escape(name)
    kinds = [rf"#define\s+{word}\b", rf"(?:static |const )*(?:struct|enum|union) {word} \{{",
             rf"\w[^;(]*\W{word}(?:\[.*\])?(?: = .*)?;"]
    if path.endswith(".c"):
        kinds += [rf"\w[^;{{}}]*\W{word}\([^;{{}}]*\)\s*\{{"]
    else:
        kinds += [rf"\w.*\W{word}\(", rf"\s+{word}(?: = .*)?,", rf"\s+\w[^(]*\W{word}(?:\[.*\])?;"]
    return re.search(f"^({'|'.join(kinds)})", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_links(name):
    links = LINK.findall(lab.text_of(name, "README.md"))
    assert len(links) >= LEAST_LINKS
    for word, path in links:
        with open(os.path.join(lab.LABS, name, path)) as f:
            assert defines(path, f.read(), word), f"{path} does not define {word}"


@pytest.fixture(scope="module", params=NAMES)
def cut(request, tmp_path_factory):
    """The tree without a lab's feature, for all tests of the lab."""
    folder = tmp_path_factory.mktemp(request.param)
    yield labtree.Cut(request.param, str(folder / "tree"))
    shutil.rmtree(folder)


@pytest.fixture
def compared(cut):
    """The same, and what of it was built otherwise than ours."""
    if not hasattr(cut, "objects"):
        cut.compare()
    return cut


def test_cut(cut):
    """The cut tree builds and boots."""
    if any(path.startswith("kernel/") for path in cut.patched):
        assert (os.path.getmtime(f"{cut.build}/release-walk/Image")
                >= os.path.getmtime(lab.path_of(cut.name, "cut.patch")))
    assert cut.run("./rv", "exec", "--", "echo", "up") == (True, "up\n")


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
def test_whole_tree(name):
    done = subprocess.run([os.path.join(machine.ROOT, "rv"), "lab", name, "--grade"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_reproducible(tmp_path):
    """Built from nothing in another folder, kernels and programs are the same bytes: those that differ in
    a cut tree differ by the cut. (The lab util takes whole programs away, which others do not notice.)"""
    tree = labtree.Cut("util", str(tmp_path / "tree"), afresh=True)
    tree.compare()
    gone = {f"xv6/{os.path.splitext(os.path.basename(path))[0]}" for path in tree.patched}
    assert not tree.objects and tree.programs == gone, (tree.objects, tree.programs)


@pytest.mark.long
def test_differs(compared):
    """The cut takes something away that is built: nothing else could have the checks fail."""
    kept = [check for check in lab.checks(compared.name) if not compared.is_new_to(check.command)]
    assert len(kept) < len(lab.checks(compared.name)), (compared.objects, compared.programs)


@pytest.mark.long
def test_grades(compared):
    """It has full points in every lab but its own. A lab whose checks meet here just what they meet in
    the whole tree is not graded again."""
    reached, total, text = compared.points(compared.name)
    assert reached < total, text
    others = [n for n in NAMES
              if n != compared.name and any(compared.is_new_to(c.command) for c in lab.checks(n))]
    less = [text for reached, total, text in map(compared.points, others) if reached < total]
    assert not less, "".join(less)


@pytest.mark.long
def test_usertests(cut):
    """It lacks nothing that xv6's programs want but the feature."""
    _, out = cut.run("./rv", "xv6", "tests/xv6", "--", "usertests", "-q")
    failed = re.findall(r"^(\w+): FAILED", out, re.MULTILINE)
    assert f" passed, {len(failed)} failed\n" in out, out  # so nothing leaks
    assert all(re.match(OWN[cut.name][1], test) for test in failed), failed


def chosen(cut):
    """What pytest -k takes of the system tests: those that can tell this tree from the whole one."""
    no = [f"({OWN[cut.name][0]})", "test_labs", "test_xv6_usertests"]
    no += [tests for tests, parts in PARTS.items() if not any(o.startswith(parts) for o in cut.objects)]
    native = cut.objects or any(name.startswith("native/") for name in cut.programs)
    return ("" if native else f"{OF_XV6} and ") + f"not ({' or '.join(no)})"


@pytest.mark.long
def test_rest(compared):
    """Every other system test passes."""
    good, text = compared.run("tests/run", "system", "--config-name", "smp4", "-k", chosen(compared))
    print(text)
    assert good, text


@pytest.mark.parametrize("program", ["ph", "barrier"])
def test_threads_on_host(program, tmp_path):
    """The programs of the lab thread run on any system. How fast is for a quiet machine to tell."""
    out = str(tmp_path / program)
    subprocess.run(["gcc", "-O2", "-pthread", "-o", out, lab.path_of("thread", f"{program}.c")], check=True)
    done = subprocess.run([out, "keys"], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stdout.endswith(f"{program}: OK\n"), done.stdout
