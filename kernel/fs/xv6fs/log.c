// SPDX-License-Identifier: MIT
// The log: operations, the transaction they make, and its way to the disk.
//
// A block that several operations change is in the transaction, and written, once (absorption).
// Who waits for a commit finds his operation committed with all others that ended before (group
// commit). A transaction is committed when the next operation may not fit, on sync, and when it is
// five seconds old. commit() does:
//
//     1. the blocks are copied into the log                       write
//     2. the header says how many, and where they belong          flush, write, flush
//     3. the blocks are written in place                          write
//     4. the header says 0                                        flush, write, flush
//
// A crash before 2 is done loses the transaction as a whole; one after 2 leaves it to be replayed.
// Blocks are not written in place meanwhile by anyone else: they are BUF_JOURNAL. Since operations
// wait for a commit, the blocks are the same in 1 and in 3.
//
// Rejected: operations at the same time, as xv6 has them. A failed one could not be undone by
// putting back what its blocks held, for another may have changed them too.
#include "base/log.h"
#include "base/panic.h"
#include "fs/xv6fs/internal.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/thread.h"

#define COMMIT_AGE (5 * NS_PER_SEC)

static struct xv6fs_log_header *header_of(struct xv6fs_log *log)
{
    return (void *)log->header->data;
}

/* Commit */

static int write_header(struct xv6fs_log *log, u32 count)
{
    struct xv6fs_log_header *h = header_of(log);

    for (u32 i = 0; i < count; i++)
        h->block[i] = log->home[i]->block;
    h->count = count;
    return buf_write(log->header, BLOCK_PREFLUSH | BLOCK_FUA);
}

static int write_all(struct xv6fs_log *log)
{
    int err;

    for (u32 i = 0; i < log->count; i++)
        memcpy(log->copies[i]->data, log->home[i]->data, XV6FS_BLOCK);
    err = buf_write_many(log->copies, log->count, 0);
    err = err ? err : write_header(log, log->count);
    err = err ? err : buf_write_many(log->home, log->count, 0);
    return err ? err : write_header(log, 0);
}

static void release(struct xv6fs_log *log)
{
    for (; log->count; log->count--) {
        struct buf *b = log->home[log->count - 1];

        buf_clear_flags(b, BUF_JOURNAL);
        buf_put(b);
    }
}

// The log's lock is held. After an error everything stays as it is in memory, for reading.
static int commit(struct xv6fs *fs)
{
    struct xv6fs_log *log = &fs->log;
    int err = load_relaxed(&log->error);

    if (err || !log->count)
        return err;
    err = write_all(log);
    if (!err) {
        release(log);
        return 0;
    }
    log_info("xv6fs (%s): error %d in writing the log: no more changes", fs->device->name, -err);
    store_relaxed(&log->error, err);
    return err;
}

int xv6fs_commit(struct xv6fs *fs)
{
    int err;

    mutex_lock(&fs->log.lock);
    err = commit(fs);
    mutex_unlock(&fs->log.lock);
    return err;
}

static void commit_thread(void *arg)
{
    struct xv6fs *fs = arg;
    struct xv6fs_log *log = &fs->log;

    for (;;) {
        wait_event(&log->wait,
                   load_acquire(&log->stop) ||
                       (load_relaxed(&log->count) && !load_relaxed(&log->error)),
                   WAIT_UNINTERRUPTIBLE, NS_NEVER);
        wait_event(&log->wait, load_acquire(&log->stop), WAIT_UNINTERRUPTIBLE,
                   clock_monotonic() + COMMIT_AGE);
        if (load_acquire(&log->stop))
            break;
        xv6fs_commit(fs);
    }
    complete_all(&log->gone);
    thread_exit();
}

/* Operations */

int xv6fs_op_begin(struct xv6fs *fs)
{
    struct xv6fs_log *log = &fs->log;
    int err;

    mutex_lock(&log->lock);
    err = load_relaxed(&log->error) ? -EROFS : 0;
    if (!err && log->count + XV6FS_OP_BLOCKS > log->room)
        err = commit(fs);
    if (err) {
        mutex_unlock(&log->lock);
        return err;
    }
    log->changed = 0;
    log->free_before = fs->free_blocks;
    log->hint_before = fs->block_hint;
    return 0;
}

static void join(struct xv6fs_log *log, struct buf *b)
{
    buf_ref(b);
    log->home[log->count] = b;
    buf_set_flags(b, BUF_JOURNAL);
    smp_mb(); // see buf/device.c
    buf_wait_not_written(b);
    store_relaxed(&log->count, log->count + 1);
    if (log->count == 1)
        wake_all(&log->wait);
}

