# SPDX-License-Identifier: MIT
"""Unmodified Debian packages, dynamically linked, from the root of `--root world`."""
import os

import pytest

import conftest
import machine
import test_busybox

pytestmark = pytest.mark.one_config

# Programs that answer --version with another status than 0, as their manual pages tell, or because
# they take no options at all. (init is ours: it powers the machine off.)
OTHERWISE = {
    "busybox": 127, "captoinfo": 1, "clear": 1, "dash": 2, "faillock": 1, "false": 1, "infocmp": 1,
    "infotocap": 1, "mkhomedir_helper": 10, "pam_timestamp_check": 1, "pwhistory_helper": 4,
    "reset": 1, "sh": 2, "tabs": 1, "tic": 1, "toe": 1, "tput": 2, "tset": 1,
}
# chmem asks for a folder of sysfs that a machine may lack; the others make who calls them wait 10 seconds
NOT_RUN = ("init", "chmem", "unix_chkpwd", "unix_update")
VERSIONS = """
one() {
    local magic text
    read -r magic <"$1" 2>/dev/null
    case $magic in ?ELF*) ;; *) return ;; esac
    text=$("$1" --version </dev/null 2>&1)
    echo "$? ${1##*/} ${text%%$'\\n'*}"
} 2>/dev/null
for f; do one "$f"; done
"""


ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "LANG": "C.UTF-8"}
SHELL_SCRIPTS = ("functions", "traps", "heredocs", "background", "redirections", "sort", "sed", "dd",
                 "xargs")
COREUTILS = {
    "text": (r"""
        printf 'b 2\na 1\nc 3\n' >/tmp/x; sort /tmp/x | cut -d' ' -f2 | paste -sd+; tac /tmp/x | nl -ba | expand
        seq 3 | factor; echo héé | wc -m; fold -w 3 <<E
abcdefg
E
        tr -d aeiou <<E
education
E
        numfmt --to=iec 1048576; od -An -tx1 /tmp/x | head -c 12; echo; split -l 1 /tmp/x /tmp/s.
        cat /tmp/s.ac; rm /tmp/s.a? /tmp/x
        """, "1+2+3\n     1  c 3\n     2  a 1\n     3  b 2\n1:\n2: 2\n3: 3\n4\nabc\ndef\ng\n"
             "dctn\n1.0M\n 62 20 32 0a\nc 3\n"),
    "files": (r"""
        cd /tmp; mkdir -p -m 750 d/e; install -m 4755 -o 3 -g 4 /usr/bin/true d/t; truncate -s 5M d/hole
        stat -c '%a %u %g %s' d d/t | cut -d' ' -f1-3; du -k d/hole | cut -f1; cp --sparse=always d/hole d/h2
        cmp d/hole d/h2 && echo equal; mv -T d/e d/f; ln -sr d/t d/f/l; readlink -f d/f/l; realpath --relative-to=d d/f
        mkfifo d/p; mknod d/n c 1 3; stat -c %F d/p d/n d/f/l; df --output=fstype / | tail -n 1
        touch -d @86400 d/t; date -u -r d/t +%F; shred -u d/h2; rmdir d/f 2>/dev/null || echo full; ls -A d | wc -l; rm -r d
        """, "755 0 0\n4755 3 4\n0\nequal\n/tmp/d/t\nf\nfifo\ncharacter special file\n"
             "symbolic link\next4\n1970-01-02\nfull\n5\n"),
    "processes": (r"""
        timeout 0.2 sleep 100; echo $?; nice -n 5 nice; env -i A=b env; nohup true 2>/dev/null; echo $?
        stdbuf -oL echo line; nproc --all | grep -c '^[1-9]'; (tty </dev/null || true)
        chroot / /usr/bin/whoami; sleep 1000 & kill $!; wait $! 2>/dev/null || echo $?
        """, "124\n5\nA=b\n0\nline\n1\nnot a tty\nroot\n143\n"),
    "tail": (r"""
        cd /tmp; echo one >t; tail -n +1 -f t >o 2>&1 & p=$!
        while [ "$(cat o 2>/dev/null)" != one ]; do :; done
        echo two >>t; while ! grep -q two o; do :; done; kill $p; wait $p 2>/dev/null; cat o; rm o t
        """, "one\ntwo\n"),
    "sums": (r"""
        printf abc | md5sum; printf abc | sha256sum | cut -c1-16; printf abc | b2sum -l 64; printf abc | cksum
        printf abc | base64; seq 100000 | sha1sum; seq 50000 >/tmp/t; gzip -9 </tmp/t | gzip -d | cmp - /tmp/t && rm /tmp/t
        """, "900150983cd24fb0d6963f7d28e17f72  -\nba7816bf8f01cfea\nd8bb14d833d59559  -\n1219131554 3\nYWJj\n"
             "9dc4a47b7b3c9a36667a2ce402baf429afb9c17f  -\n"),
    "tar": (r"""
        cd /tmp; tar cf - -C /usr share/terminfo | gzip >t.tgz; mkdir back; tar xzf t.tgz -C back
        diff -r /usr/share/terminfo back/share/terminfo && echo equal; find back -name linux -type f -printf '%P\n'; rm -r back t.tgz
        """, "equal\nshare/terminfo/l/linux\n"),
}
PYTHON = """
import ctypes, decimal, hashlib, json, locale, lzma, os, re, sqlite3, ssl, struct, subprocess, sys, tempfile, threading, zlib
assert sys.getfilesystemencoding() == "utf-8" and locale.getpreferredencoding() == "UTF-8"
assert subprocess.run(["cat"], input=b"x" * 100000, stdout=subprocess.PIPE).stdout == b"x" * 100000
assert ctypes.CDLL("libc.so.6").strlen(b"abc") == 3
assert zlib.decompress(zlib.compress(b"a" * 9999)) == b"a" * 9999
assert lzma.decompress(lzma.compress(b"b" * 9999)) == b"b" * 9999
counts = [0] * 8
def work(i):
    for _ in range(2000):
        counts[i] += 1
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
assert counts == [2000] * 8
with tempfile.TemporaryDirectory() as d:
    db = sqlite3.connect(d + "/db")
    db.execute("create table t (x)")
    db.executemany("insert into t values (?)", ((i,) for i in range(1000)))
    db.commit()
    assert db.execute("select sum(x) from t").fetchone() == (499500,)
pid = os.fork()
if pid == 0:
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
print("all")
"""
SQL = """
create table t (id integer primary key, x text);
begin; with recursive c(n) as (select 1 union all select n + 1 from c where n < 10000)
insert into t select n, hex(n) from c; commit;
select count(*) from t;
pragma journal_mode=wal; insert into t (x) values ('one more');
select count(*) from t; select sum(id) - 10001 from t; pragma integrity_check;
"""


