# SPDX-License-Identifier: MIT
"""The host's own pieces: archives, symbol table, /rv.exec, options, the agent, the screen."""
import os
import shutil
import struct
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../tests/system")]

import agent  # noqa: E402
import cpio  # noqa: E402
import guest  # noqa: E402
import lab  # noqa: E402
import machine  # noqa: E402
import mkinitramfs  # noqa: E402
import rv  # noqa: E402
import symtab  # noqa: E402
import vt  # noqa: E402
import xv6  # noqa: E402


def tree(tmp_path):
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/odd").write_bytes(b"12345")
    (tmp_path / "in/run").write_bytes(b"")
    (tmp_path / "in/run").chmod(0o751)
    (tmp_path / "in/link").symlink_to("sub/odd")
    return tmp_path / "in"


def test_cpio_round_trip(tmp_path):
    writer = cpio.Writer()
    writer.host_path(tree(tmp_path), "a/b")
    archive = writer.finish()
    assert [name for name, *_ in cpio.read(archive)] == [
        "a", "a/b", "a/b/link", "a/b/run", "a/b/sub", "a/b/sub/odd"]
    assert cpio.extract(archive, [("/a", str(tmp_path / "out"))]) == []
    out = tmp_path / "out/b"
    assert (out / "sub/odd").read_bytes() == b"12345"
    assert (out / "run").stat().st_mode & 0o7777 == 0o751
    assert os.readlink(out / "link") == "sub/odd"


@pytest.mark.skipif(not shutil.which("cpio"), reason="no cpio")
def test_cpio_reads_the_standard_tool(tmp_path):
    tree(tmp_path)
    archive = subprocess.run(["sh", "-c", "find in | cpio -o -H newc --quiet"], cwd=tmp_path,
                             stdout=subprocess.PIPE, check=True).stdout
    assert cpio.extract(archive, [("/in", str(tmp_path / "out")), ("/no", "x")]) == ["/no"]
    assert (tmp_path / "out/sub/odd").read_bytes() == b"12345"


def test_cpio_stays_inside(tmp_path):
    for name in ("../x", "a/../../x", "b"):
        writer = cpio.Writer()
        writer.entry(name, 0o100644, b"")
        with pytest.raises(cpio.Error):
            cpio.extract(writer.finish(), [("/a", str(tmp_path / "out"))])
    writer = cpio.Writer()
    writer.directory("a")
    writer.symlink("a/l", str(tmp_path))
    writer.entry("a/l/x", 0o100644, b"")
    with pytest.raises(cpio.Error):
        cpio.extract(writer.finish(), [("/a", str(tmp_path / "out"))])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("cut", [1, 100, 130])
def test_cpio_cut_short(cut):
    writer = cpio.Writer()
    writer.file("f", b"x" * 50)
    with pytest.raises(cpio.Error):
        list(cpio.read(writer.finish()[:-cut]))


def test_exec_file():
    text = machine.exec_file(["sh", "-c", ""], {"A": "1"}, "/tmp", 5, (24, 80), ["/x"])
    assert text == b"3\x001\x001\x005\x0024\x0080\x00/tmp\0sh\0-c\0\0A=1\0/x\0"


def test_applets():
    assert mkinitramfs.applets(b"..\x07[\0[[\0ar\0busybox\0cat\0\0x") == [
        "[", "[[", "ar", "busybox", "cat"]
    assert mkinitramfs.applets(b"nothing") == []


def test_symbol_table():
    lines = ["0100 T kernel_start", "0100 t other", "0140 t f", "0150 d data", "0150 t $x"]
    assert symtab.code_symbols(lines) == [(0, "kernel_start"), (0x40, "f")]
    assert ".word 0x40, 13\n" in symtab.assembly([(0, "kernel_start"), (0x40, "f")])


def test_options_refused():
    with pytest.raises(machine.Error):
        machine.Config(smp=2, icount=True)
    with pytest.raises(machine.Error):
        machine.Config(smp=0)
    for words in (["--root", "world:none"], ["--disk", "/no/such/image"], ["--put", "x:y"], ["--get", "x:y"],
                  ["--ramdisk", "1K"], ["--ramdisk", "4095"]):
        with pytest.raises(machine.Error):
            rv.config_of(rv.common_options().parse_args(words))


@pytest.mark.parametrize("words", (["--mem", "8M"], ["--mem", "64"], ["--timeout", "-1"],
                                   ["--timeout", "nan"], ["--put", ":x"]))
