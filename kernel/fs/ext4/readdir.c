// SPDX-License-Identifier: MIT
// Reading a directory: getdents64 and its positions.
//
// A position (what telldir gives) must stay good while names come and go, and leaves are split.
// Where there is an index, or may be one later (a single block, or none), names are therefore
// reported in the order of their hashes, and the position is that of the hash; entries of one hash
// are told apart by their number among themselves. Other directories have offsets as positions:
// their entries do not move. 0 and 1 are "." and "..".
#include "abi/dirent.h"
#include "fs/ext4/dir.h"
#include "fs/ext4/items.h"
#include "mm/slab.h"

#define DOTS      2 // positions are this much more than the hash's key or the offset
#define ROUND_MAX (HASH_KEY_ORDINALS - DOTS)

struct reader {
    struct file *file;
    struct inode *dir;
    struct dir_sink *sink;
    bool full;
    struct dir_item *items; // of one hash or more, sorted
    u32 count, capacity;
    struct ext4_dir_block block; // the one read last; its dir is NULL before
};

static u8 dt_type(const struct ext4 *fs, u8 type)
{
    static const u8 types[] = {DT_UNKNOWN, DT_REG,  DT_DIR,  DT_CHR,
                               DT_BLK,     DT_FIFO, DT_SOCK, DT_LNK};

    return EXT4_HAS_INCOMPAT(fs, FILETYPE) && type < ARRAY_SIZE(types) ? types[type] : DT_UNKNOWN;
}

static bool emit(struct reader *r, const struct ext4_dirent *e, u64 next)
{
    r->full = !r->sink->emit(r->sink, e->name, e->name_len, e->inode,
                             dt_type(ext4_of(r->dir), e->file_type), next);
    if (!r->full)
        r->file->pos = next;
    return !r->full;
}

static bool emit_dots(struct reader *r)
{
    struct file *f = r->file;

    if (f->pos == 0) {
        if (!r->sink->emit(r->sink, ".", 1, r->dir->ino, DT_DIR, 1))
            return false;
        f->pos = 1;
    }
    if (f->pos == 1) {
        struct inode *parent = dentry_parent_inode(f->path.dentry);
        ino_t ino = parent->ino;

        inode_put(parent);
        if (!r->sink->emit(r->sink, "..", 2, ino, DT_DIR, DOTS))
            return false;
        f->pos = DOTS;
    }
    return true;
}

// Makes r->block that block.
static int turn_to(struct reader *r, u64 logical)
{
    if (r->block.dir && r->block.logical == logical)
        return 0;
    buf_put(r->block.b);
    return ext4_dir_block(r->dir, logical, &r->block);
}

static int damaged(struct reader *r)
{
    return ext4_corrupt(ext4_of(r->dir), r->dir->ino, r->block.logical,
                        "a damaged directory block");
}

/* By offset */

static int linear_block(struct reader *r, u64 logical)
{
    u64 start = logical * ext4_of(r->dir)->block_size;
    struct ext4_dirent *e;
    u32 offset = 0;
    int err = turn_to(r, logical);

    while (!err && !(err = dirblock_next(&r->block.view, &offset, &e))) {
        u64 at = start + offset;

        offset += e->rec_len;
        if (at + DOTS >= r->file->pos && !dirent_is_dots(e) && !emit(r, e, start + offset + DOTS))
            return 0;
    }
    if (err != -ENOENT)
        return err == -EUCLEAN ? damaged(r) : err;
    r->file->pos = MAX((u64)r->file->pos, start + ext4_of(r->dir)->block_size + DOTS);
    return 0;
}

static int read_linear(struct reader *r)
{
    u64 blocks = ext4_dir_blocks(r->dir);
    int err = 0;

    while (!err && !r->full) {
        u64 logical = (r->file->pos - DOTS) >> ext4_of(r->dir)->block_shift;

        if (logical >= blocks)
            break;
        err = linear_block(r, logical);
    }
    return err;
}

/* By hash */

