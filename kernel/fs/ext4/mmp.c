// SPDX-License-Identifier: MIT
// Multiple mount protection: a block that says which machine is writing, on a device that several
// can reach.
//
// Who mounts to write waits until the number in the block has not changed for longer than another
// would leave it, puts a number of its own there, and looks once more. Then it counts up, every few
// seconds, and looks whether the number is still its own. The block is read and written on the
// device itself, past the cache.
#include "base/log.h"
#include "base/random.h"
#include "fs/ext4/super.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/thread.h"

#define INTERVAL_MIN     5UL // seconds
#define INTERVAL_DEFAULT 5UL
#define INTERVAL_MAX     300UL

struct ext4_mmp_watch {
    struct ext4 *fs;         // (c)
    struct ext4_mmp *block;  // (the watching thread's, once it runs) what is on disk
    struct ext4_mmp *seen;   // (same) what was there when it was last looked at
    u64 number;              // (c) of the block
    u64 interval;            // (c) seconds between two changes
    bool stop, lost;         // (a)
    struct wait_queue wait;  // for stop
    struct completion ended; // the thread's
};

static int transfer(struct ext4_mmp_watch *w, enum block_op op, void *data)
{
    struct ext4 *fs = w->fs;
    u64 sector = w->number << (fs->block_shift - SECTOR_SHIFT);
    int err = block_transfer(fs->device, op, sector, data, fs->block_size);

    return err || op == BLOCK_READ ? err : block_flush(fs->device);
}

static int block_read(struct ext4_mmp_watch *w, struct ext4_mmp *m)
{
    int err = transfer(w, BLOCK_READ, m);

    if (!err && !ext4_mmp_verify(w->fs, m))
        err = ext4_corrupt(w->fs, 0, w->number, "multiple mount protection");
    return err;
}

static int block_write(struct ext4_mmp_watch *w, u32 sequence)
{
    struct ext4_mmp *m = w->block;
    u32 balance = ext4_mmp_balance(w->fs, m);

    m->mmp_seq = sequence;
    m->mmp_time = clock_realtime() / NS_PER_SEC;
    m->mmp_check_interval = MIN(MAX(2 * w->interval, INTERVAL_MIN), INTERVAL_MAX);
    snformat(m->mmp_nodename, sizeof(m->mmp_nodename), "rivulet");
    snformat(m->mmp_bdevname, sizeof(m->mmp_bdevname), "%s", w->fs->name);
    ext4_mmp_seal(w->fs, m, balance);
    return transfer(w, BLOCK_WRITE, m);
}

// Whether the block still has the number that it had when it was last read or written here.
static int unchanged(struct ext4_mmp_watch *w)
{
    struct ext4_mmp *now = w->seen;
    int err = block_read(w, now);

    if (!err && now->mmp_seq != w->block->mmp_seq) {
        log_info("ext4 (%s): in use by %.64s, on its %.32s", w->fs->name, now->mmp_nodename,
                 now->mmp_bdevname);
        err = -EBUSY;
    }
    return err;
}

static void rest(struct ext4_mmp_watch *w, u64 seconds)
{
    wait_event(&w->wait, load_acquire(&w->stop), WAIT_UNINTERRUPTIBLE,
               clock_monotonic() + seconds * NS_PER_SEC);
}

/* Watching */

static void watch_main(void *arg)
{
    struct ext4_mmp_watch *w = arg;
    int err = 0;

    for (;;) {
        rest(w, w->interval);
        if (load_acquire(&w->stop))
            break;
        err = unchanged(w);
        if (!err)
            err = block_write(w, w->block->mmp_seq % EXT4_MMP_SEQ_MAX + 1);
        if (err) {
            log_info("ext4 (%s): multiple mount protection: error %d", w->fs->name, -err);
            store_relaxed(&w->lost, true);
            ext4_stop_writing(w->fs, err);
            break;
        }
    }
    if (!err)
        block_write(w, EXT4_MMP_SEQ_CLEAN);
    complete_all(&w->ended);
}

bool ext4_mmp_lost(const struct ext4 *fs)
{
    return fs->mmp && load_relaxed(&fs->mmp->lost);
}

static void watch_free(struct ext4_mmp_watch *w)
{
    kfree(w->block);
    kfree(w->seen);
    kfree(w);
}

void ext4_mmp_stop(struct ext4 *fs)
{
    struct ext4_mmp_watch *w = fs->mmp;

    if (!w)
        return;
    store_release(&w->stop, true);
    wake_all(&w->wait);
    completion_wait(&w->ended, WAIT_UNINTERRUPTIBLE);
    fs->mmp = NULL;
    watch_free(w);
}

/* Beginning */

// Nobody else writes, or did when it crashed.
static int take_over(struct ext4_mmp_watch *w)
{
    u64 check = MAX(MAX(2 * w->interval, INTERVAL_MIN), (u64)w->block->mmp_check_interval);
    u64 patience = 0;
    u32 mine;
    int err;

    check = MIN(check, INTERVAL_MAX);
    if (w->block->mmp_seq == EXT4_MMP_SEQ_FSCK) {
        log_info("ext4 (%s): e2fsck is running on it", w->fs->name);
        return -EBUSY;
    }
    if (w->block->mmp_seq != EXT4_MMP_SEQ_CLEAN) {
        patience = MIN(2 * check + 1, check + 60);
        log_info("ext4 (%s): waiting %lu seconds whether it is in use", w->fs->name, patience);
        rest(w, patience);
        err = unchanged(w);
        if (err)
            return err;
    }
    random_bytes(&mine, sizeof(mine));
    err = block_write(w, mine % EXT4_MMP_SEQ_MAX + 1);
    if (err)
        return err;
    rest(w, patience);
    return unchanged(w);
}

static int watch_start(struct ext4_mmp_watch *w)
{
    struct thread *t;
    int err = ext4_blocks_valid(w->fs, w->number, 1)
                  ? block_read(w, w->block)
                  : ext4_corrupt(w->fs, 0, w->number, "multiple mount protection");

    if (!err)
        err = take_over(w);
    if (!err)
        err = thread_create(&t, "mmp", watch_main, w);
    if (!err)
        thread_start(t);
    return err;
}

int ext4_mmp_start(struct ext4 *fs)
{
    struct ext4_mmp_watch *w;
    int err = -ENOMEM;

    if (!EXT4_HAS_INCOMPAT(fs, MMP) || fs->mmp)
        return 0;
    w = kmalloc(sizeof(*w), ALLOC_ZERO);
    if (w) {
        w->fs = fs;
        w->number = fs->super->s_mmp_block;
        w->interval = MIN((u64)fs->super->s_mmp_update_interval ?: INTERVAL_DEFAULT, INTERVAL_MAX);
        w->block = kmalloc(fs->block_size, 0);
        wait_queue_init(&w->wait);
        completion_init(&w->ended);
        w->seen = kmalloc(fs->block_size, 0);
        err = w->block && w->seen ? watch_start(w) : -ENOMEM;
    }
    if (!err) {
        fs->mmp = w;
        return 0;
    }
    if (w)
        watch_free(w);
    return err;
}
