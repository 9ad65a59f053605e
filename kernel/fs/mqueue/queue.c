// SPDX-License-Identifier: MIT
// A message queue: messages by priority, and who waits for one or for room.
//
// Messages and waiters stand in lines: highest rank first, and in order of arrival within one. A
// queue is in its inode's private, and the inode's lock guards it. While anybody waits for a
// message the queue is empty, and while anybody waits for room it is full: who sends hands the
// message to the first receiver, and who receives puts the first sender's message in, each before
// it lets go of the lock. So a waiter that was served has what it waited for, and nobody who comes
// later gets between.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/signal.h"
#include "fs/mqueue/internal.h"
#include "lib/format.h"
#include "lib/rbtree.h"
#include "mm/slab.h"
#include "vfs/poll.h"
#include "vfs/user.h"

struct placed { // in a line
    struct rb_node node;
    u32 rank;
};

struct part { // of a message's text
    struct part *next;
    u8 text[];
};

struct message {
    struct placed place; // (l) rank: its priority
    u64 size;            // (c)
    struct part first;   // (c) the others hold PART_SIZE bytes each
};

#define PART_SIZE  (PAGE_SIZE - sizeof(struct part))
#define FIRST_SIZE (PAGE_SIZE - sizeof(struct message))

struct waiter { // on its thread's stack
    struct placed place;
    struct message *message; // (l) a sender's; a receiver gets it here
    bool served;             // (l) and out of the line
    struct wait_queue queue;
};

struct mqueue {
    struct rb_root messages;           // (l)
    struct rb_root senders, receivers; // (l) struct waiter
    u64 count;                         // (l; read anywhere) messages
    u64 bytes;                         // (l) of their texts
    u64 messages_max, size_max;        // (c)
    struct mqueue_watch watch;         // (l)
    struct wait_queue pollers;
    uid_t uid;   // (c) who pays
    u64 charged; // (c) bytes
};

struct mqueue_limits mqueue_limits = {
    .queues_max = 256,
    .msg_max = 10,
    .msgsize_max = 8192,
    .msg_default = 10,
    .msgsize_default = 8192,
};
u64 (*mqueue_limit_hook)(void);
static u64 queues; // (a) there are

static struct mqueue *queue_of(const struct file *f)
{
    return f->inode->private;
}

/* Lines */

static void place_insert(struct rb_root *line, struct placed *p)
{
    struct rb_node **at = &line->node, *parent = NULL;

    while (*at) {
        parent = *at;
        at = container_of(parent, struct placed, node)->rank < p->rank ? &parent->left
                                                                       : &parent->right;
    }
    rb_link(line, &p->node, parent, at);
}

#define PLACE_FIRST(line, type)                                              \
    ({                                                                       \
        struct rb_node *first_node = rb_first(line);                         \
        first_node ? container_of(first_node, type, place.node) : (type *)0; \
    })

/* Life */

// What RLIMIT_MSGQUEUE counts, by the formula of getrlimit(2): the texts, and Linux's overhead.
static u64 charge_of(u64 messages, u64 size)
{
    return messages * (size + 48) + MIN(messages, (u64)MQ_PRIO_MAX) * 48;
}

static int limits_apply(struct mqueue *q, const struct mq_attr *attr)
{
    const struct mqueue_limits *l = &mqueue_limits;
    bool free = cred_capable(thread_self()->cred, CAP_SYS_RESOURCE);
    u64 most = load_relaxed(&l->msg_max), largest = load_relaxed(&l->msgsize_max);

    q->messages_max = attr ? (u64)attr->mq_maxmsg : MIN(most, load_relaxed(&l->msg_default));
    q->size_max = attr ? (u64)attr->mq_msgsize : MIN(largest, load_relaxed(&l->msgsize_default));
    if (!q->messages_max || q->messages_max > (free ? MQUEUE_MESSAGES_MAX : most))
        return -EINVAL;
    return !q->size_max || q->size_max > (free ? MQUEUE_SIZE_MAX : largest) ? -EINVAL : 0;
}

static int queue_charge(struct mqueue *q)
{
    int err;

    q->uid = thread_self()->cred->uid;
    q->charged = charge_of(q->messages_max, q->size_max);
    err = user_count_add(q->uid, USER_QUEUE_BYTES, q->charged, mqueue_limit_hook());
    return err == -EAGAIN ? -EMFILE : err;
}

static int queue_make(const struct mq_attr *attr, struct mqueue **out)
{
    struct mqueue *q = kmalloc(sizeof(*q), ALLOC_ZERO);
    int err = q ? limits_apply(q, attr) ?: queue_charge(q) : -ENOMEM;

    if (err) {
        kfree(q);
        return err;
    }
    wait_queue_init(&q->pollers);
    *out = q;
    return 0;
}

