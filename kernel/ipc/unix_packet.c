// SPDX-License-Identifier: MIT
// Sending and receiving whole messages: datagrams, and sequenced packets.
#include "abi/errno.h"
#include "ipc/unix_private.h"

#define OVERHEAD 32 // of SO_SNDBUF that no message can use

/* Sending */

// The receiver, with a reference: by the name given, or the peer.
static int receiver_get(struct unix_socket *u, const struct socket_message *m,
                        struct unix_socket **out)
{
    if (m->name_length)
        return unix_find(m->name, m->name_length, u->socket.type, out);
    *out = unix_peer_get(u);
    return *out ? 0 : -ENOTCONN;
}

static bool takes_from(struct unix_socket *to, const struct unix_socket *u)
{
    const struct unix_socket *peer = load_relaxed(&to->peer);

    return !peer || peer == u;
}

// An end of a pair or of a connection is not held to a number of messages.
static u32 most_messages(const struct unix_socket *u, struct unix_socket *to)
{
    return load_relaxed(&to->peer) == u || to == u ? UINT32_MAX : UNIX_PACKETS_MAX;
}

// It is closed. 1: its name may be another's by now.
static int receiver_dead(struct unix_socket *u, struct unix_socket *to,
                         const struct socket_message *m)
{
    if (u->socket.type == SOCK_SEQPACKET)
        return -EPIPE;
    unix_disconnect(u, to);
    return m->name_length ? 1 : -ECONNREFUSED;
}

// Who does not wait for its peer may wait for the edge.
static int wait_for_room(struct unix_socket *u, struct unix_socket *to, ns_t deadline)
{
    ns_t timeout = u->socket.send_timeout;
    int err;

    if (!deadline)
        return load_relaxed(&u->peer) == to && unix_peer_has_room(u) ? 1 : -EAGAIN;
    err = wait_event(&to->socket.writable,
                     load_relaxed(&to->message_count) <= UNIX_PACKETS_MAX ||
                         load_relaxed(&to->shutdown) & UNIX_NO_RECEIVE,
                     WAIT_INTERRUPTIBLE, deadline);
    return err ? socket_wait_error(err, timeout) : 1;
}

// 1: find the receiver again.
static int queue_at(struct unix_socket *u, struct unix_socket *to, struct unix_message *packet,
                    const struct socket_message *m, ns_t deadline)
{
    int err;

    if (load_relaxed(&to->dead))
        return receiver_dead(u, to, m);
    if (!takes_from(to, u))
        return -EPERM;
    err = unix_message_queue(to, packet, most_messages(u, to));
    if (err == -EPIPE && load_relaxed(&to->dead))
        return receiver_dead(u, to, m);
    return err == -EAGAIN ? wait_for_room(u, to, deadline) : err;
}

static int packet_queue(struct unix_socket *u, struct unix_message *packet,
                        const struct socket_message *m, ns_t deadline)
{
    struct unix_socket *to;
    int err;

    do {
        err = receiver_get(u, m, &to);
        if (err)
            return err;
        err = queue_at(u, to, packet, m, deadline);
        unix_put(to);
    } while (err > 0);
    return err;
}

static int send_check(struct unix_socket *u, const struct socket_message *m)
{
    int err = 0;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->name_length)
        err = unix_name_check(m->name, m->name_length);
    else if (!load_relaxed(&u->peer))
        err = -ENOTCONN;
    if (err)
        return err;
    err = unix_name_needed(u);
    if (!err && m->data->left + OVERHEAD > load_relaxed(&u->socket.send_size))
        err = -EMSGSIZE;
    return err;
}

ssize_t unix_send_packet(struct socket *s, struct socket_message *m)
{
    struct unix_socket *u = unix_of(s);
    ns_t deadline = socket_deadline(s->send_timeout, m->flags & MSG_DONTWAIT);
    struct unix_message *packet;
    size_t n = m->data->left;
    int err = send_check(u, m) ?: unix_message_create(u, m, n, deadline, &packet);

    if (err)
        return err;
    if (m->control.count)
        err = unix_rights_create(&m->control, &packet->rights);
    if (!err)
        err = packet_queue(u, packet, m, deadline);
    if (!err)
        return n;
    unix_rights_return(packet, &m->control);
    unix_message_free(packet);
    return err;
}

ssize_t unix_send_sequenced(struct socket *s, struct socket_message *m)
{
    int err = socket_take_error(s);

    if (err)
        return err;
    if (load_relaxed(&unix_of(s)->state) != UNIX_CONNECTED)
        return -ENOTCONN;
    m->name_length = 0;
    return unix_send_packet(s, m);
}

/* Receiving */

// The first message, once there is one; NULL and *err 0: there will be none. Unlike with streams an
// error is told before what came earlier.
static struct unix_message *packet_wait(struct unix_socket *u, ns_t deadline, int *err)
{
    struct unix_message *packet;
    bool over;

    for (;;) {
        over = load_acquire(&u->shutdown) & UNIX_NO_RECEIVE;
        *err = socket_take_error(&u->socket);
        packet = *err ? NULL : unix_message_first(u);
        if (packet || *err)
            return packet;
        if (over && (deadline || !unix_is_packet(u)))
            return NULL;
        *err = deadline ? unix_wait_message(u, deadline) : -EAGAIN;
        if (*err)
            return NULL;
    }
}

// What it says; -EFAULT, -ENOMEM. With MSG_TRUNC its length, else how much of it went.
static ssize_t packet_read(struct unix_message *packet, struct socket_message *m)
{
    u32 n = MIN((size_t)packet->length, m->data->left);

    m->control.cred = packet->cred;
    m->control.has_cred = true;
    if (m->name)
        unix_sender_name(packet, m);
    if (n < packet->length)
        m->result |= MSG_TRUNC;
    if (unix_message_copy(packet, 0, m->data, n) < n)
        return -EFAULT;
    if (packet->rights && unix_rights_receive(packet, m->flags & MSG_PEEK, &m->control))
        return -ENOMEM;
    return m->flags & MSG_TRUNC ? packet->length : n;
}

ssize_t unix_receive_packet(struct socket *s, struct socket_message *m)
{
    struct unix_socket *u = unix_of(s);
    ns_t deadline = socket_deadline(s->receive_timeout, m->flags & MSG_DONTWAIT);
    struct unix_message *packet;
    ssize_t n = 0;
    int err = 0;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    mutex_lock(&u->turn);
    packet = packet_wait(u, deadline, &err);
    if (packet) {
        n = packet_read(packet, m);
        if (!(m->flags & MSG_PEEK))
            unix_message_dequeue(u, packet);
    }
    unix_turn_end(u);
    if (!packet || m->flags & MSG_PEEK)
        return err ? err : n;
    unix_rights_drop(packet);
    unix_message_free(packet);
    return n;
}

ssize_t unix_receive_sequenced(struct socket *s, struct socket_message *m)
{
    return load_relaxed(&unix_of(s)->state) == UNIX_CONNECTED ? unix_receive_packet(s, m)
                                                              : -ENOTCONN;
}
