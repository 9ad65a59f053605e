// SPDX-License-Identifier: MIT
// The commit thread: one transaction at a time goes to the log, in ten steps (docs/journal.md).
//
// Nothing here allocates memory of its own, so a commit does not fail for want of it: a descriptor
// and the blocks it names are written and waited for before the next descriptor is filled, from two
// blocks that the journal always has.
#include "abi/errno.h"
#include "base/panic.h"
#include "base/planted.h"
#include "block/batch.h"
#include "buf/journal_private.h"
#include "lib/string.h"
#include "mm/slab.h"

/* Step 1: no handle joins any more, and those that are open end. */

static void commit_lock(struct journal *j, struct transaction *t)
{
    spin_lock(&j->lock);
    t->locked = true;
    spin_unlock(&j->lock);
    wait_event(&j->commit_wait, spin_read(&j->lock, !t->updates), WAIT_UNINTERRUPTIBLE, NS_NEVER);
}

/* Step 2: handles may begin the next transaction. */

static void commit_switch(struct journal *j, struct transaction *t)
{
    spin_lock(&j->lock);
    t->start = j->head;
    t->log_left = journal_log_blocks(j, t->reserved);
    j->committing = t;
    j->running = NULL;
    spin_unlock(&j->lock);
    wake_all(&j->begin_wait);
}

/* Step 3: the superblock says where the log begins, if it was empty. */

static int commit_open_log(struct journal *j, struct transaction *t)
{
    int err = 0;

    mutex_lock(&j->super_lock);
    if (!j->log.start)
        err = journal_write_super(j, t->start, t->tid);
    mutex_unlock(&j->super_lock);
    return err;
}

// The next log block, as a sector.
static u64 log_take(struct journal *j, struct transaction *t)
{
    u32 block;

    spin_lock(&j->lock);
    verify(t->log_left && j->free);
    block = j->head;
    j->head = jbd_next(&j->log, block);
    j->free--;
    t->log_left--;
    spin_unlock(&j->lock);
    return journal_sector(j, block);
}

static int write_head(struct journal *j, u64 sector, u32 flags)
{
    struct block_batch batch;

    block_batch_begin(&batch, j->cache->device, BLOCK_WRITE, flags);
    block_batch_add(&batch, sector, j->head_block, j->log.block_size);
    return block_batch_wait(&batch);
}

/* Step 4: revoke records. */

static int commit_revokes(struct journal *j, struct transaction *t)
{
    u64 next = 0, start, end;
    int err = 0;
    u32 at;

    while (!err && !planted(BUG_LOST_REVOKE) && ranges_next(&t->revoked, next, &start, &end)) {
        at = jbd_block_begin(&j->log, j->head_block, JBD_REVOKE, t->tid);
        for (next = start; jbd_revoke_add(&j->log, j->head_block, &at, next);) {
            if (++next == end && !ranges_next(&t->revoked, next, &next, &end))
                break;
        }
        jbd_block_end(&j->log, j->head_block, at);
        err = write_head(j, log_take(j, t), 0);
    }
    return err;
}

/* Steps 5 and 6: the blocks and their descriptors are written, and copies of blocks given up. */

struct chunk { // one descriptor and its blocks
    struct journal *j;
    struct transaction *t;
    struct block_batch batch;
    u32 at;            // in the descriptor
    bool escape_taken; // escape_block is in the batch
    int error;
};

// What is to be logged does not change from here until chunk_end.
static void *slot_freeze(struct journal *j, struct journal_slot *s)
{
    void *data;

    spin_lock(&j->lock);
    s->state = SLOT_LOGGING;
    data = s->frozen ?: s->jb->buf->data;
    spin_unlock(&j->lock);
    return data;
}

static void chunk_batch_begin(struct chunk *c)
{
    block_batch_begin(&c->batch, c->j->cache->device, BLOCK_WRITE, 0);
    block_plug(); // the descriptor comes last, and is the first in the log
    c->escape_taken = false;
}

static void chunk_batch_wait(struct chunk *c)
{
    int err = block_batch_wait(&c->batch);

    c->error = c->error ? c->error : err;
}

