// SPDX-License-Identifier: MIT
// Inodes: from and to the inode table, their making and their end.
//
// An inode's slot is rewritten from memory in every handle that changes it, so there are no dirty
// inodes to be found later.
#include "base/log.h"
#include "base/panic.h"
#include "fs/ext4/group.h"
#include "fs/ext4/map.h"
#include "lib/string.h"
#include "mm/slab.h"

static struct slab_cache *inode_slab; // (c)

void ext4_inode_init(void)
{
    inode_slab = slab_cache_create("ext4_inode", sizeof(struct ext4_inode), 8);
}

static struct ext4_dinode *dinode_in(const struct ext4 *fs, u32 ino, const struct buf *b)
{
    u64 at = (u64)((ino - 1) % fs->inodes_per_group) * fs->inode_size;

    return (struct ext4_dinode *)(b->data + (at & (fs->block_size - 1)));
}

int ext4_inode_place(struct ext4 *fs, u32 ino, struct buf **out, struct ext4_dinode **d)
{
    u32 group = (ino - 1) / fs->inodes_per_group;
    u64 at = (u64)((ino - 1) % fs->inodes_per_group) * fs->inode_size;
    int err;

    if (!ino || ino > fs->inode_count)
        return ext4_corrupt(fs, ino, 0, "there is no such inode");
    err = buf_read(fs->cache,
                   ext4_group_inode_table(ext4_group(fs, group)) + (at >> fs->block_shift), out);
    if (!err)
        *d = dinode_in(fs, ino, *out);
    return err;
}

int ext4_dinode_change(struct handle *h, struct ext4 *fs, u32 ino, struct buf **out,
                       struct ext4_dinode **d)
{
    int err = ext4_inode_place(fs, ino, out, d);

    if (err)
        return err;
    err = journal_change(h, *out);
    if (err) {
        buf_put(*out);
        *out = NULL;
    }
    return err;
}

void ext4_dinode_changed(struct handle *h, struct ext4 *fs, u32 ino, struct buf *b)
{
    ext4_dinode_seal(fs, ino, dinode_in(fs, ino, b));
    journal_changed(h, b);
}

int ext4_name_hold(struct handle *h, struct inode *i)
{
    struct ext4_dinode *d;
    struct buf *b;
    int err = ext4_inode_place(ext4_of(i), i->ino, &b, &d);

    if (err)
        return err;
    err = journal_get_write(h, b);
    buf_put(b);
    return err;
}

/* From disk */

// How much of the fields the inode has: those past the first 128 bytes may be missing, and are
// zeroes then.
static u32 fields_size(const struct ext4_inode *e)
{
    return MIN(EXT4_GOOD_OLD_INODE_SIZE + e->extra_isize, (u32)sizeof(struct ext4_dinode));
}

static ns_t time_decode(u32 seconds, u32 extra)
{
    s64 s = (s64)(s32)seconds + ((s64)(extra & 3) << 32);

    return file_time(s, MIN(extra >> 2, (u32)(NS_PER_SEC - 1)));
}

static u64 blocks_decode(const struct ext4 *fs, const struct ext4_dinode *d)
{
    u64 n = d->i_blocks_lo;

    if (!EXT4_HAS_RO(fs, HUGE_FILE))
        return n >> (fs->block_shift - 9);
    n |= (u64)d->i_blocks_hi << 32;
    return d->i_flags & EXT4_HUGE_FILE_FL ? n : n >> (fs->block_shift - 9);
}

static bool size_is_wide(const struct ext4 *fs, mode_t mode)
{
    return S_ISREG(mode) || (S_ISDIR(mode) && EXT4_HAS_INCOMPAT(fs, LARGEDIR));
}

static dev_t rdev_decode(const struct ext4_dinode *d)
{
    if (d->i_block[0])
        return makedev(d->i_block[0] >> 8 & 0xff, d->i_block[0] & 0xff);
    return makedev(d->i_block[1] >> 8 & 0xfff, (d->i_block[1] & 0xff) | d->i_block[1] >> 12 << 8);
}

