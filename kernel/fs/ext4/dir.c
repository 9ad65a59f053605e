// SPDX-License-Identifier: MIT
// Directories as files of blocks of entries: finding, adding and removing names.
//
// A block is checked when it is read into memory, and its checksum set with each change; what its
// bytes say is checked again at each use (dirblock.c), since the device's node may write them.
// Indexed directories have the same leaves; htree.c finds the one where a name belongs. Whoever
// does not know the index (or a hash in it) may still read all blocks in turn: index blocks look
// like blocks with one unused entry.
#include "fs/ext4/dir.h"
#include "lib/string.h"

static bool has_tails(const struct ext4 *fs)
{
    return EXT4_HAS_RO(fs, METADATA_CSUM);
}

/* Blocks */

static bool is_index_block(const struct inode *dir, u64 logical, const struct buf *b)
{
    const struct ext4_dirent *e = (const struct ext4_dirent *)b->data;

    return ext4_dir_is_indexed(dir) &&
           (!logical || (!e->inode && e->rec_len == ext4_of((struct inode *)dir)->block_size));
}

struct dirblock ext4_dir_view(const struct inode *dir, u64 logical, struct buf *b)
{
    const struct ext4 *fs = dir->sb->private;
    u32 tail = has_tails(fs) && !is_index_block(dir, logical, b) ? sizeof(struct ext4_dir_tail) : 0;

    return (struct dirblock){.data = b->data, .end = fs->block_size - tail};
}

static bool block_sound(struct inode *dir, u64 logical, struct buf *b, const struct dirblock *view)
{
    const struct ext4_inode *i = ext4_i(dir);

    if (load_relaxed(&b->flags) & BUF_CHECKED)
        return true;
    if (is_index_block(dir, logical, b) ? !ext4_index_verify(i, b->data)
                                        : !ext4_dir_verify(i, b->data))
        return false;
    if (dirblock_check(view))
        return false;
    atomic_fetch_or(&b->flags, BUF_CHECKED);
    return true;
}

int ext4_dir_block(struct inode *dir, u64 logical, struct buf **out, struct dirblock *view)
{
    struct ext4 *fs = ext4_of(dir);
    int err = ext4_file_block(NULL, dir, logical, out);

    if (err == -ENOENT)
        return ext4_corrupt(fs, dir->ino, logical, "a hole in a directory");
    if (err)
        return err;
    *view = ext4_dir_view(dir, logical, *out);
    if (block_sound(dir, logical, *out, view))
        return 0;
    err = ext4_corrupt(fs, dir->ino, (*out)->block, "a damaged directory block");
    buf_put(*out);
    return err;
}

/* Finding */

static int linear_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place)
{
    u64 blocks = ext4_dir_blocks(dir);
    int err = -ENOENT;

    for (u64 logical = 0; err == -ENOENT && logical < blocks; logical++) {
        struct dirblock view;

        err = ext4_dir_block(dir, logical, &place->block, &view);
        if (err)
            return err;
        place->logical = logical;
        err = dirblock_find(&view, name->text, name->length, &place->offset);
        if (err)
            buf_put(place->block);
    }
    return err;
}

int ext4_dir_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place,
                  u32 *ino, u8 *type)
{
    const struct ext4_dirent *e;
    int err = -EOPNOTSUPP;

    if (name->length > EXT4_NAME_MAX)
        return -ENAMETOOLONG;
    if (ext4_has_inline(dir))
        return ext4_inline_dir_find(dir, name, place, ino, type);
    if (ext4_dir_is_indexed(dir))
        err = ext4_htree_find(dir, name, place);
    if (err == -EOPNOTSUPP)
        err = linear_find(dir, name, place);
    if (err)
        return err == -EUCLEAN ? ext4_corrupt(ext4_of(dir), dir->ino, 0, "a damaged directory")
                               : err;
    e = (const struct ext4_dirent *)(place->block->data + place->offset);
    *ino = e->inode;
    *type = e->file_type;
    return 0;
}

static bool only_dots(const struct dirblock *view)
{
    struct ext4_dirent *e;
    u32 offset = 0;

    while (!dirblock_next(view, &offset, &e)) {
        if (!dirent_is_dots(e))
            return false;
        offset += e->rec_len;
    }
    return true;
}

int ext4_dir_empty(struct inode *dir)
{
    u64 blocks = ext4_dir_blocks(dir);

    if (ext4_has_inline(dir))
        return ext4_inline_dir_empty(dir);
    for (u64 logical = 0; logical < blocks; logical++) {
        struct dirblock view;
        struct buf *b;
        bool empty;
        int err = ext4_dir_block(dir, logical, &b, &view);

        if (err)
            return err;
        empty = only_dots(&view);
        buf_put(b);
        if (!empty)
            return 0;
    }
    return 1;
}

int ext4_dir_parent(struct inode *dir, u32 *ino)
{
    struct dirblock view;
    struct buf *b;
    int err;

    if (ext4_has_inline(dir)) {
        *ino = ext4_i(dir)->block[0];
        return 0;
    }
    err = ext4_file_block(NULL, dir, 0, &b);
    if (err)
        return err == -ENOENT ? -EUCLEAN : err;
    view = (struct dirblock){.data = b->data, .end = ext4_of(dir)->block_size};
    err = -EUCLEAN;
    if (dirblock_at(&view, DIR_DOT_SIZE)) {
        *ino = load_relaxed((u32 *)(b->data + DIR_DOT_SIZE));
        err = 0;
    }
    buf_put(b);
    return err;
}
