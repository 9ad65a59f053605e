// SPDX-License-Identifier: MIT
// bcachetest: eight processes use blocks that are cached: each lists a directory of its own, reads
// a file there, and one that all read. Each sees what was written, and hardly anybody waits for a
// lock.
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/stat.h"
#include "kernel/types.h"
#include "locks.h"
#include "user/user.h"

#define ROUNDS 60
#define BLOCKS 8
#define FILES  30 // in each directory, so that their inodes fill blocks of their own

#define COMMON "bcache.all"

static char *directory_of(int n)
{
    static char name[] = "bcache.0";

    name[7] = '0' + n;
    return name;
}

static char *file_of(int i)
{
    static char name[] = "00";

    name[0] = '0' + i / 10;
    name[1] = '0' + i % 10;
    return name;
}

static int file_write(char *name, int salt)
{
    static char block[BSIZE];
    int fd = open(name, O_CREATE | O_WRONLY), failures = fd < 0;

    for (int i = 0; i < BLOCKS && !failures; i++) {
        memset(block, salt + i, BSIZE);
        failures = write(fd, block, BSIZE) != BSIZE;
    }
    if (failures)
        fprintf(2, "%s: it cannot be written\n", name);
    close(fd);
    return failures;
}

static int file_read(char *name, int salt)
{
    static char block[BSIZE];
    int fd = open(name, O_RDONLY), failures = fd < 0;

    for (int i = 0; i < BLOCKS && !failures; i++)
        failures = read(fd, block, BSIZE) != BSIZE || block[0] != (char)(salt + i) ||
                   block[BSIZE - 1] != block[0];
    if (failures)
        fprintf(2, "%s: it is not as it was written\n", name);
    close(fd);
    return failures;
}

static int directory_read(void)
{
    struct dirent entry;
    int fd = open(".", O_RDONLY), found = 0;

    while (read(fd, &entry, sizeof(entry)) == sizeof(entry))
        found++;
    close(fd);
    if (found != FILES + 2)
        fprintf(2, "a directory: expected %d entries, saw %d\n", FILES + 2, found);
    return found != FILES + 2;
}

static int load(int n)
{
    int failures = chdir(directory_of(n)) != 0;

    for (int i = 0; i < ROUNDS && !failures; i++)
        failures = directory_read() + file_read(file_of(0), n) + file_read("../" COMMON, WORKERS);
    return failures;
}

static int directory_make(int n)
{
    int failures = mkdir(directory_of(n)) != 0 || chdir(directory_of(n)) != 0;

    for (int i = 0; i < FILES && !failures; i++) {
        int fd = open(file_of(i), O_CREATE | O_WRONLY);
        failures = fd < 0;
        close(fd);
    }
    if (!failures)
        failures = file_write(file_of(0), n);
    chdir("..");
    return failures;
}

static void directory_remove(int n)
{
    chdir(directory_of(n));
    for (int i = 0; i < FILES; i++)
        unlink(file_of(i));
    chdir("..");
    unlink(directory_of(n));
}

int main(void)
{
    int failures;

    locks_need();
    failures = file_write(COMMON, WORKERS);
    for (int i = 0; i < WORKERS && !failures; i++)
        failures = directory_make(i);
    if (!failures)
        failures = locks_load(load);
    for (int i = 0; i < WORKERS; i++)
        directory_remove(i);
    unlink(COMMON);
    if (!failures)
        printf("bcachetest: OK\n");
    exit(failures != 0);
}
