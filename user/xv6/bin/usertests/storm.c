// SPDX-License-Identifier: MIT
// Several processes that do the same things at once.
#include "usertests.h"

enum { WORKERS = 4 };

static int worker; // its number
static int go[2];

// Each worker's status in `statuses`; they begin together.
static void together(void (*run)(void), int *statuses)
{
    int pids[WORKERS], status;
    char c;

    expect(pipe(go), 0);
    for (worker = 0; worker < WORKERS; worker++) {
        pids[worker] = fork();
        check(pids[worker] >= 0);
        if (pids[worker] == 0) {
            close(go[1]);
            read(go[0], &c, 1);
            close(go[0]);
            run();
            exit(0);
        }
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < WORKERS; i++) {
        int pid = wait(&status);
        check(pid > 0);
        for (int j = 0; j < WORKERS; j++)
            if (pids[j] == pid)
                statuses[j] = status;
    }
}

static void all_pass(void (*run)(void))
{
    int statuses[WORKERS];

    together(run, statuses);
    for (int i = 0; i < WORKERS; i++)
        expect(statuses[i], 0);
}

static void say(int rounds)
{
    char text[16], word[] = "w00";
    int fds[2];

    for (int i = 0; i < rounds; i++) {
        numbered(word, worker * 20 + i % 20);
        expect(pipe(fds), 0);
        int pid = fork();
        if (pid == 0) {
            close(1);
            expect(dup(fds[1]), 1);
            close(fds[0]);
            close(fds[1]);
            program("=echo", (char *[]){word, 0});
        }
        close(fds[1]);
        int n = 0, got;
        while ((got = read(fds[0], text + n, sizeof(text) - n)) > 0)
            n += got;
        expect(n, 4);
        expect(memcmp(text, word, 3), 0);
        close(fds[0]);
        expect(status_of(pid), 0);
    }
}

static void say_few(void)
{
    say(5);
}

static void say_often(void)
{
    say(100);
}

static void storm_exec(void)
{
    all_pass(say_few);
}

static void storm_exec_long(void)
{
    all_pass(say_often);
}

static void same_name(void)
{
    for (int i = 0; i < 40; i++) {
        int fd = open("same", O_CREATE | O_RDWR);
        check(fd >= 0);
        expect(write(fd, "x", 1), 1);
        close(fd);
        unlink("same");
    }
}

static void storm_same_name(void)
{
    all_pass(same_name);
    unlink("same");
    expect(directory_count(), 0);
}

static void make_same(void)
{
    exit(mkdir("one") == 0 ? 1 : 2);
}

static void remove_same(void)
{
    exit(unlink("one") == 0 ? 1 : 2);
}

static int winners(void (*run)(void))
{
    int statuses[WORKERS], n = 0;

    together(run, statuses);
    for (int i = 0; i < WORKERS; i++) {
        check(statuses[i] == 1 || statuses[i] == 2);
        n += statuses[i] == 1;
    }
    return n;
}

// Of those that make or remove one name, one can.
static void storm_one_wins(void)
{
    for (int i = 0; i < 10; i++) {
        expect(winners(make_same), 1);
        expect(winners(remove_same), 1);
    }
}

static void own_files(void)
{
    char name[] = "w000";

    name[1] = '0' + worker;
    for (int i = 0; i < 20; i++)
        file_make(numbered(name, i), i * 50, worker);
    for (int i = 0; i < 20; i++) {
        check(file_is(numbered(name, i), i * 50, worker));
        expect(unlink(name), 0);
        expect(unlink(name), -1);
    }
}

static void storm_own_files(void)
{
    all_pass(own_files);
    expect(directory_count(), 0);
}

static void links_worker(void)
{
    uint x = worker * 997 + 1;

    for (int i = 0; i < 100; i++) {
        x = x * 1103515245 + 12345;
        if (x / 65536 % 3 == 0)
            close(open("x", O_CREATE | O_RDWR));
        else if (x / 65536 % 3 == 1)
            link("/README", "x");
        else
            unlink("x");
    }
}

static void storm_links(void)
{
    struct stat before, after;

    expect(stat("/README", &before), 0);
    all_pass(links_worker);
    unlink("x");
    expect(stat("/README", &after), 0);
    expect(after.nlink, before.nlink);
}

static void big_file(void)
{
    char name[] = "big0";

    name[3] += worker;
    file_make(name, 120000, worker);
    check(file_is(name, 120000, worker));
    expect(unlink(name), 0);
}

static void storm_big_files(void)
{
    all_pass(big_file);
}

static void directories_worker(void)
{
    for (int i = 0; i < 30; i++) {
        mkdir("d");
        int fd = open("d/f", O_CREATE | O_RDWR);
        if (fd >= 0)
            write(fd, "x", 1);
        close(fd);
        unlink("d/f");
        unlink("d");
    }
}

static void storm_directories(void)
{
    all_pass(directories_worker);
    unlink("d/f");
    unlink("d");
    expect(directory_count(), 0);
}

static void forks_worker(void)
{
    for (int i = 0; i < 30; i++) {
        int pid;
        while ((pid = fork()) < 0) // until init has reaped orphans
            sleep(1);
        if (pid == 0) {
            if (fork() == 0)
                exit(0);
            exit(i);
        }
        expect(status_of(pid), i);
    }
}

static void storm_forks(void)
{
    all_pass(forks_worker);
}

static void memory_worker(void)
{
    char *p = sbrk(200 * PGSIZE);

    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 200; i++)
            *(int *)(p + i * PGSIZE) = i * WORKERS + worker;
        int pid = fork();
        check(pid >= 0);
        for (int i = 0; i < 200; i++)
            expect(*(int *)(p + i * PGSIZE), i * WORKERS + worker);
        if (pid == 0) {
            memset(p, 1, 100 * PGSIZE);
            exit(0);
        }
        expect(status_of(pid), 0);
    }
}

static void storm_memory(void)
{
    all_pass(memory_worker);
}

static void many_writes(void)
{
    char name[] = "mw0";

    name[2] += worker;
    for (int i = 0; i < 30; i++) {
        file_make(name, 3000, i);
        check(file_is(name, 3000, i));
        expect(unlink(name), 0);
    }
}

static void storm_writes(void)
{
    all_pass(many_writes);
}

// Pipes as turns: each of two waits for the other's byte.
static void storm_ping_pong(void)
{
    int there[2], back[2];
    char c = 0;

    expect(pipe(there), 0);
    expect(pipe(back), 0);
    int pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 500; i++) {
            expect(read(there[0], &c, 1), 1);
            c++;
            expect(write(back[1], &c, 1), 1);
        }
        exit(0);
    }
    for (int i = 0; i < 500; i++) {
        expect(write(there[1], &c, 1), 1);
        expect(read(back[0], &c, 1), 1);
        expect(c, (char)(i + 1));
    }
    expect(status_of(pid), 0);
}

const struct test storm_tests[] = {
    {"storm_exec", storm_exec, false},
    {"storm_exec_long", storm_exec_long, true},
    {"storm_same_name", storm_same_name, false},
    {"storm_one_wins", storm_one_wins, false},
    {"storm_own_files", storm_own_files, false},
    {"storm_links", storm_links, false},
    {"storm_big_files", storm_big_files, false},
    {"storm_directories", storm_directories, false},
    {"storm_forks", storm_forks, false},
    {"storm_memory", storm_memory, false},
    {"storm_writes", storm_writes, true},
    {"storm_ping_pong", storm_ping_pong, false},
    {0},
};
