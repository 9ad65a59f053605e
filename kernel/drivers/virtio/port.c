// SPDX-License-Identifier: MIT
// The files of console ports: pages to and from the host, no work per byte.
//
// Receiving. The queue is filled with empty pages when the port is first opened for reading. A full
// page goes to `received` and, once read, back into the queue: so the host can send as much as the
// reader takes, and no more. The end of input is the host's closing, noted before the queue was
// found empty: the device returns what it has before it says so.
//
// Sending. A page is copied, queued, and freed when the device returns it, by whoever looks next.
// The device mostly does so during the notification, so its interrupt is off until somebody has
// to wait. A blocking write ends when its last page has come back: then it is with the host.
//
// Waking. Who looks takes back what is there, also what others wait for. So the interrupt that
// comes for it wakes them whether or not it finds anything left; and what comes back while
// interrupts are off, during port_push, is port_push's to tell.
#include "drivers/virtio/port.h"
#include "abi/errno.h"
#include "mm/frame.h"
#include "vfs/poll.h"

#define READ_BITS  (POLLIN | POLLRDNORM)
#define WRITE_BITS (POLLOUT | POLLWRNORM)

// frame.private of a received page: the bytes' end, and above it the position of the next one.
static u64 page_span(u32 next, u32 end)
{
    return (u64)next << 32 | end;
}

void port_init(struct port *p, struct virtio_console *c, u32 id)
{
    p->console = c;
    p->id = id;
    spin_init(&p->lock, RANK_DEVICE);
    list_init(&p->received);
    mutex_init(&p->open_lock, RANK_NONE);
    mutex_init(&p->read_lock, RANK_NONE);
    wait_queue_init(&p->read_wait);
    wait_queue_init(&p->write_wait);
}

static bool port_post_locked(struct port *p, struct frame *f)
{
    struct virtq_buf buf = {frame_to_pfn(f) << PAGE_SHIFT, PAGE_SIZE};

    return virtq_add(&p->rx.ring, &buf, 0, 1, f) == 0;
}

static void port_receive_locked(struct port *p)
{
    struct frame *f;
    void *token;
    u32 len;

    while (virtq_take(&p->rx.ring, &token, &len) == 1) {
        f = token;
        f->private = page_span(0, len);
        list_insert_tail(&p->received, &f->link);
    }
}

static bool port_reap_locked(struct port *p)
{
    bool any = false;
    void *token;
    u32 len;

    while (virtq_take(&p->tx.ring, &token, &len) == 1) {
        frame_put(token);
        p->done++;
        any = true;
    }
    return any;
}

void port_interrupt(struct port *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    bool broken;

    port_receive_locked(p);
    port_reap_locked(p);
    broken = p->rx.ring.broken || p->tx.ring.broken;
    spin_unlock_irqrestore(&p->lock, flags);
    wake_key(&p->read_wait, READ_BITS);
    wake_key(&p->write_wait, WRITE_BITS);
    if (broken)
        port_set_state(p, PORT_CLOSED);
}

void port_set_state(struct port *p, enum port_state state)
{
    store_release(&p->state, (u32)state);
    wake_key(&p->read_wait, READ_BITS | POLLHUP);
    wake_key(&p->write_wait, WRITE_BITS | POLLERR);
}

static bool port_closed(struct port *p)
{
    return load_acquire(&p->state) == PORT_CLOSED;
}

// Gives the receive queue its pages; fewer than all will do.
static int port_fill(struct port *p)
{
    irqflags_t flags;
    struct frame *f;
    bool posted;

    for (unsigned i = 0; i < p->rx.ring.size; i++) {
        f = frame_alloc(0, 0);
        if (!f)
            return i ? 0 : -ENOMEM;
        flags = spin_lock_irqsave(&p->lock);
        posted = port_post_locked(p, f);
        spin_unlock_irqrestore(&p->lock, flags);
        if (!posted) {
            frame_put(f);
            return -EIO;
        }
    }
    virtio_notify(&p->rx);
    return 0;
}

static int port_open(struct inode *inode, struct file *file)
{
    struct port *p = file->private;
    int err = 0;

    mutex_lock(&p->open_lock);
    if (file->mode & FILE_F_READ && !p->filled_once) {
        err = port_fill(p);
        p->filled_once = !err;
    }
    if (!err && p->opens == 0)
        err = console_control_send(p->console, p->id, CONTROL_PORT_OPEN, 1);
    // QEMU looks at a port's queue when it is notified, and the first time the port was not open.
    if (!err && p->filled_once)
        virtio_notify(&p->rx);
    if (!err)
        p->opens++;
    mutex_unlock(&p->open_lock);
    return err;
}

static void port_release(struct file *file)
{
    struct port *p = file->private;

    mutex_lock(&p->open_lock);
    if (--p->opens == 0) // a device that does not listen any more does not care either
        (void)console_control_send(p->console, p->id, CONTROL_PORT_OPEN, 0);
    mutex_unlock(&p->open_lock);
}

static bool port_has_data(struct port *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    bool any;

    port_receive_locked(p);
    any = !list_empty(&p->received);
    spin_unlock_irqrestore(&p->lock, flags);
    return any;
}

static struct frame *port_pop(struct port *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    struct frame *f;

    port_receive_locked(p);
    f = list_pop(&p->received, struct frame, link);
    spin_unlock_irqrestore(&p->lock, flags);
    return f;
}

// Puts back a page: in front of the others if it still has bytes, for whoever found none meanwhile,
// else into the device's queue.
static void port_return(struct port *p, struct frame *f)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    bool left = f->private >> 32 < (u32)f->private, kept = true;

    if (left)
        list_insert_head(&p->received, &f->link);
    else
        kept = port_post_locked(p, f);
    spin_unlock_irqrestore(&p->lock, flags);
    if (left)
        wake_key(&p->read_wait, READ_BITS);
    if (!kept)
        frame_put(f);
}

