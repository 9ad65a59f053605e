// SPDX-License-Identifier: MIT
// Directories: changes of their blocks.
#include "fs/ext4/dir.h"
#include "lib/string.h"

#define SMALL_SIZE_MAX (1UL << 31) // bytes of a directory without LARGEDIR

/* Blocks */

int ext4_dir_change(struct handle *h, struct buf *b)
{
    int err = journal_get_write(h, b);

    if (!err)
        buf_lock(b);
    return err;
}

void ext4_dir_changed(struct handle *h, struct inode *dir, struct buf *b, bool index)
{
    if (index)
        ext4_index_seal(ext4_i(dir), b->data);
    else
        ext4_dir_seal(ext4_i(dir), b->data);
    buf_set_flags(b, BUF_CHECKED);
    buf_unlock(b);
    journal_dirty(h, b);
}

// The bytes [from, from + n) as they were; most: two entries.
struct part {
    u32 from, n;
    u8 bytes[2 * (EXT4_NAME_MAX + 9)];
};

// A change of a part of a leaf, as `change` and `changed`. The sum follows from the old one.
static int part_change(struct handle *h, struct buf *b, struct part *p, u32 from, u32 to)
{
    int err = ext4_dir_change(h, b);

    if (err)
        return err;
    p->from = from;
    p->n = to - from;
    if (p->n <= sizeof(p->bytes))
        memcpy(p->bytes, b->data + from, p->n);
    return 0;
}

static void part_changed(struct handle *h, struct inode *dir, struct buf *b, struct part *p)
{
    if (p->n > sizeof(p->bytes)) {
        ext4_dir_changed(h, dir, b, false);
        return;
    }
    for (u32 n = 0; n < p->n; n++)
        p->bytes[n] ^= b->data[p->from + n];
    ext4_dir_reseal(ext4_i(dir), b->data, p->bytes, p->from, p->n);
    buf_unlock(b);
    journal_dirty(h, b);
}

static void set_size(struct inode *dir, u64 size)
{
    struct ext4_inode *i = ext4_i(dir);

    write_lock(&i->map_lock);
    i->disk_size = size;
    write_unlock(&i->map_lock);
    store_relaxed(&dir->size, size);
}

// The new block's allocation is taken back.
static void drop_block(struct handle *h, struct inode *dir, u64 logical)
{
    struct ext4_inode *i = ext4_i(dir);

    write_lock(&i->map_lock);
    ext4_map_remove(h, i, logical, logical, 0);
    write_unlock(&i->map_lock);
}

static int append_buf(struct handle *h, struct inode *dir, u64 logical, struct buf **out)
{
    struct ext4 *fs = ext4_of(dir);
    u64 size = dir->size + fs->block_size;
    int err;

    if (logical >= ext4_map_max_blocks(ext4_i(dir)) ||
        (size > SMALL_SIZE_MAX && !EXT4_HAS_INCOMPAT(fs, LARGEDIR)))
        return -ENOSPC;
    err = ext4_reserve(fs, 1);
    if (err)
        return err;
    err = ext4_file_block(h, dir, logical, out);
    ext4_unreserve(fs, 1);
    if (!err) {
        err = journal_get_create(h, *out);
        if (err)
            buf_put(*out);
    }
    if (err)
        drop_block(h, dir, logical);
    return err;
}

int ext4_dir_append(struct handle *h, struct inode *dir, u64 *logical, struct buf **out,
                    struct dirblock *view)
{
    const struct ext4 *fs = ext4_of(dir);
    u32 tail = EXT4_HAS_RO(fs, METADATA_CSUM) ? sizeof(struct ext4_dir_tail) : 0;
    int err;

    *logical = ext4_dir_blocks(dir);
    err = append_buf(h, dir, *logical, out);
    if (err)
        return err;
    *view = (struct dirblock){(*out)->data, fs->block_size - tail};
    buf_lock(*out);
    dirblock_init(view);
    ext4_dir_changed(h, dir, *out, false);
    set_size(dir, dir->size + fs->block_size);
    return 0;
}

/* Entries */

u8 ext4_file_type(mode_t mode)
{
    static const u8 types[16] = {
        [S_IFREG >> 12] = EXT4_FT_REG,  [S_IFDIR >> 12] = EXT4_FT_DIR,
        [S_IFCHR >> 12] = EXT4_FT_CHR,  [S_IFBLK >> 12] = EXT4_FT_BLK,
        [S_IFIFO >> 12] = EXT4_FT_FIFO, [S_IFSOCK >> 12] = EXT4_FT_SOCK,
        [S_IFLNK >> 12] = EXT4_FT_LINK,
    };

    return types[(mode & S_IFMT) >> 12];
}

u8 ext4_dirent_type(const struct ext4 *fs, u8 type)
{
    return EXT4_HAS_INCOMPAT(fs, FILETYPE) ? type : 0;
}

int ext4_dir_put(struct handle *h, struct inode *dir, struct buf *b, const struct dirblock *view,
                 const struct ext4_new_entry *e)
{
    u8 type = ext4_dirent_type(ext4_of(dir), e->type);
    const struct ext4_dirent *host;
    struct part p;
    u32 offset;
    int err = dirblock_room(view, e->name->length, &offset);

    if (err)
        return err;
    host = (const struct ext4_dirent *)(view->data + offset);
    err = part_change(h, b, &p, offset,
                      offset + (host->inode ? dirent_size(host->name_len) : 0) +
                          dirent_size(e->name->length));
    if (err)
        return err;
    dirblock_put(view, offset, e->name->text, e->name->length, e->ino, type);
    part_changed(h, dir, b, &p);
    return 0;
}