// Data that may not stand in the log as it is: the copy that does.
static void *chunk_escape(struct chunk *c, const struct journal_slot *s, void *data)
{
    struct be32 zero = be32_of(0);

    if (!s->frozen) {
        if (c->escape_taken) {
            chunk_batch_wait(c);
            chunk_batch_begin(c);
        }
        c->escape_taken = true;
        data = memcpy(c->j->escape_block, data, c->j->log.block_size);
    }
    memcpy(data, &zero, sizeof(zero));
    return data;
}

static void chunk_add(struct chunk *c, struct journal_slot *s)
{
    struct journal *j = c->j;
    void *data = slot_freeze(j, s);
    bool escape = jbd_must_escape(data);

    if (escape)
        data = chunk_escape(c, s, data);
    if (planted(BUG_EARLY_CHECKPOINT))
        block_batch_add(&c->batch, s->jb->buf->block << (j->cache->block_shift - SECTOR_SHIFT),
                        data, j->log.block_size);
    escape &= !planted(BUG_WRONG_ESCAPE);
    jbd_descriptor_add(&j->log, j->head_block, &c->at, s->jb->buf->block, escape, data);
    block_batch_add(&c->batch, log_take(j, c->t), data, j->log.block_size);
}

static void slot_logged(struct journal *j, struct journal_slot *s)
{
    void *frozen;

    spin_lock(&j->lock);
    s->state = SLOT_LOGGED;
    frozen = s->frozen;
    s->frozen = NULL;
    spin_unlock(&j->lock);
    kfree(frozen);
}

static struct journal_slot *slot_next(struct transaction *t, struct journal_slot *s)
{
    while (s && !slot_logs(s))
        s = list_next(&t->members, s, link);
    return s;
}

// Writes as many as one descriptor takes, from `first` on; returns the next one, or NULL.
static struct journal_slot *commit_chunk(struct chunk *c, struct journal_slot *first)
{
    struct journal *j = c->j;
    struct journal_slot *s, *end = first;
    u64 sector = log_take(j, c->t);

    c->at = jbd_block_begin(&j->log, j->head_block, JBD_DESCRIPTOR, c->t->tid);
    chunk_batch_begin(c);
    while (end && !jbd_descriptor_full(&j->log, c->at)) {
        chunk_add(c, end);
        end = slot_next(c->t, list_next(&c->t->members, end, link));
        if (planted(BUG_SKIPPED_TAG) && end)
            end = slot_next(c->t, list_next(&c->t->members, end, link));
    }
    jbd_block_end(&j->log, j->head_block, c->at);
    block_batch_add(&c->batch, sector, j->head_block, j->log.block_size);
    chunk_batch_wait(c);
    for (s = first; s != end; s = slot_next(c->t, list_next(&c->t->members, s, link)))
        slot_logged(j, s);
    wake_all(&j->io_wait);
    return end;
}

static int commit_blocks(struct journal *j, struct transaction *t)
{
    struct chunk c = {.j = j, .t = t};
    struct journal_slot *s = slot_next(t, list_first(&t->members, struct journal_slot, link));

    while (s && !c.error)
        s = commit_chunk(&c, s);
    return c.error;
}

/* Step 7: the commit block, after all before it is durable, and durable itself. */

static int commit_seal(struct journal *j, struct transaction *t)
{
    int err;

    spin_lock(&j->lock);
    t->flushed = true;
    err = load_relaxed(&j->error);
    spin_unlock(&j->lock);
    if (err)
        return err;
    jbd_commit_make(&j->log, j->head_block, t->tid, clock_realtime());
    return write_head(j, log_take(j, t),
                      (planted(BUG_MISSING_FLUSH) ? 0 : BLOCK_PREFLUSH) | BLOCK_FUA);
}

/* Step 8: those who wait for it go on. */

static void commit_announce(struct journal *j, struct transaction *t)
{
    spin_lock(&j->lock);
    j->durable = t->tid;
    spin_unlock(&j->lock);
    wake_all(&j->done_wait);
}

