// SPDX-License-Identifier: MIT
// A mounted ext4: damage and what it leads to, the superblock, statfs, sync, unmount.
//
// The superblock's buffer is journaled like any block. The counts in it are those of the last
// unmount: in between only the groups' are kept.
#include "fs/ext4/super.h"
#include "base/log.h"
#include "lib/string.h"
#include "mm/slab.h"

/* Damage */

int ext4_check_writable(struct ext4 *fs)
{
    return load_relaxed(&fs->read_only) ? -EROFS : 0;
}

int ext4_operate(struct ext4 *fs, u32 credits, int (*op)(struct handle *h, void *arg), void *arg)
{
    struct handle *h;
    int err = ext4_check_writable(fs) ?: journal_begin(fs->journal, credits, &h);

    // Who makes it read-only waits for handles, but not for those that are about to begin.
    return err ? err : journal_finish(h, ext4_check_writable(fs) ?: op(h, arg));
}

bool ext4_is_journal_data(const struct inode *i)
{
    const struct ext4 *fs = i->sb->private;

    return fs->journal && S_ISREG(i->mode) &&
           (fs->data_mode == EXT4_DATA_JOURNAL ||
            ((const struct ext4_inode *)i)->flags & EXT4_JOURNAL_DATA_FL);
}

void ext4_stop_writing(struct ext4 *fs, int error)
{
    store_relaxed(&fs->read_only, true);
    atomic_fetch_or(&fs->sb->flags, MS_RDONLY);
    if (fs->journal)
        journal_abort(fs->journal, error);
}

// An error of the device: acts on errors=. Any context.
static void act_on(struct ext4 *fs, int error)
{
    if (fs->errors == EXT4_ERRORS_PANIC)
        panic_line("ext4 (%s): error %d, and it was mounted with errors=panic", fs->name, -error);
    if (fs->errors == EXT4_ERRORS_RO && !load_relaxed(&fs->read_only)) {
        log_info("ext4 (%s): read-only from now on", fs->name);
        ext4_stop_writing(fs, error);
    }
}

int ext4_corrupt(struct ext4 *fs, ino_t ino, u64 block, const char *what)
{
    log_info("ext4 (%s): damaged: %s (inode %lu, block %lu)", fs->name, what, ino, block);
    atomic_fetch_add(&fs->error_count, 1);
    store_relaxed(&fs->error_ino, ino);
    store_relaxed(&fs->error_block, block);
    act_on(fs, -EUCLEAN);
    return -EUCLEAN;
}

/* The superblock */

static void count_set(u32 *lo, u32 *hi, u64 n)
{
    *lo = n;
    *hi = n >> 32;
}

static void errors_note(struct ext4 *fs, struct ext4_super *s)
{
    u32 n = atomic_xchg(&fs->error_count, 0), now = clock_realtime() / NS_PER_SEC;

    if (!n)
        return;
    s->s_state |= EXT4_STATE_ERROR;
    if (!s->s_error_count) {
        s->s_first_error_time = now;
        s->s_first_error_ino = fs->error_ino;
        s->s_first_error_block = fs->error_block;
    }
    s->s_error_count += n;
    s->s_last_error_time = now;
    s->s_last_error_ino = fs->error_ino;
    s->s_last_error_block = fs->error_block;
}

int ext4_super_change(struct handle *h, struct ext4 *fs)
{
    assert(mutex_held(&fs->super_lock));
    return journal_get_write(h, fs->super_buf);
}

void ext4_super_dirty(struct handle *h, struct ext4 *fs)
{
    buf_lock(fs->super_buf);
    errors_note(fs, fs->super);
    ext4_super_seal(fs);
    buf_unlock(fs->super_buf);
    journal_dirty(h, fs->super_buf);
}

// As the bitmaps have it: also what is in flight or not yet durably free.
static u64 free_on_disk(struct ext4 *fs)
{
    return spin_read(&fs->ranges_lock, fs->free_blocks + fs->in_flight.total + fs->freed[0].total +
                                           fs->freed[1].total);
}

int ext4_super_write(struct ext4 *fs)
{
    struct ext4_super *s = fs->super;

    buf_lock(fs->super_buf);
    s->s_wtime = clock_realtime() / NS_PER_SEC;
    s->s_wtime_hi = clock_realtime() / NS_PER_SEC >> 32;
    count_set(&s->s_free_blocks_count_lo, &s->s_free_blocks_count_hi, free_on_disk(fs));
    s->s_free_inodes_count = load_relaxed(&fs->free_inodes);
    errors_note(fs, s);
    ext4_super_seal(fs);
    buf_unlock(fs->super_buf);
    return buf_write(fs->super_buf, BLOCK_PREFLUSH | BLOCK_FUA);
}

/* Operations */

static int ext4_statfs(struct superblock *sb, struct statfs64 *out)
{
    struct ext4 *fs = sb->private;
    u64 reserved = load_relaxed(&fs->reserved_blocks), kept = fs->root_blocks + fs->slack_blocks;
    u64 free = free_on_disk(fs);

    out->f_blocks = fs->block_count - fs->overhead_blocks;
    out->f_bfree = free - MIN(reserved, free);
    out->f_bavail = out->f_bfree - MIN(kept, out->f_bfree);
    out->f_files = fs->inode_count;
    out->f_ffree = load_relaxed(&fs->free_inodes);
    for (unsigned n = 0; n < 2; n++) { // the two halves of the UUID, folded
        u32 a, b;

        memcpy(&a, fs->super->s_uuid + 4 * n, sizeof(a));
        memcpy(&b, fs->super->s_uuid + 4 * n + 8, sizeof(b));
        out->f_fsid[n] = a ^ b;
    }
    return 0;
}

int ext4_sync_all(struct ext4 *fs)
{
    int err = inodes_sync(fs->sb), log;

    log = fs->journal ? journal_sync(fs->journal) : buf_cache_sync(fs->cache);
    return err ? err : log;
}

static int ext4_sync(struct superblock *sb)
{
    struct ext4 *fs = sb->private;

    if (sb->flags & MS_RDONLY)
        return fs->journal ? journal_error(fs->journal) : 0;
    return ext4_sync_all(fs);
}

static void ext4_unmount(struct superblock *sb)
{
    struct ext4 *fs = sb->private;

    if (fs)
        ext4_close(fs);
}

const struct superblock_ops ext4_super_ops = {
    .evict = ext4_inode_evict,
    .dirty = ext4_inode_dirty,
    .remount = ext4_remount,
    .statfs = ext4_statfs,
    .sync = ext4_sync,
    .unmount = ext4_unmount,
};
