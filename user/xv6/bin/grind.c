// SPDX-License-Identifier: MIT
// grind [ROUNDS [SEED]]: two processes make random calls of every kind in directories of their own,
// and look whether the system still works; without ROUNDS it goes on until a call fails that must
// not.
#include "kernel/fcntl.h"
#include "kernel/types.h"
#include "user/user.h"

#define WORKERS 2
#define NAMES   7
#define OPEN    4
#define SIZE    3000
#define HEAP    (1 << 20)
#define FOREVER (-1)
#define SHARED  "../grind" // the last of the names

struct worker {
    uint64 random;
    int number, fds[OPEN];
};

static char buf[SIZE];
static const char *const names[NAMES] = {"a", "b", "d/a", "d/b", "d/e/a", "d/e/b", SHARED};
static const char *const dirs[] = {"d", "d/e"};

static uint choose(struct worker *w, uint below)
{
    w->random = w->random * 6364136223846793005 + 1442695040888963407;
    return (w->random >> 33) % below;
}

static void fail(struct worker *w, const char *what)
{
    fprintf(2, "grind: process %d: %s\n", w->number, what);
    exit(1);
}

static void must(struct worker *w, int good, const char *what)
{
    if (!good)
        fail(w, what);
}

// One that only this process uses.
static const char *own_name(struct worker *w)
{
    return names[choose(w, NAMES - 1)];
}

// Any file may have been removed, and any name may be missing: no result is required.
static void act_file(struct worker *w)
{
    int *fd = &w->fds[choose(w, OPEN)];

    switch (choose(w, 4)) {
    case 0:
        if (*fd >= 0)
            close(*fd);
        *fd = open(names[choose(w, NAMES)], choose(w, 2) ? O_CREATE | O_RDWR : O_RDWR | O_TRUNC);
        break;
    case 1:
        memset(buf, choose(w, 256), SIZE);
        write(*fd, buf, choose(w, SIZE));
        break;
    case 2:
        read(*fd, buf, choose(w, SIZE));
        break;
    default:
        must(w, *fd < 0 || close(*fd) == 0, "a descriptor that cannot be closed");
        *fd = -1;
    }
}

static void act_name(struct worker *w)
{
    switch (choose(w, 6)) {
    case 0:
        mkdir(dirs[choose(w, 2)]);
        break;
    case 1:
        unlink(dirs[choose(w, 2)]);
        break;
    case 2:
        link(own_name(w), own_name(w));
        break;
    case 3:
        symlink(names[choose(w, 2)], own_name(w)); // to one of the own names, wherever it lies
        break;
    default:
        unlink(own_name(w));
    }
}

static void act_memory(struct worker *w)
{
    char *p = sbrk(HEAP);
    uint at = choose(w, HEAP);

    must(w, p != (char *)-1, "no memory");
    must(w, p[at] == 0, "memory that is not new");
    p[at] = 1;
    must(w, sbrk(-HEAP) == p + HEAP, "a break in the wrong place");
}

static void act_pipe(struct worker *w)
{
    int fds[2], n = choose(w, SIZE), got = 0, status, fill = choose(w, 256);

    must(w, pipe(fds) == 0, "no pipe");
    int pid = fork();
    must(w, pid >= 0, "no process");
    if (pid == 0) {
        close(fds[0]);
        memset(buf, fill, n);
        exit(write(fds[1], buf, n) != n);
    }
    close(fds[1]);
    for (int part = 1; part > 0; got += part)
        part = read(fds[0], buf + got, SIZE - got);
    must(w, got == n && (n == 0 || buf[n - 1] == (char)fill), "other bytes than were sent");
    close(fds[0]);
    must(w, wait(&status) == pid && status == 0, "a child that failed");
}

static void act_process(struct worker *w)
{
    char *argv[] = {"none", "of", "this", 0};
    int status, wanted = choose(w, 256), killed = choose(w, 2), pid = fork();

    must(w, pid >= 0, "no process");
    if (pid == 0) {
        exec("/none", argv);
        while (killed)
            sleep(1);
        exit(wanted);
    }
    must(w, !killed || kill(pid) == 0, "no process to kill");
    must(w, wait(&status) == pid && status == (killed ? -1 : wanted), "another status");
}

static void work(struct worker *w, int rounds)
{
    char dir[] = "grind0";

    dir[sizeof(dir) - 2] += w->number;
    mkdir(dir);
    must(w, chdir(dir) == 0, "no directory");
    for (int i = 0; i < OPEN; i++)
        w->fds[i] = -1;
    for (int i = 0; rounds == FOREVER || i < rounds; i++) {
        uint what = choose(w, 100);
        if (what < 60)
            act_file(w);
        else if (what < 90)
            act_name(w);
        else if (what < 94)
            act_memory(w);
        else if (what < 97)
            act_pipe(w);
        else
            act_process(w);
    }
    for (int i = 0; i < OPEN; i++)
        close(w->fds[i]);
    for (int i = 0; i < NAMES - 1; i++)
        unlink(names[i]);
    unlink(dirs[1]);
    unlink(dirs[0]);
    must(w, chdir("..") == 0 && unlink(dir) == 0, "a directory that is not empty");
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : FOREVER, seed = argc > 2 ? atoi(argv[2]) : uptime();
    int status, failed = 0;

    printf("grind: seed %d\n", seed);
    for (int i = 0; i < WORKERS; i++) {
        struct worker w = {.random = seed * WORKERS + i, .number = i};
        int pid = fork();
        if (pid == 0) {
            work(&w, rounds);
            exit(0);
        }
        failed |= pid < 0;
    }
    while (wait(&status) >= 0)
        failed |= status != 0;
    unlink(SHARED + 3);
    if (!failed)
        printf("grind: OK\n");
    exit(failed);
}
