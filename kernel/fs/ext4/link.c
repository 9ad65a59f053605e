// SPDX-License-Identifier: MIT
// Symbolic links: short ones in the inode, long ones in a block of their own; special files.
#include "fs/ext4/ext4.h"
#include "lib/string.h"

#define FAST_MAX (sizeof(((struct ext4_inode *)0)->block) - 1) // the rest is in a block

static int fast_readlink(struct inode *i, char *buf, size_t size)
{
    u64 length = load_relaxed(&i->size);
    size_t n = MIN(size, length);

    if (length > FAST_MAX)
        return ext4_corrupt(ext4_of(i), i->ino, 0, "a symbolic link's size");
    memcpy(buf, ext4_i(i)->block, n);
    return n;
}

static int slow_readlink(struct inode *i, char *buf, size_t size)
{
    u64 length = load_relaxed(&i->size);
    size_t n = MIN(size, length);
    struct buf *b;
    int err;

    if (length > ext4_of(i)->block_size - 1U)
        return ext4_corrupt(ext4_of(i), i->ino, 0, "a symbolic link's size");
    if (ext4_has_inline(i))
        return ext4_inline_read(i, buf, 0, n) ?: (int)n;
    err = ext4_file_block(i, 0, &b);
    if (err == -ENOENT)
        return ext4_corrupt(ext4_of(i), i->ino, 0, "a symbolic link without a block");
    if (err)
        return err;
    memcpy(buf, b->data, n);
    buf_put(b);
    return n;
}

/* Making them */

static void fast_init(struct inode *i, const char *target, size_t length)
{
    struct ext4_inode *e = ext4_i(i);

    write_lock(&e->map_lock);
    memset(e->block, 0, sizeof(e->block));
    memcpy(e->block, target, length);
    e->disk_size = length;
    write_unlock(&e->map_lock);
    i->ops = &ext4_fast_link_inode_ops;
}

static int slow_init(struct handle *h, struct inode *i, const char *target, size_t length)
{
    struct ext4_inode *e = ext4_i(i);

    i->ops = &ext4_link_inode_ops;
    write_lock(&e->map_lock);
    ext4_map_init(e);
    e->disk_size = length;
    write_unlock(&e->map_lock);
    return ext4_file_block_write(h, i, 0, target, length);
}

int ext4_link_init(struct handle *h, struct inode *i, const char *target)
{
    size_t length = strlen(target);
    int err = 0;

    if (length >= ext4_of(i)->block_size)
        return -ENAMETOOLONG;
    if (length <= FAST_MAX)
        fast_init(i, target, length);
    else
        err = slow_init(h, i, target, length);
    i->size = length;
    return err;
}

const struct inode_ops ext4_fast_link_inode_ops = {
    .readlink = fast_readlink,
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
};

const struct inode_ops ext4_link_inode_ops = {
    .readlink = slow_readlink,
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
};

const struct inode_ops ext4_special_inode_ops = {
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
};