// The items of one more block.
static int gather(struct reader *r, u32 version, u64 logical)
{
    u32 most = ext4_of(r->dir)->block_size / dirent_size(1);
    int n = turn_to(r, logical);

    if (n)
        return n;
    if (r->capacity - r->count < most) {
        u32 capacity = r->count + 2 * most;
        struct dir_item *more = kmalloc(capacity * sizeof(*more), 0);

        if (!more)
            return -ENOMEM;
        for (u32 i = 0; i < r->count; i++)
            more[i] = r->items[i];
        kfree(r->items);
        r->items = more;
        r->capacity = capacity;
    }
    n = ext4_items_of(ext4_of(r->dir)->hash_seed, version, &r->block.view, logical,
                      r->items + r->count);
    if (n < 0)
        return n == -EUCLEAN ? damaged(r) : n;
    r->count += n;
    return 0;
}

// Reports the items from the file's position on.
static int emit_items(struct reader *r)
{
    u64 ordinal = 0;

    ext4_items_sort(r->items, r->count);
    for (u32 i = 0; i < r->count; i++) {
        const struct dir_item *item = &r->items[i];
        const struct ext4_dirent *e;
        int err;

        ordinal = i && item->key == item[-1].key ? MIN(ordinal + 1, ROUND_MAX - 1UL) : 0;
        if (item->key + ordinal + DOTS < (u64)r->file->pos)
            continue;
        err = turn_to(r, item->logical);
        if (err)
            return err;
        e = dirblock_at(&r->block.view, item->offset);
        if (!e)
            return damaged(r);
        if (!emit(r, e, item->key + ordinal + 1 + DOTS))
            return 0;
    }
    return 0;
}

// One leaf, or those that share a hash. Afterwards the position is behind them.
static int hashed_round(struct reader *r, struct ext4_index_path *p)
{
    u32 hash = 1;
    int err = 0, emitted;

    r->count = 0;
    while (!err && hash & 1) {
        err = gather(r, p->version, ext4_index_leaf(p));
        if (!err)
            err = ext4_index_next(p, &hash);
    }
    if (err && err != -ENOENT)
        return err;
    emitted = emit_items(r);
    return emitted || r->full ? emitted : err;
}

static int read_indexed(struct reader *r)
{
    struct ext4_index_path p;
    int err = ext4_index_open(r->dir, &p);

    if (err)
        return err;
    err = ext4_index_seek(&p, ext4_key_hash(r->file->pos - DOTS));
    while (!err && !r->full)
        err = hashed_round(r, &p);
    ext4_index_close(&p);
    if (err == -ENOENT)
        r->file->pos = HASH_KEY_END + DOTS;
    return err == -ENOENT ? 0 : err;
}

// A single block, or what is in the inode, in the order of an index that it may get.
static int read_small(struct reader *r)
{
    struct ext4 *fs = ext4_of(r->dir);
    u32 version = ext4_hash_version(fs, fs->hash_default);
    u64 blocks = ext4_dir_blocks(r->dir);
    int err = 0;

    for (u64 logical = 0; !err && logical < blocks; logical++)
        err = gather(r, version, logical);
    if (!err)
        err = emit_items(r);
    if (!err && !r->full)
        r->file->pos = HASH_KEY_END + DOTS;
    return err;
}

static int read_locked(struct reader *r)
{
    struct inode *dir = r->dir;
    bool hashes = EXT4_HAS_COMPAT(ext4_of(dir), DIR_INDEX);
    int err = -EOPNOTSUPP;

    if (ext4_dir_is_indexed(dir))
        err = read_indexed(r);
    else if (ext4_has_inline(dir) || (hashes && ext4_dir_blocks(dir) == 1))
        err = read_small(r);
    return err == -EOPNOTSUPP ? read_linear(r) : err;
}

static int dir_readdir(struct file *f, struct dir_sink *sink)
{
    struct reader r = {.file = f, .dir = f->inode, .sink = sink};
    int err = 0;

    if (f->pos < 0 || !emit_dots(&r))
        return 0;
    read_lock(&r.dir->lock);
    if (f->pos < (loff_t)(HASH_KEY_END + DOTS))
        err = read_locked(&r);
    buf_put(r.block.b);
    read_unlock(&r.dir->lock);
    kfree(r.items);
    return err;
}

const struct file_ops ext4_dir_ops = {
    .readdir = dir_readdir,
    .fsync = ext4_fsync,
};