static void inode_decode(struct ext4_inode *e, const struct ext4_dinode *from)
{
    struct inode *i = &e->inode;
    struct ext4 *fs = i->sb->private;
    struct ext4_dinode fields = {0}, *d = &fields;

    if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE)
        e->extra_isize = from->i_extra_isize;
    memcpy(d, from, fields_size(e));
    i->uid = d->i_uid_lo | (u32)d->i_uid_hi << 16;
    i->gid = d->i_gid_lo | (u32)d->i_gid_hi << 16;
    i->nlink = d->i_links_count;
    i->size = d->i_size_lo;
    if (size_is_wide(fs, i->mode))
        i->size |= (u64)d->i_size_hi << 32;
    i->ctime = time_decode(d->i_ctime, d->i_ctime_extra);
    i->mtime = time_decode(d->i_mtime, d->i_mtime_extra);
    i->atime = time_decode(d->i_atime, d->i_atime_extra);
    i->btime = time_decode(d->i_crtime, d->i_crtime_extra);
    e->disk_size = i->size;
    e->flags = d->i_flags;
    e->generation = d->i_generation;
    e->blocks = blocks_decode(fs, d);
    e->acl_block = d->i_file_acl_lo | (u64)d->i_file_acl_hi << 32;
    e->dtime = d->i_dtime;
    memcpy(e->block, d->i_block, sizeof(e->block));
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
        i->rdev = rdev_decode(d);
}

// NULL, or what is wrong with it.
static const char *dinode_fault(const struct ext4 *fs, u32 ino, const struct ext4_dinode *d)
{
    if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&
        (d->i_extra_isize > fs->inode_size - EXT4_GOOD_OLD_INODE_SIZE || d->i_extra_isize % 4))
        return "size of the inode's extension";
    if (!ext4_dinode_verify(fs, ino, d))
        return "checksum of an inode";
    if (!ext4_file_type(d->i_mode))
        return "type of an inode";
    if (size_is_wide(fs, d->i_mode) && d->i_size_hi >> 31)
        return "size of a file";
    if (S_ISDIR(d->i_mode) && !(d->i_flags & EXT4_INLINE_DATA_FL) &&
        d->i_size_lo & (fs->block_size - 1))
        return "size of a directory";
    return NULL;
}

static void inode_fields_init(struct ext4_inode *e, struct superblock *sb, u32 ino, mode_t mode)
{
    struct ext4 *fs = sb->private;

    *e = (struct ext4_inode){0};
    inode_init(&e->inode, sb, mode);
    e->inode.ino = ino;
    e->goal = ext4_group_first(fs, (ino - 1) / fs->inodes_per_group);
    rwlock_init(&e->map_lock, RANK_MAP);
    ranges_init(&e->delayed, &journal_ranges_mem);
    list_init(&e->orphan);
    e->orphan_slot = ~0U;
}

static void inode_free(struct ext4_inode *e)
{
    vm_object_fini(&e->inode.object);
    ranges_clear(&e->delayed);
    slab_free(inode_slab, e);
}

static void set_ops(struct inode *i)
{
    if (S_ISREG(i->mode)) {
        i->ops = &ext4_file_inode_ops;
        i->fops = &ext4_file_ops;
        i->object.ops = &ext4_object_ops;
        i->object.size = i->size;
    } else if (S_ISDIR(i->mode)) {
        i->ops = &ext4_dir_inode_ops;
        i->fops = &ext4_dir_ops;
    } else if (S_ISLNK(i->mode)) {
        i->ops = &ext4_link_inode_ops;
    } else {
        i->ops = &ext4_special_inode_ops;
    }
}

// The bytes of its extension. One that is unused, by attributes too, is taken into use for whole
// times when the inode is written next.
static u32 extra_size(const struct ext4 *fs, const struct ext4_dinode *d)
{
    const u32 *rest = (const u32 *)((const u8 *)d + EXT4_GOOD_OLD_INODE_SIZE);

    if (fs->inode_size == EXT4_GOOD_OLD_INODE_SIZE)
        return 0;
    if (d->i_extra_isize || *rest == EXT4_XATTR_MAGIC)
        return d->i_extra_isize;
    return sizeof(struct ext4_dinode) - EXT4_GOOD_OLD_INODE_SIZE;
}

