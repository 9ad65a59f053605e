// SPDX-License-Identifier: MIT
// Block device exerciser, for test_block.py: blkio OPERATION DEVICE [NUMBER...]. Numbers are bytes.
// An operation with "direct-" before its name passes the cache.
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK   4096
#define ALIGNED __attribute__((aligned(4096))) // as O_DIRECT may ask for
#define THREADS 8                              // of `threads`
#define MANY    128 // of `around`: more than a virtio ring of 256 descriptors has room for

static const char *path;
static int device;

static void die(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

// What block number `index` holds in generation `round`.
static void fill(uint64_t *block, uint64_t index, uint64_t round)
{
    uint64_t x = index * 1000003 + round;

    for (unsigned i = 0; i < BLOCK / 8; i++) {
        x = x * 6364136223846793005 + 1442695040888963407;
        block[i] = x;
    }
}

static void pattern(uint64_t from, uint64_t count, uint64_t round, int write)
{
    uint64_t block[BLOCK / 8] ALIGNED, wanted[BLOCK / 8] ALIGNED;

    for (uint64_t i = from; i < from + count; i++) {
        fill(wanted, i, round);
        if (write ? pwrite(device, wanted, BLOCK, i * BLOCK) != BLOCK
                  : pread(device, block, BLOCK, i * BLOCK) != BLOCK)
            die("transfer");
        if (!write && memcmp(block, wanted, BLOCK)) {
            printf("block %lu differs\n", (unsigned long)i);
            exit(1);
        }
    }
}

// Each thread has every eighth block, in its own order, twice.
static void *thread(void *arg)
{
    uint64_t me = (uintptr_t)arg, count = 512 / THREADS;

    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 0; i < count; i++) {
            uint64_t at = (i * 29 + me * 7) % count * THREADS + me;

            pattern(at, 1, round, 1);
            pattern(at, 1, round, 0);
            if (i % 16 == 0 && fsync(device))
                die("fsync");
        }
    return NULL;
}

// Each thread reads one of 32 neighbouring blocks, over and over: only the bad one's fails.
static uint64_t first_block, bad_block;
static pthread_barrier_t all_here;

static void *neighbour(void *arg)
{
    uint64_t me = first_block + (uintptr_t)arg % 32;
    char block[BLOCK] ALIGNED;

    pthread_barrier_wait(&all_here);
    for (unsigned i = 0; i < 5; i++) {
        ssize_t n = pread(device, block, BLOCK, me * BLOCK);

        if (me == bad_block ? n != -1 || errno != EIO : n != BLOCK)
            die("neighbour");
    }
    return NULL;
}

static void threads(void *(*fn)(void *), uintptr_t count)
{
    pthread_t t[MANY];

    for (uintptr_t i = 0; i < count; i++)
        if (pthread_create(&t[i], NULL, fn, (void *)i))
            die("pthread_create");
    for (uintptr_t i = 0; i < count; i++)
        pthread_join(t[i], NULL);
}

static void around(uint64_t first, uint64_t bad)
{
    first_block = first;
    bad_block = bad;
    pthread_barrier_init(&all_here, NULL, MANY);
    threads(neighbour, MANY);
}

static void info(void)
{
    uint64_t size;
    unsigned long sectors;
    int block, physical, read_only;

    if (ioctl(device, BLKGETSIZE64, &size) || ioctl(device, BLKGETSIZE, &sectors) ||
        ioctl(device, BLKSSZGET, &block) || ioctl(device, BLKPBSZGET, &physical) ||
        ioctl(device, BLKROGET, &read_only))
        die("ioctl");
    printf("%lu %lu %d %d %d %ld\n", (unsigned long)size, sectors, block, physical, read_only,
           (long)lseek(device, 0, SEEK_END));
}

static void range(unsigned long request, uint64_t from, uint64_t length)
{
    uint64_t pair[2] = {from, length};

    if (ioctl(device, request, pair))
        die("range");
}

static void simple(const char *what)
{
    int err = !strcmp(what, "flush")    ? fsync(device)
              : !strcmp(what, "flsbuf") ? ioctl(device, BLKFLSBUF)
              : !strcmp(what, "reread") ? ioctl(device, BLKRRPART)
                                        : (errno = EINVAL, -1);

    if (err)
        die(what);
}

// One transfer: what it answers.
static void once(int write, uint64_t from, size_t length)
{
    char *buffer = memset(aligned_alloc(BLOCK, (length + BLOCK - 1) / BLOCK * BLOCK), 0, length);
    ssize_t n = write ? pwrite(device, buffer, length, from) : pread(device, buffer, length, from);

    if (n < 0)
        die("transfer");
    printf("%zd\n", n);
}

int main(int argc, char **argv)
{
    int direct = !strncmp(argv[1], "direct-", 7);
    const char *what = argv[1] + (direct ? 7 : 0);
    uint64_t n[3] = {0};

    setvbuf(stdout, NULL, _IONBF, 0);
    path = argv[2];
    for (int i = 3; i < argc && i < 6; i++)
        n[i - 3] = strtoul(argv[i], NULL, 0);
    device = open(path, O_RDWR | (direct ? O_DIRECT : 0));
    if (device < 0)
        die("open");
    if (!strcmp(what, "info"))
        info();
    else if (!strcmp(what, "write") || !strcmp(what, "check"))
        pattern(n[0], n[1], n[2], *what == 'w');
    else if (!strcmp(what, "threads"))
        threads(thread, THREADS);
    else if (!strcmp(what, "around"))
        around(n[0], n[1]);
    else if (!strcmp(what, "discard") || !strcmp(what, "zero"))
        range(*what == 'd' ? BLKDISCARD : BLKZEROOUT, n[0], n[1]);
    else if (!strcmp(what, "put") || !strcmp(what, "get"))
        once(*what == 'p', n[0], n[1]);
    else
        simple(what);
    return 0;
}
