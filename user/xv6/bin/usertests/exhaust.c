// SPDX-License-Identifier: MIT
// All processes, all memory, all inodes, all blocks: -1, and then everything is there again.
#include "usertests.h"

enum { PROCESSES = 1000, INODES = 3000 };

static int fds[2];
static char block[BSIZE];

static void hold(void)
{
    char c;

    close(fds[1]);
    read(fds[0], &c, 1);
}

// How many children there can be at once.
static int forks(void)
{
    int n = 0, pid;

    expect(pipe(fds), 0);
    while (n < PROCESSES && (pid = fork()) >= 0) {
        if (pid == 0) {
            hold();
            exit(0);
        }
        n++;
    }
    expect(fork(), -1);
    close(fds[0]);
    close(fds[1]);
    expect(children_status(n), 0);
    expect(wait(0), -1);
    return n;
}

static void all_processes(void)
{
    int n = forks();

    check(n >= NPROC / 2 && n < PROCESSES);
    expect(forks(), n);
    expect(forks(), n);
}

static int pages_all(void)
{
    int n = 0;
    char *p;

    while ((p = sbrk(PGSIZE)) != (char *)-1) {
        p[PGSIZE - 1] = 1;
        n++;
    }
    return n;
}

static void eat(void)
{
    int n = pages_all();

    check(n > 10000);
    int fd = open("em", O_CREATE | O_RDWR); // the rest of the system works
    check(fd >= 0);
    expect(write(fd, "x", 1), 1);
    close(fd);
    expect(unlink("em"), 0);
    sbrk(-64 * PGSIZE);
    check(sbrk(PGSIZE) != (char *)-1);
}

static void all_memory(void)
{
    for (int i = 0; i < 2; i++)
        expect(child_status(eat), 0);
}

static void eat_together(void)
{
    pages_all();
    sleep(2);
}

// Together they want more than there is: some may be killed, no other.
static void all_memory_together(void)
{
    for (int i = 0; i < 5; i++)
        child(eat_together);
    for (int i = 0; i < 5; i++) {
        int status;
        check(wait(&status) > 0);
        check(status == 0 || status == -1);
    }
    expect(child_status(eat), 0);
}

static void start_without_memory(void)
{
    static int left;

    pages_all();
    sbrk(-left * PGSIZE);
    left += 3;
    close(1);
    open("nm", O_CREATE | O_WRONLY);
    exec(PROGRAM, (char *[]){PROGRAM, "=echo", "x", 0});
}

// exec with little memory: it works, gives -1, or is killed.
static void all_memory_exec(void)
{
    for (int i = 0; i < 4; i++) {
        int status = child_status(start_without_memory);
        check(status == 0 || status == -1);
        unlink("nm");
    }
    expect(child_status(eat), 0);
}

static void fork_without_memory(void)
{
    pages_all();
    int pid = fork(), status;
    if (pid == 0)
        exit(0);
    if (pid > 0)
        check(wait(&status) == pid);
}

static void all_memory_fork(void)
{
    int status = child_status(fork_without_memory);

    check(status == 0 || status == -1);
}

static int descriptors_all(void)
{
    int n = 0;

    while (open("/README", O_RDONLY) >= 0)
        n++;
    return n;
}

static void all_descriptors_child(void)
{
    expect(descriptors_all(), NOFILE - 3);
    expect(open("new", O_CREATE | O_RDWR), -1);
}

static void all_descriptors(void)
{
    for (int i = 0; i < 10; i++) // of ten processes at once
        child(all_descriptors_child);
    expect(children_status(10), 0);
    expect(descriptors_all(), NOFILE - 3);
    for (int fd = 3; fd < NOFILE; fd++)
        expect(close(fd), 0);
    unlink("new");
}

static void inode_name(char *name, int n)
{
    name[1] = '0' + n / 1000;
    name[2] = '0' + n / 100 % 10;
    numbered(name, n % 100);
}

static int inodes(void)
{
    char name[] = "i0000";
    int n = 0, fd;

    for (; n < INODES; n++) {
        inode_name(name, n);
        fd = open(name, O_CREATE | O_RDWR);
        if (fd < 0)
            break;
        close(fd);
    }
    if (n < INODES) {
        expect(mkdir("more"), -1);
        expect(symlink("x", "more"), -1);
        expect(mknod("more", 1, 0), -1);
    }
    for (int i = 0; i < n; i++) {
        inode_name(name, i);
        expect(unlink(name), 0);
    }
    return n;
}

static void all_inodes(void)
{
    int n = inodes();

    check(n > 100);
    check(n < INODES);
    expect(inodes(), n);
    file_make("i", 10, 1);
    expect(unlink("i"), 0);
}

// Blocks that a file could have.
static int blocks(const char *name)
{
    int fd = open(name, O_CREATE | O_TRUNC | O_WRONLY), n = 0;

    check(fd >= 0);
    while (write(fd, block, BSIZE) == BSIZE)
        n++;
    close(fd);
    return n;
}

// As many files as that takes: one may be as large as it can before the disk is full.
static int disk_fill(void)
{
    char name[] = "b0";
    int n = 0, last;

    do {
        last = blocks(name);
        n += last;
        name[1]++;
    } while (last == MAXFILE);
    return n;
}

static void disk_empty(void)
{
    char name[] = "b0";

    while (unlink(name) == 0)
        name[1]++;
}

static void all_blocks(void)
{
    file_make("before", 5000, 1);
    int n = disk_fill();
    check(n > 1000);
    check(file_size("b0") >= (long)(n < MAXFILE ? n : MAXFILE) * BSIZE);
    int fd = open("more", O_CREATE | O_WRONLY); // a name may still fit
    if (fd >= 0)
        expect(write(fd, block, BSIZE), -1);
    close(fd);
    check(file_is("before", 5000, 1));
    disk_empty();
    unlink("more");
    int again = disk_fill();
    check(again >= n - 2 && again <= n + 2);
    disk_empty();
    check(file_is("before", 5000, 1));
    expect(unlink("before"), 0);
}

static void fill_own(void)
{
    char name[] = "bf00";

    numbered(name, getpid() % 100);
    blocks(name);
    unlink(name);
}

static void all_blocks_together(void)
{
    for (int i = 0; i < 3; i++)
        child(fill_own);
    expect(children_status(3), 0);
    int n = disk_fill();
    check(n > 1000);
    disk_empty();
}

// Directories on a full disk: refused whole, and nothing of them stays.
static void all_blocks_directories(void)
{
    char name[] = "d00";
    int n = disk_fill(), made = 0;

    while (made < 100 && mkdir(numbered(name, made)) == 0)
        made++;
    check(made < 100);
    disk_empty();
    expect(mkdir("more"), 0);
    expect(unlink("more"), 0);
    for (int i = 0; i < made; i++)
        expect(unlink(numbered(name, i)), 0);
    check(n > 1000);
}

const struct test exhaust_tests[] = {
    {"all_processes", all_processes, false},
    {"all_descriptors", all_descriptors, false},
    {"all_memory", all_memory, true},
    {"all_memory_together", all_memory_together, true},
    {"all_memory_exec", all_memory_exec, true},
    {"all_memory_fork", all_memory_fork, false},
    {"all_inodes", all_inodes, false},
    {"all_blocks", all_blocks, false},
    {"all_blocks_together", all_blocks_together, true},
    {"all_blocks_directories", all_blocks_directories, true},
    {0},
};
