// SPDX-License-Identifier: MIT
// bigfile [BLOCKS]: writes the largest file of the xv6 file system, 11 + 256 + 256 * 256 blocks,
// each with its number in it, reads it back, and removes it, which must give its blocks back.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/stat.h"
#include "kernel/types.h"
#include "user/user.h"

#define BLOCKS (11 + 256 + 256 * 256)
#define NAME   "big.file"
#define WORDS  (BSIZE / sizeof(uint))

static uint block[WORDS];

// A byte that is lost or moved shows in any word.
static void block_fill(uint number)
{
    for (uint i = 0; i < WORDS; i++)
        block[i] = number * WORDS + i;
}

static int block_is(uint number)
{
    for (uint i = 0; i < WORDS; i++)
        if (block[i] != number * WORDS + i)
            return 0;
    return 1;
}

// The number of blocks that there was room for.
static int file_write(int fd, int blocks)
{
    for (int i = 0; i < blocks; i++) {
        block_fill(i);
        if (write(fd, block, BSIZE) != BSIZE)
            return i;
    }
    return blocks;
}

static void file_check(int blocks)
{
    int fd = open(NAME, O_RDONLY), i = 0;

    while (i < blocks && read(fd, block, BSIZE) == BSIZE && block_is(i))
        i++;
    check("blocks read back", blocks, i);
    check("then the end", 0, read(fd, block, BSIZE));
    close(fd);
}

static void file_round(int blocks)
{
    struct stat st = {0};
    int fd = open(NAME, O_CREATE | O_TRUNC | O_RDWR);

    if (fd < 0) {
        check("a file", 0, fd);
        return;
    }
    check("blocks written", blocks, file_write(fd, blocks));
    if (blocks == BLOCKS) {
        int more = write(fd, block, BSIZE);
        printf("one block more: %s\n", more == BSIZE ? "written" : "refused");
        blocks += more == BSIZE;
        block_fill(blocks - 1);
    }
    check("fstat", 0, fstat(fd, &st));
    check("size", (long)blocks * BSIZE, st.size);
    close(fd);
    if (blocks <= BLOCKS)
        file_check(blocks);
}

int main(int argc, char **argv)
{
    int blocks = argc > 1 ? atoi(argv[1]) : BLOCKS;

    if (blocks < 1 || blocks > BLOCKS) {
        fprintf(2, "usage: bigfile [BLOCKS], at most %d\n", BLOCKS);
        exit(1);
    }
    printf("%d blocks\n", blocks);
    file_round(blocks);
    check("unlink", 0, unlink(NAME));
    file_round(blocks < 300 ? blocks : 300); // with blocks that were in use
    check("unlink again", 0, unlink(NAME));
    exit(check_end("bigfile"));
}
