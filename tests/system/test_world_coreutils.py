# SPDX-License-Identifier: MIT
"""Each program of coreutils by a table of commands, whose outputs and statuses are those of Debian's kernel."""
import pytest

import conftest

pytestmark = [pytest.mark.one_config, pytest.mark.rivulet, pytest.mark.long]

# The programs of the package (dpkg -L coreutils).
PROGRAMS = """
    [ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown chroot cksum comm cp csplit cut date
    dd df dir dircolors dirname du echo env expand expr factor false fmt fold groups head hostid id install join
    link ln logname ls md5sum md5sum.textutils mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste
    pathchk pinky pr printenv printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum sha224sum sha256sum
    sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr
    true truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami yes
    """.split()

# A command a line, each in a folder of its own; p runs a program by its path, as the shell has some built in.
COMMANDS = r"""
p [ -d . -a -w . ]; p [ 1 -gt 2 ]; p [ a
p test -S x; p test /usr -ef /usr/../usr; p test -k /tmp -a -u /usr/bin/su; mkfifo f; p test -p f
p arch; p uname -sm; p uname -x
seq 1000 >a; for s in b2sum md5sum md5sum.textutils sha1sum sha224sum sha256sum sha384sum sha512sum cksum sum; do p $s a; done
seq 1000 | for s in sha1sum; do p $s; done; seq 9 >a; p sha256sum a >s; p sha256sum -c s; echo >>a; p sha256sum -c s
p b2sum -l 128 /etc/hosts; p cksum -a sm3 /etc/hosts; p cksum none; p sum -s /etc/hosts; p md5sum .
printf '\0\377abc' | p base32; printf 'abc\n' | p base64 | p base64 -d; printf abc | p basenc --z85 2>&1; printf abcd | p basenc --base2msbf; echo '!' | p base64 -d
p basename /a/b.c .c; p basename -a x/y z/; p basename; p dirname /a/b c /; p dirname
printf 'a\tb\n\n\n\nc\001' | p cat -A; printf 'x\n\n\ny\n' | p cat -ns; p cat none /etc/hostname; p cat .; p cat <&-
echo x >a; p cat a >>a; p cat a; p cat a - </etc/hostname
touch a; p chmod 4751 a; p stat -c %A a; p chmod u=rw,g+s,o= a; p stat -c %a a; p chmod 9 a; p chmod +x none; mkdir d; p chmod -R a-w .; p stat -c %A d; p chmod -v 700 d
touch a; ln -s a l; p chown 7:8 a; p chown -h 9 l; p stat -c '%u %g' a l; p chgrp daemon a; p chgrp nosuch a; p chown --from=7 1 a; p stat -c '%U %G' a; p chown :bin l; p stat -Lc %G l
touch a; p chcon x a; p runcon x true
p chroot / p; p chroot none true; p chroot --userspec=daemon / /usr/bin/id; p chroot --userspec=5:6 --groups=7,8 / /usr/bin/id -G
printf '1\n2\n4\n' >a; printf '2\n3\n4\n' >b; p comm a b; p comm -12 a b; p comm -3 --total a b; printf 'b\na\n' | p comm - a
mkdir d; touch -d @1000 d/f; ln -s f d/l; mkfifo d/p; touch -d @2000 d/p; p cp -a d e; p stat -c '%F %Y' e/f e/p; p readlink e/l; p cp d x; p cp -rL d/l y; p cp -l d/f z; p stat -c %h z; p cp none q; p cp --parents d/f e; p ls e/d
truncate -s 3M a; echo end >>a; p cp --sparse=always a b; p du -k b; p cmp a b; p cp --reflink=always a c; p cp -n a b; p cp -b a b; p ls; p cp -u a b; p cp -i b a </dev/null; p cp a a
seq 20 >a; p csplit a 5 '/15/' '{0}'; p wc -l xx00 xx01 xx02; p csplit -sz a '/^1/' '{*}'; p ls; p csplit a 50
printf 'a:b:c\nd\n' | p cut -d: -f2-; printf 'a:b\nd\n' | p cut -sd: -f1 --output-delimiter=+; echo abcdef | p cut -c2-3,5; echo abc | p cut -b 0; p cut -f1 none
p date -u -d @86400 +%FT%T%z; p date -u -d '2024-02-29 +1 year' +%c; TZ=Europe/Berlin p date -d @1700000000; p date -d never; p date -u -d @0.5 +%s.%N; p date -r /etc/hostname -u +%Y >/dev/null
seq 100 | p dd bs=10 count=3 skip=1 status=none; p dd if=/dev/zero of=a bs=1k seek=3 count=1 2>&1 | head -2; p stat -c %s a; p dd if=none; echo abc | p dd conv=ucase,swab status=none; p dd if=/dev/zero of=a bs=512 count=2 conv=notrunc oflag=append,direct status=none; p stat -c %s a; p dd bs=x
p df --output=fstype,target / /proc /dev/shm; p df none; p df -T --output=target .; p dircolors -b | head -c 10; TERM=linux p dircolors -c | head -c 6; p dircolors none
mkdir -p d/e; truncate -s 9999 d/a; seq 3000 >d/e/b; p du -ab d | sort; p du -k d/e/b; p du --apparent-size -s d; p du -c none; p du -S --inodes d; ln d/a d/h; p du -b d/a d/h
mkdir d; touch d/b d/a d/.h; ln -s a d/l; p dir d; p vdir -n d | cut -c1-10; p ls -A d; p ls -F d; p ls -dQ d 'x'; p ls -1rt --time=none d; p ls -l d | cut -c1-10; p ls --color=always d/l d/a; p ls -m d
touch -d '2020-01-02 03:04:05.6' a; p ls -l --time-style=full-iso a; mkfifo f; mknod c c 1 3; mknod b b 7 0; chmod 1777 .; p ls -lan | tail -n +2 | cut -c1-10; p ls -l c b | tr -s ' ' | cut -d' ' -f5,6; p ls -sk a; p ls -R /etc/none; p ls -Z a | cut -c1; p ls -U1 . | sort
p echo -e 'a\tb\x41\c'; p echo -n x; p printf '%s %d %05.1f %q %b\n' a 7 2.55 'x y' 'z\n'; p printf %d x; p printf; p printf '%s\n' a b; p printf '\u00e4\n'
A=1 p env -u A -i B=2 /usr/bin/printenv; p env -S 'echo a b'; p env none; p env -C / pwd; p printenv HOME; p printenv NOPE; p env --ignore-signal=TERM bash -c 'kill $$; echo lives'; p env -0 -i X=y | od -c
printf 'a\tb\n' | p expand -t 4; printf '        x   y\n' | p unexpand -a; p expand none; printf '\t\tx\n' | p expand -i -t 2,6
p expr 7 \* 6; p expr 1 / 0; p expr abc : 'a\(.\)c'; p expr length abc; p expr 0; p expr 99999999999999999999 + 1; p expr substr hello 2 3; p expr a '<' b; p expr
p factor 1 97 18446744073709551617 600851475143; echo 12 x | p factor; p true x; p false; p true --help | head -1 | cut -c1-6
printf 'a b c d e f g h i j\nk l\n\n  m n\n' | p fmt -w 10; p fmt none; printf 'abcdefgh\n' | p fold -w 3; printf 'ab cd ef\n' | p fold -sw 4; p fold -w 0
p groups; p groups root nobody; p id; p id daemon; p id -nG nobody; p id nosuch; p id -z; p whoami; p whoami x; p logname; p users; p who; p pinky | head -1; p pinky -l root | head -2; p hostid | wc -c; p tty; p tty -s; echo $?
seq 9 >a; p head -n -7 a; p head -c 3 a; p head -qn1 a a; p head -n1 a none; p tail -n +8 a; p tail -c 2 a; p tail -n1 a a; p tail none; p tail -z -n1 a | od -c | head -2; p tail -s 0.01 -n1 -f --pid=$(bash -c 'echo $$') a
echo x >a; p install -D -m 640 -o 3 -g 4 a d/e/b; p stat -c '%a %u %g' d/e/b; p install -d -m 1770 n/m; p stat -c %a n n/m; p install -b a d/e/b; p ls d/e; p install none q; p install -C -v a c
printf '1 a\n2 b\n' >a; printf '2 x\n3 y\n' >b; p join a b; p join -a1 -e- -o 0,1.2,2.2 a b; p join -v2 a b; p join -t, a b; printf '2\n1\n' | p join - a
echo x >a; p link a b; p stat -c %h a; p link a b; p ln a c; p ln -sf a c; p readlink c; p ln -sr a d; p ln none e; p ln . f; mkdir g; p ln -t g a; p ln -sT a g; p ln -b -s x c; p ls; p unlink c; p unlink g; p unlink none
p mkdir -m 711 a; p stat -c %a a; p mkdir a; p mkdir -pv a/b/c; p mkdir x/y; p rmdir -p a/b/c; p rmdir x; mkdir f; touch f/g; p rmdir f; p rmdir --ignore-fail-on-non-empty f; (umask 77; p mkdir u; p stat -c %a u)
p mkfifo -m 600 a; p stat -c '%F %a' a; p mkfifo a; p mknod n c 1 3; p stat -c '%F %t %T' n; p mknod x p; p mknod y q; p mknod z b 1; echo t >n; p mknod blk b 7 9; p stat -c %F blk
p mktemp -p . $X$X | wc -c; p mktemp -d -p . a.$X | wc -c; p mktemp x; p mktemp -u q.$X | cut -c1-2; p ls | wc -l; p mktemp -p none $X 2>&1 | tr -d '[:alnum:]'
echo 1 >a; echo 2 >b; mkdir d; p mv a b; p cat b; p mv -n b d; p mv d e; p ls e; p mv e e/f; p mv none x; echo 3 >c; p mv -b c e/b; p ls e; p mv -T e z; p mv z/b /dev/shm/mvd; p cat /dev/shm/mvd; p mv /dev/shm/mvd .; p ls; p mv --exchange z mvd; p ls -F
p nice; p nice -n 7 /usr/bin/nice; p nice -n -3 /usr/bin/nice; p nice -n x true; p nice none; p nohup echo kept 2>&1; p nohup none 2>&1; p nproc --ignore=99; p nproc x; p stdbuf -o0 echo z; p stdbuf -ox true
printf 'a\n\nb\n' | p nl; printf 'a\n\nb\n' | p nl -ba -nrz -w3 -s: ; p numfmt --from=si 2K 3M; p numfmt --to=iec-i 4096 1; p numfmt x; p numfmt --field=2 --to=si <<<'a 5000'; p numfmt --grouping 1
printf 'abc\0\377' | p od -c; printf 'abcd' | p od -An -tx2 -to1 -td4; printf 'abcdefghabcdefgh' | p od -Ax -ta -N5 -j2; p od none; p od -tf4 -N4 /dev/zero; printf '%032d' 0 | p od -v | head -1; printf 'hello, you\1' | p od -S 5
seq 3 >a; p paste a a; p paste -sd+ a; p paste -d '\0' a - <a; p paste none; p pathchk -p 'a b'; p pathchk ''; p pathchk -P -- -x; p pathchk $(printf 'x%.0s' {1..300})
seq 5 | p pr -t -2; seq 3 | p pr -l 20 -h head -D x | head -6; printf 'a b\nc a\n' | p ptx -w 30; p pr none; seq 3 | p pr -tn; printf 'a b\n' | p ptx -G
mkdir d; ln -s d l; cd l; p pwd; p pwd -L; PWD=/x p pwd -L; p readlink ../l; p readlink -f ..//l/. | cut -c1-6; p readlink -e none; p readlink -m a/../b | cut -c1-6; p realpath --relative-to=/usr /usr/bin/../lib; p realpath none/x; p realpath -s ../l | grep -c 'l$'
mkdir d; touch d/a b c; chmod 0 c; p rm d; p rm -r d; p rm b none; p rm -f none; p rm -v c; p rm -rf /; p rm .; mkdir -p x/y; p rm -d x; p rm -dv x/y x; echo n | p rm -i /etc/hostname
p seq 3 -1 1; p seq -w 8 11; p seq -s, 0 0.5 2; p seq x; p seq -f %03g 2; p seq 1 0; p seq 99999999999999999999 100000000000000000001; p yes a b | head -2; p yes | head -c 100000 | sha1sum; p sleep x; p sleep 0 0.01; p sleep
seq 999 >a; p shred -n1 -zu a; p ls; seq 9 >b; p shred -n0 -z b; p od -An -c b | head -1; p shred none; p shuf -i 1-9 | sort | tr -d '\n'; p shuf -en0 a; p shuf -n 2 --random-source=/dev/zero -e a b c; p shuf -rn3 -e x; p shuf none
printf 'b 2\na 10\nc 1\n' >a; p sort a; p sort -k2n a; p sort -rk1,1 a; p sort -c a; p sort -u -k2.1,2.1 a; p sort -m a a | head -2; printf '1.10\n1.9\n' | p sort -V; printf '1K\n1M\n9\n' | p sort -hr; p sort none; p sort -o a a; p cat a; seq 30000 | p sort -R --random-source=/dev/zero -S 64k | md5sum; printf 'b\0a\0' | p sort -z | od -c; seq 20000 | p sort -S 16k --parallel=2 -r -T . | head -1
seq 10 >a; p split -l 4 a; p wc -l xaa xab xac; p split -n 3 -d a p; p ls; p split -b 5 --filter='wc -c' a; p split -n r/2/3 a; p split none; p split -a 1 -l 1 <(seq 30); p split -n l/2/3 a
touch -d @5 a; p stat -c '%n %s %F %X %Y %h %b %o' a; p stat -f -c '%T %S' /; p stat -c %m .; p stat none; ln -s a l; p stat -c '%N %F' l; p stat -L -c %F l; p stat --printf '%a\n' /etc/passwd; p stat -c '%t:%T %F' /dev/null; p stat -t none
p stty; p stty -F /dev/null; p stty -F none; script -qec 'stty -a | head -c 20; stty rows 9 cols 33; stty size; stty -echo; stty | grep -c echo; stty -g | tr -d "0-9a-f" | wc -c; stty nosuch; stty sane; stty speed' /dev/null
p sync; p sync -d /etc/hostname; p sync none; echo x >a; p sync -f a; p sync -d; printf 'a\nb' | p tac; seq 3 | p tac -s 2; p tac none; printf 'a b\nb c\n' | p tsort; printf 'a b\nb a\n' | p tsort; printf 'a\n' | p tsort
echo x | p tee a b; p cat a; echo y | p tee -a a; p cat a; echo z | p tee /none/x; echo w | p tee >/dev/full; seq 99999 | p tee -p >(head -1) | tail -1 
p timeout 0.05 sleep 9; p timeout -s INT 0.05 sleep 9; p timeout --preserve-status 0.05 sleep 9; p timeout 9 false; p timeout 9 none; p bash -c 'timeout -k 0.01 99 bash -c "trap \"\" TERM; kill \$PPID; while :; do :; done"; echo $?' 2>/dev/null; p timeout x true; p timeout 0 echo z; p timeout -v 0.05 sleep 9; p timeout --foreground 0.05 sleep 9
p touch -t 202001020304.05 a; p stat -c %Y a; p touch -a -d @7 a; p stat -c '%X %Y' a; p touch -c none; p ls; p touch -r a b; p stat -c %X b; p touch -d never x; p touch none/x; p touch -m -d '1970-01-02 UTC' a; p stat -c %Y a; ln -s a l; p touch -h -d @9 l; p stat -c %Y l; p touch -d @2147483648.123456789 a; p stat -c %y a; p touch .
echo hello | p tr a-y b-z; echo aabbb | p tr -s ab; echo a1b2 | p tr -d '[:digit:]'; echo ab | p tr -c 'a\n' x; p tr; p tr a; echo x | p tr '[:upper:]' '[:lower:]'; echo abc | p tr -dc b
p truncate -s 5 a; p stat -c %s a; p truncate -s +3 a; p truncate -s %10 a; p stat -c %s a; p truncate -s '<4' a; p truncate -cs 1 none; p truncate -r a b; p stat -c %s a b; p truncate a; p truncate -s 9999999999G a; p truncate -s -1 /
printf 'a\na\nb\n' >a; p uniq -c a; p uniq -d a; p uniq -u a; p uniq -D a; printf 'x a\ny a\n' | p uniq -f1; p uniq a o; p cat o; printf 'A\na\n' | p uniq -i; p uniq none; p uniq --group a
printf 'a b\nc\n' >a; p wc a; p wc -lwcmL a a; p wc none a; p wc -c <a; p wc --files0-from=<(printf 'a\0'); p wc .; printf 'h\303\251' | p wc -m; p wc -l /proc/self/mounts | wc -l
echo x >/dev/full; p cat /etc/hosts >/dev/full; p echo a >&-; p seq 3 >/dev/full; p cp /etc/hosts /dev/full; seq 100000 | p head -1; echo ${PIPESTATUS[@]}
"""
DRIVER = r"""
p() { command -- "/usr/bin/$@"; local s=$?; [ $s = 0 ] || echo "($s)"; return $s; }
n=0 X=X''X''X; rm -rf /tmp/c; mkdir /tmp/c
while IFS= read -r line; do
    [ "$line" ] || continue
    n=$((n + 1)); mkdir /tmp/c/$n
    echo "== $line"
    (cd /tmp/c/$n; eval "$line") </dev/null 2>&1
    echo "-- $?"
done <"$1"
"""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "LANG": "C.UTF-8", "TZ": "UTC"}


def answers(config):
    """{command: what it writes, and its status}, on a machine of this test's own."""
    guest = conftest.Guest(conftest.on_world(config))
    try:
        guest.put("/tmp/commands", COMMANDS.encode())
        result = guest.run(["setsid", "-w", "bash", "-c", DRIVER, "bash", "/tmp/commands"], env=ENVIRONMENT, timeout=900)
    finally:
        guest.stop()
    assert (result.status, result.err) == (0, b""), result
    parts = result.out.decode("utf-8", "replace").split("== ")[1:]
    return dict(part.split("\n", 1) for part in parts)


def test_table_is_whole():
    words = set(COMMANDS.replace(";", " ").split())
    assert not [name for name in PROGRAMS if name not in words]


def test_same_as_on_linux(config):
    ours, theirs = answers(config), answers(conftest.on_linux(config))
    assert len(theirs) == len(COMMANDS.strip().splitlines())
    different = {c: (ours.get(c), text) for c, text in theirs.items() if ours.get(c) != text}
    assert not different, "\n".join(f"== {c}\nours:\n{a}theirs:\n{b}" for c, (a, b) in different.items())