@pytest.fixture(scope="module")
def world(config):
    """One machine with the world as its root for all tests here."""
    one = conftest.Guest(conftest.on_world(config))
    yield one
    one.stop()


def out(world, script, *arguments, shell="bash", **options):
    """What a script writes that succeeds and says nothing on standard error."""
    result = world.run([shell, "-c", script, shell, *arguments], **options)
    assert (result.status, result.err) == (0, b""), result
    return result.out.decode()


def test_every_program_starts(world):
    script = "/tmp/versions"
    world.put(script, VERSIONS.encode())
    listed = out(world, "printf '%s\\n' /usr/bin/* /usr/sbin/*").split()
    files = [p for p in listed if os.path.basename(p) not in NOT_RUN]
    result = world.run(["xargs", "-P", "4", "-n", "20", "bash", script], timeout=500,
                       stdin="\n".join(files).encode())
    assert result.status == 0, result
    lines = [line.split(None, 2) for line in result.out.decode("utf-8", "replace").splitlines()]
    statuses = {name: int(status) for status, name, *_ in lines}
    texts = {name: rest for _, name, *rest in lines}
    assert len(statuses) > 250
    wrong = {name: (status, texts[name]) for name, status in statuses.items()
             if status != OTHERWISE.get(name, 0)}
    assert not wrong


def test_accounts_and_places(world):
    assert out(world, """
        id -un; id -Gn; getent passwd daemon | cut -d: -f1,3,7; getent group shadow; echo ~nobody
        getent hosts localhost | tr -s ' '; getent services ssh | tr -s ' '; cat /etc/hostname
        readlink /bin /sbin /lib /usr/bin/awk; ls -ld /tmp | cut -c1-10
        stat -c '%A %U %G' /usr/bin/su /usr/sbin/unix_chkpwd /etc/shells /root
        locale charmap; x=$(printf '\\303\\244\\303\\266'); echo ${#x}
        """, env={"LANG": "C.UTF-8", "PATH": "/usr/bin", "HOME": "/root"}).splitlines() == [
            "root", "root", "daemon:1:/usr/sbin/nologin", "shadow:*:42:", "/nonexistent",
            "::1 localhost ip6-localhost ip6-loopback", "ssh 22/tcp", "rivulet",
            "usr/bin", "usr/sbin", "usr/lib", "/usr/bin/gawk", "drwxrwxrwt",
            "-rwsr-xr-x root root", "-rwxr-sr-x root shadow", "-rw-r--r-- root root",
            "drwx------ root root", "UTF-8", "2"]


@pytest.mark.parametrize("kind", ("-pie", "-no-pie"))
def test_dynamic_program(world, kind):
    program = machine.dynamic_program("tests/system/dynamic.c", kind)
    with open(program, "rb") as f:
        world.put("/tmp/dynamic", f.read(), 0o755)
    loader = "/lib/ld-linux-riscv64-lp64d.so.1"
    assert out(world, f"cd /tmp; ./dynamic; {loader} ./dynamic --by-loader; rm dynamic") == "dynamic: OK\n" * 2


