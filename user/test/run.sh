#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD: runs the shell and the tools under qemu-riscv64 and compares what they print.

bin=${1:?usage: run.sh BUILD}/user/bin
qemu=$(command -v qemu-riscv64) || {
    echo "user/test/run.sh: SKIPPED: qemu-riscv64 (package qemu-user) is not installed"
    exit 0
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/work"

# The shell starts programs with execve, so each is wrapped to go through the emulator.
for program in "$bin"/*; do
    name=${program##*/}
    printf '#!/bin/sh\nexec %s -0 %s %s "$@"\n' "$qemu" "$name" "$program" >"$dir/bin/$name"
    chmod +x "$dir/bin/$name"
done
cd "$dir/work" || exit 1

passed=0
failed=0

# check NAME EXPECTED-OUTPUT EXPECTED-STATUS COMMAND...: output is stdout and stderr together.
check() {
    name=$1 expected=$2 status=$3
    shift 3
    got=$(timeout 60 env -i PATH="$dir/bin" HOME=/ "$@" 2>&1 </dev/null)
    code=$?
    if [ "$got" = "$expected" ] && [ "$code" = "$status" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n  expected (%s): %s\n  got (%s): %s\n' \
            "$name" "$status" "$expected" "$code" "$got"
    fi
}

# sh_check NAME EXPECTED STATUS SCRIPT
sh_check() {
    check "$1" "$2" "$3" "$dir/bin/sh" -c "$4"
}

lines() {
    printf '%s\n' "$@"
}

sh_check words "a b  c" 0 'echo a "b  c"'
sh_check quotes "a'b \"c\" \$d e;f" 0 "echo \"a'b\" '\"c\"' \\\$d e\\;f"
sh_check empty-argument "a  b" 0 'echo a "" b'
sh_check comment "a#b" 0 'echo a#b # c'
sh_check sequence "$(lines a b)" 0 'echo a; echo b'
sh_check newline "$(lines a b)" 0 'echo a
echo b'
sh_check and-or "$(lines a d)" 0 'echo a || echo b && echo d'
sh_check failure "0 1" 0 'grep x /dev/null || echo 0 $?'
sh_check pipe "1 2 4 " 0 'echo a b | cat | wc'
sh_check pipe-newline "1 1 2 " 0 'echo a |
wc'
sh_check subshell "$(lines / a)" 0 '(cd /; pwd) && (echo a)'
sh_check subshell-pipe "2 2 4 " 0 '(echo a; echo b) | wc'
sh_check redirect "$(lines a b)" 0 'echo a > f; echo b >> f; cat < f'
sh_check redirect-error "cat: cannot open none" 0 'cat none 2> e; cat e'
sh_check redirect-dup "1 4 22 " 0 'cat none 2>&1 | wc'
sh_check redirect-builtin "$(lines / here)" 0 'cd /; pwd > '"$dir"'/work/p; cat '"$dir"'/work/p; echo here'
sh_check redirect-missing "$(lines "sh: none: no such file or directory" 1)" 0 'cat < none; echo $?'
sh_check status "3" 0 'sh -c "exit 3"; echo $?'
sh_check exit-status "" 7 'exit 7'
sh_check last-status "" 1 'cat /dev/null | grep x'
sh_check not-found "sh: nothing: not found" 127 nothing
sh_check not-executable "sh: /: permission denied" 126 /
sh_check variable "/ / x/y a" 0 'echo $HOME "${HOME}" x${HOME}y a$b' 
sh_check export "$(lines 0 "a b" "[a  b]")" 0 'export V="a  b"; sh -c "echo \$#"; echo $V; echo "[$V]"'
sh_check background "$(lines a b)" 0 '(sleep_is_missing 2>/dev/null; echo a) & wait; echo b'
sh_check wait-pid "5" 0 'sh -c "exit 5" & wait $!; echo $?'
sh_check parameters "x 2 2" 0 "$dir/bin/sh -c 'echo \$0 \$# \$2' x 1 2" 
sh_check syntax "sh: syntax error" 2 'echo a | | b'
sh_check unclosed "sh: syntax error" 2 '(echo a'
sh_check signal "$(lines "sh: sh -c 'kill \$\$': killed" 137)" 0 "sh -c 'kill \$\$'; echo \$?"

printf 'echo one\necho "two\nlines" \\\n joined\n# comment\nexit 4\necho no\n' >script
check script "$(lines one two "lines joined")" 4 "$dir/bin/sh" script
check script-input "1 1 2 " 0 "$dir/bin/sh" -c 'echo "wc
x" | sh'

check echo "a b" 0 "$dir/bin/echo" a b
check mkdir "" 0 "$dir/bin/mkdir" d d/e
check mkdir-again "mkdir: cannot create d" 1 "$dir/bin/mkdir" d
check ln "" 0 "$dir/bin/ln" script d/hard
check ln-s "" 0 "$dir/bin/ln" -s ../script d/soft
check cat-links "4 8 36 " 0 "$dir/bin/sh" -c 'echo x > y; cat d/hard d/soft | grep o$ | wc'
check rm "" 0 "$dir/bin/rm" d/hard d/soft d/e d
check rm-missing "rm: cannot remove d" 1 "$dir/bin/rm" d
check rm-usage "usage: rm FILE..." 1 "$dir/bin/rm"
printf 'hello world\nfoo\nhallo\n' >text
check wc "3 4 22 text" 0 "$dir/bin/wc" text
check grep "$(lines "hello world" hallo)" 0 "$dir/bin/grep" '^h.l*o' text
check grep-end "foo" 0 "$dir/bin/grep" '^f.*oo*$' text
check grep-none "" 1 "$dir/bin/grep" nothing text
check kill-usage "usage: kill PID..." 1 "$dir/bin/kill"
check forktest "forktest: 20 children: OK" 0 "$dir/bin/forktest" 20
check stressfs "stressfs: OK" 0 "$dir/bin/stressfs"
check zombie "" 0 "$dir/bin/zombie"
check ls-file "22 text" 0 "$dir/bin/sh" -c 'ls text | grep " 22 text$" > l; cat l | grep text > /dev/null && echo 22 text'

echo "user/test/run.sh: $passed passed, $failed failed"
[ "$failed" = 0 ]
