// SPDX-License-Identifier: MIT
// Directories: their blocks, and finding names.
//
// A block is checked when it is read into memory, and its checksum set with each change; what its
// bytes say is checked again at each use (dirblock.c), since the device's node may write them.
// Indexed directories have the same leaves; htree.c finds the one where a name belongs. Whoever
// does not know the index (or a hash in it) may still read all blocks in turn: index blocks look
// like blocks with one unused entry.
#include "fs/ext4/dir.h"
#include "lib/string.h"

/* Blocks */

u64 ext4_dir_blocks(const struct inode *dir)
{
    const struct ext4 *fs = dir->sb->private;

    return ext4_has_inline(dir) ? 1 + (dir->size > EXT4_INLINE_IN_BLOCK)
                                : dir->size >> fs->block_shift;
}

bool ext4_dir_is_indexed(const struct inode *dir)
{
    const struct ext4 *fs = dir->sb->private;
    u32 flags = ((const struct ext4_inode *)dir)->flags & (EXT4_INDEX_FL | EXT4_INLINE_DATA_FL);

    return EXT4_HAS_COMPAT(fs, DIR_INDEX) && flags == EXT4_INDEX_FL;
}

bool ext4_dir_is_index(const struct ext4_dir_block *k)
{
    const struct ext4_dirent *e = (const struct ext4_dirent *)k->b->data;

    return ext4_dir_is_indexed(k->dir) &&
           (!k->logical || (!e->inode && e->rec_len == ext4_of(k->dir)->block_size));
}

static bool block_sound(const struct ext4_dir_block *k, bool index)
{
    const struct ext4_inode *i = ext4_i(k->dir);

    if (load_relaxed(&k->b->flags) & BUF_CHECKED)
        return true;
    if (index ? !ext4_index_verify(i, k->b->data) : !ext4_dir_verify(i, k->b->data))
        return false;
    if (dirblock_check(&k->view))
        return false;
    buf_set_flags(k->b, BUF_CHECKED);
    return true;
}

int ext4_dir_block(struct inode *dir, u64 logical, struct ext4_dir_block *k)
{
    struct ext4 *fs = ext4_of(dir);
    bool index;
    int err;

    *k = (struct ext4_dir_block){.dir = dir, .logical = logical};
    if (ext4_has_inline(dir))
        return ext4_inline_dir_block(k);
    err = ext4_file_block(dir, logical, &k->b);
    if (err == -ENOENT)
        return ext4_corrupt(fs, dir->ino, logical, "a hole in a directory");
    if (err)
        return err;
    index = ext4_dir_is_index(k);
    k->view = (struct dirblock){k->b->data, fs->block_size - (index ? 0 : ext4_dir_tail(fs))};
    if (block_sound(k, index))
        return 0;
    buf_put(k->b);
    k->b = NULL;
    return ext4_corrupt(fs, dir->ino, logical, "a damaged directory block");
}

/* Finding */

int ext4_dir_find_in(struct inode *dir, u64 logical, const struct name *name,
                     struct ext4_dir_place *place)
{
    struct ext4_dir_block *k = &place->block;
    int err = ext4_dir_block(dir, logical, k);

    if (err)
        return err;
    err = dirblock_find(&k->view, name->text, name->length, &place->offset);
    if (!err) {
        place->ino = ((const struct ext4_dirent *)(k->view.data + place->offset))->inode;
        return 0;
    }
    if (err == -EUCLEAN)
        ext4_corrupt(ext4_of(dir), dir->ino, logical, "a damaged directory");
    buf_put(k->b);
    k->b = NULL;
    return err;
}

static int linear_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place)
{
    u64 blocks = ext4_dir_blocks(dir);
    int err = -ENOENT;

    for (u64 logical = 0; err == -ENOENT && logical < blocks; logical++)
        err = ext4_dir_find_in(dir, logical, name, place);
    return err;
}

int ext4_dir_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place)
{
    int err = -EOPNOTSUPP;

    if (name->length > EXT4_NAME_MAX)
        return -ENAMETOOLONG;
    if (ext4_dir_is_indexed(dir))
        err = ext4_htree_find(dir, name, place);
    return err == -EOPNOTSUPP ? linear_find(dir, name, place) : err;
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
    bool empty = true;

    for (u64 logical = 0; empty && logical < blocks; logical++) {
        struct ext4_dir_block k;
        int err = ext4_dir_block(dir, logical, &k);

        if (err)
            return err;
        empty = only_dots(&k.view);
        buf_put(k.b);
    }
    return empty;
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
    err = ext4_file_block(dir, 0, &b);
    if (err)
        return err == -ENOENT ? -EUCLEAN : err;
    view = (struct dirblock){.data = b->data, .end = ext4_of(dir)->block_size};
    if (dirblock_at(&view, DIR_DOT_SIZE))
        *ino = load_relaxed((u32 *)(b->data + DIR_DOT_SIZE));
    else
        err = -EUCLEAN;
    buf_put(b);
    return err;
}