static int append_entry(struct handle *h, struct inode *dir, const struct ext4_new_entry *e)
{
    struct dirblock view;
    struct buf *b;
    u64 logical;
    int err = ext4_dir_append(h, dir, &logical, &b, &view);

    if (err)
        return err;
    err = ext4_dir_put(h, dir, b, &view, e);
    buf_put(b);
    return err;
}

static int linear_add(struct handle *h, struct inode *dir, const struct ext4_new_entry *e)
{
    u64 blocks = ext4_dir_blocks(dir);
    int err = -ENOSPC;

    for (u64 logical = 0; err == -ENOSPC && logical < blocks; logical++) {
        struct dirblock view;
        struct buf *b;

        err = ext4_dir_block(dir, logical, &b, &view);
        if (err)
            return err;
        err = ext4_dir_put(h, dir, b, &view, e);
        buf_put(b);
    }
    if (err != -ENOSPC)
        return err;
    if (blocks != 1 || !EXT4_HAS_COMPAT(ext4_of(dir), DIR_INDEX))
        return append_entry(h, dir, e);
    return ext4_htree_make(h, dir) ?: ext4_htree_add(h, dir, e);
}

int ext4_dir_add(struct handle *h, struct inode *dir, const struct name *name, u32 ino, u8 type)
{
    struct ext4_new_entry e = {name, ino, type};
    int err;

    if (ext4_has_inline(dir)) {
        err = ext4_inline_dir_add(h, dir, &e);
        if (err == -ENOSPC)
            err = ext4_inline_dir_convert(h, dir) ?: linear_add(h, dir, &e);
    } else {
        err = ext4_dir_is_indexed(dir) ? ext4_htree_add(h, dir, &e) : linear_add(h, dir, &e);
    }
    return err == -EUCLEAN ? ext4_corrupt(ext4_of(dir), dir->ino, 0, "a damaged directory") : err;
}

int ext4_dir_remove(struct handle *h, struct inode *dir, struct ext4_dir_place *place)
{
    struct dirblock view;
    struct part p;
    u32 before;
    int err;

    if (!place->block)
        return ext4_inline_dir_remove(h, dir, place);
    view = ext4_dir_view(dir, place->logical, place->block);
    err = dirblock_before(&view, place->offset, &before);
    if (!err) {
        u32 length = ((struct ext4_dirent *)(view.data + place->offset))->name_len;

        err = part_change(h, place->block, &p, before, place->offset + dirent_size(length));
    }
    if (err)
        return err;
    dirblock_remove(&view, before, place->offset);
    part_changed(h, dir, place->block, &p);
    return 0;
}

int ext4_dir_replace(struct handle *h, struct inode *dir, struct ext4_dir_place *place, u32 ino,
                     u8 type)
{
    struct ext4_dirent *e;
    struct part p;
    int err;

    type = ext4_dirent_type(ext4_of(dir), type);
    if (!place->block)
        return ext4_inline_dir_replace(h, dir, place, ino, type);
    err = part_change(h, place->block, &p, place->offset, place->offset + dirent_size(1));
    if (err)
        return err;
    e = (struct ext4_dirent *)(place->block->data + place->offset);
    e->inode = ino;
    e->file_type = type;
    part_changed(h, dir, place->block, &p);
    return 0;
}

/* "." and ".." */

int ext4_dir_init(struct handle *h, struct inode *dir, u32 parent_ino)
{
    u8 type = ext4_dirent_type(ext4_of(dir), EXT4_FT_DIR);
    struct dirblock view;
    struct buf *b;
    u64 logical;
    int err = ext4_dir_append(h, dir, &logical, &b, &view);

    if (err)
        return err;
    err = ext4_dir_change(h, b);
    if (!err) {
        dirblock_put(&view, 0, ".", 1, dir->ino, type);
        dirblock_put(&view, 0, "..", 2, parent_ino, type);
        ext4_dir_changed(h, dir, b, false);
    }
    buf_put(b);
    return err;
}

int ext4_dir_set_parent(struct handle *h, struct inode *dir, u32 parent_ino)
{
    struct ext4_dirent *e;
    struct dirblock view;
    struct buf *b;
    int err;

    if (ext4_has_inline(dir)) {
        ext4_i(dir)->block[0] = parent_ino;
        return ext4_inode_write(h, dir);
    }
    err = ext4_dir_block(dir, 0, &b, &view);
    if (err)
        return err;
    e = dirblock_at(&view, DIR_DOT_SIZE);
    err = e && dirent_is_dots(e) ? ext4_dir_change(h, b) : -EUCLEAN;
    if (!err) {
        e->inode = parent_ino;
        ext4_dir_changed(h, dir, b, ext4_dir_is_indexed(dir));
    }
    buf_put(b);
    return err;
}

u32 ext4_dir_add_credits(const struct inode *dir)
{
    u32 new_blocks = 1 + EXT4_INDEX_LEVELS, old_blocks = 1 + EXT4_INDEX_LEVELS;

    return old_blocks + new_blocks * (1 + EXT4_ALLOC_CREDITS) +
           ext4_map_credits((const struct ext4_inode *)dir, new_blocks);
}
