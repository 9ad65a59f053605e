// SPDX-License-Identifier: MIT
// The journal's format: logs written by Linux's tools, replayed as their own fsck does, and random
// logs of our own against a model, whole, cut and damaged.
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/errno.h"
#include "buf/jbd.h"
#include "lib/crc32.h"

#define BLOCKS     600 // of the device of a model
#define LOG_BLOCKS 200
#define LOG_MAX    40000

static u8 *device, *log_bytes; // what is replayed into, and the journal
static u64 device_blocks, log_count;
static u32 block_size;
static long live;
static bool failing;

static void *node_alloc(size_t size)
{
    if (failing && unit_below(4) == 0)
        return NULL;
    live++;
    return malloc(size);
}

static void node_free(void *p, size_t size)
{
    live--;
    free(p);
}

static const struct radix_mem mem = {node_alloc, node_free};
static u64 fail_io; // the nth read or write from now on fails; 0: none

static bool io_fails(void)
{
    return fail_io && --fail_io == 0;
}

static int log_read(struct jbd_recovery *r, u32 log_block, void *to)
{
    assert_true(log_block < log_count);
    if (io_fails())
        return -EIO;
    memcpy(to, log_bytes + (u64)log_block * block_size, block_size);
    return 0;
}

static int device_write(struct jbd_recovery *r, u64 block, const void *data)
{
    if (block >= device_blocks || io_fails())
        return -EIO;
    memcpy(device + block * block_size, data, block_size);
    return 0;
}

static int recover(struct jbd_recovery *r, struct jbd_log *l)
{
    int err = jbd_super_decode(log_bytes, block_size, log_count, l);

    *r = (struct jbd_recovery){
        .log = l,
        .read = log_read,
        .write = device_write,
        .mem = &mem,
        .head = malloc(block_size),
        .data = malloc(block_size),
    };
    if (!err)
        err = jbd_scan(r);
    if (!err)
        err = jbd_replay(r);
    free(r->head);
    free(r->data);
    assert_int_equal(live, 0);
    return err;
}

/* Logs of Linux's tools */

static u8 *file_read(const char *path, u64 *size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    u8 *p;

    assert_true(fd >= 0 && !fstat(fd, &st));
    p = malloc(st.st_size);
    assert_int_equal(read(fd, p, st.st_size), st.st_size);
    close(fd);
    *size = st.st_size;
    return p;
}

static void run(const char *fmt, ...)
{
    char command[2000];
    va_list args;

    va_start(args, fmt);
    vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    if (system(command)) {
        fprintf(stderr, "failed: %s\n", command);
        fail();
    }
}

static char folder[] = "/tmp/jbdXXXXXX";

// Files of 8 blocks: random, and such that each block has to be escaped.
static void make_data(void)
{
    static const u8 magic[4] = {0xc0, 0x3b, 0x39, 0x98};
    char path[100];
    u8 *data = malloc(8 * block_size);

    for (int n = 0; n < 4; n++) {
        FILE *f;

        for (u32 i = 0; i < 8 * block_size; i++)
            data[i] = unit_random() >> 20;
        for (int i = 0; n & 1 && i < 8; i++)
            memcpy(data + i * block_size, magic, sizeof(magic));
        snprintf(path, sizeof(path), "%s/data%d", folder, n);
        f = fopen(path, "w");
        fwrite(data, block_size, 8, f);
        fclose(f);
    }
    free(data);
}

// debugfs seals revoke blocks wrongly with checksums of version 2, as fsck then says: none there.
struct image {
    const char *mkfs, *open;
    bool revokes;
};

