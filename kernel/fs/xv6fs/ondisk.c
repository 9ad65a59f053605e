// SPDX-License-Identifier: MIT
// Checks and decodes what an xv6 disk holds.
#include "fs/xv6fs/ondisk.h"
#include "abi/errno.h"
#include "lib/string.h"

#define BITS_PER_BLOCK (8 * XV6FS_BLOCK)

int xv6fs_layout_read(const struct xv6fs_super *s, u64 device_blocks, struct xv6fs_layout *out)
{
    u64 log_end = (u64)s->logstart + s->nlog;
    u64 inode_end = s->inodestart + DIV_ROUND_UP((u64)s->ninodes, XV6FS_INODES_PER_BLOCK);
    u64 bitmap_end = s->bmapstart + DIV_ROUND_UP((u64)s->size, BITS_PER_BLOCK);

    if (s->magic != XV6FS_MAGIC)
        return -EINVAL;
    if (s->size > device_blocks || s->ninodes <= XV6FS_ROOT || s->ninodes > XV6FS_MAX_INODES)
        return -EUCLEAN;
    if (s->nlog <= XV6FS_OP_BLOCKS || s->logstart < 2 || log_end > s->inodestart)
        return -EUCLEAN;
    if (inode_end > s->bmapstart || bitmap_end >= s->size)
        return -EUCLEAN;
    *out = (struct xv6fs_layout){
        .size = s->size,
        .inodes = s->ninodes,
        .log_start = s->logstart,
        .log_copies = s->nlog - 1,
        .inode_start = s->inodestart,
        .bitmap_start = s->bmapstart,
        .data_start = bitmap_end,
    };
    return 0;
}

int xv6fs_log_check(const struct xv6fs_layout *l, const struct xv6fs_log_header *h)
{
    if (h->count > l->log_copies || h->count > XV6FS_LOG_MAX)
        return -EUCLEAN;
    for (u32 i = 0; i < h->count; i++)
        if (h->block[i] < l->inode_start || h->block[i] >= l->size)
            return -EUCLEAN;
    return 0;
}

int xv6fs_path(u64 block, u32 path[3])
{
    if (block < XV6FS_DIRECT) {
        path[0] = block;
        return 0;
    }
    block -= XV6FS_DIRECT;
    if (block < XV6FS_SLOTS) {
        path[0] = XV6FS_DIRECT;
        path[1] = block;
        return 1;
    }
    block -= XV6FS_SLOTS;
    if (block >= XV6FS_SLOTS * XV6FS_SLOTS)
        return -EFBIG;
    path[0] = XV6FS_DIRECT + 1;
    path[1] = block / XV6FS_SLOTS;
    path[2] = block % XV6FS_SLOTS;
    return 2;
}

u32 xv6fs_name_length(const struct xv6fs_dirent *e)
{
    return strnlen(e->name, XV6FS_NAME_MAX);
}

int xv6fs_dinode_check(const struct xv6fs_dinode *d)
{
    if (d->type < XV6FS_DIR || d->type > XV6FS_SYMLINK || d->nlink < 0 || d->size > XV6FS_MAX_SIZE)
        return -EUCLEAN;
    if (d->type == XV6FS_DIR &&
        (d->size % sizeof(struct xv6fs_dirent) || d->size < 2 * sizeof(struct xv6fs_dirent)))
        return -EUCLEAN;
    return 0;
}

int xv6fs_dots_check(const struct xv6fs_dirent *first, u32 ino, u32 *parent)
{
    if (first[0].inum != ino || strncmp(first[0].name, ".", XV6FS_NAME_MAX) ||
        strncmp(first[1].name, "..", XV6FS_NAME_MAX))
        return -EUCLEAN;
    *parent = first[1].inum;
    return 0;
}
