// SPDX-License-Identifier: MIT
// Sockets: families, and the file behind a socket's descriptor.
#include "vfs/socket.h"
#include "abi/errno.h"
#include "base/panic.h"
#include "mm/slab.h"

#define BUFFER_SIZE 212992 // of a new socket

static const struct socket_family *families[AF_MAX]; // (c)
static struct superblock *socket_sb;                 // (c)
static const struct file_ops socket_file_ops;

static pid_t no_pid(void)
{
    return 0;
}

pid_t (*socket_pid_hook)(void) = no_pid;

/* Life */

static void socket_evict(struct inode *inode)
{
    struct socket *s = container_of(inode, struct socket, inode);

    s->ops->destroy(s);
}

void socket_init(void)
{
    static const struct fs_type type = {.name = "sockfs"};
    static const struct superblock_ops ops = {.evict = socket_evict};

    verify(!superblock_create(&socket_sb, &type, &ops));
    socket_sb->magic = SOCKFS_MAGIC;
}

void socket_family_register(const struct socket_family *family)
{
    families[family->family] = family;
}

int socket_create(int family, int type, int protocol, struct socket **out)
{
    if ((unsigned)family >= AF_MAX)
        return -EAFNOSUPPORT;
    if ((unsigned)type > 10)
        return -EINVAL;
    return families[family] ? families[family]->create(type, protocol, out) : -EAFNOSUPPORT;
}

void socket_own(struct socket *s)
{
    s->inode.uid = thread_self()->cred->fsuid;
    s->inode.gid = thread_self()->cred->fsgid;
}

void socket_setup(struct socket *s, const struct socket_ops *ops, u16 family, u16 type)
{
    static const struct inode_ops no_ops;

    inode_init(&s->inode, socket_sb, S_IFSOCK | 0777);
    s->inode.ops = &no_ops;
    socket_own(s);
    s->ops = ops;
    s->family = family;
    s->type = type;
    s->send_size = s->receive_size = BUFFER_SIZE;
    s->low_water = 1;
    s->send_timeout = s->receive_timeout = NS_NEVER;
    wait_queue_init(&s->readable);
    wait_queue_init(&s->writable);
}

void socket_discard(struct socket *s)
{
    s->ops->close(s);
    socket_put(s);
}

int socket_file_create(struct socket *s, u32 flags, struct file **out)
{
    int err = file_create_anon(&socket_file_ops, "socket", &s->inode, O_RDWR | (flags & O_NONBLOCK),
                               s, out);

    if (!err)
        store_release(&s->file, *out); // a message may carry an end that has just been accepted
    return err;
}

struct socket *file_socket(const struct file *f)
{
    return f->ops == &socket_file_ops ? f->private : NULL;
}

bool file_breaks_loudly(const struct file *f)
{
    struct socket *s = file_socket(f);

    return !s || s->type == SOCK_STREAM;
}

static void socket_file_flush(struct file *f)
{
    struct socket *s = f->private;

    s->ops->closing(s);
}

static void socket_file_release(struct file *f)
{
    struct socket *s = f->private;

    s->ops->close(s);
}

/* Errors and waiting */

int socket_take_error(struct socket *s)
{
    return likely(!load_relaxed(&s->error)) ? 0 : -(int)atomic_xchg(&s->error, 0U);
}

void socket_set_error(struct socket *s, int error)
{
    store_relaxed(&s->error, (u32)error);
}

ns_t socket_deadline(ns_t timeout, bool nonblock)
{
    return nonblock ? 0 : deadline_in(timeout);
}

// A call with a time-out is not restarted: it would wait anew.
int socket_wait_error(int err, ns_t timeout)
{
    if (err == -ETIMEDOUT)
        return -EAGAIN;
    return err == -EINTR && timeout == NS_NEVER ? -ERESTARTSYS : err;
}

/* Data */

void socket_control_fini(struct socket_control *c)
{
    for (u32 i = 0; i < c->count; i++)
        file_put(c->files[i]);
    kfree(c->files);
    *c = (struct socket_control){0};
}

ssize_t socket_send(struct file *f, struct socket_message *m)
{
    struct socket *s = f->private;

    if (load_relaxed(&f->flags) & O_NONBLOCK)
        m->flags |= MSG_DONTWAIT;
    return s->ops->send(s, m);
}

ssize_t socket_receive(struct file *f, struct socket_message *m)
{
    struct socket *s = f->private;

    if (load_relaxed(&f->flags) & O_NONBLOCK)
        m->flags |= MSG_DONTWAIT;
    return s->ops->receive(s, m);
}

static u32 socket_flags(const struct uio *u)
{
    return u->flags & RWF_NOWAIT ? MSG_DONTWAIT : 0;
}

static ssize_t socket_file_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct socket_message m = {.data = u, .flags = socket_flags(u)};
    ssize_t n;

    if (!u->left)
        return 0;
    n = socket_receive(f, &m);
    if (unlikely(m.control.count))
        socket_control_fini(&m.control);
    return n;
}

static ssize_t socket_file_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct socket_message m = {.data = u, .flags = socket_flags(u)};

    return socket_send(f, &m);
}

static u32 socket_file_poll(struct file *f, struct poll_table *table)
{
    struct socket *s = f->private;

    return s->ops->poll(s, table);
}

static s64 socket_file_ioctl(struct file *f, u32 cmd, u64 arg)
{
    struct socket *s = f->private;

    return s->ops->ioctl(s, cmd, arg);
}

static const struct file_ops socket_file_ops = {
    .release = socket_file_release,
    .read = socket_file_read,
    .write = socket_file_write,
    .poll = socket_file_poll,
    .signals = true,
    .ioctl = socket_file_ioctl,
    .flush = socket_file_flush,
    .nowait = true,
};
