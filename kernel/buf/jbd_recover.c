// SPDX-License-Identifier: MIT
// Recovery of a log, in three passes over it:
//
//     scan    until something is not what follows: so many transactions are committed
//     revoke  the last transaction that revoked each block
//     replay  each block of each transaction, unless revoked by it or a later one
//
// A damaged block that no commit block follows belongs to a transaction that was being written, and
// ends the log. With checksums in tags the scan reads the logged blocks too, so that a damaged
// transaction is found before anything is written. What a damaged descriptor names is not known:
// the scan goes on with the next block that is the log's own.
#include "abi/errno.h"
#include "buf/jbd.h"
#include "lib/crc32.h"
#include "lib/string.h"

#define FAST_HEAD 9 // tag of the first record of a fast commit

// How far a pass has come.
struct place {
    u32 at, sequence;
    u32 left; // blocks of the ring not yet seen: a log does not bite its tail
    u32 sum;  // COMPAT_CHECKSUM: of the transaction so far
    bool bad; // a block of the transaction, the commit block aside, does not match its sum
};

// What a pass does with a transaction's blocks; r->head holds the block. NULL: steps over it.
struct pass {
    int (*logged)(struct jbd_recovery *r, struct place *p, const struct jbd_tag_info *tag);
    int (*revoke)(struct jbd_recovery *r, struct place *p);
    int (*commit)(struct jbd_recovery *r, struct place *p);
};

#define LOG_ENDS 1 // instead of an error: at the transaction of the place

static int next_block(struct jbd_recovery *r, struct place *p, void *to)
{
    int err;

    if (!p->left)
        return LOG_ENDS;
    err = to ? r->read(r, p->at, to) : 0;
    p->at = jbd_next(r->log, p->at);
    p->left--;
    return err;
}

static bool tail_matches(const struct jbd_log *l, u8 *block)
{
    struct be32 *tail = (struct be32 *)(block + l->block_size - sizeof(*tail)), stored = *tail;
    u32 sum;

    if (!l->csum)
        return true;
    *tail = be32_of(0);
    sum = crc32c(l->seed, block, l->block_size);
    *tail = stored;
    return be32_get(stored) == sum;
}

// CRC-32 of IEEE 802.3, but the most significant bit first and without inversions.
static u32 crc32_msb(u32 crc, const u8 *p, u32 n)
{
    static const u32 table[16] = {
        0x00000000, 0x04c11db7, 0x09823b6e, 0x0d4326d9, 0x130476dc, 0x17c56b6b,
        0x1a864db2, 0x1e475005, 0x2608edb8, 0x22c9f00f, 0x2f8ad6d6, 0x2b4bcb61,
        0x350c9b64, 0x31cd86d3, 0x3c8ea00a, 0x384fbdbd,
    };

    while (n--) {
        crc ^= (u32)*p++ << 24;
        crc = table[crc >> 28] ^ crc << 4;
        crc = table[crc >> 28] ^ crc << 4;
    }
    return crc;
}

static int walk_descriptor(struct jbd_recovery *r, struct place *p, const struct pass *pass)
{
    u32 at = sizeof(struct jbd_header);
    struct jbd_tag_info tag;
    int err = 0;

    if (!tail_matches(r->log, r->head)) {
        p->bad = true;
        return pass->commit ? 0 : LOG_ENDS;
    }
    if (r->log->sums_all)
        p->sum = crc32_msb(p->sum, r->head, r->log->block_size);
    while (!err && jbd_tag_next(r->log, r->head, &at, &tag)) {
        err = next_block(r, p, pass->logged ? r->data : NULL);
        if (!err && pass->logged)
            err = pass->logged(r, p, &tag);
    }
    return err;
}

static int walk_block(struct jbd_recovery *r, struct place *p, const struct pass *pass)
{
    const struct jbd_header *h = (const void *)r->head;
    int err;

    do
        err = next_block(r, p, r->head);
    while (!err && p->bad && be32_get(h->magic) != JBD_MAGIC);
    if (err)
        return err;
    if (be32_get(h->magic) != JBD_MAGIC || be32_get(h->sequence) != p->sequence)
        return LOG_ENDS;
    switch (be32_get(h->type)) {
    case JBD_DESCRIPTOR:
        return walk_descriptor(r, p, pass);
    case JBD_REVOKE:
        return pass->revoke ? pass->revoke(r, p) : 0;
    case JBD_COMMIT:
        err = pass->commit ? pass->commit(r, p) : 0;
        p->sequence += !err;
        return err;
    default:
        return LOG_ENDS;
    }
}

static struct place log_start(const struct jbd_recovery *r)
{
    const struct jbd_log *l = r->log;

    return (struct place){l->start, l->sequence, l->end - l->first, ~0U, false};
}

/* Scan */

static int scan_logged(struct jbd_recovery *r, struct place *p, const struct jbd_tag_info *tag)
{
    const struct jbd_log *l = r->log;

    if (l->csum && jbd_data_sum(l, p->sequence, r->data) != tag->checksum)
        p->bad = true;
    if (l->sums_all)
        p->sum = crc32_msb(p->sum, r->data, l->block_size);
    return 0;
}