static void check_image(const struct image *image, u32 size)
{
    u64 bytes, log_size, expected_size;
    struct jbd_recovery r;
    struct jbd_log l;
    u8 *expected;

    block_size = size;
    make_data();
    run("cd %s && rm -f img && truncate -s 16M img && mke2fs -q -F -t ext4 -b %u -J size=4 %s img",
        folder, size, image->mkfs);
    run("cd %s && printf 'jo %s\\njw -b 3000,3001,3002,3003 data0\\njw -b 3001,3004,3005,3006,3007 "
        "data1\\njw %s data2\\njw -b 3002,3003 %s data3\\njc\\n' > cmd && "
        "debugfs -w -f cmd img >log 2>&1",
        folder, image->open, image->revokes ? "-r 3002,3004" : "-b 3000",
        image->revokes ? "-r 3000,3007" : "");
    run("cd %s && debugfs -R 'dump <8> journal' img >>log 2>&1 && cp img after && "
        "e2fsck -fy -E journal_only after >>log 2>&1; test $? -le 1",
        folder);
    char path[100];
    snprintf(path, sizeof(path), "%s/img", folder);
    device = file_read(path, &bytes);
    device_blocks = bytes / size;
    snprintf(path, sizeof(path), "%s/journal", folder);
    log_bytes = file_read(path, &log_size);
    log_count = log_size / size;
    snprintf(path, sizeof(path), "%s/after", folder);
    expected = file_read(path, &expected_size);

    assert_int_equal(recover(&r, &l), 0);
    assert_int_equal(r.transactions, 4);
    assert_int_equal(r.blocks, image->revokes ? 7 : 12);
    assert_int_equal(r.revoked, image->revokes ? 4 : 0);
    assert_memory_equal(device + 3000UL * size, expected + 3000UL * size, 8 * size);
    free(device);
    free(log_bytes);
    free(expected);
}

static void test_linux_logs(void **state)
{
    static const struct image images[] = {
        {"-O ^64bit,^metadata_csum", "", true},
        {"-O 64bit,^metadata_csum", "", true},
        {"-O 64bit,metadata_csum", "-c -v 3", true},
        {"-O ^64bit,metadata_csum", "-c -v 3", true},
        {"-O ^64bit,^metadata_csum", "-c -v 2", false},
        {"-O 64bit,^metadata_csum", "-c -v 2", false},
    };

    setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
    assert_non_null(mkdtemp(folder));
    for (u32 i = 0; i < sizeof(images) / sizeof(images[0]); i++)
        for (u32 size = 1024; size <= 4096; size *= 4)
            check_image(&images[i], size);
    run("rm -r %s", folder);
}

/* Logs of our own, against a model */

struct revocation {
    u64 block;
    u32 number; // of the transaction
};
static struct jbd_log format;
static u8 *states[LOG_BLOCKS];    // the device after n transactions
static u32 commit_at[LOG_BLOCKS]; // log block of the commit block of each
static u32 transactions, head, room;
static u32 kinds; // bits of the format

static void put32(void *p, u32 v)
{
    *(struct be32 *)p = be32_of(v);
}

// A superblock with the features that the bits of `kind` say.
static void format_log(u32 kind, u32 start, u32 sequence)
{
    struct jbd_super *s = (void *)log_bytes;
    u32 incompat = JBD_INCOMPAT_REVOKE, csum = kind >> 1 & 3;

    memset(log_bytes, 0, (u64)LOG_BLOCKS * block_size);
    put32(&s->header.magic, JBD_MAGIC);
    put32(&s->header.type, JBD_SUPER_V2);
    put32(&s->block_size, block_size);
    put32(&s->blocks, LOG_BLOCKS);
    put32(&s->first, 1);
    put32(&s->start, start);
    put32(&s->sequence, sequence);
    incompat |= kind & 1 ? JBD_INCOMPAT_64BIT : 0;
    incompat |= csum == 2 ? JBD_INCOMPAT_CSUM_V2 : csum == 3 ? JBD_INCOMPAT_CSUM_V3 : 0;
    incompat |= kind & 8 ? JBD_INCOMPAT_FAST_COMMIT : 0;
    put32(&s->fast_blocks, kind & 8 ? 20 : 0);
    put32(&s->incompat, incompat);
    s->checksum_type = csum > 1 ? JBD_SUM_CRC32C : 0;
    for (int i = 0; i < 16; i++)
        s->uuid[i] = unit_random() >> 20;
    jbd_super_seal(s);
    assert_int_equal(jbd_super_decode(log_bytes, block_size, LOG_BLOCKS, &format), 0);
    assert_int_equal(format.end, kind & 8 ? LOG_BLOCKS - 20 : LOG_BLOCKS);
}

static u8 *log_next(void)
{
    u8 *p = log_bytes + (u64)head * block_size;

    assert_true(room-- > 0);
    head = jbd_next(&format, head);
    return p;
}

static void write_revokes(const u64 *revoked, u32 count, u32 sequence)
{
    u32 at, n = 0;
    u8 *block;

    while (n < count) {
        block = log_next();
        at = jbd_block_begin(&format, block, JBD_REVOKE, sequence);
        while (n < count && jbd_revoke_add(&format, block, &at, revoked[n]))
            n++;
        jbd_block_end(&format, block, at);
    }
}

