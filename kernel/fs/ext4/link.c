// SPDX-License-Identifier: MIT
// Symbolic links: short ones in the inode, long ones in a block of their own; special files.
#include "fs/ext4/ext4.h"
#include "lib/string.h"

#define FAST_MAX (sizeof(((struct ext4_inode *)0)->block) - 1) // the rest is in a block

bool ext4_is_fast_link(const struct inode *i)
{
    u32 flags = ((const struct ext4_inode *)i)->flags;

    return S_ISLNK(i->mode) && load_relaxed(&i->size) <= FAST_MAX &&
           !(flags & (EXT4_INLINE_DATA_FL | EXT4_EXTENTS_FL));
}

static int link_readlink(struct inode *i, char *buf, size_t size)
{
    u64 length = load_relaxed(&i->size);
    size_t n = MIN(size, length);
    struct buf *b;
    int err;

    if (length >= ext4_of(i)->block_size)
        return ext4_corrupt(ext4_of(i), i->ino, 0, "a symbolic link's size");
    if (ext4_has_inline(i))
        return ext4_inline_read(i, buf, 0, n) ?: (int)n;
    if (ext4_is_fast_link(i)) {
        memcpy(buf, ext4_i(i)->block, n);
        return n;
    }
    err = ext4_file_block(i, 0, &b);
    if (err == -ENOENT)
        return ext4_corrupt(ext4_of(i), i->ino, 0, "a symbolic link without a block");
    if (err)
        return err;
    memcpy(buf, b->data, n);
    buf_put(b);
    return n;
}

int ext4_link_init(struct handle *h, struct inode *i, const char *target)
{
    size_t length = strlen(target);
    struct ext4_inode *e = ext4_i(i);

    if (length >= ext4_of(i)->block_size)
        return -ENAMETOOLONG;
    write_lock(&e->map_lock);
    if (length > FAST_MAX)
        ext4_map_init(e);
    else
        memcpy(e->block, target, length); // of zeroes
    e->disk_size = i->size = length;
    write_unlock(&e->map_lock);
    return length > FAST_MAX ? ext4_file_block_write(h, i, 0, target, length) : 0;
}

const struct inode_ops ext4_link_inode_ops = {
    .readlink = link_readlink,
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
};

const struct inode_ops ext4_special_inode_ops = {
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
};
