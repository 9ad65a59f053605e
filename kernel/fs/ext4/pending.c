// SPDX-License-Identifier: MIT
// Weak definitions of what other files of ext4 are going to define; goes when they all do.
#include "fs/ext4/ext4.h"
#include "vfs/file.h"

#define PENDING __attribute__((weak))

bool PENDING ext4_is_journal_data(const struct inode *i)
{
    return false;
}
int PENDING ext4_reserve(struct ext4 *fs, u64 count)
{
    return -ENOSYS;
}
bool PENDING ext4_freed_wait(struct ext4 *fs)
{
    return false;
}
void PENDING ext4_unreserve(struct ext4 *fs, u64 count)
{
}
int PENDING ext4_blocks_pick(struct ext4 *fs, u64 goal, u32 *count, u64 *block)
{
    return -ENOSYS;
}
void PENDING ext4_blocks_unpick(struct ext4 *fs, u64 block, u32 count)
{
}
int PENDING ext4_blocks_claim(struct handle *h, struct ext4 *fs, u64 block, u32 count)
{
    return -ENOSYS;
}
int PENDING ext4_block_new(struct handle *h, struct ext4 *fs, u64 goal, u64 *block)
{
    return -ENOSYS;
}
int PENDING ext4_blocks_free(struct handle *h, struct ext4_inode *i, u64 block, u64 count,
                             bool metadata)
{
    return -ENOSYS;
}
void PENDING ext4_freed_durable(struct ext4 *fs, u32 tid)
{
}
int PENDING ext4_ino_new(struct handle *h, struct inode *dir, bool directory, u32 *ino)
{
    return -ENOSYS;
}
int PENDING ext4_ino_free(struct handle *h, struct ext4 *fs, u32 ino, bool directory)
{
    return -ENOSYS;
}
int PENDING ext4_orphan_add(struct handle *h, struct inode *i)
{
    return -ENOSYS;
}
int PENDING ext4_orphan_remove(struct handle *h, struct inode *i)
{
    return -ENOSYS;
}
int PENDING ext4_orphans_recover(struct ext4 *fs)
{
    return -ENOSYS;
}
int PENDING ext4_data_flush(struct inode *i)
{
    return -ENOSYS;
}
int PENDING ext4_truncate(struct inode *i, u64 size)
{
    return -ENOSYS;
}
int PENDING ext4_delete_contents(struct inode *i)
{
    return -ENOSYS;
}
int PENDING ext4_file_fallocate(struct file *f, int mode, loff_t offset, loff_t length)
{
    return -ENOSYS;
}
int PENDING ext4_fsync(struct file *f, bool data_only)
{
    return -ENOSYS;
}
int PENDING ext4_inline_write(struct handle *h, struct inode *i, const void *from, u64 pos,
                              size_t n)
{
    return -ENOSYS;
}
int PENDING ext4_inline_convert(struct inode *i)
{
    return -ENOSYS;
}
u32 PENDING ext4_inline_capacity(const struct inode *i)
{
    return 0;
}
void PENDING ext4_xattr_free(struct handle *h, struct inode *i)
{
}
int PENDING ext4_orphan_file_open(struct ext4 *fs)
{
    return 0;
}
void PENDING ext4_orphan_forget(struct ext4_inode *i)
{
}