static void write_blocks(const u64 *targets, u8 *const *data, u32 count, u32 sequence)
{
    struct be32 zero = be32_of(0);
    u8 *descriptor = NULL;
    u32 at;

    for (u32 i = 0; i < count; i++) {
        bool escape = jbd_must_escape(data[i]);
        u8 *copy;

        if (descriptor && jbd_descriptor_full(&format, at)) {
            jbd_block_end(&format, descriptor, at);
            descriptor = NULL;
        }
        if (!descriptor) {
            descriptor = log_next();
            at = jbd_block_begin(&format, descriptor, JBD_DESCRIPTOR, sequence);
        }
        copy = log_next();
        memcpy(copy, data[i], block_size);
        if (escape)
            memcpy(copy, &zero, sizeof(zero));
        jbd_descriptor_add(&format, descriptor, &at, targets[i], escape, copy);
    }
    if (descriptor)
        jbd_block_end(&format, descriptor, at);
}

static u8 *random_block(void)
{
    u8 *b = malloc(block_size);

    for (u32 i = 0; i < block_size; i++)
        b[i] = unit_random() >> 20;
    if (unit_below(4) == 0)
        put32(b, JBD_MAGIC);
    return b;
}

// The n-th transaction: distinct blocks, some written, some revoked.
static void write_transaction(u32 n, u32 sequence, u32 most)
{
    u64 targets[64], revoked[64];
    u32 writes = unit_below(MIN(most, 64U)), revokes = unit_below(4) ? 0 : unit_below(20);
    u64 first = unit_below(BLOCKS - 128), step = 1 + unit_below(2);
    u8 *data[64];

    for (u32 i = 0; i < writes; i++) {
        targets[i] = (first + i * step) % BLOCKS;
        data[i] = random_block();
    }
    for (u32 i = 0; i < revokes; i++)
        revoked[i] = (first + 128 + i) % BLOCKS;
    if (unit_below(2))
        write_revokes(revoked, revokes, sequence);
    else
        revokes = 0;
    write_blocks(targets, data, writes, sequence);
    commit_at[n] = head;
    jbd_commit_make(&format, log_next(), sequence, unit_random());
    for (u32 i = 0; i < writes; i++)
        memcpy(states[n + 1] + targets[i] * block_size, data[i], block_size);
    // A revoked block is free: what it holds after recovery is what no transaction before wrote.
    for (u32 i = 0; i < revokes; i++)
        memset(states[n + 1] + revoked[i] * block_size, 0, block_size);
    for (u32 i = 0; i < writes; i++)
        free(data[i]);
}

static u64 device_size(void)
{
    return (u64)BLOCKS * block_size;
}

static void model_begin(void)
{
    kinds = unit_below(16);
    if ((kinds >> 1 & 3) == 1)
        kinds ^= 2;
    block_size = 512 << unit_below(4);
    block_size = block_size < 1024 ? 1024 : block_size;
    device = calloc(BLOCKS, block_size);
    log_bytes = calloc(LOG_BLOCKS, block_size);
    device_blocks = BLOCKS;
    log_count = LOG_BLOCKS;
    format_log(kinds, 1 + unit_below(100), unit_below(2) ? ~0U - unit_below(4) : unit_below(1000));
    head = format.start;
    room = format.end - format.first;
    states[0] = calloc(BLOCKS, block_size);
    for (transactions = 0; room > 50 || (room > 10 && unit_below(2)); transactions++) {
        states[transactions + 1] = malloc(device_size());
        memcpy(states[transactions + 1], states[transactions], device_size());
        write_transaction(transactions, format.sequence + transactions, (room - 8) / 2);
    }
}

static void model_end(void)
{
    for (u32 i = 0; i <= transactions; i++)
        free(states[i]);
    free(device);
    free(log_bytes);
}

// What a transaction revokes is zero in its state and those after it, until written again: nothing
// was ever written in place. Each prefix of the transactions has its own state.
static void test_model(void **state)
{
    for (int i = 0; i < 150; i++) {
        struct jbd_recovery r;
        struct jbd_log l;

        model_begin();
        assert_int_equal(recover(&r, &l), 0);
        assert_int_equal(r.transactions, transactions);
        assert_int_equal(r.next, format.sequence + transactions);
        assert_memory_equal(device, states[transactions], device_size());
        assert_int_equal(recover(&r, &l), 0); // again, over what it wrote itself
        assert_memory_equal(device, states[transactions], device_size());
        model_end();
    }
}

