// SPDX-License-Identifier: MIT
// Mounting, remounting and unmounting ext4.
//
// What a mount does, in order: the superblock is read and checked; the device's cache takes the
// block size; descriptors are read as they are, to find the journal; the journal is replayed, which
// may change all that was read so far; so superblock and descriptors are checked again; then come
// the root, and, to write, the orphans and a superblock that says so. ext4_close undoes as much
// as was done.
#include "base/log.h"
#include "base/random.h"
#include "fs/ext4/super.h"
#include "lib/crc32.h"
#include "lib/string.h"
#include "mm/slab.h"

static struct mutex mount_lock = {.queue = WAIT_QUEUE_INIT(mount_lock.queue)};
static struct list mounted = LIST_INIT(mounted);                     // (mount_lock) of ext4.link
static struct wait_queue closed_wait = WAIT_QUEUE_INIT(closed_wait); // one left `mounted`

/* Superblock */

static struct ext4_super *super_in(struct ext4 *fs, struct buf *b)
{
    return (struct ext4_super *)(b->data + (EXT4_SUPER_AT & (fs->block_size - 1)));
}

// Checks it where it lies, before the block size is known.
static int super_probe(struct ext4 *fs, const char *type)
{
    struct frame *f;
    int err = vm_object_page(&fs->cache->object, 0, &f);

    if (err)
        return err;
    err = ext4_super_load(fs, frame_address(f) + EXT4_SUPER_AT, type);
    frame_put(f);
    return err;
}

static int super_read(struct ext4 *fs, const char *type)
{
    int err = fs->device->sectors < 8 ? -EINVAL : super_probe(fs, type);

    if (!err)
        err = buf_cache_set_block_size(fs->cache, fs->block_size);
    if (!err)
        err = buf_read(fs->cache, fs->super_block, &fs->super_buf);
    if (!err)
        fs->super = super_in(fs, fs->super_buf);
    return err;
}

static int policy_choose(struct ext4 *fs, const struct ext4_options *o)
{
    u32 mode = fs->super->s_default_mount_opts & EXT4_DEFM_JMODE_WBACK;
    bool journal = EXT4_HAS_COMPAT(fs, HAS_JOURNAL) && !o->noload;

    fs->noload = o->noload;
    fs->commit_interval = o->commit_interval;
    fs->errors = o->errors >= 0 ? o->errors : fs->super->s_errors;
    fs->data_mode = mode == EXT4_DEFM_JMODE_DATA    ? EXT4_DATA_JOURNAL
                    : mode == EXT4_DEFM_JMODE_WBACK ? EXT4_DATA_WRITEBACK
                                                    : EXT4_DATA_ORDERED;
    if (!journal)
        fs->data_mode = EXT4_DATA_ORDERED;
    if (o->data_mode >= 0)
        fs->data_mode = o->data_mode;
    return fs->data_mode == EXT4_DATA_JOURNAL && !journal ? -EINVAL : 0;
}

/* Journal */

static int journal_map(void *owner, u32 log_block, u64 *device_block, u32 *count)
{
    struct inode *i = ((struct ext4 *)owner)->journal_inode;
    struct ext4_map m = {.logical = log_block, .count = *count};
    int err;

    read_lock(&ext4_i(i)->map_lock);
    err = ext4_map_find(ext4_i(i), &m);
    read_unlock(&ext4_i(i)->map_lock);
    *device_block = m.physical;
    *count = m.count;
    return !err && (m.physical == EXT4_MAP_FAIL || m.unwritten) ? -EIO : err;
}

static void config_failed(void *owner, int error)
{
    struct ext4 *fs = owner;

    atomic_fetch_add(&fs->error_count, 1);
    log_info("ext4 (%s): the journal failed: error %d; read-only from now on", fs->name, -error);
    store_relaxed(&fs->read_only, true);
    atomic_fetch_or(&fs->sb->flags, MS_RDONLY);
}

static void config_committed(void *owner, u32 tid)
{
    ext4_freed_durable(owner, tid);
}

// Who mounts or checks it next is told, if the device may be written and is surely nobody else's.
static void damage_mark(struct ext4 *fs)
{
    if (fs->device->read_only || (EXT4_HAS_INCOMPAT(fs, MMP) && !fs->mmp))
        return;
    buf_lock(fs->super_buf);
    fs->super->s_state |= EXT4_STATE_ERROR;
    ext4_super_seal(fs);
    buf_unlock(fs->super_buf);
    (void)buf_write(fs->super_buf, BLOCK_FUA);
}

