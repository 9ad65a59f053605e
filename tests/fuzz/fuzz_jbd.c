// SPDX-License-Identifier: MIT
// Journals: whatever the log holds, recovery ends, reads the log only, writes no more blocks than
// the log has, and does the same when done again. The first byte chooses: a whole superblock, or
// features, with the ring made of the small blocks that follow, repeated.
#include "buf/jbd.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define SMALL  64 // bytes of a log block
#define BLOCKS 100

static const u8 *input;
static size_t input_size;
static struct jbd_log l;
static u64 sum, writes;

static int log_read(struct jbd_recovery *r, u32 log_block, void *to)
{
    size_t blocks = input_size / l.block_size;

    fuzz_check(log_block >= l.first && log_block < l.end + l.fast_blocks);
    memset(to, 0, l.block_size);
    if (blocks)
        memcpy(to, input + (log_block - l.first) % blocks * l.block_size, l.block_size);
    return 0;
}

static int device_write(struct jbd_recovery *r, u64 block, const void *data)
{
    fuzz_check(++writes <= l.end - l.first);
    for (u32 i = 0; i < l.block_size; i++)
        sum = sum * 31 + ((const u8 *)data)[i] + block;
    return 0;
}

static void *node_alloc(size_t size)
{
    return malloc(size);
}

static void node_free(void *p, size_t size)
{
    free(p);
}

static int recover(u32 *next)
{
    static const struct radix_mem mem = {node_alloc, node_free};
    static u8 head[FUZZ_SIZE_MAX], data[FUZZ_SIZE_MAX];
    struct jbd_recovery r = {.log = &l,
                             .read = log_read,
                             .write = device_write,
                             .mem = &mem,
                             .head = head,
                             .data = data};
    int err = jbd_scan(&r);

    sum = writes = 0;
    if (!err)
        err = jbd_replay(&r);
    *next = r.next;
    fuzz_check(err || writes == r.blocks);
    return err;
}

void fuzz_one(const u8 *bytes, size_t size)
{
    struct jbd_super s = {.header = {be32_of(JBD_MAGIC), be32_of(JBD_SUPER_V2), be32_of(0)}};
    u8 kind = size ? bytes[0] : 0;
    u32 next, again;
    u64 first_sum;
    int err;

    input = bytes + MIN(size, 1UL);
    input_size = size - MIN(size, 1UL);
    s.block_size = be32_of(sizeof(s));
    s.blocks = be32_of(BLOCKS);
    s.first = be32_of(1);
    s.start = be32_of(1 + (kind >> 5) * 9);
    s.sequence = be32_of(1);
    s.incompat = be32_of(kind & 0x3f & ~JBD_INCOMPAT_FAST_COMMIT);
    s.checksum_type = JBD_SUM_CRC32C;
    jbd_super_seal(&s);
    if (kind == 0xff && input_size >= sizeof(s))
        memcpy(&s, input, sizeof(s));
    if (jbd_super_decode(&s, sizeof(s), BLOCKS, &l) || !l.start)
        return;
    fuzz_check(l.first && l.first <= l.start && l.start < l.end && l.end <= BLOCKS);
    if (kind != 0xff)
        l.block_size = SMALL;
    err = recover(&next);
    first_sum = sum;
    fuzz_check(recover(&again) == err && again == next && sum == first_sum);
}