static int scan_revoke(struct jbd_recovery *r, struct place *p)
{
    p->bad |= !tail_matches(r->log, r->head);
    return 0;
}

static bool commit_matches(const struct jbd_recovery *r, u32 sum)
{
    struct jbd_commit *c = (void *)r->head;
    struct be32 stored = c->checksum[0];

    if (r->log->csum) {
        c->checksum[0] = be32_of(0);
        sum = crc32c(r->log->seed, r->head, r->log->block_size);
        c->checksum[0] = stored;
    } else if (!r->log->sums_all || (!c->checksum_type && !c->checksum_size && !be32_get(stored))) {
        return true;
    } else if (c->checksum_type != JBD_SUM_CRC32 || c->checksum_size != sizeof(u32)) {
        return false;
    }
    return be32_get(stored) == sum;
}

static int scan_commit(struct jbd_recovery *r, struct place *p)
{
    if (!commit_matches(r, p->sum))
        return LOG_ENDS;
    if (p->bad)
        return r->log->async ? LOG_ENDS : -EUCLEAN;
    p->sum = ~0U;
    r->transactions++;
    return 0;
}

// Whether the area behind the ring has changes to be made after the last transaction.
static int find_fast_commit(struct jbd_recovery *r)
{
    const u8 *b = r->head;
    int err = r->log->fast_blocks ? r->read(r, r->log->end, r->head) : 0;
    bool head = r->log->fast_blocks && b[0] == FAST_HEAD && b[1] == 0;

    if (!err && head && (b[8] | b[9] << 8 | b[10] << 16 | (u32)b[11] << 24) == r->next)
        err = -EOPNOTSUPP;
    return err;
}

int jbd_scan(struct jbd_recovery *r)
{
    static const struct pass plain = {.revoke = scan_revoke, .commit = scan_commit};
    static const struct pass summed = {scan_logged, scan_revoke, scan_commit};
    bool sums = r->log->csum || r->log->sums_all;
    struct place p = log_start(r);
    int err = 0;

    r->next = p.sequence;
    r->transactions = r->blocks = r->revoked = 0;
    while (r->log->start && !err) {
        err = walk_block(r, &p, sums ? &summed : &plain);
        r->next = p.sequence;
    }
    if (err < 0 || !r->log->start)
        return err;
    return find_fast_commit(r);
}

/* Revoke */

static int revoke_set(struct jbd_recovery *r, u64 block, u32 sequence)
{
    radix_remove(&r->revokes, block);
    return radix_insert(&r->revokes, block, (void *)((u64)sequence << 1 | 1));
}

// The passes go forward, so the entry is of the last transaction.
static bool is_revoked(struct jbd_recovery *r, u64 block, u32 sequence)
{
    u64 entry = (u64)radix_find(&r->revokes, block);

    return entry && !jbd_after(sequence, (u32)(entry >> 1));
}

static int revoke_revoke(struct jbd_recovery *r, struct place *p)
{
    u32 used = be32_get(((struct jbd_revoke *)r->head)->used), size = r->log->wide ? 8 : 4;
    u32 at = sizeof(struct jbd_revoke);
    int err = 0;

    if (used < at || used > r->log->block_size - r->log->block_tail)
        return -EUCLEAN;
    for (; !err && at + size <= used; at += size) {
        const struct be32 *record = (const void *)(r->head + at);
        u64 block = be32_get(*record);

        if (r->log->wide)
            block = block << 32 | be32_get(record[1]);
        err = revoke_set(r, block, p->sequence);
    }
    return err;
}

/* Replay */

static int replay_logged(struct jbd_recovery *r, struct place *p, const struct jbd_tag_info *tag)
{
    struct be32 magic = be32_of(JBD_MAGIC);

    if (is_revoked(r, tag->block, p->sequence)) {
        r->revoked++;
        return 0;
    }
    if (r->log->csum && jbd_data_sum(r->log, p->sequence, r->data) != tag->checksum)
        return -EUCLEAN;
    if (tag->flags & JBD_TAG_ESCAPED)
        memcpy(r->data, &magic, sizeof(magic));
    r->blocks++;
    return r->write(r, tag->block, r->data);
}

// The log is as the scan saw it, or the device gives different answers each time.
static int walk_all(struct jbd_recovery *r, const struct pass *pass)
{
    struct place p = log_start(r);
    int err = 0;

    while (!err && p.sequence != r->next)
        err = walk_block(r, &p, pass);
    return err == LOG_ENDS ? -EIO : err;
}

int jbd_replay(struct jbd_recovery *r)
{
    static const struct pass revoke = {.revoke = revoke_revoke};
    static const struct pass replay = {.logged = replay_logged};
    int err;

    radix_init(&r->revokes, r->mem);
    err = walk_all(r, &revoke);
    if (!err)
        err = walk_all(r, &replay);
    radix_fini(&r->revokes);
    return err;
}