// Replays it, and checks the superblock again, whatever it says of the groups now.
static int journal_start(struct ext4 *fs, const char *type)
{
    struct journal_recovery r;
    struct journal_config config = {
        .cache = fs->cache,
        .map = journal_map,
        .failed = config_failed,
        .committed = config_committed,
        .owner = fs,
        .checksums = EXT4_HAS_RO(fs, METADATA_CSUM),
    };
    int err;

    if (!fs->super->s_journal_inum) {
        log_info("ext4 (%s): not mounted: its journal is on another device", fs->name);
        return -EINVAL;
    }
    err = ext4_inode_get_special(fs->sb, fs->super->s_journal_inum, &fs->journal_inode);
    if (err)
        return err;
    config.log_blocks = fs->journal_inode->size >> fs->block_shift;
    err = journal_open(&config, fs->device->read_only, &r, &fs->journal);
    if (err) {
        log_info("ext4 (%s): not mounted: its journal: error %d", fs->name, -err);
        if (err == -EUCLEAN)
            damage_mark(fs);
        return err;
    }
    if (fs->commit_interval)
        journal_set_interval(fs->journal, fs->commit_interval);
    ext4_groups_close(fs); // there may be more of them now
    err = ext4_super_load(fs, fs->super, type);
    if (!err && fs->block_size != fs->cache->block_size)
        err = ext4_corrupt(fs, 0, fs->super_block, "size of blocks in the log");
    if (!err)
        err = ext4_groups_open(fs);
    if (!err && r.error)
        fs->super->s_state |= EXT4_STATE_ERROR;
    return err;
}

// The log's blocks are nobody else's: entered where the groups' are.
static int journal_protect(struct ext4 *fs)
{
    u32 blocks = fs->journal_inode->size >> fs->block_shift, count;
    u64 block;
    int err = 0;

    for (u32 n = 0; !err && n < blocks; n += count) {
        count = blocks - n;
        err = journal_map(fs, n, &block, &count);
        if (!err)
            err = ranges_add(&fs->system, block, block + count);
    }
    inode_put(fs->journal_inode);
    fs->journal_inode = NULL;
    return err;
}

/* Reading on, writing */

static int root_open(struct ext4 *fs)
{
    int err = ext4_inode_get(fs->sb, EXT4_ROOT_INO, &fs->sb->root);

    return err || S_ISDIR(fs->sb->root->mode)
               ? err
               : ext4_corrupt(fs, EXT4_ROOT_INO, 0, "the root is not a directory");
}

// Everything up to the root inode. The recovery writes already, so who means to write asks for the
// device first.
static int open_to_read(struct ext4 *fs, const char *type, const struct ext4_options *o, bool write)
{
    int err = super_read(fs, type) ?: policy_choose(fs, o);

    if (!err && write)
        err = ext4_mmp_start(fs);
    if (!err)
        err = ext4_groups_open(fs);
    if (!err && EXT4_HAS_COMPAT(fs, HAS_JOURNAL) && !fs->noload)
        err = journal_start(fs, type);
    if (!err)
        err = ext4_groups_read(fs);
    if (!err && !fs->overhead_blocks)
        fs->overhead_blocks = fs->system.total;
    if (!err && fs->journal_inode)
        err = journal_protect(fs);
    if (!err && fs->overhead_blocks >= fs->block_count)
        fs->overhead_blocks = 0;
    return err ?: root_open(fs);
}

static void warn_about_state(struct ext4 *fs)
{
    if (fs->super->s_state & EXT4_STATE_ERROR)
        log_info("ext4 (%s): has errors: e2fsck is advised", fs->name);
    else if (!(fs->super->s_state & EXT4_STATE_VALID))
        log_info("ext4 (%s): was not unmounted: e2fsck is advised", fs->name);
}

// The superblock says that the file system is in use.
static int writing_begin(struct ext4 *fs)
{
    struct ext4_super *s = fs->super;

    warn_about_state(fs);
    fs->mount_state = s->s_state;
    s->s_mnt_count++;
    s->s_mtime = clock_realtime() / NS_PER_SEC;
    if (fs->journal)
        s->s_feature_incompat |= EXT4_INCOMPAT_RECOVER;
    else
        s->s_state &= ~EXT4_STATE_VALID;
    if (fs->orphan_file)
        s->s_feature_ro_compat |= EXT4_RO_ORPHAN_PRESENT;
    return ext4_super_write(fs);
}

static void clean_mark(struct ext4 *fs)
{
    struct ext4_super *s = fs->super;

    s->s_feature_incompat &= ~EXT4_INCOMPAT_RECOVER;
    s->s_state |= fs->mount_state & EXT4_STATE_VALID;
    if (!fs->orphan_slots)
        s->s_feature_ro_compat &= ~EXT4_RO_ORPHAN_PRESENT;
}

