// SPDX-License-Identifier: MIT
// Nodes of block devices.
//
// Reads, writes and mappings go to the device's pages, which the buffer cache shares.
#include "abi/blkdev.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "base/log.h"
#include "buf/buf.h"
#include "fs/pseudo/pseudo.h"
#include "mm/slab.h"
#include "vfs/registry.h"

static u64 size_of(const struct block_device *d)
{
    return load_relaxed(&d->sectors) << SECTOR_SHIFT;
}

static int blockdev_open(struct inode *inode, struct file *f)
{
    struct buf_cache *c;
    int err = buf_cache_get(f->private, &c) ?: buf_device_open(f->private);

    if (err)
        return err;
    f->mode |= FILE_F_SEEKABLE;
    f->object = &c->object;
    return 0;
}

static void blockdev_release(struct file *f)
{
    buf_device_close(f->private);
}

// How many of u's bytes lie before the device's end.
static u64 span(struct file *f, struct uio *u, loff_t pos)
{
    u64 size = size_of(f->private);

    return pos < size ? MIN(u->left, size - pos) : 0;
}

/* Through the cache */

static ssize_t cached(struct file *f, struct uio *u, loff_t *pos, u64 left, bool write)
{
    ssize_t (*move)(struct vm_object * o, struct uio * u, u64 pos, size_t n) =
        write ? vm_object_write : vm_object_read;
    ssize_t done = 0, n;

    for (; left; left -= n, *pos += n, done += n) {
        n = done && wait_interrupted(WAIT_KILLABLE)
                ? -EINTR
                : move(f->object, u, *pos, MIN(left, UIO_ROUND));
        if (n <= 0)
            n = uio_try_again(u, n, write ? ACCESS_READ : ACCESS_WRITE);
        if (n < 0)
            return done ? done : n;
    }
    if (write)
        vm_dirty_throttle(f->object);
    return done;
}

// What changed on the device past the cache. Whoever fills pages now began before that.
static void forget_range(struct vm_object *o, u64 first, u64 last)
{
    mutex_lock(&o->fill_lock);
    vm_object_drop_clean(o, first, last);
    mutex_unlock(&o->fill_lock);
}

/* O_DIRECT: past the cache, whose changes are on the device before, and which forgets what it has
 * of the range after a write */

#define BOUNCE 65536 // bytes moved at once

static int direct_some(struct file *f, struct uio *u, loff_t pos, u8 *bounce, size_t n, bool write)
{
    u64 sector = (u64)pos >> SECTOR_SHIFT;
    int err = write ? uio_get(u, bounce, n) : 0;

    if (!err)
        err = block_transfer(f->private, write ? BLOCK_WRITE : BLOCK_READ, sector, bounce, n);
    if (!err && !write)
        err = uio_put(u, bounce, n);
    return err;
}

static ssize_t direct(struct file *f, struct uio *u, loff_t *pos, u64 left, bool write)
{
    struct block_device *d = f->private;
    u64 first = (u64)*pos >> PAGE_SHIFT, last = (*pos + left - 1) >> PAGE_SHIFT;
    u8 *bounce;
    ssize_t done = 0;
    int err;

    if ((*pos | left) & (d->limits.block_size - 1))
        return -EINVAL;
    bounce = kmalloc(MIN(left, (u64)BOUNCE), 0);
    err = bounce ? vm_object_sync(f->object, first, last) : -ENOMEM;
    while (!err && left) {
        size_t n = MIN(left, (u64)BOUNCE);

        err = done && wait_interrupted(WAIT_KILLABLE) ? -EINTR
                                                      : direct_some(f, u, *pos, bounce, n, write);
        if (err)
            break;
        *pos += n;
        done += n;
        left -= n;
    }
    kfree(bounce);
    if (write)
        forget_range(f->object, first, last);
    return done ? done : err;
}

static ssize_t transfer(struct file *f, struct uio *u, loff_t *pos, u64 left, bool write)
{
    return (f->flags & O_DIRECT ? direct : cached)(f, u, pos, left, write);
}

static ssize_t blockdev_read(struct file *f, struct uio *u, loff_t *pos)
{
    u64 left = span(f, u, *pos);

    return left ? transfer(f, u, pos, left, false) : 0;
}

static ssize_t blockdev_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct block_device *d = f->private;
    u64 left = span(f, u, *pos);
    ssize_t done;
    int err = 0;

    if (d->read_only)
        return -EPERM;
    if (!left)
        return u->left ? -ENOSPC : 0;
    done = transfer(f, u, pos, left, true);
    if (done > 0 && f->flags & O_DSYNC)
        err = file_fsync(f, true);
    return err ? err : done;
}

static int blockdev_mmap(struct file *f, struct vm_object **out)
{
    *out = f->object;
    return 0;
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

static struct buf_cache *cache_of(struct file *f)
{
    return f->object->owner;
}

static int blockdev_fsync(struct file *f, bool data_only)
{
    return buf_cache_sync(cache_of(f));
}

/* Ioctls: sd(4) and BLK* of the kernel's headers */

// What is cached of the range goes too, unless a file system holds views of it: then it is the
// administrator who tramples on a mounted device.
static int clear_range(struct file *f, const u64 range[2],
                       int (*clear)(struct block_device *d, u64 sector, u64 sectors))
{
    struct buf_cache *c = cache_of(f);
    int err;

    mutex_lock(&c->object.write_lock);
    if (!c->count)
        vm_object_punch(&c->object, range[0], range[0] + range[1]);
    err = clear(f->private, range[0] >> SECTOR_SHIFT, range[1] >> SECTOR_SHIFT);
    mutex_unlock(&c->object.write_lock);
    forget_range(&c->object, range[0] >> PAGE_SHIFT, (range[0] + range[1] - 1) >> PAGE_SHIFT);
    return err;
}

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
    return clear_range(f, range, cmd == BLKDISCARD ? block_discard : block_zero);
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
        return may ? buf_cache_forget(cache_of(f)) : -EACCES;
    case BLKRRPART:
        return may ? buf_cache_sync(cache_of(f)) ?: block_rescan(d) : -EACCES;
    case BLKDISCARD:
    case BLKZEROOUT:
        return ioctl_range(f, cmd, arg);
    }
    return d->ops && d->ops->ioctl ? d->ops->ioctl(d, cmd, arg, f->mode & FILE_F_WRITE) : -ENOTTY;
}

static const struct file_ops blockdev_ops = {
    .open = blockdev_open,
    .release = blockdev_release,
    .read = blockdev_read,
    .write = blockdev_write,
    .seek = blockdev_seek,
    .mmap = blockdev_mmap,
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
