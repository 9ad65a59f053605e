// SPDX-License-Identifier: MIT
// Blocks in transactions: how they join, are dirtied, freed, and leave.
//
// Who is going to change a block meets one of these:
//
//     it is in the running transaction              nothing to do
//     the committing one has yet to log it          the log gets a copy made now
//     it is being logged from its page              wait for that
//     it is being written in place                  wait: newer contents must not get there
//
// A freed block stays a member, forgotten: not logged, but neither written in place, since it may
// hold changes of the running transaction, nor dropped from an older one's checkpoint, since the
// free is not durable yet. When it is, the block leaves everything.
#include "abi/errno.h"
#include "base/panic.h"
#include "buf/journal_private.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"

// What is half done cannot be left for want of a range's few bytes, so some are kept.
static struct range spares[64]; // of those who have its bit
static u64 spares_used;         // (a)

static void *node_alloc(size_t size)
{
    void *p = kmalloc(size, 0);
    u64 used;

    while (!p && size <= sizeof(spares[0]) && (used = load_relaxed(&spares_used)) != ~0UL) {
        u64 n = bitmap_find_zero(&used, ARRAY_SIZE(spares), 0);

        if (atomic_cas(&spares_used, used, used | BIT(n)))
            p = &spares[n];
    }
    return p;
}

static void node_free(void *p, size_t size)
{
    struct range *r = p;

    if (r >= spares && r < spares + ARRAY_SIZE(spares))
        atomic_fetch_sub(&spares_used, BIT(r - spares));
    else
        kfree(p);
}

const struct ranges_mem journal_ranges_mem = {node_alloc, node_free};
const struct radix_mem journal_radix_mem = {node_alloc, node_free};

struct transaction *transaction_create(void)
{
    struct transaction *t = kmalloc(sizeof(*t), ALLOC_ZERO);

    if (!t)
        return NULL;
    list_init(&t->members);
    list_init(&t->unwritten);
    list_init(&t->link);
    ranges_init(&t->revoked, &journal_ranges_mem);
    return t;
}

void transaction_destroy(struct transaction *t)
{
    assert(list_empty(&t->members) && list_empty(&t->unwritten) && list_empty(&t->link));
    ranges_clear(&t->revoked);
    kfree(t);
}

/* Records of blocks */

static struct journal_buf *journal_buf_create(void)
{
    struct journal_buf *jb = kmalloc(sizeof(*jb), ALLOC_ZERO);

    for (int i = 0; jb && i < 2; i++) {
        list_init(&jb->slot[i].link);
        jb->slot[i].jb = jb;
    }
    if (jb)
        list_init(&jb->checkpoint_link);
    return jb;
}

static void journal_buf_attach(struct journal *j, struct journal_buf *jb, struct buf *b)
{
    buf_ref(b);
    jb->buf = b;
    b->journal = jb;
    buf_set_flags(b, BUF_JOURNAL);
    j->records++;
}

void journal_buf_uncheckpoint(struct journal_buf *jb)
{
    struct transaction *t = jb->checkpoint;

    jb->checkpoint = NULL;
    list_remove(&jb->checkpoint_link);
    if (t && list_empty(&t->unwritten)) {
        list_remove(&t->link);
        transaction_destroy(t);
    }
}

void journal_buf_release(struct journal *j, struct journal_buf *jb)
{
    struct buf *b = jb->buf;

    assert(lock_held(&j->lock));
    if (jb->slot[0].in || jb->slot[1].in || jb->checkpoint || jb->placing)
        return;
    b->journal = NULL;
    j->records--;
    buf_clear_flags(b, BUF_JOURNAL);
    if (load_relaxed(&b->flags) & BUF_DIRTY)
        buf_mark_dirty(b); // a write-back passed it over meanwhile
    kfree(jb);
    buf_put(b);
}

/* Joining */

static bool is_logging(const struct journal_slot *s)
{
    return s->in && s->state == SLOT_LOGGING && !s->frozen;
}

static bool is_quiet(const struct buf *b)
{
    const struct journal_buf *jb = b->journal;

    return !jb || (!jb->placing && !is_logging(&jb->slot[0]) && !is_logging(&jb->slot[1]));
}

void journal_wait_quiet(struct journal *j, struct buf *b)
{
    wait_event(&j->io_wait, spin_read(&j->lock, is_quiet(b)), WAIT_UNINTERRUPTIBLE, NS_NEVER);
}

struct spare { // memory for who holds the lock
    struct journal_buf *jb;
    void *copy;
};
enum { NEEDS_RECORD = 1, NEEDS_COPY, NEEDS_QUIET };

static int slot_join(struct handle *h, struct journal_slot *s)
{
    struct transaction *t = h->transaction;
    u64 block = s->jb->buf->block;

    if (!h->credits && journal_extend_locked(h, 1))
        return -ENOSPC;
    if (ranges_has(&t->revoked, block) && ranges_remove(&t->revoked, block, block + 1))
        return -ENOMEM;
    h->credits--;
    if (!s->in)
        list_insert_tail(&t->members, &s->link);
    s->in = t;
    s->state = SLOT_WAITING;
    s->forgotten = false;
    return 0;
}