// What the failed journal did not commit leaves the superblock.
static int super_reread(struct ext4 *fs)
{
    struct buf *b = fs->super_buf;
    int err;

    buf_lock(b);
    err = block_transfer(fs->device, BLOCK_READ, b->block << (fs->block_shift - SECTOR_SHIFT),
                         b->data, fs->block_size);
    ext4_super_sealed(fs, fs->super);
    buf_unlock(b);
    return err;
}

// The log is empty, everything is in place, and the superblock says that it is. The journal's
// error: then the superblock only gets what was found to be wrong.
static int writing_end(struct ext4 *fs)
{
    int err = journal_error(fs->journal);
    bool known;

    if (!err && fs->journal)
        err = journal_flush(fs->journal);
    if (!err)
        err = buf_cache_sync(fs->cache);
    fs->writing = false;
    known = !journal_error(fs->journal) || !super_reread(fs);
    if (!err)
        clean_mark(fs);
    if (known && !ext4_mmp_lost(fs))
        err = ext4_super_write(fs) ?: err;
    ext4_mmp_stop(fs);
    return err;
}

// Others may write from the end on; if it fails, fs->writing tells whether there is something to
// end.
static int open_to_write(struct ext4 *fs)
{
    int err = ext4_mmp_start(fs) ?: ext4_orphan_file_open(fs);

    if (err)
        return err;
    fs->writing = true;
    err = writing_begin(fs);
    if (err)
        return err;
    store_relaxed(&fs->read_only, false);
    err = ext4_orphans_recover(fs);
    if (!err)
        atomic_fetch_and(&fs->sb->flags, ~MS_RDONLY);
    return err;
}

// A read-only mount of a file system that had to be recovered: now it is.
static int recovered_mark(struct ext4 *fs)
{
    if (!EXT4_HAS_INCOMPAT(fs, RECOVER) || !fs->journal || fs->device->read_only)
        return 0;
    fs->super->s_feature_incompat &= ~EXT4_INCOMPAT_RECOVER;
    return ext4_super_write(fs);
}

/* Mount */

static struct ext4 *ext4_create(struct superblock *sb, struct block_device *d)
{
    struct ext4 *fs = kmalloc(sizeof(*fs), ALLOC_ZERO);

    if (!fs)
        return NULL;
    fs->sb = sb;
    fs->device = d;
    fs->name = d->name;
    fs->read_only = true;
    random_bytes(&fs->next_generation, sizeof(fs->next_generation));
    mutex_init(&fs->super_lock, RANK_SUPER);
    spin_init(&fs->ranges_lock, RANK_BLOCKS);
    ranges_init(&fs->in_flight, &journal_ranges_mem);
    ranges_init(&fs->freed[0], &journal_ranges_mem);
    ranges_init(&fs->freed[1], &journal_ranges_mem);
    ranges_init(&fs->system, &journal_ranges_mem);
    list_init(&fs->orphans);
    sb->private = fs;
    list_insert_tail(&mounted, &fs->link);
    return fs;
}

static int fill(struct superblock *sb, const char *options, u32 flags)
{
    struct ext4 *fs = sb->private;
    struct ext4_options o;
    int err = ext4_options_parse(options, &o);

    sb->flags = flags | MS_RDONLY;
    sb->dev = fs->device->dev;
    sb->magic = EXT4_SUPER_MAGIC;
    if (!err)
        err = buf_cache_get(fs->device, &fs->cache);
    if (!err)
        err = open_to_read(fs, sb->type, &o, !(flags & MS_RDONLY));
    if (err)
        return err;
    sb->block_size = fs->block_size;
    sb->whole_seconds = fs->inode_size == EXT4_GOOD_OLD_INODE_SIZE;
    if (flags & MS_RDONLY || o.noload || !ext4_super_writable(fs, fs->super))
        return recovered_mark(fs);
    return open_to_write(fs);
}

// What the first mount takes for the tables of checksums stays.
static int sums_start(void)
{
    void *memory;

    while (!crc32c_ready()) {
        memory = kmalloc(CRC32C_TABLE_SIZE, 0);
        if (!memory)
            return -ENOMEM;
        crc32c_give(memory);
    }
    return 0;
}

static int mount_new(struct block_device *d, const struct fs_type *type, const char *options,
                     u32 flags, struct superblock **out)
{
    struct superblock *sb;
    int err = sums_start() ?: superblock_create(&sb, type, &ext4_super_ops);

    if (err)
        return err;
    err = buf_device_open(d);
    if (!err && !ext4_create(sb, d)) {
        buf_device_close(d);
        err = -ENOMEM;
    }
    if (!err)
        err = fill(sb, options, flags);
    if (err)
        superblock_destroy(sb);
    else
        *out = sb;
    return err;
}

