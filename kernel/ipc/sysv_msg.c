// SPDX-License-Identifier: MIT
// System V message queues: typed messages in order of arrival.
#include "abi/capability.h"
#include "abi/errno.h"
#include "arch/uaccess.h"
#include "ipc/sysv_private.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "sync/wait.h"

struct message {
    struct list link; // (queue's lock)
    s64 type;         // (c)
    u64 size;         // (c)
    u8 text[];        // (c)
};

struct msg_queue {
    struct ipc_object ipc;
    struct list messages;   // (l)
    u64 bytes, count, room; // (l) room: for how many bytes
    s64 stime, rtime;       // (l)
    pid_t sender, receiver; // (l) the last
    struct wait_queue senders, receivers;
};

static struct ipc_table queues;
static u64 all_messages, all_bytes; // (a)

static struct msg_queue *queue_of(struct ipc_object *o)
{
    return container_of(o, struct msg_queue, ipc);
}

/* Life */

static int queue_create(const struct ipc_request *r, struct ipc_object **out)
{
    struct msg_queue *q = kmalloc(sizeof(*q), ALLOC_ZERO);

    if (!q)
        return -ENOMEM;
    q->room = load_relaxed(&ipc_limits.msgmnb);
    list_init(&q->messages);
    wait_queue_init(&q->senders);
    wait_queue_init(&q->receivers);
    *out = &q->ipc;
    return 0;
}

static int queue_check(struct ipc_object *o, u64 size)
{
    return 0;
}

static void queue_destroy(struct ipc_object *o)
{
    kfree(queue_of(o));
}

static struct ipc_table queues = {
    .create = queue_create, .check = queue_check, .destroy = queue_destroy};

s64 msg_get(s32 key, u32 flags)
{
    struct ipc_request r = {key, flags, 0, load_relaxed(&ipc_limits.msgmni), 0};

    return ipc_get(&queues, &r);
}

static void message_free(struct message *m)
{
    ipc_free(m, sizeof(*m) + m->size);
}

static void message_unlink(struct msg_queue *q, struct message *m)
{
    list_remove(&m->link);
    q->bytes -= m->size;
    q->count--;
    atomic_fetch_sub(&all_bytes, m->size);
    atomic_fetch_sub(&all_messages, 1UL);
}

int msg_remove(s32 id)
{
    struct ipc_object *o;
    struct msg_queue *q;
    struct message *m;
    int err = ipc_find_owned(&queues, id, &o);

    if (err)
        return err;
    q = queue_of(o);
    o->removed = true;
    while ((m = list_first(&q->messages, struct message, link))) {
        message_unlink(q, m);
        message_free(m);
    }
    ipc_changed(&q->ipc, &q->senders);
    ipc_changed(&q->ipc, &q->receivers);
    mutex_unlock(&o->lock);
    ipc_remove(&queues, o);
    ipc_put(&queues, o);
    return 0;
}

// Sleeps without the lock; -EINTR, -EIDRM, -EACCES.
static int wait_locked(struct msg_queue *q, struct wait_queue *w, u32 mode)
{
    return ipc_wait_locked(&q->ipc, w, NS_NEVER) ?: ipc_permission(&q->ipc, mode);
}

/* Sending */

static int message_copy(uaddr_t from, u64 size, struct message **out)
{
    struct message *m;
    u64 type;
    int err;

    if (size > load_relaxed(&ipc_limits.msgmax))
        return -EINVAL;
    err = get_user_u64(&type, from);
    if (err)
        return err;
    if ((s64)type < 1)
        return -EINVAL;
    m = ipc_alloc(sizeof(*m) + size, 0);
    if (!m)
        return -ENOMEM;
    m->type = type;
    m->size = size;
    err = copy_from_user(m->text, from + sizeof(type), size);
    if (err)
        message_free(m);
    else
        *out = m;
    return err;
}

static bool fits(const struct msg_queue *q, u64 size)
{
    return q->bytes + size <= q->room && q->count + 1 <= q->room;
}

static void message_append(struct msg_queue *q, struct message *m, pid_t pid)
{
    list_insert_tail(&q->messages, &m->link);
    q->bytes += m->size;
    q->count++;
    atomic_fetch_add(&all_bytes, m->size);
    atomic_fetch_add(&all_messages, 1UL);
    q->stime = ipc_now();
    q->sender = pid;
    ipc_changed(&q->ipc, &q->receivers);
}

int msg_send(s32 id, uaddr_t message, u64 size, u32 flags, pid_t pid)
{
    struct message *m;
    struct ipc_object *o;
    int err = id < 0 ? -EINVAL : message_copy(message, size, &m);

    if (err)
        return err;
    err = ipc_find_permitted(&queues, id, false, 0222, &o);
    if (err) {
        message_free(m);
        return err;
    }
    while (!err && !fits(queue_of(o), size))
        err = flags & IPC_NOWAIT ? -EAGAIN : wait_locked(queue_of(o), &queue_of(o)->senders, 0222);
    if (err)
        message_free(m);
    else
        message_append(queue_of(o), m, pid);
    ipc_unlock_put(&queues, o);
    return err;
}