def test_values_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        rv.common_options().parse_args(words)
    assert ended.value.code == 2 and words[0] in capsys.readouterr().err


def test_panic_line():
    assert guest.PANIC.search(b"x\n[    1.250000] panic: y")
    assert guest.PANIC.search(b"panic: y")
    assert not guest.PANIC.search(b"no panic: here\n")


def test_tool_refuses_to_install(tmp_path):
    done = subprocess.run(["/bin/sh", os.path.join(machine.ROOT, "rv"), "run", "--no-install"],
                          env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert "qemu-system-misc" in done.stderr


@pytest.mark.parametrize("words, needed", [("lab thread --grade", True), ("exec --cc a.c -- /a", True),
                                           ("exec -- cat --cc", False), ("exec --cc=a.c --help", False)])
def test_tool_needs_a_c_library(tmp_path, words, needed):
    """Where it compiles Linux programs, on a machine that has none for them."""
    none = str(tmp_path / "none")
    with open(os.path.join(machine.ROOT, "rv")) as f:
        text = f.read().replace("/usr/riscv64-linux-gnu", none).replace("/usr/bin/python3", none)
    (tmp_path / "rv").write_text(text)
    command, *rest = words.split()
    done = subprocess.run(["/bin/sh", str(tmp_path / "rv"), command, "--no-install", *rest],
                          env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert ("libc6-dev-riscv64-cross" in done.stderr) == needed

@pytest.fixture(scope="module")
def server():
    if not shutil.which("qemu-riscv64"):
        pytest.skip("no qemu-riscv64")
    process = subprocess.Popen(["qemu-riscv64", machine.cross_program("tests/system/agent.c")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(argv, **options):
        process.stdin.write(agent.request(argv, **options))
        process.stdin.flush()
        return agent.replies(process.stdout.read)
    yield run
    process.stdin.close()
    assert process.wait(10) == 0


def test_agent(server):
    assert server(["/bin/sh", "-c", "echo o; echo e >&2; exit 3"]) == (3, b"o\n", b"e\n", False)
    assert server(["/bin/cat"], stdin=b"z" * 3000000).out == b"z" * 3000000
    assert server(["/bin/true"], stdin=b"z" * 300000).status == 0
    assert server(["/bin/sh", "-c", "kill -9 $$"]).status == 137
    assert server(["/none"]).status == 127
    assert server(["/bin/pwd"], cwd="/tmp").out == b"/tmp\n"
    assert server(["/bin/sh", "-c", "echo $V"], env={"V": "w x"}).out == b"w x\n"
    late = server(["/bin/sh", "-c", "echo a; sleep 100; echo b"], timeout=0.5)
    assert (late.out, late.timed_out, late.status) == (b"a\n", True, 137)
    assert server(["/bin/sh", "-c", "sleep 5 & echo now"]).out == b"now\n"


def test_screen():
    screen = vt.Screen(4, 10)
    screen.feed(b"one\r\ntwo\x1b[1;")
    screen.feed(b"2HX\x1b[K\x1b[3;1H\x1b[7mabc\x1b[m\x1b[6n")
    assert screen.text() == "oX\ntwo\nabc"
    assert screen.answers == "\x1b[3;4R"
    screen.feed("\x1b[4;1Hlast\r\n\x1b[1;1H\x1b[L\x1b[2;3H\x1b[1P\x1b[2@")
    assert screen.lines() == ["", "tw", "abc", "last"]
    screen.feed("\x1b[2J\x1b[H" + "0123456789ab")
    assert screen.lines()[:2] == ["0123456789", "ab"]


def test_numbers_are_little_endian():
    assert struct.unpack("<I", agent.request(["a"])[:4])[0] == len(agent.request(["a"])) - 4


def test_grade_measures_no_build(monkeypatch):
    """All that the checks boot is built before the machine is timed."""
    done = []
    monkeypatch.setattr(machine, "build", lambda config: done.append((config.debug, config.icount)))
    monkeypatch.setattr(xv6, "own_files", lambda: done.append("root"))
    monkeypatch.setattr(lab, "machine_time", lambda: done.append("time") or 1)
    monkeypatch.setattr(lab.Check, "failure", lambda check, timeout: done.append("check"))
    for name, kernels in ("cow", {(False, False), (True, False)}), ("util", {(False, False), (False, True)}):
        done.clear()
        assert lab.grade(name)
        assert set(done[:2]) == kernels and done[2:4] == ["root", "time"]
        assert done[4:] == ["check"] * len(lab.checks(name))
