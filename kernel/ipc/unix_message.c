// SPDX-License-Identifier: MIT
// Messages of Unix sockets: their memory, whom it is charged to, and the queue they wait in.
#include "abi/errno.h"
#include "base/panic.h"
#include "ipc/unix_private.h"
#include "mm/slab.h"

#define IN_LINE_MAX (2048 - sizeof(struct unix_message)) // the largest object of a slab

/* Memory */

static struct unix_message *message_alloc(u32 length)
{
    u32 pages = length > IN_LINE_MAX ? DIV_ROUND_UP(length, PAGE_SIZE) : 0;
    size_t tail = pages ? pages * sizeof(void *) : length;
    struct unix_message *m = kmalloc(sizeof(*m) + tail, pages ? ALLOC_ZERO : 0);

    if (!m)
        return NULL;
    list_init(&m->link);
    m->rights = NULL;
    m->length = length;
    m->offset = 0;
    m->pages = pages;
    m->charge = sizeof(*m) + tail + pages * PAGE_SIZE;
    return m;
}

static int pages_fill(struct unix_message *m)
{
    struct frame *frame;

    for (u32 i = 0; i < m->pages; i++) {
        frame = frame_alloc(0, 0);
        if (!frame)
            return -ENOMEM;
        m->page[i] = frame_address(frame);
    }
    return 0;
}

static void message_release(struct unix_message *m)
{
    for (u32 i = 0; i < m->pages && m->page[i]; i++)
        frame_put(virt_to_frame(m->page[i]));
    kfree(m);
}

static int bytes_get(struct unix_message *m, struct uio *u)
{
    int err = 0;

    if (!m->pages)
        return uio_get(u, m->bytes, m->length);
    for (u32 i = 0; !err && i < m->pages; i++)
        err = uio_get(u, m->page[i], MIN(PAGE_SIZE, (u64)m->length - i * PAGE_SIZE));
    return err;
}

u32 unix_message_copy(const struct unix_message *m, u32 offset, struct uio *u, u32 n)
{
    size_t before = u->left;
    int err = 0;

    if (!m->pages) {
        (void)uio_put(u, m->bytes + offset, n);
        return before - u->left;
    }
    while (n && !err) {
        u32 part = MIN((u32)PAGE_SIZE - (offset & ~PAGE_MASK), n);

        err = uio_put(u, m->page[offset >> PAGE_SHIFT] + (offset & ~PAGE_MASK), part);
        offset += part;
        n -= part;
    }
    return before - u->left;
}

/* Charges */

static bool may_send_again(u64 charged, u32 size)
{
    return charged * 4 <= size;
}

bool unix_may_send(struct unix_socket *u)
{
    return may_send_again(load_relaxed(&u->charged), load_relaxed(&u->socket.send_size));
}

static void uncharge(struct unix_socket *u, u32 n)
{
    u64 before = atomic_fetch_sub(&u->charged, (u64)n);
    u32 size = load_relaxed(&u->socket.send_size);

    if (!may_send_again(before, size) && may_send_again(before - n, size))
        wake_key(&u->socket.writable, UNIX_WRITE_BITS);
}

// One message may go past the limit.
static int wait_to_send(struct unix_socket *u, ns_t deadline)
{
    struct socket *s = &u->socket;
    int err;

    for (;;) {
        err = socket_take_error(s);
        if (err)
            return err;
        if (load_relaxed(&u->shutdown) & UNIX_NO_SEND)
            return -EPIPE;
        if (load_relaxed(&u->charged) < load_relaxed(&s->send_size))
            return 0;
        if (!deadline)
            return -EAGAIN;
        err = wait_event(&s->writable,
                         unix_may_send(u) || load_relaxed(&s->error) ||
                             load_relaxed(&u->shutdown) & UNIX_NO_SEND,
                         WAIT_INTERRUPTIBLE, deadline);
        if (err)
            return socket_wait_error(err, s->send_timeout);
    }
}

/* Life */

int unix_message_create(struct unix_socket *u, struct socket_message *sm, u32 length, ns_t deadline,
                        struct unix_message **out)
{
    struct unix_message *m;
    int err = wait_to_send(u, deadline);

