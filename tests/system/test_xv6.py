# SPDX-License-Identifier: MIT
"""./rv xv6, as somebody with programs written for xv6 uses it."""
import os
import subprocess

import pexpect
import pytest

import machine

pytestmark = [pytest.mark.rivulet, pytest.mark.one_config]

RV = os.path.join(machine.ROOT, "rv")
PROGRAMS = os.path.join(machine.ROOT, "tests/xv6")
HELLO = """\
#include "kernel/types.h"
#include "user/user.h"
#include "hello.h"

int main(int argc, char *argv[])
{
  printf("%s %d\\n", TEXT, value());
  exit(argc);
}
"""
VALUE = """\
    .globl value
value:
    li a0, 42
    ret
"""


def xv6(*arguments, status=0, stdin=b"", timeout=120):
    """What `./rv xv6` prints."""
    done = subprocess.run([RV, "xv6", *arguments], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout)
    assert done.returncode == status, (done.stderr + done.stdout).decode(errors="replace")
    return done.stdout.decode()


def run(program, *arguments, options=(), **kind):
    return xv6(*options, PROGRAMS, "--", program, *arguments, **kind)


@pytest.fixture
def hello(tmp_path):
    (tmp_path / "hello.c").write_text(HELLO)
    (tmp_path / "hello.h").write_text('#define TEXT "hello"\nint value(void);\n')
    (tmp_path / "hello_value.S").write_text(VALUE)
    return tmp_path


def test_files(hello):
    """Several files, assembly too; the status is the program's."""
    assert xv6(str(hello / "hello.c"), str(hello / "hello_value.S"), "--", "a", "b",
               status=3) == "hello 42\n"


@pytest.mark.parametrize("kind", ["xv6", "ext4", "memory"])
def test_directory(hello, kind):
    (hello / "data").write_text("17 bytes of text\n")
    assert xv6("--fs", kind, str(hello), "--", "hello", status=1) == "hello 42\n"
    assert xv6("--fs", kind, str(hello), "--", "wc", "data") == "1 4 17 data\n"


def test_assembly_names(hello):
    """A program owns what its name and an underscore begin, the one with the longest name; a file that
    another includes need have no owner."""
    (hello / "hello_value.S").rename(hello / "hello_the_value.S")
    assert xv6(str(hello), "--", "hello", status=1) == "hello 42\n"
    (hello / "hello_more.c").write_text(HELLO.replace("hello.h", "more.h"))
    (hello / "more.h").write_text('#define TEXT "more"\nint value(void);\n')
    (hello / "hello_more_value.S").write_text('#include "number.S"\n' + VALUE.replace("42", "NUMBER"))
    (hello / "number.S").write_text("#define NUMBER 7\n")
    assert xv6(str(hello), "--", "sh", "-c", "hello; hello_more", status=1) == "hello 42\nmore 7\n"


def test_assembly_without_owner(hello):
    (hello / "hello_value.S").rename(hello / "value.S")
    done = subprocess.run([RV, "xv6", str(hello)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and f"{hello}/value.S: " in done.stderr


@pytest.mark.parametrize("kind", ["xv6", "memory"])
def test_own_init(hello, kind):
    """A program of this name is one as any other: process 1 is the machine's."""
    (hello / "hello.c").rename(hello / "init.c")
    (hello / "hello_value.S").rename(hello / "init_value.S")
    assert xv6("--fs", kind, str(hello), "--", "init", "a", status=2) == "hello 42\n"


def test_compiler_errors(hello):
    """They name the user's file and line."""
    (hello / "hello.c").write_text(HELLO.replace("TEXT", "text"))
    done = subprocess.run([RV, "xv6", str(hello / "hello.c")], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert f"{hello}/hello.c:7:" in done.stderr


@pytest.mark.parametrize("arguments", [["none.c"], ["/dev/null"], ["--root", "native", "x.c"]])
def test_wrong_arguments(arguments):
    done = subprocess.run([RV, "xv6", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr and b"Traceback" not in done.stderr


def test_shell(hello):
    """A directory alone: xv6's shell, with all programs and README at the root."""
    child = pexpect.spawn(RV, ["xv6", str(hello)], encoding="utf-8", timeout=60)
    child.expect_exact("$ ")
    child.sendline("ls | grep README")
    child.expect(r"\d+ README")
    child.sendline("hello | cat")
    child.expect_exact("hello 42")
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
