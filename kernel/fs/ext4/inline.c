// SPDX-License-Identifier: MIT
// Small files and directories inside the inode: the first 60 bytes in place of the block map, the
// rest in the value of the attribute "system.data" behind the inode's fields.
//
// A directory has its parent's number in the first 4 bytes, no "." and "..", and two separate
// chains of entries: one to byte 60, one in the value.
#include "fs/ext4/dir.h"
#include "fs/ext4/xattr_set.h"
#include "lib/string.h"

#define PARENT_LEN 4U // of a directory

static const struct xattr_key data_key = {EXT4_XATTR_SYSTEM, 4, "data"};

bool ext4_has_inline(const struct inode *i)
{
    return ((const struct ext4_inode *)i)->flags & EXT4_INLINE_DATA_FL;
}

static int damaged(struct inode *i)
{
    return ext4_corrupt(ext4_of(i), i->ino, 0, "data inside an inode");
}

// The attribute's value in the inode table. No value: *size is 0.
static int value_find(struct inode *i, struct ext4_dinode *d, u8 **value, u32 *size)
{
    struct ext4_xattr_entry *e = NULL;
    struct xattr_set set;

    if (xattr_set_of_inode(d, ext4_of(i)->inode_size, ext4_i(i)->extra_isize, &set)) {
        if (xattr_set_check(&set))
            return damaged(i);
        e = xattr_set_find(&set, &data_key);
    }
    *size = e && !e->e_value_inum ? e->e_value_size : 0;
    *value = *size ? xattr_value(&set, e) : NULL;
    return 0;
}

int ext4_inline_read(struct inode *i, void *out, u64 pos, size_t n)
{
    u8 *to = out, *value;
    struct ext4_dinode *d;
    struct buf *b;
    u32 size;
    int err;

    if (pos < EXT4_INLINE_IN_BLOCK) {
        size_t part = MIN(n, EXT4_INLINE_IN_BLOCK - pos);

        memcpy(to, (u8 *)ext4_i(i)->block + pos, part);
        to += part;
        pos += part;
        n -= part;
    }
    if (!n)
        return 0;
    err = ext4_inode_place(ext4_of(i), i->ino, &b, &d);
    if (err)
        return err;
    pos -= EXT4_INLINE_IN_BLOCK;
    buf_lock(b); // readers do not hold the inode's lock, and other attributes may change
    err = value_find(i, d, &value, &size);
    if (!err && (pos > size || n > size - pos))
        err = damaged(i);
    if (!err)
        memcpy(to, value + pos, n);
    buf_unlock(b);
    buf_put(b);
    return err;
}

/* Directories */

int ext4_inline_dir_block(struct ext4_dir_block *k)
{
    struct inode *dir = k->dir;
    u64 size = load_relaxed(&dir->size);
    struct ext4_dinode *d;
    int err = 0;

    k->view =
        (struct dirblock){(u8 *)ext4_i(dir)->block + PARENT_LEN, EXT4_INLINE_IN_BLOCK - PARENT_LEN};
    if (k->logical)
        err = ext4_inode_place(ext4_of(dir), dir->ino, &k->b, &d);
    if (err)
        return err;
    if (k->logical)
        err = value_find(dir, d, &k->view.data, &k->view.end);
    if (!err && size >= EXT4_INLINE_IN_BLOCK && size % 4 == 0 &&
        (!k->logical || k->view.end == size - EXT4_INLINE_IN_BLOCK) && !dirblock_check(&k->view))
        return 0;
    buf_put(k->b);
    k->b = NULL;
    return err ?: damaged(dir);
}

/* To blocks */

int ext4_inline_drop(struct handle *h, struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_xattr_entry *e;
    struct ext4_dinode *d;
    struct xattr_set set;
    struct buf *b;
    int err = ext4_dinode_change(h, fs, i->ino, &b, &d);

    if (err)
        return err;
    if (xattr_set_of_inode(d, fs->inode_size, ext4_i(i)->extra_isize, &set)) {
        err = xattr_set_check(&set) ? damaged(i) : 0;
        e = err ? NULL : xattr_set_find(&set, &data_key);
        if (e)
            xattr_set_remove(&set, e);
    }
    ext4_dinode_changed(h, fs, i->ino, b);
    buf_put(b);
    return err;
}

static void map_begin(struct inode *dir)
{
    struct ext4_inode *i = ext4_i(dir);

    write_lock(&i->map_lock);
    i->flags &= ~(EXT4_INLINE_DATA_FL | EXT4_INDEX_FL);
    ext4_map_init(i);
    write_unlock(&i->map_lock);
    dir->size = 0;
}

// As it was, without the block that it may have got.
static void map_undo(struct handle *h, struct inode *dir, const u32 head[15], u64 size)
{
    struct ext4_inode *i = ext4_i(dir);

    write_lock(&i->map_lock);
    ext4_map_remove(h, i, 0, 0, 0);
    i->flags = (i->flags & ~EXT4_EXTENTS_FL) | EXT4_INLINE_DATA_FL;
    memcpy(i->block, head, sizeof(i->block));
    dir->size = i->disk_size = size;
    write_unlock(&i->map_lock);
}

int ext4_inline_dir_convert(struct handle *h, struct inode *dir)
{
    struct ext4_dir_block rest = {.dir = dir, .logical = 1};
    u64 size = dir->size;
    u32 head[15];
    struct dirblock chains[] = {{(u8 *)head + PARENT_LEN, EXT4_INLINE_IN_BLOCK - PARENT_LEN}, {0}};
    int err = ext4_name_hold(h, dir);

    if (!err && ext4_dir_blocks(dir) > 1)
        err = ext4_inline_dir_block(&rest);
    if (err)
        return err;
    memcpy(head, ext4_i(dir)->block, sizeof(head));
    chains[1] = rest.view;
    map_begin(dir);
    err = ext4_dir_init(h, dir, head[0], chains, ARRAY_SIZE(chains)) ?: ext4_inline_drop(h, dir);
    buf_put(rest.b);
    if (!err)
        return ext4_inode_write(h, dir);
    map_undo(h, dir, head, size);
    return err;
}
