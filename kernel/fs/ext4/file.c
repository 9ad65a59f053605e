// SPDX-License-Identifier: MIT
// Operations on regular files.
#include "vfs/file.h"
#include "fs/ext4/data.h"

static int file_setattr(struct inode *i, const struct attr *a)
{
    return a->valid & ATTR_SIZE ? ext4_truncate(i, a->size) : 0;
}

const struct vm_object_ops ext4_object_ops = {
    .fill = ext4_fill,
    .hold = inode_object_hold,
    .release = inode_object_release,
};

const struct inode_ops ext4_file_inode_ops = {
    .setattr = file_setattr,
    .getattr = ext4_inode_getattr,
};

const struct file_ops ext4_file_ops = {
    .read = generic_file_read,
    .write = generic_file_write,
    .mmap = generic_file_mmap,
    .fsync = ext4_fsync,
    .fallocate = ext4_file_fallocate,
};
