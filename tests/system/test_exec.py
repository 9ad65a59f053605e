# SPDX-License-Identifier: MIT
"""./rv exec: streams, status, files, time-out."""
import os

import pytest


def test_output_and_status(rv):
    done = rv("exec", "--", "busybox", "sh", "-c", "echo hi | tr a-z A-Z; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"HI\n", b"", 3)


def test_streams_are_separate(rv):
    done = rv("exec", "--", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 0)


@pytest.mark.parametrize("size", [0, 1, 4096, 10 << 20])
def test_bytes_come_back(rv, size):
    data = os.urandom(size)
    done = rv("exec", "--", "cat", stdin=data)
    assert done.returncode == 0
    assert done.stdout == data


def test_killed_by_signal(rv):
    assert rv("exec", "--", "busybox", "sh", "-c", "kill -9 $$").returncode == 137


def test_not_found(rv):
    done = rv("exec", "--", "/no/such/program")
    assert done.returncode == 127
    assert done.stderr


def test_limit_of_address_space(rv):
    """Memory that a limit withholds is not waited for: the program's file has pages to reclaim."""
    done = rv("exec", "--timeout", "60", "--", "busybox", "sh", "-c",
              "ulimit -v 300; /usr/bin/find /; echo $?")
    assert done.returncode == 0 and done.stdout.strip() in (b"126", b"137", b"139"), done


def test_timeout(rv):
    loop = "while :; do :; done"  # --icount skips sleep
    assert rv("exec", "--timeout", "5", "--", "busybox", "sh", "-c", loop).returncode == 124


@pytest.mark.rivulet
@pytest.mark.configs("icount")
def test_clock_keeps_from_its_end(fresh_guest):
    uptimes = [float(fresh_guest.out("cat /proc/uptime").split()[0]) for _ in range(5)]
    assert uptimes == sorted(uptimes)
    assert uptimes[-1] < 3600  # QEMU's random device sets a timer of 65.5 s of its own


def test_environment_cwd_uid(rv):
    done = rv("exec", "--env", "A=b c", "--cwd", "/tmp", "--uid", "7", "--",
              "busybox", "sh", "-c", 'echo "$A"; pwd; id -u; id -g')
    assert done.stdout == b"b c\n/tmp\n7\n7\n"


def test_put_and_get(rv, tmp_path):
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/file").write_bytes(b"\0\1\2")
    (tmp_path / "in/link").symlink_to("sub/file")
    (tmp_path / "in/sub/file").chmod(0o640)
    done = rv("exec", "--put", f"{tmp_path}/in:/data/in", "--get", f"/data/in:{tmp_path}/out",
              "--", "busybox", "sh", "-c", "cat /data/in/link >/data/in/new; exit 5")
    assert done.returncode == 5, done
    assert (tmp_path / "out/new").read_bytes() == b"\0\1\2"
    assert (tmp_path / "out/sub/file").stat().st_mode & 0o777 == 0o640
    assert os.readlink(tmp_path / "out/link") == "sub/file"


def test_refused_options(rv):
    for options in (["--root", "world:none"], ["--disk", "/no/such/image"], ["--put", "/etc:relative"]):
        done = rv("exec", *options, "--", "true")
        assert done.returncode == 2
        assert done.stderr.startswith(b"rv: ")


@pytest.mark.rivulet
def test_reader_that_went_away(rv_start):
    process = rv_start("exec", "--", "busybox", "yes")
    assert process.stdout.readline() == b"y\n"
    process.stdout.close()
    assert process.wait(60) == 141


def test_terminal(terminal):
    shell = terminal("busybox", "sh", "-c", "tty; stty size; echo done; exit 4")
    shell.expect(r"/dev/(console|tty)")
    shell.expect("24 80")
    shell.expect("done")
    shell.expect(r"$")
    shell.wait()
    assert shell.exitstatus == 4


def test_shared_machine(guest):
    first = guest.sh("echo a >/tmp/shared; cat; echo e >&2; exit 9", stdin=b"in" * 100000)
    assert (first.status, first.out, first.err) == (9, b"in" * 100000, b"e\n")
    assert guest.get("/tmp/shared") == b"a\n"
    assert guest.run(["busybox", "sleep", "100"], timeout=1).timed_out
    assert ") S " in guest.console()  # the agent has shown what every process was doing
    assert guest.sh("kill -15 $$").status == 143
