// SPDX-License-Identifier: MIT
// eventfd(2): a 64-bit counter. A read takes it all (or 1), a write adds, either waits if it
// cannot.
#include "ipc/eventfd.h"
#include "abi/errno.h"
#include "abi/eventfd.h"
#include "mm/slab.h"
#include "vfs/poll.h"
#include "vfs/pseudo.h"

#define COUNT_MAX (~0UL - 1)

struct eventfd {
    struct spinlock lock; // RANK_DEVICE
    u64 count;            // (l; read anywhere)
    bool semaphore;       // (c)
    u32 id;               // (c) for people
    struct wait_queue queue;
};

// Takes from the counter; false if it is 0.
static bool take(struct eventfd *e, u64 *out)
{
    spin_lock(&e->lock);
    *out = e->semaphore && e->count ? 1 : e->count;
    e->count -= *out;
    spin_unlock(&e->lock);
    return *out;
}

static bool add(struct eventfd *e, u64 n)
{
    bool fits;

    spin_lock(&e->lock);
    fits = n <= COUNT_MAX - e->count;
    if (fits)
        e->count += n;
    spin_unlock(&e->lock);
    return fits;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct eventfd *e = f->private;
    u64 value;
    int err;

    if (u->left < sizeof(value))
        return -EINVAL;
    while (!take(e, &value)) {
        if (f->flags & O_NONBLOCK || u->flags & RWF_NOWAIT)
            return -EAGAIN;
        err = wait_event(&e->queue, load_relaxed(&e->count), WAIT_INTERRUPTIBLE, NS_NEVER);
        if (err)
            return err;
    }
    wake_key(&e->queue, POLLOUT | POLLWRNORM);
    return uio_put(u, &value, sizeof(value)) ?: (ssize_t)sizeof(value);
}

static ssize_t eventfd_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct eventfd *e = f->private;
    u64 value;
    int err = u->left < sizeof(value) ? -EINVAL : uio_get(u, &value, sizeof(value));

    if (!err && value == ~0UL)
        err = -EINVAL;
    while (!err && !add(e, value)) {
        if (f->flags & O_NONBLOCK || u->flags & RWF_NOWAIT)
            return -EAGAIN;
        err = wait_event(&e->queue, value <= COUNT_MAX - load_relaxed(&e->count),
                         WAIT_INTERRUPTIBLE, NS_NEVER);
    }
    if (err)
        return err;
    wake_key(&e->queue, POLLIN | POLLRDNORM);
    return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *table)
{
    struct eventfd *e = f->private;
    u64 count;

    poll_wait(table, &e->queue);
    count = load_relaxed(&e->count);
    return (count ? POLLIN | POLLRDNORM : 0) | (count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0);
}

static void eventfd_release(struct file *f)
{
    kfree(f->private);
}

static void eventfd_show(struct file *f, struct text *t)
{
    const struct eventfd *e = f->private;

    text_printf(t, "eventfd-count: %16lx\neventfd-id: %u\neventfd-semaphore: %d\n",
                load_relaxed(&e->count), e->id, e->semaphore);
}

int eventfd_create(u32 count, u32 flags, struct file **out)
{
    static const struct file_ops ops = {
        .read = eventfd_read,
        .write = eventfd_write,
        .poll = eventfd_poll,
        .release = eventfd_release,
        .show = eventfd_show,
        .nowait = true,
    };
    static u32 next_id; // (a)
    struct eventfd *e;
    int err;

    e = kmalloc(sizeof(*e), 0);
    if (!e)
        return -ENOMEM;
    *e = (struct eventfd){
        .count = count, .semaphore = flags & EFD_SEMAPHORE, .id = atomic_fetch_add(&next_id, 1U)};
    spin_init(&e->lock, RANK_DEVICE);
    wait_queue_init(&e->queue);
    err =
        file_create_anon(&ops, "anon_inode:[eventfd]", NULL, O_RDWR | (flags & O_NONBLOCK), e, out);
    if (err)
        kfree(e);
    return err;
}
