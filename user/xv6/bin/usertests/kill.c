// SPDX-License-Identifier: MIT
// kill, of a process in whatever it is doing.
#include "usertests.h"

static int in[2], out[2];
static char block[4096];

static void spin(void)
{
    for (;;)
        ;
}

static void asleep(void)
{
    sleep(1000000);
}

static void reading(void)
{
    read(in[0], block, 1);
}

static void writing(void)
{
    for (;;)
        write(in[1], block, sizeof(block));
}

static void forking(void)
{
    for (;;) {
        if (fork() == 0)
            exit(0);
        wait(0);
    }
}

static void growing(void)
{
    for (;;) {
        char *p = sbrk(16 * PGSIZE);
        for (int i = 0; i < 16 && p != (char *)-1; i++)
            p[i * PGSIZE] = 1;
        sbrk(-16 * PGSIZE);
    }
}

static void creating(void)
{
    for (;;) {
        int fd = open("kf", O_CREATE | O_RDWR);
        for (int i = 0; i < 10; i++)
            write(fd, block, sizeof(block));
        close(fd);
        unlink("kf");
    }
}

static void starting(void)
{
    char *argv[] = {PROGRAM, "=again", 0};

    exec(PROGRAM, argv);
}

// The victim has said that it runs, and has had `ticks` of time, before it is killed.
static void kill_in(void (*state)(void), int ticks)
{
    char c;

    expect(pipe(in), 0);
    expect(pipe(out), 0);
    int pid = fork();
    if (pid == 0) {
        write(out[1], "r", 1);
        state();
        exit(0);
    }
    expect(read(out[0], &c, 1), 1);
    sleep(ticks);
    expect(kill(pid), 0);
    expect(status_of(pid), -1);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

static void kill_spinning(void)
{
    kill_in(spin, 0);
    kill_in(spin, 1);
}

static void kill_asleep(void)
{
    int begin = uptime();

    kill_in(asleep, 1);
    check(uptime() - begin < 1000);
}

static void kill_reading(void)
{
    kill_in(reading, 1);
}

static void kill_writing(void)
{
    kill_in(writing, 1);
}

static void kill_forking(void)
{
    kill_in(forking, 0);
    kill_in(forking, 1);
}

static void kill_growing(void)
{
    kill_in(growing, 1);
}

static void kill_starting(void)
{
    kill_in(starting, 0);
    kill_in(starting, 1);
}

static void kill_creating(void)
{
    for (int i = 0; i < 3; i++) {
        kill_in(creating, i % 2);
        unlink("kf");
        file_make("kf", 5000, i);
        check(file_is("kf", 5000, i));
        expect(unlink("kf"), 0);
    }
}

// The grandchild loses its parent while that waits; it is killed by its number.
static void kill_waiting(void)
{
    int victim, grandchild;

    expect(pipe(in), 0);
    victim = fork();
    if (victim == 0) {
        grandchild = child(asleep);
        write(in[1], &grandchild, sizeof(grandchild));
        wait(0);
        exit(0);
    }
    expect(read(in[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    expect(kill(victim), 0);
    expect(status_of(victim), -1);
    expect(kill(grandchild), 0);
}

static void kill_early(void)
{
    for (int i = 0; i < 100; i++) {
        int pid = child(spin);
        expect(kill(pid), 0);
        expect(status_of(pid), -1);
    }
}

static void kill_zombie(void)
{
    char c;

    expect(pipe(in), 0);
    int pid = fork();
    if (pid == 0)
        exit(7);
    close(in[1]);
    expect(read(in[0], &c, 1), 0); // its end of the pipe is gone: it has ended
    kill(pid);
    expect(status_of(pid), 7);
    expect(kill(pid), -1);
}

static void kill_nobody(void)
{
    expect(kill(0), -1);
    expect(kill(-1), -1);
    expect(kill(-getpid()), -1);
    expect(kill(0x7fffffff), -1);
    expect(kill(-2147483647 - 1), -1);
}

static void suicide(void)
{
    kill(getpid());
    for (;;)
        ;
}

static void kill_self(void)
{
    expect(child_status(suicide), -1);
}

static void kill_storm(void)
{
    int pids[16], status;

    expect(pipe(in), 0);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 16; i++)
            pids[i] = child(i % 4 == 0   ? reading
                            : i % 4 == 1 ? asleep
                            : i % 4 == 2 ? forking
                                         : spin);
        for (int i = 15; i >= 0; i--)
            expect(kill(pids[i]), 0);
        for (int i = 0; i < 16; i++) {
            check(wait(&status) > 0);
            expect(status, -1);
        }
    }
}

const struct test kill_tests[] = {
    {"kill_spinning", kill_spinning, false},
    {"kill_asleep", kill_asleep, false},
    {"kill_reading", kill_reading, false},
    {"kill_writing", kill_writing, false},
    {"kill_forking", kill_forking, false},
    {"kill_growing", kill_growing, false},
    {"kill_starting", kill_starting, false},
    {"kill_creating", kill_creating, false},
    {"kill_waiting", kill_waiting, false},
    {"kill_early", kill_early, false},
    {"kill_zombie", kill_zombie, false},
    {"kill_nobody", kill_nobody, false},
    {"kill_self", kill_self, false},
    {"kill_storm", kill_storm, false},
    {0},
};
