// SPDX-License-Identifier: MIT
// Page cache exerciser, for test_pagecache.py: cachio OPERATION FILE NUMBER...
//
//   mapped PAGES SEED     stores into all pages of a mapping, in a random order, then compares
//   mix SEED COUNT        threads with slots of their own in one file, which they read and write by
//                         every way there is
//   put HOW SEED PAGES    writes, then makes durable: HOW is one of ways[]
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE    4096UL
#define THREADS 4
#define SLOT    1500UL
#define SLOTS   512UL // of `mix`
#define LARGE   ((SLOTS * SLOT + PAGE - 1) & ~(PAGE - 1))

#define CHECK(x)                                                        \
    do {                                                                \
        if (!(x)) {                                                     \
            printf("line %d: %s: %s\n", __LINE__, #x, strerror(errno)); \
            exit(1);                                                    \
        }                                                               \
    } while (0)

static const char *path;

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

/* mapped */

static void mapped(uint64_t pages, uint64_t seed)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    uint64_t word, *map, step = 7919; // a prime that `pages` is no multiple of

    CHECK(fd >= 0 && !ftruncate(fd, pages * PAGE));
    map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    for (uint64_t i = 0, at = seed; i < pages; i++, at += step)
        map[at % pages * (PAGE / 8) + 511] = at % pages ^ seed;
    for (uint64_t i = 0, at = 1; i < pages; i++, at += step) {
        CHECK(map[at % pages * (PAGE / 8) + 511] == (at % pages ^ seed));
        CHECK(!map[at % pages * (PAGE / 8)]);
    }
    CHECK(!msync(map, pages * PAGE, MS_SYNC));
    for (uint64_t i = 0; i < pages; i++) {
        CHECK(pread(fd, &word, 8, i * PAGE + PAGE - 8) == 8);
        CHECK(word == (i ^ seed));
    }
}

/* mix */

static uint64_t count, first_seed;
static int plain, direct;
static char *map;
static char model[LARGE];

// O_DIRECT: the blocks that lie within the slot, if there is one.
static void direct_block(size_t at, int value, int is_write)
{
    static __thread char block[512] __attribute__((aligned(512)));
    size_t start = (at + 511) & ~511UL;

    memset(block, value, 512);
    if (is_write) {
        CHECK(pwrite(direct, block, 512, start) == 512);
        memset(model + start, value, 512);
    } else {
        CHECK(pread(direct, block, 512, start) == 512);
        CHECK(!memcmp(block, model + start, 512));
    }
}

static void slot_write(size_t at, int value, int how)
{
    char bytes[SLOT];

    memset(bytes, value, SLOT);
    if (how == 0)
        memcpy(map + at, bytes, SLOT);
    else
        CHECK(pwrite(plain, bytes, SLOT, at) == SLOT);
    memcpy(model + at, bytes, SLOT);
}

static void slot_check(size_t at, int how)
{
    char bytes[SLOT];

    if (how == 0)
        memcpy(bytes, map + at, SLOT);
    else
        CHECK(pread(plain, bytes, SLOT, at) == SLOT);
    CHECK(!memcmp(bytes, model + at, SLOT));
}

static void settle(uint64_t what, size_t at)
{
    switch (what) {
    case 0:
        CHECK(!fdatasync(plain));
        break;
    case 1:
        CHECK(!sync_file_range(plain, at, 10 * PAGE, SYNC_FILE_RANGE_WRITE));
        break;
    case 2:
        CHECK(!posix_fadvise(plain, at, 20 * PAGE, POSIX_FADV_DONTNEED));
        break;
    case 3:
        CHECK(!msync(map + (at & ~(PAGE - 1)), PAGE, MS_SYNC));
        break;
    case 4:
        CHECK(!readahead(plain, at, 16 * PAGE));
        break;
    }
}

static void *user(void *number)
{
    uint64_t state = first_seed + (uintptr_t)number;

    for (uint64_t i = 0; i < count; i++) {
        size_t at = (next(&state) % (SLOTS / THREADS) * THREADS + (uintptr_t)number) * SLOT;
        int how = next(&state) % 3, value = next(&state);

        if (how == 2)
            direct_block(at, value, next(&state) % 2);
        else if (next(&state) % 2)
            slot_write(at, value, how);
        else
            slot_check(at, how);
        settle(next(&state) % 40, at);
    }
    return NULL;
}

static void mix(void)
{
    pthread_t t[THREADS];

    plain = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    direct = open(path, O_RDWR | O_DIRECT);
    CHECK(plain >= 0 && direct >= 0 && !ftruncate(plain, LARGE));
    map = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0);
    CHECK(map != MAP_FAILED);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&t[i], NULL, user, (void *)i));
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK(!memcmp(map, model, LARGE));
}

/* put */

static int do_fsync(int fd)
{
    return fsync(fd);
}

static int do_range(int fd)
{
    return sync_file_range(
        fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static int do_sync(int fd)
{
    (void)fd;
    sync();
    return 0;
}

static int do_nothing(int fd)
{
    (void)fd;
    return 0;
}

static const struct way {
    const char *name;
    int flags;
    int (*then)(int fd);
} ways[] = {
    {"fsync", 0, do_fsync},
    {"fdatasync", 0, fdatasync},
    {"syncfs", 0, syncfs},
    {"sync", 0, do_sync},
    {"range", 0, do_range},
    {"O_SYNC", O_SYNC, do_nothing},
    {"O_DSYNC", O_DSYNC, do_nothing},
    {"O_DIRECT", O_DIRECT, do_nothing},
    {"msync", 0, NULL},
};

static void put(const char *how, uint64_t seed, uint64_t pages)
{
    const struct way *way = ways;
    char *bytes = aligned_alloc(PAGE, pages * PAGE);
    int fd;

    while (strcmp(way->name, how))
        CHECK(++way < ways + sizeof(ways) / sizeof(ways[0]));
    for (uint64_t i = 0; i < pages * PAGE; i++)
        bytes[i] = next(&seed);
    fd = open(path, O_RDWR | O_CREAT | way->flags, 0600);
    CHECK(fd >= 0);
    if (way->then) {
        CHECK(pwrite(fd, bytes, pages * PAGE, 0) == (ssize_t)(pages * PAGE) && !way->then(fd));
        return;
    }
    CHECK(!ftruncate(fd, pages * PAGE));
    map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    memcpy(map, bytes, pages * PAGE);
    CHECK(!msync(map, pages * PAGE, MS_SYNC) && !fsync(fd));
}

int main(int argc, char **argv)
{
    const char *what = argv[1];

    setvbuf(stdout, NULL, _IONBF, 0);
    path = argv[2];
    if (argc == 5 && !strcmp(what, "mapped"))
        mapped(strtoul(argv[3], NULL, 0), strtoul(argv[4], NULL, 0));
    else if (argc == 5 && !strcmp(what, "mix")) {
        first_seed = strtoul(argv[3], NULL, 0);
        count = strtoul(argv[4], NULL, 0);
        mix();
    } else if (argc == 6 && !strcmp(what, "put"))
        put(argv[3], strtoul(argv[4], NULL, 0), strtoul(argv[5], NULL, 0));
    else
        return 2;
    return 0;
}