int mqueue_create(const struct mq_attr *attr, struct mqueue **out)
{
    int err = 0;

    if (atomic_fetch_add(&queues, 1UL) >= load_relaxed(&mqueue_limits.queues_max) &&
        !cred_capable(thread_self()->cred, CAP_SYS_RESOURCE))
        err = -ENOSPC;
    err = err ?: queue_make(attr, out);
    if (err)
        atomic_fetch_sub(&queues, 1UL);
    return err;
}

static void message_free(struct message *m)
{
    struct part *p, *next;

    for (p = m->first.next; p; p = next) {
        next = p->next;
        kfree(p);
    }
    kfree(m);
}

static struct message *message_take(struct mqueue *q)
{
    struct message *m = PLACE_FIRST(&q->messages, struct message);

    if (m) {
        rb_remove(&q->messages, &m->place.node);
        store_relaxed(&q->count, q->count - 1);
        q->bytes -= m->size;
    }
    return m;
}

static void watch_end_locked(struct mqueue *q, bool arrived)
{
    q->watch.end(&q->watch, arrived);
    q->watch.owner = NULL;
}

void mqueue_destroy(struct mqueue *q)
{
    struct message *m;

    while ((m = message_take(q)))
        message_free(m);
    if (q->watch.owner)
        watch_end_locked(q, false);
    user_count_sub(q->uid, USER_QUEUE_BYTES, q->charged);
    kfree(q);
    atomic_fetch_sub(&queues, 1UL);
}

/* Messages */

static int message_alloc(u64 size, struct message **out)
{
    struct message *m = kmalloc(sizeof(*m) + MIN(size, FIRST_SIZE), 0);
    struct part **link;

    if (!m)
        return -ENOMEM;
    m->size = size;
    m->first.next = NULL;
    link = &m->first.next;
    for (u64 left = size - MIN(size, FIRST_SIZE); left; left -= MIN(left, PART_SIZE)) {
        *link = kmalloc(sizeof(struct part) + MIN(left, PART_SIZE), 0);
        if (!*link) {
            message_free(m);
            return -ENOMEM;
        }
        (*link)->next = NULL;
        link = &(*link)->next;
    }
    *out = m;
    return 0;
}

// Between the message and the program's memory.
static int message_copy(struct message *m, uaddr_t at, bool in)
{
    struct part *p = &m->first;
    u64 left = m->size, n = MIN(left, FIRST_SIZE);
    int err = 0;

    while (!err && n) {
        err = in ? copy_from_user(p->text, at, n) : copy_to_user(at, p->text, n);
        at += n;
        left -= n;
        n = MIN(left, PART_SIZE);
        p = p->next;
    }
    return err;
}

static int message_make(uaddr_t from, u64 size, u32 priority, struct message **out)
{
    unsigned tries = 0;
    int err;

    do
        err = message_alloc(size, out);
    while (vm_try_again(err, &tries));
    if (err)
        return err;
    (*out)->place.rank = priority;
    err = message_copy(*out, from, true);
    if (err)
        message_free(*out);
    return err;
}

static void message_insert(struct mqueue *q, struct message *m)
{
    place_insert(&q->messages, &m->place);
    store_relaxed(&q->count, q->count + 1);
    q->bytes += m->size;
}

/* Waiting */

// Real-time threads before fair ones, and those by niceness.
static u32 thread_rank(const struct thread *t)
{
    return t->rt_priority ? 40U + t->rt_priority : (u32)(19 - t->nice);
}

// Stands in a line until served; the lock is let go meanwhile. -EINTR -ETIMEDOUT
static int wait_locked(struct inode *i, struct rb_root *line, struct waiter *w, ns_t deadline)
{
    int err;

    w->place.rank = thread_rank(thread_self());
    w->served = false;
    wait_queue_init(&w->queue);
    place_insert(line, &w->place);
    write_unlock(&i->lock);
    err = wait_event(&w->queue, load_relaxed(&w->served), WAIT_INTERRUPTIBLE, deadline);
    write_lock(&i->lock); // who served it is done with it
    if (w->served)
        return 0;
    rb_remove(line, &w->place.node);
    return err;
}

static void waiter_serve(struct rb_root *line, struct waiter *w)
{
    rb_remove(line, &w->place.node);
    store_relaxed(&w->served, true);
    wake_all(&w->queue);
}

static void touch_locked(struct inode *i)
{
    inode_touch_mtime(i);
    i->atime = i->mtime;
}

/* Who is told */

int mqueue_watch(struct file *f, const struct mqueue_watch *w)
{
    struct mqueue *q = queue_of(f);
    int err = 0;

    write_lock(&f->inode->lock);
    if (q->watch.owner) {
        err = -EBUSY;
    } else {
        q->watch = *w;
        touch_locked(f->inode);
    }
    write_unlock(&f->inode->lock);
    return err;
}