static int inode_read(struct superblock *sb, u32 ino, struct ext4_inode **out)
{
    struct ext4 *fs = sb->private;
    struct ext4_inode *e = slab_alloc(inode_slab, 0);
    const char *fault = NULL;
    struct ext4_dinode *d;
    struct buf *b;
    int err = e ? ext4_inode_place(fs, ino, &b, &d) : -ENOMEM;

    if (!err) {
        buf_lock(b);
        fault = dinode_fault(fs, ino, d);
        if (!fault) {
            inode_fields_init(e, sb, ino, d->i_mode);
            inode_decode(e, d);
            e->extra_isize = extra_size(fs, d);
        }
        buf_unlock(b);
        buf_put(b);
    }
    if (fault)
        err = ext4_corrupt(fs, ino, 0, fault);
    if (err) {
        slab_free(inode_slab, e);
        return err;
    }
    // What was changed before it last left the cache may not be durable.
    e->tid = e->data_tid = journal_newest_tid(fs->journal);
    set_ops(&e->inode);
    *out = e;
    return 0;
}

int ext4_inode_get_special(struct superblock *sb, u32 ino, struct inode **out)
{
    struct ext4_inode *e = NULL;
    u32 ticket;
    int err;

    for (;;) {
        *out = inode_cache_find(sb, ino, &ticket);
        if (*out)
            return 0;
        err = inode_read(sb, ino, &e);
        if (err)
            return err;
        if (inode_cache_insert(&e->inode, ticket)) {
            *out = &e->inode;
            return 0;
        }
        inode_free(e);
    }
}

int ext4_inode_get(struct superblock *sb, u32 ino, struct inode **out)
{
    struct ext4 *fs = sb->private;
    struct inode *i;
    int err;

    if ((ino < fs->first_ino && ino != EXT4_ROOT_INO) || ino > fs->inode_count ||
        ino == fs->orphan_file_inum)
        return ext4_corrupt(fs, ino, 0, "a name for an inode that has none");
    err = ext4_inode_get_special(sb, ino, &i);
    if (err)
        return err;
    if (!i->nlink) {
        inode_put(i);
        return ext4_corrupt(fs, ino, 0, "a name for a deleted inode");
    }
    *out = i;
    return 0;
}

/* To disk */

// Without room for `extra` it ends in 2038.
static void time_encode(const struct ext4_inode *e, struct ext4_dinode *d, ns_t t, u32 *seconds,
                        u32 *extra)
{
    bool wide = (u8 *)(extra + 1) <= (u8 *)d + fields_size(e);
    u64 ns;
    s64 s = MIN(file_time_split(t, &ns), wide ? FILE_TIME_LAST : INT32_MAX);

    *seconds = s;
    *extra = ns << 2 | ((s - (s32)s) >> 32 & 3);
}

static void blocks_encode(const struct ext4_inode *e, struct ext4_dinode *d)
{
    const struct ext4 *fs = e->inode.sb->private;
    u64 n = e->blocks << (fs->block_shift - 9);

    d->i_flags = e->flags & ~EXT4_HUGE_FILE_FL;
    if (EXT4_HAS_RO(fs, HUGE_FILE) && n >> 48) {
        d->i_flags |= EXT4_HUGE_FILE_FL;
        n = e->blocks;
    }
    d->i_blocks_lo = n;
    if (EXT4_HAS_RO(fs, HUGE_FILE))
        d->i_blocks_hi = n >> 32;
}

