// SPDX-License-Identifier: MIT
// The superblock, the log's header, an inode and a directory's start, as an xv6 disk may have them:
// what passes the checks leads to nothing outside of the disk.
#include "fs/xv6fs/ondisk.h"
#include "fuzz.h"

#include <string.h>

struct input {
    struct xv6fs_super super;
    struct xv6fs_dinode inode;
    struct xv6fs_dirent dots[2];
    u32 device, block;
    struct xv6fs_log_header header;
};

static void check_layout(const struct xv6fs_layout *l, u64 device)
{
    u64 inode_blocks = DIV_ROUND_UP((u64)l->inodes, XV6FS_INODES_PER_BLOCK);

    fuzz_check(l->size <= device && l->inodes > XV6FS_ROOT && l->inodes <= XV6FS_MAX_INODES);
    fuzz_check(l->log_start >= 2 && l->log_copies >= XV6FS_OP_BLOCKS);
    fuzz_check((u64)l->log_start + 1 + l->log_copies <= l->inode_start);
    fuzz_check(l->inode_start + inode_blocks <= l->bitmap_start);
    fuzz_check(l->bitmap_start + DIV_ROUND_UP((u64)l->size, 8 * XV6FS_BLOCK) == l->data_start);
    fuzz_check(l->data_start < l->size);
}

static void check_path(const struct input *in)
{
    u32 path[3] = {0};
    int depth = xv6fs_path(in->block, path);

    fuzz_check((depth < 0) == (in->block >= XV6FS_MAX_BLOCKS));
    fuzz_check(depth < 0 || path[0] == (depth ? XV6FS_DIRECT - 1 + (u32)depth : in->block));
    fuzz_check(path[1] < XV6FS_SLOTS && path[2] < XV6FS_SLOTS);
}

void fuzz_one(const u8 *data, size_t size)
{
    struct xv6fs_layout l;
    struct input in;
    u32 parent;

    memset(&in, 0, sizeof(in));
    memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
    check_path(&in);
    if (!xv6fs_dinode_check(&in.inode))
        fuzz_check(in.inode.size <= XV6FS_MAX_SIZE && in.inode.type > 0 && in.inode.nlink >= 0);
    if (!xv6fs_dots_check(in.dots, in.block, &parent))
        fuzz_check(in.dots[0].inum == in.block && parent == in.dots[1].inum);
    fuzz_check(xv6fs_name_length(&in.dots[0]) <= XV6FS_NAME_MAX);
    if (xv6fs_layout_read(&in.super, in.device, &l))
        return;
    check_layout(&l, in.device);
    if (xv6fs_log_check(&l, &in.header))
        return;
    fuzz_check(in.header.count <= XV6FS_LOG_MAX && in.header.count <= l.log_copies);
    for (u32 i = 0; i < in.header.count; i++)
        fuzz_check(in.header.block[i] >= l.inode_start && in.header.block[i] < l.size);
}
