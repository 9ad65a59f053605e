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
    kernel = os.path.join(machine.BUILD, "release-walk")
    shutil.copytree(kernel, os.path.join(build, "release-walk"), symlinks=True)
    for path in glob.glob(f"{build}/release-walk/**/*.d", recursive=True):
        with open(path) as f:
            text = f.read()
        state = os.stat(path)
        with open(path, "w") as f:
            f.write(text.replace(machine.BUILD, build))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def make(tree, *targets):
    subprocess.run(["make", "-s", "-C", tree, f"-j{os.cpu_count()}", f"BUILD={tree}/build", *targets],
                   check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", NAMES)
def test_cut_builds(name, tmp_path):
    tree = str(tmp_path / "tree")
    machine.make_in(".", "kernel", "user")
    lab.start(name, tree)
    objects_hand_on(tree)
    patch = lab.text_of(name, "cut.patch")
    make(tree, "kernel", *(["user"] if "--- a/user/" in patch else []))
    image = os.path.join(tree, "build/release-walk/Image")
    if "--- a/kernel/" in patch:
        assert os.path.getmtime(image) >= os.path.getmtime(lab.path_of(name, "cut.patch"))


def grade(tree, name):
    environment = {k: v for k, v in os.environ.items() if k != "RV_BUILD"}
    done = subprocess.run([os.path.join(tree, "rv"), "lab", name, "--grade"], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


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
def test_grades(name, tmp_path):
    tree = str(tmp_path / "tree")
    lab.start(name, tree)
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