/* Step 9: blocks leave the transaction: freed ones leave the journal, others wait for their place.
 */

// False: it is being written in place from an older checkpoint, wait.
static bool member_leave(struct journal *j, struct transaction *t, struct journal_slot *s)
{
    struct journal_buf *jb = s->jb;

    if (s->forgotten && jb->placing)
        return false;
    list_remove(&s->link);
    s->in = NULL;
    s->state = SLOT_WAITING;
    if (s->forgotten || s->dirty)
        journal_buf_uncheckpoint(jb);
    if (s->forgotten) {
        buf_clear_flags(jb->buf, BUF_DIRTY);
    } else if (s->dirty) {
        jb->checkpoint = t;
        list_insert_tail(&t->unwritten, &jb->checkpoint_link);
    }
    s->forgotten = s->dirty = false;
    journal_buf_release(j, jb);
    return true;
}

static void commit_members(struct journal *j, struct transaction *t)
{
    struct journal_slot *s;
    struct buf *b;

    for (;;) {
        spin_lock(&j->lock);
        s = list_first(&t->members, struct journal_slot, link);
        b = s ? s->jb->buf : NULL;
        if (!s || member_leave(j, t, s))
            b = NULL;
        else
            buf_ref(b);
        spin_unlock(&j->lock);
        if (!s)
            return;
        if (b)
            journal_wait_quiet(j, b);
        buf_put(b);
    }
}

// What was freed without ever having been in the journal: nothing of it is written from now on.
static void commit_freed(struct journal *j, struct transaction *t)
{
    u64 start, end;

    for (u64 next = 0; ranges_next(&t->revoked, next, &start, &end); next = end)
        buf_forget(j->cache, start, end - start);
    ranges_clear(&t->revoked);
}

/* Step 10: the transaction waits to be checkpointed, and the next one may be committed. */

static void commit_end(struct journal *j, struct transaction *t)
{
    if (j->config.committed)
        j->config.committed(j->config.owner, t->tid);
    spin_lock(&j->lock);
    j->committing = NULL;
    if (list_empty(&t->unwritten))
        transaction_destroy(t);
    else
        list_insert_tail(&j->checkpoints, &t->link);
    if (journal_wants_checkpoint(j)) {
        j->room_wanted = true;
        wake_all(&j->checkpoint_wait);
    }
    spin_unlock(&j->lock);
    wake_all(&j->begin_wait);
}

static int commit_log(struct journal *j, struct transaction *t)
{
    int err = commit_open_log(j, t);

    if (!err)
        err = commit_revokes(j, t);
    if (!err)
        err = commit_blocks(j, t);
    if (!err)
        err = commit_seal(j, t);
    return err;
}

static void commit(struct journal *j, struct transaction *t)
{
    int err;

    commit_lock(j, t);
    commit_switch(j, t);
    err = commit_log(j, t);
    if (err) {
        journal_fail(j, err);
        return;
    }
    commit_announce(j, t);
    commit_members(j, t);
    commit_freed(j, t);
    commit_end(j, t);
}

/* The thread */

// The transaction to be committed now, or NULL; *until is when to look again.
static struct transaction *commit_due(struct journal *j, ns_t *until)
{
    struct transaction *t;

    spin_lock(&j->lock);
    t = load_relaxed(&j->error) ? NULL : j->running;
    *until = t ? t->started + load_relaxed(&j->interval) : NS_NEVER;
    if (t && jbd_after(t->tid, j->requested) && clock_monotonic() < *until)
        t = NULL;
    spin_unlock(&j->lock);
    return t;
}

void journal_commit_main(void *journal)
{
    struct journal *j = journal;
    struct transaction *t = NULL;
    ns_t until;

    for (;;) {
        wait_event(&j->commit_wait, (t = commit_due(j, &until)) || load_acquire(&j->stopping),
                   WAIT_UNINTERRUPTIBLE, until);
        if (t)
            commit(j, t);
        else if (load_acquire(&j->stopping))
            break;
    }
    complete_all(&j->commit_gone);
    thread_exit();
}
