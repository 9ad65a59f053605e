// SPDX-License-Identifier: MIT
// The file of a loop device.
#include "abi/errno.h"
#include "drivers/loop/loop_private.h"
#include "vfs/inode.h"

struct mutex loops_lock = {.queue = WAIT_QUEUE_INIT(loops_lock.queue)}; // RANK_NONE

static struct block_device *file_device(const struct file *f)
{
    return S_ISBLK(f->inode->mode) ? f->private : NULL;
}

// The file must not be, in the end, the device itself. loops_lock is held.
static int file_check(const struct loop *l, const struct file *f)
{
    const struct block_device *d;

    if (!S_ISREG(f->inode->mode) && !S_ISBLK(f->inode->mode))
        return -EINVAL;
    if (!(f->mode & FILE_F_READ))
        return -EBADF;
    while (f && (d = file_device(f)) && d->whole->ops == &loop_ops) {
        const struct loop *below = d->whole->private;

        if (below == l || !below->file)
            return -EBADF;
        f = below->file;
    }
    return 0;
}

u64 loop_file_sectors(const struct loop *l)
{
    struct block_device *d = file_device(l->file);
    u64 size = d ? load_relaxed(&d->sectors) << SECTOR_SHIFT : load_relaxed(&l->file->inode->size);

    size = size > l->offset ? size - l->offset : 0;
    return (l->limit ? MIN(size, l->limit) : size) >> SECTOR_SHIFT;
}

static void set_place(struct loop *l, struct file *f, u64 offset)
{
    irqflags_t irq = spin_lock_irqsave(&l->lock);

    l->file = f;
    l->offset = offset;
    spin_unlock_irqrestore(&l->lock, irq);
}

int loop_attach(struct loop *l, struct file *f)
{
    int err;

    mutex_lock(&loops_lock);
    err = file_check(l, f);
    if (!err) {
        file_get(f);
        set_place(l, f, 0);
    }
    mutex_unlock(&loops_lock);
    return err;
}

void loop_set_offset(struct loop *l, u64 offset)
{
    set_place(l, l->file, offset);
}

struct file *loop_detach(struct loop *l)
{
    struct file *f = l->file;

    mutex_lock(&loops_lock);
    set_place(l, NULL, 0);
    mutex_unlock(&loops_lock);
    return f;
}
