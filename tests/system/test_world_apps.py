# SPDX-License-Identifier: MIT
"""Servers, databases, terminals and interpreters of `--root world:full`, each made to do its work."""
import pytest

from test_world_full import ENVIRONMENT

pytestmark = [pytest.mark.one_config, pytest.mark.long]

GIT = """
mkdir g; cd g; git init -q -b main; git config user.email a@b; git config user.name n
for i in $(seq 200); do echo $i >>a; git add a; git commit -qm "number $i"; done
git log --oneline | wc -l; git gc -q; git fsck 2>&1; git clone -q . ../h 2>&1; cmp a ../h/a && echo same
git -C ../h log -1 --format=%s; git checkout -q HEAD~50; tail -n 1 a; git checkout -q -b side; git rm -q a
git commit -qm gone; git checkout -q main; git merge -q -m both side 2>&1 | tail -n 1; git status --short
"""
REDIS = """
cli() { redis-cli -s /tmp/work/sock "$@"; }
serve() {
    redis-server --port 0 --unixsocket /tmp/work/sock --appendonly yes --appendfsync always --save '' \
        --dir /tmp/work >>log 2>&1 & p=$!
    until [ "$(cli ping 2>/dev/null)" = PONG ]; do :; done
}
await() { until cli info persistence | tr -d '\\r' | grep -q "^$1:0$"; do :; done; }
serve
redis-benchmark -s sock -n 2000 -c 20 -q -t set,get,incr,lpush,lrange_100 | tr '\\r' '\\n' >bench
grep -c 'requests per second' bench
cli set key value; cli incrby count 41; cli incr count
cli bgsave; await rdb_bgsave_in_progress
cli info persistence | tr -d '\\r' | grep rdb_last_bgsave_status; redis-check-rdb dump.rdb | grep -o 'RDB looks OK'
cli bgrewriteaof; await aof_rewrite_in_progress
cli set after rewrite; kill -9 $p; wait $p 2>/dev/null; rm sock; serve
cli get key; cli get count; cli get after; cli shutdown nosave; wait $p; echo $?
"""
SQLITE = """
sqlite3 db "create table t (id integer primary key, x text); create index i on t(x); begin;
    with recursive c(n) as (select 1 union all select n + 1 from c where n < 100000)
    insert into t select n, hex(n) from c; commit; select count(*) from t;
    pragma journal_mode=wal; begin; delete from t where id % 2; commit; select count(*), sum(id) from t;
    pragma wal_checkpoint(truncate); pragma integrity_check;"
one() { for j in $(seq 25); do sqlite3 -cmd '.timeout 60000' db "insert into t (x) values ('$1.$j')"; done; }
for i in 1 2 3 4; do one $i & done; wait
sqlite3 db "select count(*) from t; pragma integrity_check"
"""
# A terminal in a terminal: shells, a resized window, an editor by its keys, a stopped job.
TMUX = """
see() { until tmux capture-pane -p -t "$1" | grep -q "$2"; do :; done; }
key() { tmux send-keys -t "$@"; }
tmux -f /dev/null new-session -d -s one -x 80 -y 24 'PS1="> " bash --norc'
key one 'echo $((6 * 7))' Enter; see one '^42$'
tmux split-window -t one 'PS1="% " bash --norc'; key one.1 'stty size; tty' Enter; see one.1 ^/dev/pts/
tmux capture-pane -p -t one.1 | grep '^[0-9/]'
tmux list-panes -t one -F '#{pane_index} #{pane_width}x#{pane_height}'
tmux resize-pane -t one.1 -y 5  # which tmux passes on when it likes
until tmux capture-pane -p -t one.1 | grep -q '^5 80'; do key one.1 'stty size' Enter; done
key one.0 'vim -u NONE text' Enter; see one.0 '~'
key one.0 'ione two three' Escape '0dwx$aX' Escape 'yyp:wq' Enter; see one.0 '^>$'; cat text
key one.0 'sleep 1000' Enter; until tmux capture-pane -p -t one.0 | grep -q Stopped; do key one.0 C-z; done
key one.0 'kill %1; fg' Enter; see one.0 Terminated
tmux kill-server; tmux ls 2>&1
"""
EXPECT = r"""
cat >e.exp <<'X'
set timeout 200
log_user 0
proc see {what name} { expect $what { puts $name } timeout { puts "no $name"; exit 1 } }
spawn bash --norc
send "PS1='ready> '\r"
expect "ready> "
expect "ready> "
send "read -p 'name? ' n; echo \"hello \$n\"\r"
expect "name? "
send "rivulet\r"
see "hello rivulet" greeted
send "echo go; cat\r"
expect "go\r\n"
send "abc\177\177x\r"
see "ax" erased
send "\004"
expect "ready> "
send "sh -c 'echo go; exec sleep 1000'\r"
expect "go\r\n"
send "\003"
see "ready> " interrupted
send "exit 3\r"
expect eof
puts [lindex [wait] 3]
spawn bc -q
send "2^100\r"
see "1267650600228229401496703205376" power
send "\004"
expect eof
X
expect e.exp
"""
NODE = """
cat >w.js <<'X'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawnSync } = require('child_process'), crypto = require('crypto'), net = require('net');
function ended(memory) {
  console.log(new Int32Array(memory)[0]);
  console.log(spawnSync('sh', ['-c', 'exit 5']).status);
  const server = net.createServer(s => s.pipe(s)).listen('sock', () => {
    const c = net.connect('sock', () => c.end('x'.repeat(100000)));
    let n = 0;
    c.on('data', d => n += d.length);
    c.on('end', () => {
      console.log(n);
      server.close();
      crypto.pbkdf2('a', 'b', 1000, 32, 'sha256', (e, key) => console.log(key.toString('hex').slice(0, 8)));
    });
  });
}
if (isMainThread) {
  const memory = new SharedArrayBuffer(4);
  let left = 4;
  for (let i = 0; i < 4; i++)
    new Worker(__filename, { workerData: memory }).on('exit', () => --left || ended(memory));
} else {
  for (let i = 0; i < 10000; i++) Atomics.add(new Int32Array(workerData), 0, 1);
}
X
node w.js
"""
PYTHON = """
cat >p.py <<'X'
import asyncio, concurrent.futures, multiprocessing, signal, subprocess
from multiprocessing import shared_memory

def square(x):
    return x * x

def add(n, lock, total):
    for _ in range(n):
        with lock:
            total.value += 1

def processes(how):
    c = multiprocessing.get_context(how)
    with c.Pool(3) as pool:
        print(how, sum(pool.map(square, range(100))))
    lock, total = c.Lock(), c.Value("i", 0, lock=False)
    ps = [c.Process(target=add, args=(200, lock, total)) for _ in range(3)]
    [p.start() for p in ps]
    [p.join() for p in ps]
    print(total.value, [p.exitcode for p in ps])

async def echo(r, w):
    while data := await r.read(100):
        w.write(data)
        await w.drain()
    w.close()

async def talk(i):
    r, w = await asyncio.open_unix_connection("s")
    w.write(b"%d" % i * 10)
    w.write_eof()
    n = len(await r.read(-1))
    w.close()
    return n

async def tasks():
    server = await asyncio.start_unix_server(echo, "s")
    print(sum(await asyncio.gather(*(talk(i) for i in range(50)))))
    p = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print((await p.communicate(b"loud"))[0].decode())
    server.close()

def alarms():
    hits = []
    signal.signal(signal.SIGALRM, lambda *a: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    while len(hits) < 5:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("alarms")

def shared():
    m = shared_memory.SharedMemory(create=True, size=5000)
    n = shared_memory.SharedMemory(m.name)
    m.buf[4999] = 77
    print(n.buf[4999])
    n.close()
    m.close()
    m.unlink()

if __name__ == "__main__":
    for how in "fork", "spawn", "forkserver":
        processes(how)
    asyncio.run(tasks())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        print(sum(pool.map(square, range(1000))))
    print(subprocess.run("exit 9", shell=True).returncode, subprocess.getoutput("echo a | cat"))
    alarms()
    shared()
    try:
        subprocess.run(["sleep", "100"], timeout=0.1)
    except subprocess.TimeoutExpired:
        print("expired")
X
python3 p.py
"""
WORK = {
    "git": (GIT, "200\nsame\nnumber 200\n150\n"
                 "Automatic merge failed; fix conflicts and then commit the result.\nUD a\n"),
    "redis": (REDIS, "6\nOK\n41\n42\nBackground saving started\nrdb_last_bgsave_status:ok\nRDB looks OK\n"
                     "Background append only file rewriting started\nOK\nvalue\n42\nrewrite\n0\n"),
    "sqlite": (SQLITE, "100000\nwal\n50000|2500050000\n0|0|0\nok\n50100\nok\n"),
    "tmux": (TMUX, "11 80\n/dev/pts/1\n0 80x12\n1 80x11\nwo threeX\nwo threeX\n"
                   "no server running on /tmp/tmux-0/default\n"),
    "expect": (EXPECT, "greeted\nerased\ninterrupted\n3\npower\n"),
    "node": (NODE, "40000\n5\n100000\na9ad8392\n"),
    "python": (PYTHON, "fork 328350\n600 [0, 0, 0]\nspawn 328350\n600 [0, 0, 0]\nforkserver 328350\n"
                       "600 [0, 0, 0]\n900\nLOUD\n332833500\n9 a\nalarms\n77\nexpired\n"),
}


@pytest.mark.parametrize("name", WORK)
def test_works(full, name):
    script, want = WORK[name]
    script = "rm -rf /tmp/work; mkdir /tmp/work; cd /tmp/work; " + script
    result = full.run(["bash", "-c", script], env=ENVIRONMENT | {"TERM": "xterm"}, timeout=600)
    assert result.out.decode() == want, result
