# SPDX-License-Identifier: MIT
"""stress-ng of Debian: workers of each stressor, a bounded number of rounds, checking what they get."""
import pytest

from test_world_full import ENVIRONMENT

pytestmark = [pytest.mark.one_config, pytest.mark.long]

ROUNDS = 20
ALONE = ("fcntl",)  # two share a folder, which the first to end removes, maybe before the other has begun
STRESSORS = """
    access affinity aio alarm atomic bigheap branch brk cap chroot clock clone close context copy-file cpu
    cpu-sched daemon dekker dentry dir dirdeep dirmany dup dynlib enosys env epoll eventfd exit-group fault
    fcntl fd-abuse fd-fork fd-race fifo file-ioctl filename filerace flock fork fsize full futex
    getdent getrandom goto hdd hrtimers icache inotify intmath io itimer kcmp kill locka lockbus lockf lockmix
    lockofd longjmp malloc matrix memcpy metamix mincore mknod mlock mmapaddr mmapcow mmapmany mprotect mq msg
    msync munmap nanosleep nice nop null open pagemove peterson pipe poll prctl prio-inv pseek pthread ptrace
    race-sched readahead regs rename revio ring-pipe rlimit rmap rseq schedpolicy seal seek sem-sysv sendfile
    session set shm shm-sysv sigabrt sigbus sigchld sigfd sigill signal signest sigpending sigpipe sigq sigrt
    sigsegv sigsuspend sigtrap sigvtalrm sigxcpu sigxfsz skiplist sockfd sockpair splice stack switch sync-file
    sysinfo tee timer timerfd tlb-shootdown touch umask urandom utime vdso vfork vm vm-rw vm-segv vm-splice wait
    zero
    """.split()


@pytest.mark.parametrize("name", STRESSORS)
def test_stressor(full, name):
    n = 1 if name in ALONE else 2
    command = f"mkdir -p /tmp/stress && cd /tmp/stress && stress-ng --{name} {n} --{name}-ops {ROUNDS} --verify 2>&1"
    result = full.run(["bash", "-c", command], env=ENVIRONMENT, timeout=200)
    text = result.out.decode("utf-8", "replace")
    assert result.status == 0 and f"passed: {n}: {name} ({n})" in text, text
    assert "fail: " not in text, text
