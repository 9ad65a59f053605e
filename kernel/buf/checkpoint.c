// SPDX-License-Identifier: MIT
// Checkpoints: committed blocks are written in place, so that the log's oldest part is free again.
//
// The oldest transaction goes first. A block of it that is also in a younger transaction, running
// or committing, holds contents that are not durable yet: that one is committed first, whereupon
// the block belongs to its checkpoint instead. The log's tail moves over transactions that have no
// block left, but only after a flush of the device, and what it frees is used again only when the
// superblock says so on the device.
#include "abi/errno.h"
#include "base/planted.h"
#include "buf/journal_private.h"

#define BATCH        128
#define PINNED_SHARE 8 // of all memory: blocks that wait for their checkpoint

static u64 pinned_limit(const struct journal *j)
{
    return (frames_total() << PAGE_SHIFT) / j->log.block_size / PINNED_SHARE;
}

bool journal_wants_checkpoint(struct journal *j)
{
    return j->free < j->ring / 2 || j->records > pinned_limit(j);
}

// lock held. Half of what made it begin, so that it does not begin again at once.
static bool is_enough(struct journal *j, u32 gained)
{
    return j->free + gained >= j->ring / 4 * 3 && j->records <= pinned_limit(j) / 2;
}

/* Writing in place */

// Takes blocks of the transaction that may be written. *blocked: the transaction that the next one
// is in, whose commit has to come first.
static unsigned pick(struct journal *j, struct transaction *t, struct buf **bufs, u32 *blocked,
                     bool *is_blocked)
{
    struct journal_buf *jb;
    unsigned n = 0;

    spin_lock(&j->lock);
    *is_blocked = false;
    LIST_FOR_EACH (jb, &t->unwritten, checkpoint_link) {
        struct transaction *in = jb->slot[0].in;

        if (!in || (jb->slot[1].in && jbd_after(jb->slot[1].in->tid, in->tid)))
            in = jb->slot[1].in;
        if (in) {
            *blocked = in->tid;
            *is_blocked = true;
        }
        if (in || n == BATCH)
            break;
        jb->placing = true;
        bufs[n++] = jb->buf;
    }
    spin_unlock(&j->lock);
    return n;
}

// A block may have been freed meanwhile, by a transaction that is not durable: it stays then.
static void placed(struct journal *j, struct buf **bufs, unsigned n, int err)
{
    spin_lock(&j->lock);
    for (unsigned i = 0; i < n; i++) {
        struct journal_buf *jb = bufs[i]->journal;

        jb->placing = false;
        if (!err)
            journal_buf_uncheckpoint(jb);
        journal_buf_release(j, jb);
    }
    spin_unlock(&j->lock);
    wake_all(&j->io_wait);
}

static int place_some(struct journal *j, struct transaction *t)
{
    struct buf *bufs[BATCH];
    bool is_blocked;
    u32 blocked;
    unsigned n = pick(j, t, bufs, &blocked, &is_blocked);
    int err;

    block_plug();
    err = buf_write_many(bufs, n, 0);
    block_unplug();
    placed(j, bufs, n, err);
    if (err) {
        journal_fail(j, err);
        return err;
    }
    return is_blocked ? journal_commit_wait(j, blocked) : 0;
}

/* The tail */

// How far the tail can move, and what is there then.
static u32 tail_find(struct journal *j, u32 *block, u32 *tid)
{
    struct transaction *oldest = list_first(&j->checkpoints, struct transaction, link);

    if (!oldest)
        oldest = j->committing;
    *block = oldest ? oldest->start : j->head;
    *tid = oldest ? oldest->tid : j->running ? j->running->tid : j->next_tid;
    if (!oldest)
        return j->ring - j->free;
    return (*block + j->ring - j->tail) % j->ring;
}

static int tail_move(struct journal *j)
{
    u32 block, tid, gained;
    int err = 0;

    mutex_lock(&j->super_lock);
    spin_lock(&j->lock);
    gained = tail_find(j, &block, &tid);
    spin_unlock(&j->lock);
    if (gained && !planted(BUG_UNORDERED_SUPERBLOCK))
        err = block_flush(j->cache->device);
    if (gained && !err)
        err = journal_write_super(j, block, tid);
    if (!err) {
        spin_lock(&j->lock);
        j->tail = block;
        j->free += gained;
        spin_unlock(&j->lock);
    }
    mutex_unlock(&j->super_lock);
    if (err)
        journal_fail(j, err);
    else if (gained)
        wake_all(&j->begin_wait);
    return err;
}

// The oldest transaction with blocks to be written; those without are let go.
static struct transaction *oldest_unwritten(struct journal *j, bool all, bool *enough)
{
    struct transaction *t, *empty = NULL;
    u32 block, tid;

    do {
        if (empty)
            transaction_destroy(empty);
        spin_lock(&j->lock);
        t = list_first(&j->checkpoints, struct transaction, link);
        empty = t && list_empty(&t->unwritten) ? t : NULL;
        if (empty)
            list_remove(&empty->link);
        *enough = !all && is_enough(j, tail_find(j, &block, &tid));
        spin_unlock(&j->lock);
    } while (empty);
    return t;
}

int journal_checkpoint(struct journal *j, bool all)
{
    struct transaction *t;
    bool enough;
    int err = 0;

    mutex_lock(&j->checkpoint_lock);
    while (!err && (t = oldest_unwritten(j, all, &enough)) && !enough)
        err = journal_error(j) ?: place_some(j, t);
    if (!err)
        err = journal_error(j) ?: tail_move(j);
    mutex_unlock(&j->checkpoint_lock);
    return err;
}

static bool room_wanted(struct journal *j)
{
    bool yes;

    spin_lock(&j->lock);
    yes = j->room_wanted && !load_relaxed(&j->error);
    j->room_wanted = false;
    spin_unlock(&j->lock);
    return yes;
}

void journal_checkpoint_main(void *journal)
{
    struct journal *j = journal;
    bool wanted = false;

    for (;;) {
        wait_event(&j->checkpoint_wait, (wanted = room_wanted(j)) || load_acquire(&j->stopping),
                   WAIT_UNINTERRUPTIBLE, NS_NEVER);
        if (wanted)
            journal_checkpoint(j, false);
        else if (load_acquire(&j->stopping))
            break;
    }
    complete_all(&j->checkpoint_gone);
    thread_exit();
}
