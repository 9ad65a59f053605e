// SPDX-License-Identifier: MIT
// Nodes of block devices.
//
// Reads and writes go to the device in whole blocks, through a buffer: nothing is cached.
#include "abi/blkdev.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "base/log.h"
#include "block/block.h"
#include "fs/pseudo/pseudo.h"
#include "mm/slab.h"
#include "vfs/registry.h"

#define BUFFER 65536 // bytes moved at once

static u64 size_of(const struct block_device *d)
{
    return load_relaxed(&d->sectors) << SECTOR_SHIFT;
}

static int blockdev_open(struct inode *inode, struct file *f)
{
    f->mode |= FILE_F_SEEKABLE;
    return block_open(f->private);
}

static void blockdev_release(struct file *f)
{
    block_close(f->private);
}

static int move(struct block_device *d, enum block_op op, struct uio *u, u64 pos, void *buffer,
                size_t n)
{
    int err = op == BLOCK_WRITE ? uio_get(u, buffer, n) : 0;

    if (!err)
        err = block_transfer(d, op, pos >> SECTOR_SHIFT, buffer, n);
    if (!err && op == BLOCK_READ)
        err = uio_put(u, buffer, n);
    return err;
}

static ssize_t transfer(struct block_device *d, enum block_op op, struct uio *u, loff_t *pos)
{
    u64 size = size_of(d), left = *pos < size ? MIN(u->left, size - *pos) : 0, done = 0;
    void *buffer;
    int err = 0;

    if (!left)
        return u->left && op == BLOCK_WRITE ? -ENOSPC : 0;
    if ((*pos | left) & (d->limits.block_size - 1))
        return -EINVAL;
    buffer = kmalloc(MIN(left, (u64)BUFFER), 0);
    if (!buffer)
        return -ENOMEM;
    while (done < left && !err) {
        size_t n = MIN(left - done, (u64)BUFFER);

        err = move(d, op, u, *pos, buffer, n);
        if (!err) {
            *pos += n;
            done += n;
        }
    }
    kfree(buffer);
    return done ? (ssize_t)done : err;
}

static ssize_t blockdev_read(struct file *f, struct uio *u, loff_t *pos)
{
    return transfer(f->private, BLOCK_READ, u, pos);
}

static ssize_t blockdev_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct block_device *d = f->private;

    return d->read_only ? -EPERM : transfer(d, BLOCK_WRITE, u, pos);
}

static loff_t blockdev_seek(struct file *f, loff_t offset, int whence)
{
    loff_t size = (loff_t)size_of(f->private), base = 0, to;

    if (whence == SEEK_CUR)
        base = f->pos;
    else if (whence == SEEK_END)
        base = size;
    else if (whence != SEEK_SET)
        return -EINVAL;
    if (__builtin_add_overflow(base, offset, &to) || to < 0 || to > size)
        return -EINVAL;
    f->pos = to;
    return to;
}

static int blockdev_fsync(struct file *f, bool data_only)
{
    return block_flush(f->private);
}

/* Ioctls: sd(4) and BLK* of the kernel's headers */

// BLKDISCARD and BLKZEROOUT: a pair of byte offset and length.
static s64 ioctl_range(struct file *f, u32 cmd, uaddr_t arg)
{
    struct block_device *d = f->private;
    u64 range[2];

    if (!(f->mode & FILE_F_WRITE))
        return -EBADF;
    if (copy_from_user(range, arg, sizeof(range)))
        return -EFAULT;
    if (d->read_only)
        return -EPERM;
    if ((range[0] | range[1]) & (d->limits.block_size - 1) || !range[1] || range[0] > size_of(d) ||
        range[1] > size_of(d) - range[0])
        return -EINVAL;
    range[0] >>= SECTOR_SHIFT;
    range[1] >>= SECTOR_SHIFT;
    return cmd == BLKDISCARD ? block_discard(d, range[0], range[1])
                             : block_zero(d, range[0], range[1]);
}

static s64 blockdev_ioctl(struct file *f, u32 cmd, u64 arg)
{
    struct block_device *d = f->private;
    bool may = cred_capable(thread_self()->cred, CAP_SYS_ADMIN);

    switch (cmd) {
    case BLKGETSIZE64:
        return put_user_u64(arg, size_of(d));
    case BLKGETSIZE:
        return put_user_u64(arg, load_relaxed(&d->sectors));
    case BLKSSZGET:
        return put_user_u32(arg, d->limits.block_size);
    case BLKPBSZGET:
    case BLKIOMIN:
        return put_user_u32(arg, d->limits.physical_size);
    case BLKBSZGET:
        return put_user_u32(arg, PAGE_SIZE);
    case BLKROGET:
        return put_user_u32(arg, d->read_only);
    case BLKIOOPT:
    case BLKALIGNOFF:
        return put_user_u32(arg, 0);
    case BLKROTATIONAL: {
        u16 no = 0;

        return copy_to_user(arg, &no, sizeof(no));
    }
    case BLKFLSBUF:
        return may ? block_flush(d) : -EACCES;
    case BLKRRPART:
        return may ? block_rescan(d) : -EACCES;
    case BLKDISCARD:
    case BLKZEROOUT:
        return ioctl_range(f, cmd, arg);
    }
    return -ENOTTY;
}

static const struct file_ops blockdev_ops = {
    .open = blockdev_open,
    .release = blockdev_release,
    .read = blockdev_read,
    .write = blockdev_write,
    .seek = blockdev_seek,
    .fsync = blockdev_fsync,
    .ioctl = blockdev_ioctl,
};

/* Nodes */

static void node_add(struct block_device *d)
{
    struct device *node = kmalloc(sizeof(*node), ALLOC_ZERO);
    int err = -ENOMEM;

    if (node) {
        *node = (struct device){d->name, d->dev, S_IFBLK | 0660, &blockdev_ops, .data = d};
        err = device_register(node);
    }
    if (err) {
        log_info("%s: no node: error %d", d->name, -err);
        kfree(node);
    }
}

static void node_add_old(struct block_device *d, void *unused)
{
    node_add(d);
}

void blockdev_init(void)
{
    block_added_hook = node_add;
    block_each(node_add_old, NULL);
}