static struct ext4 *mounted_find(const struct block_device *d)
{
    struct ext4 *fs;

    LIST_FOR_EACH (fs, &mounted, link)
        if (fs->device == d)
            return fs;
    return NULL;
}

static bool is_mounted(const struct block_device *d)
{
    bool yes;

    mutex_lock(&mount_lock);
    yes = mounted_find(d);
    mutex_unlock(&mount_lock);
    return yes;
}

// A device that is mounted already is the same file system at one more place.
static int mount_again(struct superblock *sb, const struct fs_type *type, u32 flags,
                       struct superblock **out)
{
    if (strcmp(sb->type, type->name) || (sb->flags ^ flags) & MS_RDONLY) {
        superblock_put(sb);
        return -EBUSY;
    }
    *out = sb;
    return 0;
}

static int ext4_mount(const struct fs_type *type, const char *source, const char *options,
                      u32 flags, struct superblock **out)
{
    struct block_device *d;
    struct ext4 *fs;
    bool alive;
    int err = source ? fs_source_device(source, flags, &d) : -EINVAL;

    if (err)
        return err;
    for (;;) {
        mutex_lock(&mount_lock);
        fs = mounted_find(d);
        if (!fs)
            break;
        alive = ref_get_unless_zero(&fs->sb->refs);
        mutex_unlock(&mount_lock);
        if (alive)
            return mount_again(fs->sb, type, flags, out);
        wait_event(&closed_wait, !is_mounted(d), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    }
    err = mount_new(d, type, options, flags, out);
    mutex_unlock(&mount_lock);
    return err;
}

/* Remount, unmount */

static int remount_read_only(struct ext4 *fs)
{
    int err;

    atomic_fetch_or(&fs->sb->flags, MS_RDONLY);
    err = ext4_sync_all(fs);
    store_relaxed(&fs->read_only, true);
    return writing_end(fs) ?: err;
}

int ext4_remount(struct superblock *sb, u32 flags, const char *options)
{
    struct ext4 *fs = sb->private;
    struct ext4_options o;
    bool read_only = flags & MS_RDONLY;
    int err = ext4_options_parse(options, &o);

    if (err)
        return err;
    if (o.data_mode >= 0 && o.data_mode != fs->data_mode)
        return -EINVAL;
    if (o.errors >= 0)
        store_relaxed(&fs->errors, o.errors);
    if (o.commit_interval && fs->journal)
        journal_set_interval(fs->journal, o.commit_interval);
    if (read_only)
        return fs->writing ? remount_read_only(fs) : 0;
    if (fs->writing) // an error may have ended that
        return ext4_check_writable(fs);
    if (fs->device->read_only)
        return -EACCES;
    if (fs->noload || journal_error(fs->journal) || !ext4_super_writable(fs, fs->super))
        return -EROFS;
    err = open_to_write(fs);
    if (err) {
        store_relaxed(&fs->read_only, true);
        if (fs->writing)
            writing_end(fs);
    }
    return err;
}

void ext4_close(struct ext4 *fs)
{
    bool locked = mutex_held(&mount_lock); // by a mount that failed
    int err;

    if (fs->journal_inode)
        inode_put(fs->journal_inode);
    if (fs->orphan_file)
        inode_put(fs->orphan_file);
    if (fs->writing)
        writing_end(fs);
    ext4_mmp_stop(fs); // of a mount that came no further
    err = fs->journal ? journal_close(fs->journal) : 0;
    if (err)
        log_info("ext4 (%s): unmounted with error %d", fs->name, -err);
    ext4_groups_close(fs);
    kfree(fs->orphan_places);
    buf_put(fs->super_buf);
    if (fs->cache)
        buf_cache_sync(fs->cache);
    buf_device_close(fs->device);
    if (!locked)
        mutex_lock(&mount_lock);
    list_remove(&fs->link);
    if (!locked)
        mutex_unlock(&mount_lock);
    wake_all(&closed_wait);
    kfree(fs);
}

static struct fs_type types[] = {
    {.name = "ext3", .mount = ext4_mount, .needs_device = true},
    {.name = "ext2", .mount = ext4_mount, .needs_device = true},
    {.name = "ext4", .mount = ext4_mount, .needs_device = true},
};

void ext4_init(void)
{
    ext4_inode_init();
    for (unsigned n = 0; n < ARRAY_SIZE(types); n++)
        fs_register(&types[n]);
}