// Without a commit block its transaction and all that follow are not there.
static void test_cut(void **state)
{
    for (int i = 0; i < 150; i++) {
        struct jbd_recovery r;
        struct jbd_log l;
        u32 n;

        model_begin();
        n = transactions ? unit_below(transactions) : 0;
        if (transactions)
            memset(log_bytes + (u64)commit_at[n] * block_size, unit_below(2) ? 0 : 0x5a,
                   block_size);
        assert_int_equal(recover(&r, &l), 0);
        assert_int_equal(r.transactions, n);
        assert_memory_equal(device, states[n], device_size());
        model_end();
    }
}

// Any damage: an error, or a prefix of the transactions if there are checksums.
static void test_damage(void **state)
{
    u32 refused = 0, prefixes = 0;

    for (int i = 0; i < 600; i++) {
        struct jbd_recovery r;
        struct jbd_log l;
        u64 changes = 1 + unit_below(3);
        int err;

        model_begin();
        while (changes--) {
            u64 at = unit_below(4) ? (format.start + unit_below(30)) % LOG_BLOCKS : 0;

            at = at * block_size + unit_below(unit_below(2) ? 64 : block_size);
            log_bytes[at] ^= 1 << unit_below(8);
        }
        failing = unit_below(4) == 0;
        fail_io = unit_below(4) ? 0 : 1 + unit_below(200);
        err = recover(&r, &l);
        fail_io = 0;
        failing = false;
        if (!err && format.csum == 3) {
            prefixes++;
            assert_true(r.transactions <= transactions);
            assert_memory_equal(device, states[r.transactions], device_size());
        }
        refused += err != 0;
        model_end();
    }
    assert_true(refused > 50 && prefixes > 0);
}

static u8 *block_find(u32 type)
{
    for (u32 at = format.first; at < format.end; at++) {
        u8 *block = log_bytes + (u64)at * block_size;
        const struct jbd_header *h = (void *)block;

        if (be32_get(h->magic) == JBD_MAGIC && be32_get(h->type) == type &&
            be32_get(h->sequence) - format.sequence < transactions)
            return block;
    }
    return NULL;
}

// What a committed transaction revoked, or wrote, is not known: nothing is replayed, nothing
// silently lost. Without its commit block it is one that was being written.
static void check_damaged(u32 type)
{
    u32 refused = 0, ended = 0;

    for (int i = 0; i < 100; i++) {
        bool torn = unit_below(2);
        struct jbd_recovery r;
        struct jbd_log l;
        u8 *block;
        u32 n;

        model_begin();
        block = block_find(type);
        if (block && format.csum) {
            n = be32_get(((struct jbd_header *)block)->sequence) - format.sequence;
            block[block_size / 2] ^= 1;
            if (torn)
                memset(log_bytes + (u64)commit_at[n] * block_size, 0x5a, block_size);
            assert_int_equal(recover(&r, &l), torn ? 0 : -EUCLEAN);
            assert_int_equal(r.transactions, n);
            assert_memory_equal(device, states[torn ? n : 0], device_size());
            *(torn ? &ended : &refused) += 1;
        }
        model_end();
    }
    assert_true(refused > 5 && ended > 5);
}

static void test_damaged_revoke(void **state)
{
    check_damaged(JBD_REVOKE);
}

static void test_damaged_descriptor(void **state)
{
    check_damaged(JBD_DESCRIPTOR);
}

// A read or a write fails, and the next recovery makes up for it.
static void test_interrupted(void **state)
{
    for (int i = 0; i < 150; i++) {
        struct jbd_recovery r;
        struct jbd_log l;
        int err;

        model_begin();
        for (int tries = 0; tries < 5; tries++) {
            fail_io = 1 + unit_below(300);
            err = recover(&r, &l);
            assert_true(err == 0 || err == -EIO);
            assert_int_equal(err == 0, fail_io > 0);
        }
        fail_io = 0;
        assert_int_equal(recover(&r, &l), 0);
        assert_memory_equal(device, states[transactions], device_size());
        model_end();
    }
}

