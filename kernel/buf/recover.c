// SPDX-License-Identifier: MIT
// Recovery of the file system from its log, at mount: jbd_recover.c over the buffer cache.
//
// What is replayed goes through buffers, so that who has looked at the device already sees it. The
// log is marked empty only after all of it is durable in place: an interrupted recovery is simply
// done again.
#include "abi/errno.h"
#include "base/log.h"
#include "buf/journal_private.h"
#include "lib/string.h"

#define SYNC_EVERY 1024 // blocks: what a long log may keep of memory

struct replay {
    struct jbd_recovery recovery;
    struct journal *j;
};

static int replay_read(struct jbd_recovery *r, u32 log_block, void *to)
{
    struct journal *j = container_of(r, struct replay, recovery)->j;

    return block_transfer(j->cache->device, BLOCK_READ, journal_sector(j, log_block), to,
                          j->log.block_size);
}

static int replay_write(struct jbd_recovery *r, u64 block, const void *data)
{
    struct journal *j = container_of(r, struct replay, recovery)->j;
    struct buf *b;
    int err = buf_get(j->cache, block, &b);

    if (err)
        return err;
    buf_lock(b);
    memcpy(b->data, data, j->log.block_size);
    buf_unlock(b);
    buf_clear_flags(b, BUF_CHECKED);
    buf_mark_dirty(b);
    buf_put(b);
    return r->blocks % SYNC_EVERY ? 0 : buf_cache_sync(j->cache);
}

static void say(const struct journal *j, const struct jbd_recovery *r, int err)
{
    const char *name = j->cache->device->name;

    if (err == -EOPNOTSUPP)
        log_info("%s: the journal ends in a fast commit: let e2fsck replay it", name);
    else if (err == -EUCLEAN)
        log_info("%s: the journal is damaged", name);
    else if (!err && r->transactions)
        log_info("%s: journal replayed: %u transactions, %u blocks, %u revoked", name,
                 r->transactions, r->blocks, r->revoked);
}

static int replay(struct journal *j, struct jbd_recovery *r, bool read_only)
{
    int err = jbd_scan(r);

    if (!err && read_only)
        return r->transactions ? -EROFS : 0;
    if (!err)
        err = jbd_replay(r);
    if (!err)
        err = buf_cache_sync(j->cache);
    return err;
}

int journal_recover(struct journal *j, bool read_only, struct journal_recovery *out)
{
    struct replay r = {.j = j};
    int err = 0;

    r.recovery = (struct jbd_recovery){
        .log = &j->log,
        .read = replay_read,
        .write = replay_write,
        .mem = &journal_radix_mem,
        .head = j->head_block,
        .data = j->escape_block,
        .next = j->log.sequence,
    };
    if (j->log.start)
        err = replay(j, &r.recovery, read_only);
    say(j, &r.recovery, err);
    out->transactions = r.recovery.transactions;
    out->blocks = r.recovery.blocks;
    out->revoked = r.recovery.revoked;
    // A transaction with the next number may stand in the log, not committed: it is passed over.
    j->next_tid = r.recovery.next + (j->log.start ? 1 : 0);
    return err;
}