    if (err)
        return err;
    m = message_alloc(length);
    if (!m)
        return -ENOMEM;
    err = pages_fill(m) ?: bytes_get(m, sm->data);
    if (err) {
        message_release(m);
        return err;
    }
    m->cred = sm->control.has_cred ? sm->control.cred : unix_self_cred(false);
    m->sender = u;
    unix_get(u);
    atomic_fetch_add(&u->charged, (u64)m->charge);
    *out = m;
    return 0;
}

void unix_message_free(struct unix_message *m)
{
    struct unix_socket *sender = m->sender;

    uncharge(sender, m->charge);
    message_release(m);
    unix_put(sender);
}

/* The queue */

static int queue_locked(struct unix_socket *to, struct unix_message *m, u32 most)
{
    if (to->dead || to->shutdown & UNIX_NO_RECEIVE)
        return -EPIPE;
    if (to->message_count > most)
        return -EAGAIN;
    list_insert_tail(&to->messages, &m->link);
    store_relaxed(&to->message_count, to->message_count + 1);
    to->unread += m->length;
    return 0;
}

static int queue_bytes(struct unix_socket *to, struct unix_message *m, u32 most)
{
    int err;

    spin_lock(&to->lock);
    err = queue_locked(to, m, most);
    spin_unlock(&to->lock);
    return err;
}

// Files are in flight from the moment that the message can be received.
static int queue_rights(struct unix_socket *to, struct unix_message *m, u32 most)
{
    int err;

    mutex_lock(&unix_mutex);
    err = queue_bytes(to, m, most);
    if (!err)
        unix_rights_insert_locked(to, m);
    mutex_unlock(&unix_mutex);
    return err;
}

int unix_message_queue(struct unix_socket *to, struct unix_message *m, u32 most)
{
    int err = unlikely(m->rights != NULL) ? queue_rights(to, m, most) : queue_bytes(to, m, most);

    if (!err)
        wake_key(&to->socket.readable, UNIX_READ_BITS);
    return err;
}

void unix_message_dequeue(struct unix_socket *u, struct unix_message *m)
{
    bool full;

    spin_lock(&u->lock);
    list_remove(&m->link);
    full = u->message_count == UNIX_PACKETS_MAX + 1;
    store_relaxed(&u->message_count, u->message_count - 1);
    u->unread -= m->length - m->offset;
    spin_unlock(&u->lock);
    if (full && unix_is_packet(u))
        unix_room_made(u);
}

void unix_message_consume(struct unix_socket *u, struct unix_message *m, u32 n)
{
    if (m->offset + n == m->length) {
        unix_message_dequeue(u, m);
        unix_message_free(m);
        return;
    }
    spin_lock(&u->lock);
    m->offset += n;
    u->unread -= n;
    spin_unlock(&u->lock);
}

struct unix_message *unix_message_first(struct unix_socket *u)
{
    struct unix_message *m;

    spin_lock(&u->lock);
    m = list_first(&u->messages, struct unix_message, link);
    spin_unlock(&u->lock);
    return m;
}

struct unix_message *unix_message_next(struct unix_socket *u, struct unix_message *m)
{
    struct unix_message *next;

    spin_lock(&u->lock);
    next = list_next(&u->messages, m, link);
    spin_unlock(&u->lock);
    return next;
}

void unix_messages_take(struct unix_socket *u, struct list *out)
{
    spin_lock(&u->lock);
    list_move(&u->messages, out);
    store_relaxed(&u->message_count, 0);
    u->unread = 0;
    spin_unlock(&u->lock);
}

void unix_messages_free(struct list *messages)
{
    struct unix_message *m;

    while ((m = list_pop(messages, struct unix_message, link))) {
        unix_rights_drop(m);
        unix_message_free(m);
    }
}

// Also after an error: the message that woke this reader alone is there still.
void unix_turn_end(struct unix_socket *u)
{
    mutex_unlock(&u->turn);
    if (load_relaxed(&u->message_count))
        wake_next(&u->socket.readable);
}

int unix_wait_message(struct unix_socket *u, ns_t deadline)
{
    struct socket *s = &u->socket;
    int err;

    mutex_unlock(&u->turn);
    err = wait_event_exclusive(&s->readable,
                               load_relaxed(&u->message_count) || load_relaxed(&s->error) ||
                                   load_relaxed(&u->shutdown) & UNIX_NO_RECEIVE,
                               WAIT_INTERRUPTIBLE, deadline);
    mutex_lock(&u->turn);
    return socket_wait_error(err, s->receive_timeout);
}
