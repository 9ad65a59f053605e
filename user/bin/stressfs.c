// SPDX-License-Identifier: MIT
// stressfs: five processes write and read files at the same time, each file checked byte by byte.
#include "kernel/fcntl.h"
#include "user/user.h"

#define PROCESSES 5
#define BLOCKS    20
#define BLOCK     512

static char buf[BLOCK];

static int fail(const char *name, const char *what)
{
    fprintf(2, "stressfs: %s: %s\n", name, what);
    return 1;
}

static int file_write(const char *name, char fill)
{
    int fd = open(name, O_CREATE | O_TRUNC | O_WRONLY);

    if (fd < 0)
        return fail(name, "cannot create");
    for (int i = 0; i < BLOCKS; i++) {
        memset(buf, fill + i, BLOCK);
        if (write(fd, buf, BLOCK) != BLOCK)
            return fail(name, "cannot write");
    }
    close(fd);
    return 0;
}

static int file_check(const char *name, char fill)
{
    int fd = open(name, O_RDONLY);

    if (fd < 0)
        return fail(name, "cannot open");
    for (int i = 0; i < BLOCKS; i++) {
        if (read(fd, buf, BLOCK) != BLOCK)
            return fail(name, "cannot read");
        for (int j = 0; j < BLOCK; j++)
            if (buf[j] != (char)(fill + i))
                return fail(name, "wrong byte");
    }
    if (read(fd, buf, 1) != 0)
        return fail(name, "longer than written");
    close(fd);
    return 0;
}

static int work(int number)
{
    char name[] = "stressfs0";

    name[sizeof(name) - 2] += number;
    if (file_write(name, 'a' + number) || file_check(name, 'a' + number))
        return 1;
    if (unlink(name) < 0)
        return fail(name, "cannot remove");
    return 0;
}

int main(void)
{
    int failed = 0, status;

    for (int i = 0; i < PROCESSES; i++) {
        int pid = fork();
        if (pid < 0)
            failed = fail("fork", "failed");
        if (pid == 0)
            exit(work(i));
    }
    while (wait(&status) >= 0)
        failed |= status != 0;
    if (!failed)
        printf("stressfs: OK\n");
    return failed;
}