void mqueue_unwatch(struct file *f)
{
    struct mqueue *q = queue_of(f);

    write_lock(&f->inode->lock);
    if (q->watch.owner && q->watch.owner == thread_self()->proc)
        watch_end_locked(q, false);
    write_unlock(&f->inode->lock);
}

/* Sending and receiving */

static int send_locked(struct file *f, struct message *m, ns_t deadline)
{
    struct mqueue *q = queue_of(f);
    struct waiter self = {.message = m}, *receiver;

    if (q->count >= q->messages_max)
        return f->flags & O_NONBLOCK ? -EAGAIN
                                     : wait_locked(f->inode, &q->senders, &self, deadline);
    touch_locked(f->inode);
    receiver = PLACE_FIRST(&q->receivers, struct waiter);
    if (receiver) {
        receiver->message = m;
        waiter_serve(&q->receivers, receiver);
        return 0;
    }
    message_insert(q, m);
    if (q->count == 1 && q->watch.owner)
        watch_end_locked(q, true);
    wake_key(&q->pollers, POLLIN | POLLRDNORM);
    return 0;
}

int mqueue_send(struct file *f, uaddr_t message, u64 size, u32 priority, ns_t deadline)
{
    struct message *m;
    int err = size > queue_of(f)->size_max ? -EMSGSIZE : message_make(message, size, priority, &m);

    if (err)
        return err;
    write_lock(&f->inode->lock);
    err = send_locked(f, m, deadline);
    write_unlock(&f->inode->lock);
    if (err)
        message_free(m);
    return err;
}

static int receive_locked(struct file *f, ns_t deadline, struct message **out)
{
    struct mqueue *q = queue_of(f);
    struct waiter self = {0}, *sender;
    int err = 0;

    *out = message_take(q);
    if (!*out) {
        err =
            f->flags & O_NONBLOCK ? -EAGAIN : wait_locked(f->inode, &q->receivers, &self, deadline);
        *out = self.message;
        return err;
    }
    touch_locked(f->inode);
    sender = PLACE_FIRST(&q->senders, struct waiter);
    if (sender) {
        message_insert(q, sender->message);
        waiter_serve(&q->senders, sender);
    } else {
        wake_key(&q->pollers, POLLOUT | POLLWRNORM);
    }
    return 0;
}

s64 mqueue_receive(struct file *f, uaddr_t to, u64 size, uaddr_t priority, ns_t deadline)
{
    struct message *m;
    s64 err;

    if (size < queue_of(f)->size_max)
        return -EMSGSIZE;
    write_lock(&f->inode->lock);
    err = receive_locked(f, deadline, &m);
    write_unlock(&f->inode->lock);
    if (err)
        return err;
    if (priority)
        err = put_user_u32(priority, m->place.rank);
    err = err ?: message_copy(m, to, false) ?: (s64)m->size;
    message_free(m);
    return err;
}

/* Attributes */

void mqueue_attr(struct file *f, struct mq_attr *out)
{
    struct mqueue *q = queue_of(f);

    *out = (struct mq_attr){.mq_flags = load_relaxed(&f->flags) & O_NONBLOCK,
                            .mq_maxmsg = q->messages_max,
                            .mq_msgsize = q->size_max,
                            .mq_curmsgs = load_relaxed(&q->count)};
}

void mqueue_touch(struct file *f)
{
    write_lock(&f->inode->lock);
    f->inode->atime = f->inode->ctime = clock_realtime();
    write_unlock(&f->inode->lock);
}

/* As a file */

static ssize_t mqueue_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct mqueue *q = queue_of(f);
    struct mqueue_watch w;
    char text[80];
    ssize_t n;
    u64 bytes;

    read_lock(&f->inode->lock);
    bytes = q->bytes;
    w = q->watch;
    read_unlock(&f->inode->lock);
    if (!w.owner)
        w = (struct mqueue_watch){0};
    n = snformat(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", bytes,
                 w.notify, w.notify == SIGEV_SIGNAL ? w.signo : 0, w.pid);
    n = CLAMP(n - *pos, 0L, (ssize_t)u->left);
    if (uio_put(u, text + *pos, n))
        return -EFAULT;
    *pos += n;
    return n;
}

static u32 mqueue_poll(struct file *f, struct poll_table *table)
{
    struct mqueue *q = queue_of(f);
    u64 count;

    poll_wait(table, &q->pollers);
    count = load_relaxed(&q->count);
    return (count ? POLLIN | POLLRDNORM : 0) | (count < q->messages_max ? POLLOUT | POLLWRNORM : 0);
}

const struct file_ops mqueue_file_ops = {
    .read = mqueue_read,
    .poll = mqueue_poll,
    .flush = mqueue_unwatch,
};

bool file_is_mqueue(const struct file *f)
{
    return f->ops == &mqueue_file_ops;
}
