// SPDX-License-Identifier: MIT
// Sending and receiving on Unix streams.
//
// A write is cut into messages; the first carries the files. A read takes bytes of as many messages
// as it has room for, but with SO_PASSCRED only of one sender's, and none past one with files.
#include "abi/errno.h"
#include "ipc/unix_private.h"

#define PIECE_MAX (32U << 10)

/* Sending */

static int send_check(struct unix_socket *u, const struct socket_message *m)
{
    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->name_length)
        return load_relaxed(&u->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!load_acquire(&u->peer))
        return -ENOTCONN;
    return load_relaxed(&u->shutdown) & UNIX_NO_SEND ? -EPIPE : 0;
}

// The bytes of one message, and the files, if there are any still.
static ssize_t send_piece(struct unix_socket *u, struct socket_message *m, u32 n, ns_t deadline)
{
    struct unix_message *piece;
    int err = unix_message_create(u, m, n, deadline, &piece);

    if (err)
        return err;
    if (unlikely(m->control.count))
        err = unix_rights_create(&m->control, &piece->rights);
    if (!err)
        err = unix_message_queue(u->peer, piece, UINT32_MAX);
    if (!err)
        return n;
    unix_rights_return(piece, &m->control);
    unix_message_free(piece);
    return err;
}

ssize_t unix_send_stream(struct socket *s, struct socket_message *m)
{
    struct unix_socket *u = unix_of(s);
    ns_t deadline = socket_deadline(s->send_timeout, m->flags & MSG_DONTWAIT);
    u32 most = MIN(load_relaxed(&s->send_size) / 2 - 64, PIECE_MAX);
    ssize_t done = 0, n = send_check(u, m);

    if (n)
        return n;
    while (m->data->left) {
        n = send_piece(u, m, MIN(m->data->left, (size_t)most), deadline);
        if (n < 0)
            break;
        done += n;
    }
    return done ? done : n;
}

/* Receiving */

struct reading {
    struct unix_socket *u;
    struct socket_message *m;
    size_t done;
    int error;      // that ends it
    bool peek, any; // any: of a message
};

// Whether a read that has begun goes on with this message.
static bool same_sender(const struct reading *r, const struct unix_message *m)
{
    const struct ucred *a = &r->m->control.cred, *b = &m->cred;

    return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

static void see_sender(struct reading *r, const struct unix_message *m)
{
    if (r->any)
        return;
    r->any = true;
    r->m->control.cred = m->cred;
    r->m->control.has_cred = true;
    if (r->m->name)
        unix_sender_name(m, r->m);
}

// Takes what fits of a message, and its files; true: the read may go on.
static bool read_message(struct reading *r, struct unix_message *m)
{
    struct uio *to = r->m->data;
    u32 want = MIN((size_t)(m->length - m->offset), to->left);
    u32 n = unix_message_copy(m, m->offset, to, want);
    bool files = m->rights != NULL;

    if (!n && want)
        r->error = r->done ? 0 : -EFAULT;
    else if (files)
        r->error = unix_rights_receive(m, r->peek, &r->m->control);
    if (r->error || n < MIN(want, 1U))
        return false;
    see_sender(r, m);
    r->done += n;
    if (!r->peek)
        unix_message_consume(r->u, m, n);
    return n == want && !files && to->left;
}

// Everything that is there, up to where a read ends. False: it ends.
static bool read_queue(struct reading *r)
{
    struct unix_message *m = unix_message_first(r->u), *next;
    bool by_sender = socket_option(&r->u->socket, SO_PASSCRED);

    for (; m; m = next) {
        if (by_sender && r->any && !same_sender(r, m))
            return false;
        next = r->peek ? unix_message_next(r->u, m) : NULL;
        if (!read_message(r, m))
            return false;
        if (!r->peek)
            next = unix_message_first(r->u);
    }
    return !r->peek || !r->any;
}

// Nothing was there. 0: wait; 1: the read ends. What came just before an error or the end is read.
static int read_ends(struct reading *r, size_t least, ns_t deadline)
{
    struct socket *s = &r->u->socket;
    bool over = load_acquire(&r->u->shutdown) & UNIX_NO_RECEIVE;

    if (r->done >= least)
        return 1;
    if ((over || load_acquire(&s->error)) && load_relaxed(&r->u->message_count))
        return 0;
    r->error = socket_take_error(s);
    if (r->error)
        return 1;
    r->error = over || deadline ? 0 : -EAGAIN;
    return over || r->error;
}

static void read_all(struct reading *r, size_t least, ns_t deadline)
{
    while (read_queue(r) && !read_ends(r, least, deadline)) {
        r->error = unix_wait_message(r->u, deadline);
        if (r->error)
            return;
    }
}

ssize_t unix_receive_stream(struct socket *s, struct socket_message *m)
{
    struct reading r = {.u = unix_of(s), .m = m, .peek = m->flags & MSG_PEEK};
    ns_t deadline = socket_deadline(s->receive_timeout, m->flags & MSG_DONTWAIT);
    size_t least = MIN((size_t)load_relaxed(&s->low_water), m->data->left);

    if (m->flags & MSG_WAITALL)
        least = m->data->left;
    if (load_relaxed(&r.u->state) != UNIX_CONNECTED)
        return -EINVAL;
    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    mutex_lock(&r.u->turn);
    read_all(&r, MAX(least, 1UL), deadline);
    unix_turn_end(r.u);
    return r.done ? (ssize_t)r.done : r.error;
}