void xv6fs_op_change(struct xv6fs *fs, struct buf *b)
{
    struct xv6fs_log *log = &fs->log;

    assert(mutex_held(&log->lock));
    for (u32 i = 0; i < log->changed; i++)
        if (log->change[i] == b)
            return;
    verify(log->changed < XV6FS_OP_BLOCKS);
    memcpy(log->before + log->changed * XV6FS_BLOCK, b->data, XV6FS_BLOCK);
    log->change[log->changed++] = b;
    if (!(load_relaxed(&b->flags) & BUF_JOURNAL))
        join(log, b);
}

u32 xv6fs_op_room(const struct xv6fs *fs)
{
    return XV6FS_OP_BLOCKS - fs->log.changed;
}

// Nobody is on his way through a block of a map while it goes back to what it was.
static void undo(struct xv6fs *fs)
{
    struct xv6fs_log *log = &fs->log;

    write_lock(&fs->map_lock);
    for (u32 i = 0; i < log->changed; i++)
        memcpy(log->change[i]->data, log->before + i * XV6FS_BLOCK, XV6FS_BLOCK);
    write_unlock(&fs->map_lock);
    store_relaxed(&fs->free_blocks, log->free_before);
    fs->block_hint = log->hint_before;
}

int xv6fs_op_end(struct xv6fs *fs, int err)
{
    if (err)
        undo(fs);
    mutex_unlock(&fs->log.lock);
    return err;
}

/* Opening */

static int replay_block(struct xv6fs *fs, u32 i)
{
    struct buf *from, *to;
    int err = buf_read(fs->cache, fs->layout.log_start + 1 + i, &from);

    if (err)
        return err;
    err = buf_read(fs->cache, header_of(&fs->log)->block[i], &to);
    if (!err) {
        memcpy(to->data, from->data, XV6FS_BLOCK);
        err = buf_write(to, 0);
        buf_put(to);
    }
    buf_put(from);
    return err;
}

static int replay(struct xv6fs *fs)
{
    u32 count = header_of(&fs->log)->count;
    int err = xv6fs_log_check(&fs->layout, header_of(&fs->log));

    if (err || !count)
        return err;
    if (fs->device->read_only)
        return -EROFS;
    for (u32 i = 0; i < count && !err; i++)
        err = replay_block(fs, i);
    err = err ? err : write_header(&fs->log, 0);
    if (!err)
        log_info("xv6fs (%s): recovered %u blocks from the log", fs->device->name, count);
    return err;
}

static int copies_read(struct xv6fs *fs)
{
    struct xv6fs_log *log = &fs->log;
    int err = 0;

    for (u32 i = 0; i < log->room && !err; i++)
        err = buf_read(fs->cache, fs->layout.log_start + 1 + i, &log->copies[i]);
    return err;
}

static int thread_begin(struct xv6fs *fs)
{
    struct thread *t;
    int err = thread_create(&t, "xv6fs", commit_thread, fs);

    if (err)
        return err;
    t->cred = &cred_root;
    fs->log.stop = false;
    thread_start(t);
    return 0;
}

int xv6fs_log_open(struct xv6fs *fs)
{
    struct xv6fs_log *log = &fs->log;
    int err;

    mutex_init(&log->lock, RANK_MAP);
    rwlock_init(&fs->map_lock, RANK_GROUP);
    wait_queue_init(&log->wait);
    completion_init(&log->gone);
    log->stop = true;
    log->room = MIN(fs->layout.log_copies, XV6FS_LOG_ROOM);
    log->home = kmalloc(log->room * sizeof(log->home[0]), 0);
    log->copies = kmalloc(log->room * sizeof(log->copies[0]), ALLOC_ZERO);
    log->before = kmalloc(XV6FS_OP_BLOCKS * XV6FS_BLOCK, 0);
    if (!log->home || !log->copies || !log->before)
        return -ENOMEM;
    err = buf_read(fs->cache, fs->layout.log_start, &log->header);
    err = err ? err : replay(fs);
    err = err ? err : copies_read(fs);
    return err ? err : thread_begin(fs);
}

// Also of a log that did not open. After an error the cache holds what the device does not.
void xv6fs_log_close(struct xv6fs *fs)
{
    struct xv6fs_log *log = &fs->log;

    if (!log->stop) {
        store_release(&log->stop, true);
        wake_all(&log->wait);
        completion_wait(&log->gone, WAIT_UNINTERRUPTIBLE);
        xv6fs_commit(fs);
    }
    release(log);
    for (u32 i = 0; log->copies && i < log->room; i++)
        buf_put(log->copies[i]);
    buf_put(log->header);
    if (load_relaxed(&log->error))
        buf_cache_forget(fs->cache);
    kfree(log->home);
    kfree(log->copies);
    kfree(log->before);
}
