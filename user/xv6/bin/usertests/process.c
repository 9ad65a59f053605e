// SPDX-License-Identifier: MIT
// fork, exit, wait, getpid, sleep and uptime.
#include "usertests.h"

static int shared = 1, fds[2];

static void nothing(void)
{
}

static void fork_ids(void)
{
    int seen;

    expect(pipe(fds), 0);
    int pid = fork();
    if (pid == 0) {
        seen = getpid();
        write(fds[1], &seen, sizeof(seen));
        exit(0);
    }
    check(pid > 0 && pid != getpid());
    expect(read(fds[0], &seen, sizeof(seen)), sizeof(seen));
    expect(seen, pid);
    expect(wait(0), pid);
}

static void shared_change(void)
{
    expect(shared, 1);
    shared = 2;
}

static void fork_memory(void)
{
    expect(child_status(shared_change), 0);
    expect(shared, 1);
}

static void fork_depth(void)
{
    static int depth = 20;

    if (--depth > 0)
        expect(child_status(fork_depth), 0);
}

static void fork_tree(void)
{
    for (int level = 0; level < 4; level++) // 16 processes
        check(fork() >= 0);
    int status;
    while (wait(&status) > 0)
        expect(status, 0);
}

static void exit_status(void)
{
    static const int codes[] = {0, 1, 2, 127, 255, 256, 747, 65536, 0x7fffffff, -1, -2, -256};

    for (uint i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        int pid = fork();
        if (pid == 0)
            exit(codes[i]);
        expect(status_of(pid), codes[i]);
    }
}

static void exit_closes(void)
{
    char c;

    expect(pipe(fds), 0);
    int pid = child(nothing);
    close(fds[1]);
    expect(read(fds[0], &c, 1), 0);
    expect(wait(0), pid);
}

static void wait_none(void)
{
    int status = 5;

    expect(wait(&status), -1);
    expect(wait(0), -1);
    expect(status, 5);
}

static void wait_null(void)
{
    int pid = child(nothing);

    expect(wait(0), pid);
    expect(wait(0), -1);
}

static void wait_each(void)
{
    int pids[20], status;

    for (int i = 0; i < 20; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            exit(i);
    }
    for (int i = 0; i < 20; i++) {
        int pid = wait(&status);
        check(pid > 0 && status >= 0 && status < 20);
        expect(pid, pids[status]);
        pids[status] = 0;
    }
    expect(wait(0), -1);
}

static void parent_of_two(void)
{
    child(nothing);
    child(nothing);
    expect(wait(0) > 0, true);
    expect(wait(0) > 0, true);
    expect(wait(0), -1);
}

static void wait_own_only(void)
{
    for (int i = 0; i < 4; i++)
        child(parent_of_two);
    expect(children_status(4), 0);
    expect(wait(0), -1);
}

static void wait_race(void)
{
    for (int i = 0; i < 200; i++)
        expect(child_status(nothing), 0);
}

static void orphan_make(void)
{
    for (int i = 0; i < 5; i++)
        child(nothing);
}

// Whose parent is gone goes to init; the runner sees that all end.
static void orphans(void)
{
    for (int i = 0; i < 10; i++)
        expect(child_status(orphan_make), 0);
}

static void orphan_tell(void)
{
    char c;

    if (fork() > 0)
        exit(0);
    close(fds[1]);
    read(fds[0], &c, 1); // after the parent's end
    exit(0);
}

static void orphans_live(void)
{
    expect(pipe(fds), 0);
    uint64 before = processes_now();
    for (int i = 0; i < 5; i++)
        expect(child_status(orphan_tell), 0);
    expect(processes_now(), before + 5);
    close(fds[1]);
    close(fds[0]);
    processes_settle(before);
    expect(processes_now(), before);
}

static void sleep_ticks(void)
{
    int begin = uptime();

    expect(sleep(3), 0);
    check(uptime() - begin >= 3);
    begin = uptime();
    expect(sleep(0), 0);
    expect(pause(1), 0);
    check(uptime() - begin >= 1);
    expect(sleep(-1), -1);
}

static void sleep_many(void)
{
    int begin = uptime();

    for (int i = 0; i < 10; i++)
        if (fork() == 0)
            exit(sleep(3));
    expect(children_status(10), 0);
    check(uptime() - begin >= 3);
}

static void uptime_rises(void)
{
    int last = uptime(), begin = last, now;

    while ((now = uptime()) < begin + 2) {
        check(now >= last);
        last = now;
    }
}

static void ugetpid_agrees(void)
{
    expect(ugetpid(), getpid());
}

static void ugetpid_generations(void)
{
    ugetpid_agrees();
    expect(child_status(ugetpid_agrees), 0);
}

static void ugetpid_everywhere(void)
{
    ugetpid_agrees();
    expect(child_status(ugetpid_generations), 0);
    expect(((struct usyscall *)USYSCALL)->pid, getpid());
}

static void spin(void)
{
    for (;;)
        ;
}

// More that spin than harts: others still run.
static void preempt(void)
{
    int pids[6];

    for (int i = 0; i < 6; i++)
        pids[i] = child(spin);
    for (int i = 0; i < 5; i++)
        expect(child_status(nothing), 0);
    kill_all(pids, 6);
}

const struct test process_tests[] = {
    {"fork_ids", fork_ids, false},
    {"fork_memory", fork_memory, false},
    {"fork_depth", fork_depth, false},
    {"fork_tree", fork_tree, false},
    {"exit_status", exit_status, false},
    {"exit_closes", exit_closes, false},
    {"wait_none", wait_none, false},
    {"wait_null", wait_null, false},
    {"wait_each", wait_each, false},
    {"wait_own_only", wait_own_only, false},
    {"wait_race", wait_race, false},
    {"orphans", orphans, false},
    {"orphans_live", orphans_live, false},
    {"sleep_ticks", sleep_ticks, false},
    {"sleep_many", sleep_many, false},
    {"uptime_rises", uptime_rises, false},
    {"ugetpid", ugetpid_everywhere, false},
    {"preempt", preempt, false},
    {0},
};
