// SPDX-License-Identifier: MIT
// trace and sysinfo.
#include "usertests.h"

static int lines[2], wanted[2];

// Has trace() write into a pipe, and a second one for what it should write.
static void trace_here(int mask)
{
    close(2);
    expect(dup(lines[1]), 2);
    close(lines[1]);
    expect(trace(mask), 0);
}

static void compare(void)
{
    char seen[600], should[600];
    int n = 0, got, m;

    close(lines[1]);
    close(wanted[1]);
    while ((got = read(lines[0], seen + n, sizeof(seen) - 1 - n)) > 0)
        n += got;
    m = read(wanted[0], should, sizeof(should) - 1);
    seen[n] = should[m > 0 ? m : 0] = 0;
    if (strcmp(seen, should) != 0)
        printf("expected:\n%sseen:\n%s", should, seen);
    expect(strcmp(seen, should), 0);
}

static void traced(void (*run)(void))
{
    expect(pipe(lines), 0);
    expect(pipe(wanted), 0);
    expect(child_status(run), 0);
    compare();
}

#define LINE "%d: syscall %s -> %d\n"

static void calls(void)
{
    struct stat st;
    int pid = getpid();

    fprintf(wanted[1], LINE LINE LINE LINE LINE LINE LINE, pid, "trace", 0, pid, "getpid", pid, pid,
            "open", -1, pid, "close", -1, pid, "fstat", 0, pid, "dup", 4, pid, "trace", 0);
    trace_here(~(1 << SYS_exit) & ~(1 << SYS_write));
    getpid();
    open("none", O_RDONLY);
    close(12);
    fstat(0, &st);
    dup(0);
    trace(1 << SYS_trace);
    getpid();
    trace(0);
    getpid();
}

static void trace_calls(void)
{
    traced(calls);
}

static void one_bit(void)
{
    trace_here(1 << SYS_uptime);
    int now = uptime();
    getpid();
    fprintf(wanted[1], LINE, getpid(), "uptime", now);
    close(12);
}

static void trace_mask(void)
{
    traced(one_bit);
}

static void grandchild(void)
{
    close(13);
}

static void own_child(void)
{
    trace_here(1 << SYS_close | 1 << SYS_fork);
    int pid = fork();
    if (pid == 0) {
        fprintf(wanted[1], LINE LINE, getpid(), "fork", 0, getpid(), "close", -1);
        grandchild();
        trace(0);
        exit(0);
    }
    wait(0);
    fprintf(wanted[1], LINE, getpid(), "close", -1);
    close(12);
    trace(0);
}

static void trace_child(void)
{
    expect(pipe(lines), 0);
    expect(pipe(wanted), 0);
    expect(child_status(own_child), 0);
    close(lines[1]);
    close(wanted[1]);
    char seen[200];
    int forks = 0, closes = 0, used = 0, n;
    while ((n = read(lines[0], seen + used, sizeof(seen) - used)) > 0)
        used += n;
    for (int i = 0; i < used; i++) {
        forks += i + 4 < used && memcmp(seen + i, "fork ", 5) == 0;
        closes += i + 5 < used && memcmp(seen + i, "close ", 6) == 0;
    }
    expect(forks, 1); // the parent's: the child has made no call
    expect(closes, 2);
}

static void own_exec(int mask, const char *mode)
{
    fprintf(wanted[1], LINE LINE, getpid(), "trace", 0, getpid(), "exec", 3);
    trace_here(mask);
    program(mode, (char *[]){"", 0});
}

static void exec_traced(int mask, const char *mode)
{
    int pid;

    expect(pipe(lines), 0);
    expect(pipe(wanted), 0);
    pid = fork();
    if (pid == 0) {
        close(1);
        expect(open("out", O_CREATE | O_WRONLY), 1);
        own_exec(mask, mode);
    }
    expect(status_of(pid), 0);
    expect(unlink("out"), 0);
    compare();
}

static void trace_exec(void)
{
    exec_traced(1 << SYS_trace | 1 << SYS_exec | 1 << SYS_sleep, "=echo");
}

