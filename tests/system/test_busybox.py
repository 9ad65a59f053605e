# SPDX-License-Identifier: MIT
"""busybox, unmodified: ash, the everyday pipelines, and programs that draw on a terminal.

Every expected output is what Debian's kernel gives: `--on linux` runs the same tests there.
"""
import hashlib
import re

import pytest

import cpio
import machine
import mkinitramfs

SCRIPTS = {
    "functions": ("""
        fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1 - 1))) )); fi; }
        greet() { local who=${1:-world}; echo "hello $who"; return 3; }
        fact 10; greet; greet you || echo "status $?"
        """, "3628800\nhello world\nhello you\nstatus 3\n"),
    "traps": ("""
        trap 'echo term' TERM; trap 'echo bye' EXIT
        kill -TERM $$; echo after
        (trap 'echo inner; exit 4' USR1; kill -USR1 $(sh -c 'echo $PPID')); echo $?
        """, "term\nafter\ninner\n4\nbye\n"),
    "heredocs": ("""
        name=world
        cat <<END
        hello $name $((1 + 2)) $(echo sub)
END
        cat <<'END'
        raw $name
END
        cat <<-END
	stripped
	END
        """, "        hello world 3 sub\n        raw $name\nstripped\n"),
    "background": ("""
        (exit 7) & wait $!; echo $?
        sleep 1000 & kill $!; wait $!; echo $?
        for i in 1 2 3; do (echo job $i >/tmp/bb.$i) & done; wait
        cat /tmp/bb.1 /tmp/bb.2 /tmp/bb.3; rm /tmp/bb.*
        """, "7\n143\njob 1\njob 2\njob 3\n"),
    "pipes": ("""
        seq 1 1000 | grep 7 | wc -l
        yes | head -n 3 | tr y n; echo "a:b:c" | cut -d: -f2
        echo one two | while read a b; do echo "$b $a"; done
        false | true; echo $?; set -o pipefail; false | true; echo $?
        """, "271\nn\nn\nn\nb\ntwo one\n0\n1\n"),
    "redirections": ("""
        cd /tmp; echo a >r; echo b >>r; cat <r; { echo out; echo err >&2; } >r 2>&1; cat r
        exec 5>r; echo five >&5; exec 5>&-; cat r; (echo x >&9) 2>/dev/null || echo bad; rm r
        """, "a\nb\nout\nerr\nfive\nbad\n"),
    "expansions": (r"""
        x=abcdef; echo ${x#ab} ${x%ef} ${#x} ${y:-none} ${x:2:3}; set -- 1 2 3; echo $# "$*" $@
        cd /tmp; mkdir g; touch g/a.c g/b.c g/c.h; echo g/*.c g/[!a]*; rm -r g
        case $x in a*f) echo match;; *) echo no;; esac; echo {1..3} ~; printf '%05d|%s\n' 42 z
        """, "cdef abcd 6 none cde\n3 1 2 3 1 2 3\ng/a.c g/b.c g/b.c g/c.h\nmatch\n{1..3} /root\n"
             "00042|z\n"),
    "sort": ("""
        printf '10 b\\n9 a\\n10 a\\n1 c\\n' | sort -n; printf 'b\\na\\nb\\n' | sort -u
        printf '3,x\\n1,y\\n2,z\\n' | sort -t, -k2 -r; printf 'a\\na\\nb\\n' | uniq -c
        """, "1 c\n9 a\n10 a\n10 b\na\nb\n2,z\n1,y\n3,x\n      2 a\n      1 b\n"),
    "awk": (r"""
        seq 1 10 | awk '{s += $1; q = q " " $1 * $1} END {print s, q}'
        printf 'x 1\ny 2\nx 3\n' | awk '{n[$1] += $2} END {for (k in n) print k, n[k] | "sort"}'
        awk 'BEGIN {printf "%.3f %d %s\n", 22 / 7, 0x10 + 5, substr("rivulet", 2, 3); exit 3}'
        echo $?
        """, "55  1 4 9 16 25 36 49 64 81 100\nx 4\ny 2\n3.143 21 ivu\n3\n"),
    "sed": (r"""
        seq 1 5 | sed -n '2,4p'; echo hello | sed 's/l\+/L/;y/eo/EO/'; seq 1 4 | sed '1!G;h;$!d'
        cd /tmp; echo old >s; sed -i 's/old/new/' s; cat s; rm s
        """, "2\n3\n4\nhELO\n4\n3\n2\n1\nnew\n"),
    "dd": ("""
        cd /tmp; dd if=/dev/zero of=d bs=1k count=100 2>/dev/null; stat -c %s d
        printf abc | dd of=d bs=1 seek=50 conv=notrunc 2>/dev/null; dd if=d bs=1 skip=50 count=3 2>/dev/null
        echo; head -c 1048576 /dev/urandom >d; dd if=d bs=64k 2>/dev/null | cmp - d && echo same; rm d
        """, "102400\nabc\nsame\n"),
    "xargs": ("""
        seq 1 10 | xargs -n 3 echo; printf 'a b\\0c\\0' | xargs -0 -n 1 echo
        seq 1 4 | xargs -I{} sh -c 'echo $(({} * {}))'; seq 1 5 | xargs sh -c 'exit 3'; echo $?
        """, "1 2 3\n4 5 6\n7 8 9\n10\na b\nc\n1\n4\n9\n16\n123\n"),
    "timeout": ("""
        timeout 1 sleep 1000; echo $?; timeout 100 true; echo $?; timeout -s KILL 1 sleep 1000; echo $?
        """, "143\n0\n137\n"),
    "files": ("""
        cd /tmp; mkdir -p t/a/b; echo x >t/a/b/f; ln -s b t/a/l; ln t/a/b/f t/h; cp -a t u
        diff -r t u && echo equal; readlink u/a/l; stat -c '%h %F' u/h; find u -type f | sort
        mv u/a v; ls v; chmod 640 v/b/f; stat -c %a v/b/f; touch -d '2001-02-03 04:05:06' v/b/f
        date -u -r v/b/f +%Y-%m-%dT%H:%M:%S; du -s v >/dev/null && rm -r t u v; ls -d t u v 2>/dev/null
        echo $?
        """, "equal\nb\n2 regular file\nu/a/b/f\nu/h\nb\nl\n640\n2001-02-03T04:05:06\n1\n"),
    "processes": ("""
        sleep 1000 & p=$!; until ps -o pid,comm | grep "^ *$p sleep" >/dev/null; do :; done; kill -STOP $p
        until grep "State:.T (stopped)" /proc/$p/status; do :; done
        kill -CONT $p; kill $p; wait $p; echo $?
        sh -c 'kill -SEGV $$'; echo $?; id -u; hostname >/dev/null && uname -m
        """, "State:\tT (stopped)\n143\n139\n0\nriscv64\n"),
    "arithmetic": ("""
        i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done; echo $i; echo $((1 << 40)) $((7 % 3))
        expr 6 \\* 7; echo '2 ^ 64' | bc; factor 1000003 | cut -d' ' -f2
        """, "1000\n1099511627776 1\n42\n18446744073709551616\n1000003\n"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(guest, name):
    script, want = SCRIPTS[name]
    result = guest.sh(script, env={"HOME": "/root"}, timeout=60)
    assert result.out.decode() == want, result.err
    assert result.status in (0, None)


def test_issue_example(rv):
    done = rv("exec", "--", "busybox", "sh", "-c", "echo hi | tr a-z A-Z; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"HI\n", b"", 3)


def test_find(guest):
    names = [name for name, *_ in cpio.read(mkinitramfs.build_root(machine.BUILD).finish())
             if name == "usr" or name.startswith("usr/")]
    assert guest.out("find /usr | wc -l").strip() == str(len(names))
    assert guest.out("find /usr -type l | wc -l") == guest.out("ls -l /usr/bin | grep -c '^l'")
    assert guest.out("find / -xdev -name passwd | sort") == "/etc/passwd\n/usr/bin/passwd\n"


def test_tar_round_trip(guest):
    script = """
        cd /usr; tar cf - bin | gzip >/tmp/bin.tgz; mkdir /tmp/back; cd /tmp/back
        gzip -dc /tmp/bin.tgz | tar xf -; md5sum bin/busybox | cut -c1-32
        (cd /usr/bin; ls) | md5sum; (cd bin; ls) | md5sum; readlink bin/ls; rm -r /tmp/back /tmp/bin.tgz
    """
    lines = guest.out(script, timeout=120).splitlines()
    with open(f"{machine.BUILD}/debs/busybox-static/usr/bin/busybox", "rb") as f:
        assert lines[0] == hashlib.md5(f.read()).hexdigest()
    assert lines[1] == lines[2]
    assert lines[3] == "busybox"


def test_checksums(guest):
    data = bytes(range(256)) * 4096
    for tool in ("md5", "sha1", "sha256", "sha512"):
        out = guest.sh(f"{tool}sum", stdin=data).out
        assert out.split()[0].decode() == hashlib.new(tool, data).hexdigest()




def started(terminal, script):
    """A script on a terminal with a clear screen, behind the boot's messages."""
    console = terminal("busybox", "sh", "-c", "printf 'RE%s\\033[2J\\033[H' ADY; " + script)
    console.expect("READY")
    return console


def test_vi(terminal):
    vi = started(terminal, "seq 1 30 >/tmp/v; vi /tmp/v; clear; head -n 4 /tmp/v | tr '\\n' ,; "
                           "wc -l </tmp/v; sleep 1000")

    def command_mode(lines):
        return lines[23].startswith("- /tmp/v")

    vi.see(command_mode)
    vi.send("ihello world")
    vi.see(lambda lines: lines[0] == "hello world1")
    vi.send("\x1b")  # followed by nothing, or it is taken for the start of a function key
    vi.see(command_mode)
    vi.send("jddpx")
    vi.see(lambda lines: lines[:4] == ["hello world1", "3", "", "4"])
    vi.send("10GyyP")
    vi.see(lambda lines: lines[9] == lines[10] != "")
    vi.send("Gonew end")
    vi.see(lambda lines: "new end" in lines)
    vi.send("\x1b")
    vi.see(command_mode)
    vi.send("1G")
    vi.see(lambda lines: lines[0] == "hello world1")
    vi.send("/29\r")
    vi.see(lambda lines: "29" in lines)
    vi.send(":wq\r")
    vi.see(lambda lines: lines[0] == "hello world1,3,,4,32")


def test_less(terminal):
    less = started(terminal, "seq 1 200 >/tmp/l; less /tmp/l; echo left; sleep 1000")
    less.see(lambda lines: lines[:3] == ["1", "2", "3"])
    for key, top in ((" ", "24"), ("k", "23"), ("G", "180"), ("g", "1"), ("/^77\r", "77")):
        less.send(key)
        less.see(lambda lines: lines[:2] == [top, str(int(top) + 1)])
    less.send("q")
    less.see(lambda lines: "left" in lines)


def test_top(terminal):
    top = started(terminal, "sleep 1000 & top -d 2; kill $!; echo left; sleep 1000")
    lines = top.see(lambda lines: any("sleep 1000" in line for line in lines[4:]))
    assert re.match(r"Mem: \d+K used, \d+K free", lines[0])
    assert re.match(r"CPU: +\d+% usr +\d+% sys", lines[1])
    assert re.match(r"Load average: [\d.]+ [\d.]+ [\d.]+ \d+/\d+ \d+", lines[2])
    assert re.match(r" *PID +PPID USER +STAT +VSZ %VSZ (CPU )?%CPU COMMAND", lines[3])
    top.send("q")
    top.see(lambda lines: "left" in lines)


def test_shell_on_a_terminal(terminal):
    shell = started(terminal, "exec busybox sh")
    shell.answers = False  # which come whenever the shell asks, in the midst of what is typed
    def answer(command, *wanted):
        """Waits for the prompt, gives the command, sees the lines it writes."""
        shell.see(lambda lines: [line for line in lines if line][-1:] == ["/ #"])
        shell.send(command)
        shell.see(lambda lines: all(line in lines for line in wanted))

    answer("echo one tw\x7fwo\r", "one two")
    answer("sh -c 'echo sleeps; exec sleep 1000'\r", "sleeps")
    shell.send("\x03")
    answer("echo status $?\r", "status 130")
    answer("awk '{print $7, $8 - $5}' /proc/self/stat\r", "1088 0")  # ttyS0; in its foreground
    answer("echo reads; cat\r", "reads")
    shell.send("typed\r")
    shell.see(lambda lines: lines.count("typed") == 2)
    shell.send("\x04")
    answer("sh -c 'echo sleeps again; exec sleep 1000'\r", "sleeps again")
    shell.send("\x1a")
    answer("jobs\r")
    shell.see(lambda lines: sum("Stopped" in line and "sleep 1000" in line for line in lines) == 2)
    answer("kill %1; echo gone\r", "gone")
