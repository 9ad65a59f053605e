// SPDX-License-Identifier: MIT
// Handles: the doors of the running transaction.
//
// Who begins reserves log blocks for all that its transaction may become (invariant 5 of
// docs/journal.md), so that a commit never waits for room. What a handle did not use goes back when
// it ends. Three things hold a beginner up: a transaction that is being locked, one that is full,
// and a log without room; each obstacle is answered by whoever meets it with a request to the
// commit or the checkpoint thread.
#include "abi/errno.h"
#include "base/panic.h"
#include "buf/journal_private.h"
#include "mm/slab.h"

#define PLENTY (1U << 30) // credits without a journal

static struct handle no_journal; // all that begin without one share it

u32 journal_log_blocks(const struct journal *j, u32 blocks)
{
    return blocks + DIV_ROUND_UP(blocks, jbd_tags_per_block(&j->log)) + j->revoke_blocks + 1;
}

static bool has_many_revokes(const struct journal *j, const struct transaction *t)
{
    return load_relaxed(&t->revoked.total) > j->revokes / 2;
}

// The running transaction takes no more, whatever the log's room.
static bool is_full(const struct journal *j, const struct transaction *t, u32 credits)
{
    return t && (t->reserved + credits > j->max || has_many_revokes(j, t));
}

bool journal_has_room(const struct journal *j, const struct transaction *t, u32 credits)
{
    u32 wanted = journal_log_blocks(j, (t ? t->reserved : 0) + credits);

    return wanted + (j->committing ? j->committing->log_left : 0) <= j->free;
}

// Whether a handle with these credits can begin, or never will; else sees to it that it can, soon.
static bool may_begin(struct journal *j, u32 credits)
{
    struct transaction *t = j->running;

    if (load_relaxed(&j->error))
        return true;
    if (t && t->locked)
        return false;
    if (is_full(j, t, credits)) {
        j->requested = t->tid;
        wake_all(&j->commit_wait);
        return false;
    }
    if (journal_has_room(j, t, credits))
        return true;
    j->room_wanted = true;
    wake_all(&j->checkpoint_wait);
    return false;
}

static void transaction_start(struct journal *j, struct transaction *t)
{
    t->tid = j->next_tid++;
    t->started = clock_monotonic();
    j->running = t;
    wake_all(&j->commit_wait); // sleeps until this one is old
}

// -EAGAIN: wait; `new` is used, and NULL then, if there is no running transaction.
static int try_begin(struct journal *j, struct handle *h, u32 credits, struct transaction **new)
{
    int err = -EAGAIN;

    spin_lock(&j->lock);
    if (load_relaxed(&j->error)) {
        err = -EROFS;
    } else if (may_begin(j, credits) && (j->running || *new)) {
        if (!j->running) {
            transaction_start(j, *new);
            *new = NULL;
        }
        h->transaction = j->running;
        h->transaction->updates++;
        h->transaction->reserved += credits;
        h->credits = credits;
        err = 0;
    }
    spin_unlock(&j->lock);
    return err;
}

static int handle_enter(struct handle *h, u32 credits)
{
    struct journal *j = h->journal;
    struct transaction *new = NULL;
    int err = credits > j->max ? -ENOSPC : try_begin(j, h, credits, &new);

    while (err == -EAGAIN) {
        wait_event(&j->begin_wait, spin_read(&j->lock, may_begin(j, credits)), WAIT_UNINTERRUPTIBLE,
                   NS_NEVER);
        err = 0;
        if (!new && !load_relaxed(&j->running) && !(new = transaction_create()))
            err = -ENOMEM;
        if (!err)
            err = try_begin(j, h, credits, &new);
    }
    if (new)
        transaction_destroy(new);
    return err;
}

static void handle_leave(struct handle *h)
{
    struct journal *j = h->journal;
    struct transaction *t = h->transaction;
    bool last;

    if (!t)
        return;
    spin_lock(&j->lock);
    t->reserved -= h->credits;
    last = --t->updates == 0 && t->locked;
    spin_unlock(&j->lock);
    h->transaction = NULL;
    h->credits = 0;
    h->changed = false;
    if (last)
        wake_all(&j->commit_wait);
}

static struct handle *handle_find(struct journal *j)
{
    struct handle *h = thread_self()->journal;

    while (h && h->journal != j)
        h = h->outer;
    return h;
}

static int handle_nest(struct handle *h, u32 credits)
{
    int err = h->transaction ? 0 : -EROFS;

    if (!err && h->credits < credits)
        err = journal_extend(h, credits - h->credits);
    if (!err)
        h->depth++;
    return err;
}

int journal_begin(struct journal *j, u32 credits, struct handle **out)
{
    struct handle *h = j ? handle_find(j) : &no_journal;
    int err;

    *out = h;
    if (!j)
        return 0;
    if (h)
        return handle_nest(h, credits);
    h = kmalloc(sizeof(*h), 0);
    if (!h)
        return -ENOMEM;
    *h = (struct handle){.journal = j, .outer = thread_self()->journal, .depth = 1};
    err = handle_enter(h, credits);
    if (err) {
        kfree(h);
        return err;
    }
    thread_self()->journal = h;
    *out = h;
    return 0;
}

int journal_extend_locked(struct handle *h, u32 credits)
{
    struct journal *j = h->journal;
    struct transaction *t = h->transaction;

    if (t->reserved + credits > j->max || !journal_has_room(j, t, credits))
        return -ENOSPC;
    t->reserved += credits;
    h->credits += credits;
    return 0;
}

int journal_extend(struct handle *h, u32 credits)
{
    if (!h->journal)
        return 0;
    if (!h->transaction)
        return -EROFS;
    return spin_read(&h->journal->lock, journal_extend_locked(h, credits));
}

int journal_restart(struct handle *h, u32 credits)
{
    if (!h->journal)
        return 0;
    handle_leave(h);
    return handle_enter(h, credits);
}

u32 journal_credits(const struct handle *h)
{
    if (!h->journal)
        return PLENTY;
    return h->transaction && has_many_revokes(h->journal, h->transaction) ? 0 : h->credits;
}

u32 journal_handle_tid(const struct handle *h)
{
    return h->transaction ? h->transaction->tid : 0;
}

int journal_end(struct handle *h)
{
    struct journal *j = h->journal;

    if (j && --h->depth == 0) {
        assert(thread_self()->journal == h);
        handle_leave(h);
        thread_self()->journal = h->outer;
        kfree(h);
    }
    return j && load_relaxed(&j->error) ? -EIO : 0;
}

int journal_finish(struct handle *h, int err)
{
    int end;

    if (h->journal && h->changed && (err == -EIO || err == -ENOMEM))
        journal_fail(h->journal, err);
    end = journal_end(h);
    return err ? err : end;
}

void journal_undone(struct handle *h)
{
    h->changed = false;
}