def test_interpreter_lost(world):
    """A program whose loader is away is not found, and one whose loader is damaged does not start."""
    result = world.run(["bash", "-c", """
        cd /tmp; cp /usr/bin/true t; sed -i s,/lib/ld-linux,/lib/ld-nowhr, t; ./t; echo $?
        cp /usr/bin/true t; sed -i s,/lib/ld-linux,/tmp/ld-linux, t
        head -c 200 /bin/sh | tr E X >ld-linux-riscv64-lp64d.so.1; chmod 755 ld-*; ./t; echo $?; rm t ld-*
        """])
    assert result.out == b"127\n126\n"
    assert b"Accessing a corrupted shared library" in result.err


def test_set_group_id(world):
    """A program of group shadow, copied with its rights, runs with that group."""
    assert out(world, """
        cp -p /usr/bin/id /tmp/id; chgrp shadow /tmp/id; chmod 2755 /tmp/id
        chroot --userspec=1:1 --groups= / /tmp/id; rm /tmp/id
        """) == "uid=1(daemon) gid=1(daemon) egid=42(shadow) groups=42(shadow)\n"


def test_loader_cache(world):
    """What the loader finds is what ldconfig, run here, would have written."""
    script = "ldconfig -X -C /tmp/made; {}; rm /tmp/made"
    made = out(world, script.format("ldconfig -C /tmp/made -p")).splitlines()
    ours = out(world, "ldconfig -p").splitlines()
    assert len(ours) > 50 and ours[1:] == [line for line in made[1:] if "=>" in line]
    assert "search cache=/etc/ld.so.cache" in out(world, "LD_DEBUG=libs dash -c : 2>&1")


@pytest.mark.parametrize("shell", ("bash", "dash"))
@pytest.mark.parametrize("name", SHELL_SCRIPTS)
def test_shell(world, shell, name):
    script, want = test_busybox.SCRIPTS[name]
    result = world.run([shell, "-c", script], env=ENVIRONMENT, timeout=60)
    assert result.out.decode() == want, result.err


@pytest.mark.parametrize("name", COREUTILS)
def test_coreutils(world, name):
    script, want = COREUTILS[name]
    assert out(world, script, shell="dash", env=ENVIRONMENT, timeout=60) == want


def test_python(world):
    assert out(world, PYTHON, shell="python3", env=ENVIRONMENT, timeout=120) == "all\n"


def test_sqlite(world):
    """A long transaction, then one in a write-ahead log beside a reader."""
    result = world.run(["sqlite3", "/tmp/world.db"], stdin=SQL.encode(), env=ENVIRONMENT,
                       timeout=120)
    assert (result.status, result.err) == (0, b""), result
    assert result.out.decode().split() == ["10000", "wal", "10001", "50005000", "ok"]
    assert out(world, "ls /tmp/world.db*; rm /tmp/world.db") == "/tmp/world.db\n"


def test_terminals(world):
    """Programs that run another in a pseudo-terminal: script(1), and Python's pty."""
    assert out(world, """
        script -eqc 'tty; stty -a | grep -o "speed 38400"; exit 5' /tmp/typed </dev/null
        echo $?; grep -c '^speed' /tmp/typed; rm /tmp/typed
        """, env=ENVIRONMENT) == "/dev/pts/0\r\nspeed 38400\r\n5\n1\n"
    assert out(world, "import pty; print(pty.spawn(['sh', '-c', 'tty; exit 3']) >> 8)",
               shell="python3", env=ENVIRONMENT).split() == ["/dev/pts/0", "3"]


def test_system_v(world):
    """ipcmk(1) and ipcs(1), which reads /proc/sysvipc and asks by index."""
    listed = out(world, """
        ipcmk -M 5000 -S 3 -Q >/dev/null; ipcs | grep ' root ' | cut -d' ' -f 2- | tr -s ' '
        ipcrm --all=shm --all=msg --all=sem; ipcs | grep -c ' root '; :
        """, env=ENVIRONMENT).splitlines()
    assert [line.split()[1:] for line in listed] == [
        ["root", "644", "0", "0"], ["root", "644", "5000", "0"], ["root", "644", "3"], []]


@pytest.mark.rivulet  # another kernel's count of what is available moves by itself
def test_one_copy_of_libc(world):
    """Processes that sleep share the pages of program and libraries: 64 cost little memory each."""
    each = int(out(world, """
        available() { local name n unit
            while read -r name n unit; do [ $name = MemAvailable: ] && echo $n; done </proc/meminfo; }
        sleeps() { [[ $(tr '\\0' ' ' </proc/$1/cmdline) == "sleep 1000 " && $(</proc/$1/status) == *"State:	S"* ]]; }
        sleep 0; before=$(available); pids=
        for i in {1..64}; do sleep 1000 & pids="$pids $!"; done
        for p in $pids; do until sleeps $p; do :; done; done
        after=$(available); echo $(((before - after) / 64)); kill $pids
        """, timeout=120))
    assert 40 < each < 400  # KiB; libc alone has 1400