/* Receiving */

static bool matches(const struct message *m, s64 type, u32 flags)
{
    if (type == 0)
        return true;
    if (type < 0)
        return m->type <= (type == INT64_MIN ? INT64_MAX : -type);
    return (m->type == type) != !!(flags & MSG_EXCEPT);
}

// With a negative type the lowest there is, else the first.
static struct message *message_find(struct msg_queue *q, s64 type, u32 flags)
{
    struct message *m, *best = NULL;

    LIST_FOR_EACH (m, &q->messages, link) {
        if (!matches(m, type, flags) || (best && m->type >= best->type))
            continue;
        best = m;
        if (type >= 0)
            break;
    }
    return best;
}

// Takes a message out of the queue, which is locked; -EAGAIN: there is none.
static int message_take(struct msg_queue *q, u64 size, s64 type, u32 flags, struct message **out)
{
    struct message *m = message_find(q, type, flags);

    if (!m)
        return -EAGAIN;
    if (m->size > size && !(flags & MSG_NOERROR))
        return -E2BIG;
    message_unlink(q, m);
    q->rtime = ipc_now();
    ipc_changed(&q->ipc, &q->senders);
    *out = m;
    return 0;
}

s64 msg_receive(s32 id, uaddr_t message, u64 size, s64 type, u32 flags, pid_t pid)
{
    struct message *m;
    struct ipc_object *o;
    struct msg_queue *q;
    s64 err;

    if ((s64)size < 0)
        return -EINVAL;
    if (flags & MSG_COPY)
        return -ENOSYS;
    err = ipc_find_permitted(&queues, id, false, 0444, &o);
    if (err)
        return err;
    q = queue_of(o);
    while ((err = message_take(q, size, type, flags, &m)) == -EAGAIN) {
        err = flags & IPC_NOWAIT ? -ENOMSG : wait_locked(q, &q->receivers, 0444);
        if (err)
            break;
    }
    if (!err)
        q->receiver = pid;
    ipc_unlock_put(&queues, o);
    if (err)
        return err;
    size = MIN(size, m->size);
    err = put_user_u64(message, m->type) ?: copy_to_user(message + sizeof(u64), m->text, size);
    message_free(m);
    return err ? err : (s64)size;
}

/* Control */

s64 msg_stat(s32 id, bool by_index, bool any, struct msqid64_ds *out)
{
    struct ipc_object *o;
    struct msg_queue *q;
    int err = ipc_find_permitted(&queues, id, by_index, any ? 0 : 0444, &o);

    if (err)
        return err;
    q = queue_of(o);
    *out = (struct msqid64_ds){.msg_stime = q->stime,
                               .msg_rtime = q->rtime,
                               .msg_ctime = o->changed,
                               .msg_cbytes = q->bytes,
                               .msg_qnum = q->count,
                               .msg_qbytes = q->room,
                               .msg_lspid = q->sender,
                               .msg_lrpid = q->receiver};
    return ipc_stat_end(&queues, o, by_index, &out->msg_perm);
}

int msg_set(s32 id, const struct msqid64_ds *new)
{
    struct ipc_object *o;
    int err = ipc_find_owned(&queues, id, &o);

    if (err)
        return err;
    if (new->msg_qbytes > load_relaxed(&ipc_limits.msgmnb) &&
        !cred_capable(thread_self()->cred, CAP_SYS_RESOURCE))
        err = -EPERM;
    else
        err = ipc_perm_set(o, &new->msg_perm);
    if (!err) {
        queue_of(o)->room = new->msg_qbytes;
        ipc_changed(o, &queue_of(o)->senders);
        ipc_changed(o, &queue_of(o)->receivers);
    }
    ipc_unlock_put(&queues, o);
    return err;
}

s64 msg_info(struct msginfo *out, bool used)
{
    u64 room = load_relaxed(&ipc_limits.msgmnb);

    *out = (struct msginfo){.msgpool = 32000 * 16384 / 1024,
                            .msgmap = 16384,
                            .msgmax = load_relaxed(&ipc_limits.msgmax),
                            .msgmnb = room,
                            .msgmni = load_relaxed(&ipc_limits.msgmni),
                            .msgssz = 16,
                            .msgtql = 16384,
                            .msgseg = 0xffff};
    if (used) {
        out->msgpool = load_relaxed(&queues.used);
        out->msgmap = load_relaxed(&all_messages);
        out->msgtql = load_relaxed(&all_bytes);
    }
    return ipc_highest(&queues);
}

static void show_line(struct text *t, struct ipc_object *o)
{
    struct msg_queue *q = queue_of(o);

    text_printf(t, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n",
                o->key, o->id, o->mode, q->bytes, q->count, q->sender, q->receiver, o->uid, o->gid,
                o->cuid, o->cgid, q->stime, q->rtime, o->changed);
}

int msg_show(struct text *t)
{
    text_printf(t,
                "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  "
                "cgid      stime      rtime      ctime\n");
    return ipc_show(&queues, t, show_line);
}

void msg_init(void)
{
    ipc_table_init(&queues);
}
