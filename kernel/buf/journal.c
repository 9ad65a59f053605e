// SPDX-License-Identifier: MIT
// A journal's life: opened at mount, failed, waited for, closed. docs/journal.md is the whole.
#include "abi/errno.h"
#include "base/log.h"
#include "base/panic.h"
#include "buf/journal_private.h"
#include "lib/string.h"
#include "mm/slab.h"

#define INTERVAL (5 * NS_PER_SEC)

/* Where the log is */

// The array grows when it has a power of two of runs, or none.
static int run_add(struct journal *j, const struct log_run *run)
{
    u32 n = j->run_count;
    struct log_run *last = n ? &j->runs[n - 1] : NULL, *more;

    if (last && last->device_block + last->count == run->device_block) {
        last->count += run->count;
        return 0;
    }
    if (!(n & (n - 1))) {
        more = kmalloc(2 * MAX(n, 1U) * sizeof(*more), 0);
        if (!more)
            return -ENOMEM;
        if (n)
            memcpy(more, j->runs, n * sizeof(*more));
        kfree(j->runs);
        j->runs = more;
    }
    j->runs[j->run_count++] = *run;
    return 0;
}

static int map_runs(struct journal *j)
{
    u32 all = j->config.log_blocks;
    u64 blocks = buf_cache_blocks(j->cache);
    struct log_run run = {0};
    int err = all ? 0 : -EUCLEAN;

    for (; !err && run.log_block < all; run.log_block += run.count) {
        run.count = all - run.log_block;
        err = j->config.map(j->config.owner, run.log_block, &run.device_block, &run.count);
        if (!err &&
            (!run.count || run.device_block >= blocks || run.count > blocks - run.device_block))
            err = -EUCLEAN;
        if (!err)
            err = run_add(j, &run);
    }
    return err;
}

static u64 device_block(const struct journal *j, u32 log_block)
{
    u32 low = 0, high = j->run_count;

    while (high - low > 1) {
        u32 middle = (low + high) / 2;

        if (j->runs[middle].log_block <= log_block)
            low = middle;
        else
            high = middle;
    }
    return j->runs[low].device_block + (log_block - j->runs[low].log_block);
}

u64 journal_sector(struct journal *j, u32 log_block)
{
    return device_block(j, log_block) << (j->cache->block_shift - SECTOR_SHIFT);
}

/* The superblock */

int journal_write_super(struct journal *j, u32 start, u32 sequence)
{
    struct jbd_super *s = (void *)j->super->data;
    int err;

    assert(mutex_held(&j->super_lock));
    buf_lock(j->super);
    s->start = be32_of(start);
    s->sequence = be32_of(sequence);
    s->error = be32_of(j->log.error);
    jbd_super_seal(s);
    buf_unlock(j->super);
    err = buf_write(j->super, BLOCK_FUA);
    if (!err)
        j->log.start = start;
    return err;
}

// The log is empty and j->next_tid comes next; from now on it has the features we want.
static int super_begin(struct journal *j)
{
    struct jbd_super *s = (void *)j->super->data;
    int err;

    mutex_lock(&j->super_lock);
    jbd_super_set_features(s, j->log.wide || buf_cache_blocks(j->cache) >> 32, j->config.checksums);
    err = journal_write_super(j, 0, j->next_tid);
    mutex_unlock(&j->super_lock);
    return err ? err : jbd_super_decode(s, j->log.block_size, j->config.log_blocks, &j->log);
}

static int super_read(struct journal *j, struct journal_recovery *recovery)
{
    int err = buf_cache_sync(j->cache);

    if (!err)
        err = buf_read(j->cache, device_block(j, 0), &j->super);
    if (!err)
        err = jbd_super_decode(j->super->data, j->cache->block_size, j->config.log_blocks, &j->log);
    if (!err)
        recovery->error = j->log.error;
    return err;
}

/* Opening */

static struct journal *journal_create(const struct journal_config *config)
{
    struct journal *j = kmalloc(sizeof(*j), ALLOC_ZERO);