static void rdev_encode(dev_t rdev, struct ext4_inode *e)
{
    u32 major = dev_major(rdev), minor = dev_minor(rdev);

    if (major < 256 && minor < 256)
        e->block[0] = major << 8 | minor;
    else
        e->block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

static void inode_encode(const struct ext4_inode *e, struct ext4_dinode *to)
{
    const struct inode *i = &e->inode;
    struct ext4 *fs = i->sb->private;
    u64 size = S_ISREG(i->mode) ? e->disk_size : i->size;
    struct ext4_dinode fields, *d = &fields;

    if (e->extra_isize && to->i_extra_isize < e->extra_isize)
        memset((u8 *)to + EXT4_GOOD_OLD_INODE_SIZE, 0, e->extra_isize);
    memcpy(d, to, fields_size(e));
    d->i_mode = i->mode;
    d->i_uid_lo = i->uid;
    d->i_uid_hi = i->uid >> 16;
    d->i_gid_lo = i->gid;
    d->i_gid_hi = i->gid >> 16;
    d->i_links_count = i->nlink;
    d->i_size_lo = size;
    if (size_is_wide(fs, i->mode))
        d->i_size_hi = size >> 32;
    time_encode(e, d, i->ctime, &d->i_ctime, &d->i_ctime_extra);
    time_encode(e, d, i->mtime, &d->i_mtime, &d->i_mtime_extra);
    time_encode(e, d, i->atime, &d->i_atime, &d->i_atime_extra);
    if (i->btime)
        time_encode(e, d, i->btime, &d->i_crtime, &d->i_crtime_extra);
    blocks_encode(e, d);
    d->i_generation = e->generation;
    d->i_file_acl_lo = e->acl_block;
    d->i_file_acl_hi = e->acl_block >> 32;
    d->i_dtime = e->dtime;
    memcpy(d->i_block, e->block, sizeof(e->block));
    d->i_extra_isize = e->extra_isize;
    memcpy(to, d, fields_size(e));
}

static int inode_store(struct handle *h, struct ext4_inode *e, bool fresh)
{
    struct ext4 *fs = ext4_of(&e->inode);
    struct ext4_dinode *d;
    struct buf *b;
    int err;

    read_lock(&e->map_lock);
    err = ext4_dinode_change(h, fs, e->inode.ino, &b, &d);
    if (!err) {
        if (fresh)
            memset(d, 0, fs->inode_size);
        inode_encode(e, d);
        ext4_dinode_changed(h, fs, e->inode.ino, b);
        store_relaxed(&e->tid, journal_handle_tid(h));
        buf_put(b);
    }
    read_unlock(&e->map_lock);
    return err;
}

int ext4_inode_write(struct handle *h, struct inode *i)
{
    return inode_store(h, ext4_i(i), false);
}

int ext4_inode_finish(struct handle *h, struct inode *i, int err)
{
    int one = ext4_inode_write(h, i);

    return journal_finish(h, err ? err : one);
}

static int write_in(struct handle *h, void *inode)
{
    return ext4_inode_write(h, inode);
}

int ext4_inode_update(struct inode *i)
{
    return ext4_operate(ext4_of(i), 1, write_in, i);
}

// What is in memory has changed already, so it is tried again.
int ext4_inode_dirty(struct inode *i)
{
    unsigned tries = 0;
    int err;

    do
        err = ext4_inode_update(i);
    while (ext4_memory_may_come(err, &tries));
    return err;
}

int ext4_inode_getattr(struct inode *i, struct linux_stat *out)
{
    struct ext4 *fs = ext4_of(i);

    out->st_blocks = (load_relaxed(&ext4_i(i)->blocks) + load_relaxed(&ext4_i(i)->delayed.total))
                     << (fs->block_shift - 9);
    return 0;
}

/* Making */

#define INHERITED (EXT4_SYNC_FL | EXT4_NODUMP_FL | EXT4_NOATIME_FL | EXT4_JOURNAL_DATA_FL)

static void new_fill(struct ext4_inode *e, const struct inode *dir, const struct create_args *args)
{
    struct ext4 *fs = dir->sb->private;
    struct inode *i = &e->inode;
    u32 room = fs->inode_size - EXT4_GOOD_OLD_INODE_SIZE;

    i->uid = args->uid;
    i->gid = args->gid;
    e->extra_isize = MIN(room, (u32)sizeof(struct ext4_dinode) - EXT4_GOOD_OLD_INODE_SIZE);
    e->generation = atomic_fetch_add(&fs->next_generation, 1);
    if (S_ISREG(i->mode) || S_ISDIR(i->mode))
        e->flags = ext4_i((struct inode *)dir)->flags & INHERITED;
    if (S_ISDIR(i->mode))
        e->flags |= ext4_i((struct inode *)dir)->flags & EXT4_DIRSYNC_FL;
    if (S_ISREG(i->mode) || S_ISDIR(i->mode))
        ext4_map_init(e);
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode)) {
        i->rdev = args->rdev;
        rdev_encode(args->rdev, e);
    }
    set_ops(i);
}