// Copies out what is there; read_lock is held. Bytes, or -EFAULT.
static ssize_t port_copy_out(struct port *p, struct uio *u)
{
    ssize_t done = 0;
    struct frame *f;
    int err = 0;

    while (u->left && !err && (f = port_pop(p))) {
        u32 next = f->private >> 32, end = (u32)f->private;
        size_t n = MIN(u->left, (size_t)(end - next));

        err = uio_put(u, (u8 *)frame_address(f) + next, n);
        if (!err) {
            f->private = page_span(next + n, end);
            done += n;
        }
        port_return(p, f);
    }
    virtio_notify(&p->rx);
    return done ? done : err;
}

static ssize_t port_read(struct file *file, struct uio *u, loff_t *pos)
{
    struct port *p = file->private;
    bool ended = false;
    ssize_t n = 0;
    int err;

    while (u->left && !n && !ended) {
        if (!(file->flags & O_NONBLOCK)) {
            err = wait_event(&p->read_wait, port_closed(p) || port_has_data(p), WAIT_INTERRUPTIBLE,
                             NS_NEVER);
            if (err)
                return err;
        }
        err = mutex_lock_interruptible(&p->read_lock);
        if (err)
            return err;
        ended = port_closed(p);
        n = port_copy_out(p, u);
        mutex_unlock(&p->read_lock);
        if (!n && !ended && file->flags & O_NONBLOCK)
            return -EAGAIN;
    }
    return n;
}

// Queues one page of n bytes, which is the device's from then on: its sequence number in *number.
// -EAGAIN: the queue is full, or the host has not opened its end; -EPIPE, -EIO.
static int port_send(struct port *p, struct frame *f, size_t n, u64 *number)
{
    struct virtq_buf buf = {frame_to_pfn(f) << PAGE_SHIFT, (u32)n};
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    u32 state = load_acquire(&p->state);
    int err = -ENOSPC;

    if (state == PORT_OPENED)
        err = virtq_add(&p->tx.ring, &buf, 1, 0, f);
    else if (state == PORT_CLOSED)
        err = -EPIPE;
    if (!err)
        *number = ++p->sent;
    spin_unlock_irqrestore(&p->lock, flags);
    return err == -ENOSPC ? -EAGAIN : err;
}

// Tells the device, takes back what it has done, and has it interrupt for the rest.
static void port_push(struct port *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    bool any;

    virtq_set_interrupts(&p->tx.ring, false);
    virtio_notify(&p->tx);
    any = port_reap_locked(p);
    if (virtq_in_flight(&p->tx.ring)) {
        virtq_set_interrupts(&p->tx.ring, true);
        any |= port_reap_locked(p);
    }
    spin_unlock_irqrestore(&p->lock, flags);
    if (any)
        wake_key(&p->write_wait, WRITE_BITS);
}

static bool port_writable(struct port *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    bool room;

    port_reap_locked(p);
    room = p->tx.ring.free_count || p->tx.ring.broken;
    spin_unlock_irqrestore(&p->lock, flags);
    return port_closed(p) || (room && load_relaxed(&p->state) == PORT_OPENED);
}

static bool port_sent(struct port *p, u64 number)
{
    irqflags_t flags = spin_lock_irqsave(&p->lock);
    bool done;

    port_reap_locked(p);
    done = p->done >= number || p->tx.ring.broken;
    spin_unlock_irqrestore(&p->lock, flags);
    return done || port_closed(p);
}

// Queues one page, waiting for room if it may.
static int port_send_wait(struct port *p, struct frame *f, size_t n, bool wait, u64 *number)
{
    int err;

    while ((err = port_send(p, f, n, number)) == -EAGAIN) {
        port_push(p);
        if (port_writable(p))
            continue;
        if (!wait)
            break;
        err = wait_event(&p->write_wait, port_writable(p), WAIT_INTERRUPTIBLE, NS_NEVER);
        if (err)
            break;
    }
    return err;
}

static ssize_t port_write(struct file *file, struct uio *u, loff_t *pos)
{
    struct port *p = file->private;
    bool wait = !(file->flags & O_NONBLOCK);
    struct frame *f;
    ssize_t done = 0;
    u64 last = 0;
    int err = 0;

    while (u->left && !err) {
        size_t n = MIN(u->left, PAGE_SIZE);

        f = frame_alloc(0, 0);
        err = f ? uio_get(u, frame_address(f), n) : -ENOMEM;
        if (!err)
            err = port_send_wait(p, f, n, wait, &last);
        if (!err)
            done += n;
        else if (f)
            frame_put(f);
    }
    if (!done)
        return err;
    port_push(p);
    if (wait) // if interrupted the bytes are queued all the same
        (void)wait_event(&p->write_wait, port_sent(p, last), WAIT_INTERRUPTIBLE, NS_NEVER);
    return done;
}

static u32 port_poll(struct file *file, struct poll_table *table)
{
    struct port *p = file->private;
    bool closed;
    u32 bits = 0;

    poll_wait(table, &p->read_wait);
    poll_wait(table, &p->write_wait);
    closed = port_closed(p);
    if (file->mode & FILE_F_READ && (port_has_data(p) || closed))
        bits |= READ_BITS;
    if (file->mode & FILE_F_WRITE && port_writable(p))
        bits |= WRITE_BITS;
    if (closed)
        bits |= file->mode & FILE_F_WRITE ? POLLERR | POLLHUP : POLLHUP;
    return bits;
}

const struct file_ops port_ops = {
    .open = port_open,
    .release = port_release,
    .read = port_read,
    .write = port_write,
    .poll = port_poll,
};