    if (!j)
        return NULL;
    j->config = *config;
    j->cache = config->cache;
    j->interval = INTERVAL;
    j->head_block = kmalloc(j->cache->block_size, 0);
    j->escape_block = kmalloc(j->cache->block_size, 0);
    spin_init(&j->lock, RANK_JOURNAL);
    mutex_init(&j->super_lock, RANK_NONE);
    mutex_init(&j->checkpoint_lock, RANK_NONE);
    list_init(&j->checkpoints);
    wait_queue_init(&j->begin_wait);
    wait_queue_init(&j->io_wait);
    wait_queue_init(&j->done_wait);
    wait_queue_init(&j->commit_wait);
    wait_queue_init(&j->checkpoint_wait);
    completion_init(&j->commit_gone);
    completion_init(&j->checkpoint_gone);
    return j;
}

static void journal_destroy(struct journal *j)
{
    buf_put(j->super);
    kfree(j->runs);
    kfree(j->head_block);
    kfree(j->escape_block);
    kfree(j);
}

static void log_begin(struct journal *j)
{
    j->ring = j->log.end - j->log.first;
    j->free = j->ring;
    j->head = j->tail = j->log.first;
    j->max = j->ring / 4;
    j->revoke_blocks = j->ring / 16;
    j->revokes = j->revoke_blocks * jbd_revokes_per_block(&j->log);
    j->durable = j->requested = j->next_tid - 1;
}

static int threads_create(struct journal *j)
{
    struct thread *commit, *checkpoint;
    int err = thread_create(&commit, "journal", journal_commit_main, j);

    if (err)
        return err;
    err = thread_create(&checkpoint, "checkpoint", journal_checkpoint_main, j);
    if (err) {
        thread_destroy(commit);
        return err;
    }
    commit->cred = checkpoint->cred = &cred_root;
    thread_start(commit);
    thread_start(checkpoint);
    return 0;
}

static int journal_read(struct journal *j, bool read_only, struct journal_recovery *recovery)
{
    int err = j->head_block && j->escape_block ? map_runs(j) : -ENOMEM;

    if (!err)
        err = super_read(j, recovery);
    if (!err)
        err = journal_recover(j, read_only, recovery);
    return err;
}

int journal_open(const struct journal_config *config, bool read_only,
                 struct journal_recovery *recovery, struct journal **out)
{
    struct journal *j = journal_create(config);
    int err = j ? 0 : -ENOMEM;

    *recovery = (struct journal_recovery){0};
    *out = NULL;
    if (!err)
        err = journal_read(j, read_only, recovery);
    if (!err && !read_only)
        err = super_begin(j);
    if (!err && !read_only) {
        log_begin(j);
        err = threads_create(j);
    }
    if (!err && !read_only)
        *out = j;
    else if (j)
        journal_destroy(j);
    return err;
}

/* Failing */

bool journal_abort(struct journal *j, int error)
{
    bool first = atomic_cas(&j->error, 0, error);

    // Who is about to wait for something that will not come any more.
    wake_all(&j->begin_wait);
    wake_all(&j->done_wait);
    return first;
}

void journal_fail(struct journal *j, int error)
{
    if (!journal_abort(j, error))
        return;
    log_info("%s: the journal failed (error %d): nothing is written any more",
             j->cache->device->name, -error);
    if (j->config.failed)
        j->config.failed(j->config.owner, error);
}

int journal_error(struct journal *j)
{
    return j ? load_relaxed(&j->error) : 0;
}

/* Waiting */

// Whether the transaction exists and is not durable; if it runs, its commit is asked for.
static bool commit_pending(struct journal *j, u32 tid)
{
    bool running, committing;

    spin_lock(&j->lock);
    running = j->running && j->running->tid == tid;
    committing = j->committing && j->committing->tid == tid && jbd_after(tid, j->durable);
    if (running && jbd_after(tid, j->requested)) {
        j->requested = tid;
        wake_all(&j->commit_wait);
    }
    spin_unlock(&j->lock);
    return running || committing;
}

int journal_commit_wait(struct journal *j, u32 tid)
{
    if (!j)
        return 0;
    wait_event(&j->done_wait, !commit_pending(j, tid) || load_relaxed(&j->error),
               WAIT_UNINTERRUPTIBLE, NS_NEVER);
    return journal_is_durable(j, tid) || !journal_error(j) ? 0 : -EIO;
}

int journal_commit_wait_end(struct journal *j, u32 tid)
{
    int err = journal_commit_wait(j, tid);

    if (!err)
        wait_event(&j->begin_wait, spin_read(&j->lock, !j->committing || j->committing->tid != tid),
                   WAIT_UNINTERRUPTIBLE, NS_NEVER);
    return err;
}