static void trace_exec_negative(void)
{
    exec_traced(~(1 << SYS_write), "=echo");
}

// What the program before it traced goes no further than a program that wants none of it.
static void trace_exec_off(void)
{
    exec_traced(1 << SYS_trace | 1 << SYS_exec, "=untraced");
}

static void aim(int *fds)
{
    expect(pipe(fds), 0);
    close(2);
    expect(dup(fds[1]), 2);
    close(fds[1]);
}

// The lines go to descriptor 2 as it is at each call, and the last call lets go of it.
static void trace_aim(void)
{
    char seen[80];
    int first[2], second[2];

    aim(first);
    expect(trace(1 << SYS_uptime), 0);
    aim(second);
    expect(trace(1 << SYS_uptime), 0);
    expect(read(first[0], seen, sizeof(seen)), 0);
    uptime();
    expect(trace(0), 0);
    close(2);
    check(read(second[0], seen, sizeof(seen)) > 0);
    expect(read(second[0], seen, sizeof(seen)), 0);
    expect(trace(1 << SYS_uptime), -1);
}

// A result is more than 32 bits wide where it is an address.
static void wide(void)
{
    trace_here(1 << SYS_mmap);
    char *p = mmap(0, PGSIZE, PROT_READ, MAP_PRIVATE, open("/README", O_RDONLY), 0);

    check((uint64)p >> 32);
    fprintf(wanted[1], "%d: syscall mmap -> %ld\n", getpid(), (long)p);
}

static void trace_wide(void)
{
    traced(wide);
}

static void sysinfo_processes(void)
{
    int fds[2];
    char c;

    expect(pipe(fds), 0);
    uint64 before = processes_now();
    for (int i = 0; i < 5; i++) {
        if (fork() == 0) {
            close(fds[1]);
            read(fds[0], &c, 1);
            exit(0);
        }
    }
    expect(processes_now(), before + 5);
    close(fds[1]);
    close(fds[0]);
    expect(children_status(5), 0);
    expect(processes_now(), before);
}

// A zombie is one, too.
static void sysinfo_zombie(void)
{
    int fds[2];
    char c;

    expect(pipe(fds), 0);
    uint64 before = processes_now();
    if (fork() == 0)
        exit(0);
    close(fds[1]);
    expect(read(fds[0], &c, 1), 0);
    expect(processes_now(), before + 1);
    check(wait(0) > 0);
    expect(processes_now(), before);
}

// Who has been waited for is none, from then on.
static void sysinfo_reaped(void)
{
    uint64 before = processes_now();

    for (int i = 0; i < 500; i++) {
        if (fork() == 0)
            exit(0);
        check(wait(0) > 0);
        expect(processes_now(), before);
    }
}

static void sysinfo_memory(void)
{
    enum { PAGES = 2000 };
    char *p = sbrk(PAGES * PGSIZE);
    uint64 before = memory_free();

    for (int i = 0; i < PAGES; i++)
        p[i * PGSIZE] = 1;
    uint64 after = memory_free();
    check(after + PAGES * PGSIZE / 8 * 7 < before);
    check(after + PAGES * PGSIZE * 2 > before);
    sbrk(-PAGES * PGSIZE);
    check(memory_free() > after + PAGES * PGSIZE / 8 * 7);
}

const struct test trace_tests[] = {
    {"trace_calls", trace_calls, false},
    {"trace_mask", trace_mask, false},
    {"trace_child", trace_child, false},
    {"trace_exec", trace_exec, false},
    {"trace_exec_negative", trace_exec_negative, false},
    {"trace_exec_off", trace_exec_off, false},
    {"trace_aim", trace_aim, false},
    {"trace_wide", trace_wide, false},
    {"sysinfo_processes", sysinfo_processes, false},
    {"sysinfo_zombie", sysinfo_zombie, false},
    {"sysinfo_reaped", sysinfo_reaped, false},
    {"sysinfo_memory", sysinfo_memory, false},
    {0},
};
