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

// lock held. How far the tail can move, and what is there then.
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

// lock held. Half of what made it begin, so that it does not begin again at once.
static bool is_enough(struct journal *j)
{
    u32 block, tid;

    return j->free + tail_find(j, &block, &tid) >= j->ring / 4 * 3 &&
           j->records <= pinned_limit(j) / 2;
}

/* Writing in place */

struct placing {
    struct buf *bufs[BATCH];
    unsigned n;
    bool blocked; // no block may be written, but after the commit of this transaction
    u32 by;
};

// lock held. The youngest transaction that the block is a member of.
static struct transaction *member_of(const struct journal_buf *jb)
{
    struct transaction *a = jb->slot[0].in, *b = jb->slot[1].in;

    return !a || (b && jbd_after(b->tid, a->tid)) ? b : a;
}

// lock held. Takes blocks of the oldest transaction that may be written.
static void pick(struct journal *j, struct placing *p)
{
    struct transaction *t = list_first(&j->checkpoints, struct transaction, link), *in = NULL;
    struct journal_buf *jb;

    LIST_FOR_EACH (jb, &t->unwritten, checkpoint_link) {
        in = member_of(jb);
        if (in || p->n == BATCH)
            break;
        jb->placing = true;
        p->bufs[p->n++] = jb->buf;
    }
    p->blocked = in && !p->n;
    p->by = in ? in->tid : 0;
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

// 1: to be called again, 0: nothing is left to be written, or it is enough.
static int place_some(struct journal *j, bool all)
{
    struct placing p = {.n = 0};
    int err = journal_error(j);

    if (err)
        return err;
    spin_lock(&j->lock);
    if (!list_empty(&j->checkpoints) && (all || !is_enough(j)))
        pick(j, &p);
    spin_unlock(&j->lock);
    if (p.blocked)
        return journal_commit_wait_end(j, p.by) ?: 1;
    if (!p.n)
        return 0;
    block_plug();
    err = buf_write_many(p.bufs, p.n, 0);
    block_unplug();
    placed(j, p.bufs, p.n, err);
    if (err)
        journal_fail(j, err);
    return err ?: 1;
}

/* The tail */

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

int journal_checkpoint(struct journal *j, bool all)
{
    int err;

    mutex_lock(&j->checkpoint_lock);
    do
        err = place_some(j, all);
    while (err > 0);
    err = err ?: journal_error(j) ?: tail_move(j);
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
