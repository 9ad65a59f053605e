// SPDX-License-Identifier: MIT
// Loop devices: files as disks.
//
// A device without a file has no sectors, but can be opened, to be given one. From then on a thread
// of the device serves its transfers one after the other, through the file's page cache; a flush
// is an fsync of the file. Other threads' write-back waits for that thread, so it starts none of
// theirs when memory is short, but keeps its own file's pages few.
//
// A file is given up by LOOP_CLR_FD, or with LO_FLAGS_AUTOCLEAR, when the device and its partitions
// have no user any more. `changing` is held while a device gets, changes or gives up its file, and
// while that waits for requests; the thread does not take it. Inside it loops_lock keeps devices
// from being each other's file. A file is put without both: that may close another loop device.
//
// Nothing cached may survive such a change: it would be the next file's. All is written, dropped
// and unmapped, and who wants pages waits; then the size is 0, and what was submitted ends.
#include "drivers/loop/loop.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "arch/uaccess.h"
#include "base/log.h"
#include "drivers/loop/loop_private.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/inode.h"
#include "vfs/registry.h"

#define MAJOR         7
#define CONTROL_MAJOR 10
#define CONTROL_MINOR 237
#define LOOPS_AT_BOOT 8
#define LOOPS_MAX     256

static struct loop *loops[LOOPS_MAX]; // (loops_lock)

/* Ioctls */

static s64 configure(struct loop *l, uaddr_t arg, bool may_write)
{
    struct loop_config c;

    if (copy_from_user(&c, arg, sizeof(c)))
        return -EFAULT;
    for (unsigned i = 0; i < ARRAY_SIZE(c.reserved); i++)
        if (c.reserved[i])
            return -EINVAL;
    return loop_bind(l, &c, may_write);
}

static s64 get_status_locked(struct loop *l, struct loop_info64 *info)
{
    struct inode *i;

    if (!l->file)
        return -ENXIO;
    i = l->file->inode;
    *info = (struct loop_info64){
        .lo_device = i->sb->dev,
        .lo_inode = i->ino,
        .lo_rdevice = S_ISBLK(i->mode) ? i->rdev : 0,
        .lo_offset = l->offset,
        .lo_sizelimit = l->limit,
        .lo_number = l->number,
        .lo_flags = l->flags,
    };
    memcpy(info->lo_file_name, l->name, sizeof(l->name));
    return 0;
}

static s64 get_status(struct loop *l, uaddr_t arg)
{
    struct loop_info64 info;
    s64 err;

    mutex_lock(&l->changing);
    err = get_status_locked(l, &info);
    mutex_unlock(&l->changing);
    return err ?: copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static s64 set_status(struct loop *l, uaddr_t arg)
{
    struct loop_info64 info;

    return copy_from_user(&info, arg, sizeof(info)) ? -EFAULT : loop_set_status(l, &info);
}

static s64 loop_ioctl(struct block_device *d, u32 cmd, u64 arg, bool may_write)
{
    struct loop *l = d->private;
    struct loop_config c = {.fd = (u32)arg};
    bool may = may_write || cred_capable(thread_self()->cred, CAP_SYS_ADMIN);

    switch (cmd) {
    case LOOP_SET_FD:
        return loop_bind(l, &c, may_write);
    case LOOP_CONFIGURE:
        return configure(l, arg, may_write);
    case LOOP_CLR_FD:
        return may ? loop_clear(l) : -EPERM;
    case LOOP_GET_STATUS64:
        return get_status(l, arg);
    case LOOP_SET_STATUS64:
        return may ? set_status(l, arg) : -EPERM;
    case LOOP_SET_CAPACITY:
        return may ? loop_set_capacity(l) : -EPERM;
    case LOOP_SET_BLOCK_SIZE:
        return may ? loop_set_block_size(l, (u32)arg) : -EPERM;
    }
    return -ENOTTY;
}

const struct block_device_ops loop_ops = {
    .submit = loop_submit,
    .ioctl = loop_ioctl,
    .closed = loop_closed,
};

/* Devices */

static int create_locked(u32 number)
{
    struct loop *l;
    int err;

    if (number >= LOOPS_MAX)
        return -ENOSPC;
    if (loops[number])
        return -EEXIST;
    l = kmalloc(sizeof(*l), ALLOC_ZERO);
    if (!l)
        return -ENOMEM;
    snformat(l->block.name, sizeof(l->block.name), "loop%u", number);
    l->number = number;
    l->block.limits.block_size = SECTOR_SIZE;
    l->block.ops = &loop_ops;
    l->block.private = l;
    spin_init(&l->lock, RANK_DEVICE);
    mutex_init(&l->changing, RANK_NONE);
    list_init(&l->transfers);
    wait_queue_init(&l->wait);
    wait_queue_init(&l->idle);
    err = block_register(&l->block, MAJOR, number, 0);
    if (err)
        kfree(l);
    else
        loops[number] = l;
    return err ?: (int)number;
}

static int free_locked(void)
{
    u32 number = 0;

    while (number < LOOPS_MAX && loops[number] && loops[number]->file)
        number++;
    return number < LOOPS_MAX && loops[number] ? (int)number : create_locked(number);
}

// Devices live for ever: none is removed.
static s64 control_ioctl(struct file *f, u32 cmd, u64 arg)
{
    s64 result = -ENOTTY;

    mutex_lock(&loops_lock);
    if (cmd == LOOP_CTL_GET_FREE)
        result = free_locked();
    else if (cmd == LOOP_CTL_ADD)
        result = create_locked((u32)arg);
    else if (cmd == LOOP_CTL_REMOVE)
        result = arg < LOOPS_MAX && loops[arg] ? -EBUSY : -ENODEV;
    mutex_unlock(&loops_lock);
    return result;
}

void loop_init(void)
{
    static const struct file_ops control_ops = {.ioctl = control_ioctl};
    static struct device control = {
        .name = "loop-control", .mode = S_IFCHR | 0660, .ops = &control_ops};
    int err;

    control.dev = makedev(CONTROL_MAJOR, CONTROL_MINOR);
    err = device_register(&control);
    mutex_lock(&loops_lock);
    for (u32 i = 0; i < LOOPS_AT_BOOT && err >= 0; i++)
        err = create_locked(i);
    mutex_unlock(&loops_lock);
    if (err < 0)
        log_info("loop: error %d", -err);
}