static void test_fast_commit(void **state)
{
    struct jbd_recovery r;
    struct jbd_log l;
    u32 found = 0;

    for (int i = 0; i < 50; i++) {
        u8 *fast;
        u32 next;

        model_begin();
        fast = log_bytes + (u64)format.end * block_size;
        next = format.sequence + transactions + unit_below(2);
        if (kinds & 8) {
            memcpy(fast, (u8[]){9, 0, 8, 0, 0, 0, 0, 0, next, next >> 8, next >> 16, next >> 24},
                   12);
            found += next == format.sequence + transactions;
        }
        assert_int_equal(recover(&r, &l),
                         kinds & 8 && next == format.sequence + transactions ? -EOPNOTSUPP : 0);
        model_end();
    }
    assert_true(found > 5);
}

// COMPAT_CHECKSUM: one sum over descriptors and blocks, in the commit block.
static void test_old_checksum(void **state)
{
    for (int bad = 0; bad < 2; bad++) {
        struct jbd_super *s;
        struct jbd_commit *c;
        struct jbd_recovery r;
        struct jbd_log l;
        u8 *block, *data[1];
        u32 sum = ~0U;

        block_size = 1024;
        device = calloc(BLOCKS, block_size);
        log_bytes = calloc(LOG_BLOCKS, block_size);
        device_blocks = BLOCKS;
        log_count = LOG_BLOCKS;
        format_log(0, 1, 7);
        s = (void *)log_bytes;
        s->compat = be32_of(JBD_COMPAT_CHECKSUM);
        head = 1;
        room = 100;
        block = random_block();
        data[0] = block;
        write_blocks((u64[]){5}, data, 1, 7);
        for (u32 i = block_size; i < 3 * block_size; i++) // descriptor and block, bit by bit
            for (int bit = 7; bit >= 0; bit--)
                sum = sum << 1 ^ (((sum >> 31) ^ (log_bytes[i] >> bit & 1)) ? 0x04c11db7 : 0);
        c = (void *)(log_bytes + 3 * block_size);
        jbd_commit_make(&format, c, 7, 0);
        c->checksum_type = JBD_SUM_CRC32;
        c->checksum_size = 4;
        c->checksum[0] = be32_of(sum + bad);
        assert_int_equal(recover(&r, &l), 0);
        assert_int_equal(r.transactions, !bad);
        assert_int_equal(r.blocks, !bad);
        free(block);
        free(device);
        free(log_bytes);
    }
}

static void test_superblocks(void **state)
{
    struct jbd_super *s;
    struct jbd_log l;

    block_size = 1024;
    log_bytes = calloc(LOG_BLOCKS, block_size);
    s = (void *)log_bytes;
    format_log(7, 0, 1);
    log_bytes[0x60] ^= 1; // a byte that only the checksum covers
    assert_int_equal(jbd_super_decode(s, 1024, LOG_BLOCKS, &l), -EUCLEAN);
    format_log(0, 0, 1);
    assert_int_equal(jbd_super_decode(s, 2048, LOG_BLOCKS, &l), -EUCLEAN);
    assert_int_equal(jbd_super_decode(s, 1024, LOG_BLOCKS - 1, &l), -EUCLEAN);
    put32(&s->incompat, 0x40);
    assert_int_equal(jbd_super_decode(s, 1024, LOG_BLOCKS, &l), -EOPNOTSUPP);
    format_log(0, 0, 1);
    put32(&s->start, LOG_BLOCKS);
    assert_int_equal(jbd_super_decode(s, 1024, LOG_BLOCKS, &l), -EUCLEAN);
    format_log(0, 0, 1);
    put32(&s->header.type, JBD_SUPER_V1);
    memset(&s->compat, 0xee, 900); // version 1 has nothing there
    assert_int_equal(jbd_super_decode(s, 1024, LOG_BLOCKS, &l), 0);
    assert_true(!l.csum && !l.wide && l.tag_size == 8);
    jbd_super_set_features(s, true, true);
    assert_int_equal(jbd_super_decode(s, 1024, LOG_BLOCKS, &l), 0);
    assert_true(l.csum == 3 && l.wide && l.tag_size == 16);
    free(log_bytes);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_linux_logs),
    cmocka_unit_test(test_model),
    cmocka_unit_test(test_cut),
    cmocka_unit_test(test_damage),
    cmocka_unit_test(test_damaged_revoke),
    cmocka_unit_test(test_damaged_descriptor),
    cmocka_unit_test(test_interrupted),
    cmocka_unit_test(test_fast_commit),
    cmocka_unit_test(test_old_checksum),
    cmocka_unit_test(test_superblocks),
};
UNIT_MAIN(tests)
