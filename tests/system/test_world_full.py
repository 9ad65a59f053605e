# SPDX-License-Identifier: MIT
"""The larger programs of `--root world:full`: compilers, git, interpreters. They are fetched for this."""
import pytest

pytestmark = [pytest.mark.one_config, pytest.mark.long]

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "LANG": "C.UTF-8"}
VERSIONS = ("bc", "cpp", "file", "gcc", "gdb", "git", "java", "javac", "ld", "make",
            "musl-gcc", "node", "objdump", "perl", "redis-cli", "redis-server", "strace", "stress-ng",
            "tree", "vim", "xz")
PROGRAMS = {
    "perl": ("perl -e 'my %h = map { $_ => $_ ** 2 } 1..5; print join(q(,), map { $h{$_} } sort keys %h), qq(\\n)'",
             "1,4,9,16,25\n"),
    "lua": ("lua -e 'local t = {} for i = 1, 5 do t[#t + 1] = i * i end print(table.concat(t, \",\"))'",
            "1,4,9,16,25\n"),
    "git": ("""
        mkdir g; cd g; git init -q -b main; git config user.email a@b; git config user.name n
        for i in $(seq 20); do echo $i >>a; git add a; git commit -qm "number $i"; done
        git log --oneline | wc -l; git gc -q; git fsck 2>&1; git clone -q . ../h 2>&1; cmp a ../h/a && echo same
        git -C ../h log -1 --format=%s
        """, "20\nsame\nnumber 20\n"),
    "make": ("""
        mkdir m; cd m; echo 'int two(void) { return 2; }' >two.c
        printf '#include <stdio.h>\\nint two(void);\\nint main(void) { printf("%%d\\\\n", two()); return 0; }\\n' >main.c
        printf 'prog: main.o two.o\\n\\t$(CC) -o $@ $^\\n' >Makefile
        make -s -j2 && ./prog; make -s clean 2>/dev/null; make -s -B CC=musl-gcc && ./prog
        readelf -l prog | grep -o 'ld-musl[^]]*'
        """, "2\n2\nld-musl-riscv64.so.1\n"),
    "java": ("""
        echo 'public class H { public static void main(String[] a) { System.out.println("hello " + a[0]); } }' >H.java
        javac H.java && java -Xshare:auto H world
        """, "hello world\n"),
    "node": ("""
        cat >w.js <<'E'
const fs = require('fs'), seen = [];
const end = setTimeout(() => { console.log('late', seen); process.exit(1); }, 60000);
const w = fs.watch('.', (type, name) => {
  seen.push(type + ' ' + name);
  if (name != 'end') return;
  w.close();
  console.log(seen.join());
  const f = fs.watch('end', (type, name) => { console.log(type, name); f.close(); clearTimeout(end); });
  fs.appendFileSync('end', 'more');
});
fs.writeFileSync('a', 'x'); fs.renameSync('a', 'b'); fs.unlinkSync('b'); fs.writeFileSync('end', '');
E
        node w.js
        """, "rename a,change a,rename a,rename b,rename b,rename end\nchange end\n"),
    "strace": ("""
        strace -f -o s sh -c '/bin/true; /bin/echo hi'; grep -c 'exited with 0' s; grep -o 'write(1, "hi.n", 3)' s
        sleep 100 & p=$!; strace -o s -p $p 2>/dev/null & t=$!
        until grep -q 'TracerPid:.[1-9]' /proc/$p/status; do :; done
        kill $t; wait $t; grep TracerPid /proc/$p/status; kill $p; wait $p; echo $?
        """, 'hi\n3\nwrite(1, "hi\\n", 3)\nTracerPid:\t0\n143\n'),
    "gdb": ("""
        echo 'int two(int x) { return 2 * x; } int main(void) { return two(21); }' >t.c; gcc -g -o t t.c
        gdb -q -batch -ex 'break two' -ex run -ex bt -ex 'print x' -ex finish -ex continue ./t >g 2>&1
        grep -e '^#0' -e '^[$]1' -e '^Value' g; grep -o 'exited with code [0-7]*' g
        sleep 100 & p=$!; gdb -q -batch -p $p -ex 'print $pc != 0' -ex detach 2>/dev/null | grep -o '^[$]1.*'
        kill $p; wait $p; echo $?
        """, "#0  two (x=21) at t.c:1\n$1 = 21\nValue returned is $2 = 42\nexited with code 052\n"
             "$1 = 1\n143\n"),
    "vim": ("""
        printf 'b\\na\\n' >v; vim -u NONE -es -c '%sort' -c 'wq' v; cat v
        """, "a\nb\n"),
}


def but_java(names):
    """Java refuses to start where the kernel uses five levels of page tables, as Debian's does."""
    return [pytest.param(n, marks=pytest.mark.rivulet) if n.startswith("java") else n for n in names]


@pytest.mark.parametrize("program", but_java(VERSIONS))
def test_starts(full, program):
    result = full.run([program, "--version"], env=ENVIRONMENT, timeout=120)
    assert result.status == 0 and len(result.out + result.err) > 5, result


@pytest.mark.parametrize("name", but_java(PROGRAMS))
def test_works(full, name):
    script, want = PROGRAMS[name]
    script = "rm -rf /tmp/work; mkdir /tmp/work; cd /tmp/work; " + script
    result = full.run(["bash", "-c", script], env=ENVIRONMENT, timeout=400)
    assert result.out.decode() == want, result