bool journal_will_flush(struct journal *j, u32 tid)
{
    return j && spin_read(&j->lock, (j->running && j->running->tid == tid) ||
                                        (j->committing && j->committing->tid == tid &&
                                         !j->committing->flushed));
}

bool journal_is_durable(struct journal *j, u32 tid)
{
    return !j || spin_read(&j->lock, !jbd_after(tid, j->durable));
}

u32 journal_newest_tid(struct journal *j)
{
    return j ? spin_read(&j->lock, j->running ? j->running->tid : j->next_tid - 1) : 0;
}

int journal_sync(struct journal *j)
{
    u32 tid = journal_newest_tid(j);
    bool flush = !journal_will_flush(j, tid);
    int err = journal_commit_wait(j, tid);

    return err || !j || !flush ? err : block_flush(j->cache->device);
}

// Marks the log empty on the device if it is; false: something was begun meanwhile. No block is in
// use only when those in place are durable.
static bool mark_empty(struct journal *j, int *err)
{
    bool empty;
    u32 tid;

    mutex_lock(&j->super_lock);
    spin_lock(&j->lock);
    empty = !j->running && !j->committing && j->free == j->ring;
    tid = j->next_tid;
    spin_unlock(&j->lock);
    if (empty && (j->log.start || j->log.error)) {
        j->log.error = 0; // by now the file system has it on disk too
        *err = journal_write_super(j, 0, tid);
    }
    mutex_unlock(&j->super_lock);
    return empty;
}

// The next mount, of whatever kernel, is told that the log ended by an error.
static void mark_failed(struct journal *j, int error)
{
    const struct jbd_super *s = (void *)j->super->data;

    mutex_lock(&j->super_lock);
    j->log.error = error;
    journal_write_super(j, be32_get(s->start), be32_get(s->sequence));
    mutex_unlock(&j->super_lock);
}

int journal_flush(struct journal *j)
{
    int err = 0;

    if (!j)
        return 0;
    do {
        err = journal_error(j) ?: journal_commit_wait_end(j, journal_newest_tid(j));
        err = err ?: journal_checkpoint(j, true);
    } while (!err && !mark_empty(j, &err));
    if (err)
        journal_fail(j, err);
    return err;
}

void journal_set_interval(struct journal *j, ns_t interval)
{
    if (!j)
        return;
    store_relaxed(&j->interval, interval);
    wake_all(&j->commit_wait);
}

int journal_close(struct journal *j)
{
    int err = journal_flush(j);

    if (!j)
        return 0;
    store_release(&j->stopping, true);
    wake_all(&j->commit_wait);
    wake_all(&j->checkpoint_wait);
    completion_wait(&j->commit_gone, WAIT_UNINTERRUPTIBLE);
    completion_wait(&j->checkpoint_gone, WAIT_UNINTERRUPTIBLE);
    if (err) {
        mark_failed(j, err);
        journal_forget_all(j);
    }
    assert(!j->records && !j->running && !j->committing);
    journal_destroy(j);
    return err;
}

/* Checking */

static void check_transaction(struct journal *j, struct transaction *t)
{
    struct journal_slot *s;
    u32 members = 0;

    LIST_FOR_EACH (s, &t->members, link) {
        verify(s->in == t && s == slot_of(s->jb, t->tid));
        verify(s->jb->buf->journal == s->jb && s->jb->buf->flags & BUF_JOURNAL);
        members += !s->forgotten;
    }
    verify(members <= t->reserved && (t == j->committing || t->reserved <= j->max));
}

void journal_check(struct journal *j)
{
    struct transaction *t;
    struct journal_buf *jb;

    if (!j)
        return;
    spin_lock(&j->lock);
    if (j->running)
        check_transaction(j, j->running);
    LIST_FOR_EACH (t, &j->checkpoints, link) {
        verify(!list_empty(&t->unwritten));
        LIST_FOR_EACH (jb, &t->unwritten, checkpoint_link)
            verify(jb->checkpoint == t && jb->buf->journal == jb && !jbd_after(t->tid, j->durable));
    }
    verify((j->head + j->ring - j->tail) % j->ring == (j->ring - j->free) % j->ring);
    verify(!j->running || journal_has_room(j, j->running, 0));
    spin_unlock(&j->lock);
}