// The number was free: nobody else has it, unless a damaged directory named it.
static int new_insert(struct ext4_inode *e)
{
    struct inode *i = &e->inode, *other;
    u32 ticket;

    do {
        other = inode_cache_find(i->sb, i->ino, &ticket);
        if (other) {
            inode_put(other);
            return ext4_corrupt(i->sb->private, i->ino, 0, "an inode in use was marked free");
        }
    } while (!inode_cache_insert(i, ticket));
    return 0;
}

int ext4_inode_new(struct handle *h, struct inode *dir, const struct create_args *args,
                   struct inode **out)
{
    struct ext4 *fs = ext4_of(dir);
    struct ext4_inode *e = slab_alloc(inode_slab, 0);
    u32 ino;
    int err = e ? ext4_ino_new(h, dir, S_ISDIR(args->mode), &ino) : -ENOMEM;

    if (err) {
        slab_free(inode_slab, e);
        return err;
    }
    inode_fields_init(e, dir->sb, ino, args->mode);
    new_fill(e, dir, args);
    err = inode_store(h, e, true);
    e->data_tid = e->tid; // without the inode there are no data
    if (!err)
        err = new_insert(e);
    if (!err) {
        *out = &e->inode;
        return 0;
    }
    if (!ext4_ino_free(h, fs, ino, S_ISDIR(args->mode)))
        journal_undone(h);
    inode_free(e);
    return err;
}

#define MEMORY_TRIES 100
#define RETRY_AFTER  (NS_PER_SEC / 100)

bool ext4_memory_may_come(int err, unsigned *tries)
{
    if (err != -ENOMEM || ++*tries >= MEMORY_TRIES)
        return false;
    sleep_until(clock_monotonic() + RETRY_AFTER, WAIT_UNINTERRUPTIBLE);
    return true;
}

/* The end */

#define DELETE_CREDITS (EXT4_ORPHAN_CREDITS + EXT4_INODE_NEW_CREDITS + EXT4_XATTR_FREE_CREDITS + 1)

// In one handle, as far as its contents let it: from an orphan to a free number. It leaves the
// cache before the number is free, so that whoever gets it next finds nobody there.
static int inode_delete(struct ext4_inode *e)
{
    struct inode *i = &e->inode;
    struct ext4 *fs = i->sb->private;
    struct handle *h;
    int err = ext4_xattr_drop_values(i)
                  ?: journal_begin(fs->journal, DELETE_CREDITS + EXT4_BATCH_CREDITS, &h),
        left, one;

    if (err)
        return err;
    left = ext4_check_writable(fs) ?: ext4_name_hold(h, i);
    left = left ?: ext4_delete_contents(h, i, DELETE_CREDITS);
    err = left ?: ext4_xattr_free(h, i) ?: ext4_orphan_remove(h, i);
    if (!err)
        e->dtime = MAX(clock_realtime() / NS_PER_SEC, 1UL);
    one = ext4_inode_write(h, i);
    if (left == -ENOMEM && !one)
        journal_undone(h); // there is less of it, but nothing is half done
    err = err ? err : one;
    if (!err) {
        if (!hlist_unlinked(&i->cache_node))
            inode_cache_remove(i);
        err = ext4_ino_free(h, fs, i->ino, S_ISDIR(i->mode));
    }
    return journal_finish(h, err);
}

static int inode_finish(struct ext4_inode *e)
{
    struct inode *i = &e->inode;

    if (!i->nlink)
        return ext4_check_writable(i->sb->private) ? 0 : inode_delete(e);
    return S_ISREG(i->mode) && vm_object_is_dirty(&i->object) ? ext4_data_flush(i) : 0;
}

// What a shortage of memory leaves undone would be lost, or stay until the file system is checked:
// each step can be done again, and memory comes back.
void ext4_inode_evict(struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_inode *e = ext4_i(i);
    unsigned tries = 0;
    int err;

    do
        err = inode_finish(e);
    while (ext4_memory_may_come(err, &tries));
    if (err) {
        log_info("ext4 (%s): inode %lu: error %d at its end", fs->name, i->ino, -err);
        write_errors_note(&i->sb->errors, err);
    }
    if (e->delayed.total)
        ext4_unreserve(fs, e->delayed.total);
    ext4_orphan_forget(e);
    if (!hlist_unlinked(&i->cache_node))
        inode_cache_remove(i);
    inode_free(e);
}