static int get_write_locked(struct handle *h, struct buf *b, struct spare *spare)
{
    struct journal *j = h->journal;
    struct journal_slot *s, *old;
    struct journal_buf *jb = b->journal;
    int err;

    if (load_relaxed(&j->error) || !h->transaction)
        return -EROFS;
    if (!jb && !spare->jb)
        return NEEDS_RECORD;
    s = slot_of(jb ?: spare->jb, h->transaction->tid);
    if (s->in && !s->forgotten)
        return 0;
    if (!is_quiet(b))
        return NEEDS_QUIET;
    old = slot_of(s->jb, h->transaction->tid - 1);
    if (old->in && slot_logs(old) && old->state == SLOT_WAITING && !old->frozen) {
        if (!spare->copy)
            return NEEDS_COPY;
        old->frozen = memcpy(spare->copy, b->data, b->cache->block_size);
        spare->copy = NULL;
    }
    if (!jb)
        journal_buf_attach(j, spare->jb, b);
    err = slot_join(h, s);
    if (!jb) {
        if (err)
            journal_buf_release(j, spare->jb);
        spare->jb = NULL;
    }
    return err;
}

static int spare_fill(struct handle *h, struct buf *b, struct spare *spare, int needs)
{
    if (needs == NEEDS_QUIET)
        journal_wait_quiet(h->journal, b);
    else if (needs == NEEDS_RECORD && !(spare->jb = journal_buf_create()))
        return -ENOMEM;
    else if (needs == NEEDS_COPY && !(spare->copy = kmalloc(b->cache->block_size, 0)))
        return -ENOMEM;
    return 0;
}

int journal_get_write(struct handle *h, struct buf *b)
{
    struct spare spare = {0};
    int err = 1;

    if (!h->journal)
        return 0;
    while (err > 0) {
        err = spin_read(&h->journal->lock, get_write_locked(h, b, &spare));
        if (err > 0)
            err = spare_fill(h, b, &spare, err) ?: 1;
    }
    kfree(spare.jb);
    kfree(spare.copy);
    if (err)
        return err;
    smp_mb(); // see buf/device.c
    buf_wait_not_written(b);
    return 0;
}

// The handle keeps the slot from changing hands.
void journal_dirty(struct handle *h, struct buf *b)
{
    struct journal_buf *jb = b->journal;
    struct journal_slot *s;

    if (!h->journal) {
        buf_mark_dirty(b);
        return;
    }
    h->changed = true;
    if (!h->transaction || load_relaxed(&h->journal->error))
        return;
    verify(jb);
    s = slot_of(jb, h->transaction->tid);
    verify(s->in == h->transaction);
    s->dirty = true;
}

/* Freeing */

static void forget_locked(struct transaction *t, struct journal_buf *jb)
{
    struct journal_slot *s = slot_of(jb, t->tid);

    if (s->in && !s->forgotten)
        t->reserved--;
    if (!s->in)
        list_insert_tail(&t->members, &s->link);
    s->in = t;
    s->dirty = false;
    s->forgotten = true;
}

// Log blocks beyond those that are kept for revokes are reserved as for members.
static int revoke_locked(struct handle *h, u64 block, u64 count)
{
    struct journal *j = h->journal;
    struct transaction *t = h->transaction;
    u64 blocks;

    if (load_relaxed(&j->error) || !t)
        return -EROFS;
    blocks = DIV_ROUND_UP(t->revoked.total + count, jbd_revokes_per_block(&j->log));
    blocks -= MIN(blocks, (u64)j->revoke_blocks + t->revoke_more);
    if (blocks > j->max || (blocks && journal_extend_locked(h, blocks)))
        return -ENOSPC;
    h->credits -= blocks;
    t->revoke_more += blocks;
    return ranges_add(&t->revoked, block, block + count);
}

int journal_revoke(struct handle *h, struct buf_cache *c, u64 block, u64 count)
{
    struct journal *j = h->journal;
    int err;

    if (!j) {
        buf_forget(c, block, count);
        return 0;
    }
    err = spin_read(&j->lock, revoke_locked(h, block, count));
    for (u64 i = 0; !err && i < count; i++) {
        struct buf *b = buf_find(c, block + i);

        if (!b)
            continue;
        spin_lock(&j->lock);
        if (b->journal)
            forget_locked(h->transaction, b->journal);
        spin_unlock(&j->lock);
        buf_put(b);
    }
    return err;
}

/* After an abort */

// What the buffer has may never have been committed: it goes back to what the device has.
static void reread(struct buf *b)
{
    struct buf_cache *c = b->cache;

    buf_clear_flags(b, BUF_DIRTY | BUF_CHECKED);
    buf_lock(b);
    block_transfer(c->device, BLOCK_READ, b->block << (c->block_shift - SECTOR_SHIFT), b->data,
                   c->block_size);
    buf_unlock(b);
}

static void forget_record(struct journal *j, struct journal_buf *jb)
{
    struct buf *b = jb->buf;

    buf_ref(b);
    reread(b);
    spin_lock(&j->lock);
    for (int i = 0; i < 2; i++) {
        list_remove(&jb->slot[i].link);
        jb->slot[i].in = NULL;
        kfree(jb->slot[i].frozen);
    }
    journal_buf_uncheckpoint(jb);
    journal_buf_release(j, jb);
    spin_unlock(&j->lock);
    buf_put(b);
}

static void forget_members(struct journal *j, struct transaction *t)
{
    struct journal_slot *s;

    if (!t)
        return;
    while ((s = list_first(&t->members, struct journal_slot, link)))
        forget_record(j, s->jb);
    transaction_destroy(t);
}

void journal_forget_all(struct journal *j)
{
    struct transaction *t;

    forget_members(j, j->running);
    forget_members(j, j->committing);
    j->running = j->committing = NULL;
    while ((t = list_first(&j->checkpoints, struct transaction, link)))
        forget_record(j, list_first(&t->unwritten, struct journal_buf, checkpoint_link));
}
