// SPDX-License-Identifier: MIT
// Connections of Unix sockets: made, accepted, taken apart.
//
// A connect makes the other end and leaves it with the listener, whose `pending` list holds it
// until accept gives it a file. Who finds the list full waits in the listener's `writable` queue.
#include "abi/errno.h"
#include "ipc/unix_private.h"

#define WAKES_MAX 16 // at a time, under the lock of all peers

// Packet sockets' peers as others see them: who polls a socket is listed at its peer. Either lock
// of the two is enough to read `peer`.
static struct spinlock unix_peer_lock = SPINLOCK_INIT(RANK_DEVICE);

/* Peers */

static struct unix_socket *peer_change_locked(struct unix_socket *u, struct unix_socket *peer)
{
    struct unix_socket *old = u->peer;

    spin_lock(&unix_peer_lock);
    list_remove(&u->room_link);
    u->peer = peer;
    spin_unlock(&unix_peer_lock);
    return old;
}

struct unix_socket *unix_peer_get(struct unix_socket *u)
{
    struct unix_socket *peer;

    spin_lock(&unix_peer_lock);
    peer = u->peer;
    if (peer)
        unix_get(peer);
    spin_unlock(&unix_peer_lock);
    return peer;
}

bool unix_peer_has_room(struct unix_socket *u)
{
    struct unix_socket *peer;
    bool room;

    spin_lock(&unix_peer_lock);
    peer = u->peer;
    if (peer && peer->peer != u && list_empty(&u->room_link))
        list_insert_tail(&peer->polled, &u->room_link);
    smp_mb();
    room = !peer || peer->peer == u || load_relaxed(&peer->dead) ||
           load_relaxed(&peer->message_count) <= UNIX_PACKETS_MAX;
    if (room)
        list_remove(&u->room_link);
    spin_unlock(&unix_peer_lock);
    return room;
}

static void polled_wake_locked(struct list *polled)
{
    struct unix_socket *u;

    for (u32 i = 0; i < WAKES_MAX && (u = list_pop(polled, struct unix_socket, room_link)); i++)
        wake_key(&u->socket.writable, UNIX_WRITE_BITS);
}

// Who polls from now on is not waited for.
void unix_room_made(struct unix_socket *u)
{
    struct list polled = LIST_INIT(polled);
    bool more;

    wake_next(&u->socket.writable);
    spin_lock(&unix_peer_lock);
    list_move(&u->polled, &polled);
    spin_unlock(&unix_peer_lock);
    do {
        spin_lock(&unix_peer_lock);
        polled_wake_locked(&polled);
        more = !list_empty(&polled);
        spin_unlock(&unix_peer_lock);
    } while (more);
}

static void connected_locked(struct unix_socket *u, struct unix_socket *peer, struct ucred cred)
{
    unix_get(peer);
    peer_change_locked(u, peer);
    u->peer_cred = cred;
    store_relaxed(&u->state, UNIX_CONNECTED);
}

/* Listening */

int unix_listen(struct socket *s, u32 backlog)
{
    struct unix_socket *u = unix_of(s);
    int err = 0;

    mutex_lock(&unix_mutex);
    if (!u->address || u->state == UNIX_CONNECTED) {
        err = -EINVAL;
    } else {
        store_relaxed(&u->backlog, MIN(backlog, (u32)SOMAXCONN));
        store_relaxed(&u->state, UNIX_LISTENING);
        u->peer_cred = unix_self_cred(true);
    }
    mutex_unlock(&unix_mutex);
    if (!err)
        wake_all(&s->writable);
    return err;
}

// 0; -EAGAIN: there is no room just now.
static int connect_locked(struct unix_socket *u, struct unix_socket *to, struct unix_socket *end)
{
    struct ucred self = unix_self_cred(true);
    int err;

    if (to->state != UNIX_LISTENING || load_relaxed(&to->shutdown) & UNIX_NO_RECEIVE)
        return -ECONNREFUSED;
    if (to->pending_count > to->backlog)
        return -EAGAIN;
    if (u->state != UNIX_NEW)
        return u->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
    err = unix_flight_charge(self.uid, 1);
    if (err)
        return err;
    end->address = to->address;
    ref_get(&end->address->refs);
    connected_locked(end, u, self);
    connected_locked(u, end, to->peer_cred);
    unix_get(end); // the list's
    end->listener = to;
    list_insert_tail(&to->pending, &end->pending_link);
    store_relaxed(&to->pending_count, to->pending_count + 1);
    return 0;
}

static bool listener_changed(struct unix_socket *u)
{
    return load_relaxed(&u->state) != UNIX_LISTENING ||
           load_relaxed(&u->shutdown) & UNIX_NO_RECEIVE ||
           load_relaxed(&u->pending_count) <= load_relaxed(&u->backlog);
}

static int connect_once(struct unix_socket *u, struct unix_socket *to, struct unix_socket *end)
{
    int err;

    mutex_lock(&unix_mutex);
    err = connect_locked(u, to, end);
    mutex_unlock(&unix_mutex);
    if (!err)
        wake_key(&to->socket.readable, UNIX_READ_BITS);
    return err;
}

// 1: try again.
static int connect_wait(struct unix_socket *u, struct unix_socket *to, ns_t deadline)
{
    int err = wait_event_exclusive(&to->socket.writable, listener_changed(to), WAIT_INTERRUPTIBLE,
                                   deadline);

    return err ? socket_wait_error(err, u->socket.send_timeout) : 1;
}

// Who was woken may have failed, or gone elsewhere: the room that is left is the next one's.
static void listener_leave(struct unix_socket *to)
{
    if (listener_changed(to))
        wake_next(&to->socket.writable);
    unix_put(to);
}

int unix_connect_stream(struct socket *s, const struct sockaddr_storage *name, u32 length,
                        bool nonblock)
{
    struct unix_socket *u = unix_of(s), *to, *before = NULL, *end;
    ns_t deadline = socket_deadline(s->send_timeout, nonblock);
    int err = unix_name_check(name, length) ?: unix_name_needed(u) ?: unix_alloc(s->type, &end);

    if (err)
        return err;
    do {
        to = NULL;
        err = unix_find(name, length, s->type, &to) ?: connect_once(u, to, end);
        if (before)
            listener_leave(before);
        before = to;
        if (to && err == -EAGAIN && deadline)
            err = connect_wait(u, to, deadline);
    } while (err > 0);
    if (to)
        listener_leave(to);
    if (err)
        unix_close(&end->socket);
    unix_put(end);
    return err;
}

static struct unix_socket *pending_pop_locked(struct unix_socket *u)
{
    struct unix_socket *end = list_pop(&u->pending, struct unix_socket, pending_link);

    if (end) {
        end->listener = NULL;
        store_relaxed(&u->pending_count, u->pending_count - 1);
        unix_flight_uncharge(end->peer_cred.uid, 1);
    }
    return end;
}

static struct unix_socket *pending_pop(struct unix_socket *u)
{
    struct unix_socket *end;

    mutex_lock(&unix_mutex);
    end = pending_pop_locked(u);
    mutex_unlock(&unix_mutex);
    return end;
}

int unix_accept(struct socket *s, bool nonblock, struct socket **out)
{
    struct unix_socket *u = unix_of(s), *end;
    ns_t timeout = s->receive_timeout, deadline = socket_deadline(timeout, nonblock);
    int err;

    if (load_relaxed(&u->state) != UNIX_LISTENING)
        return -EINVAL;
    while (!(end = pending_pop(u))) {
        if (load_relaxed(&u->shutdown) & UNIX_NO_RECEIVE)
            return -EINVAL;
        if (!deadline)
            return -EAGAIN;
        err = wait_event_exclusive(&s->readable,
                                   load_relaxed(&u->pending_count) ||
                                       load_relaxed(&u->shutdown) & UNIX_NO_RECEIVE,
                                   WAIT_INTERRUPTIBLE, deadline);
        if (err)
            return socket_wait_error(err, timeout);
    }
    wake_next(&s->writable);
    if (load_relaxed(&u->pending_count))
        wake_next(&s->readable);
    socket_own(&end->socket);
    if (socket_option(s, SO_PASSCRED))
        atomic_fetch_or(&end->socket.options, (u32)BIT(SO_PASSCRED));
    *out = &end->socket;
    return 0;
}

/* Without a listener */

int unix_pair(struct socket *a, struct socket *b)
{
    struct ucred self = unix_self_cred(true);

    mutex_lock(&unix_mutex);
    connected_locked(unix_of(a), unix_of(b), self);
    connected_locked(unix_of(b), unix_of(a), self);
    mutex_unlock(&unix_mutex);
    return 0;
}

static void peer_exchange_locked(struct unix_socket *u, struct unix_socket *peer,
                                 struct unix_socket *old, struct list *dropped)
{
    if (peer)
        unix_get(peer);
    peer_change_locked(u, peer);
    store_relaxed(&u->state, peer ? UNIX_CONNECTED : UNIX_NEW);
    if (!old || old == peer)
        return;
    unix_messages_take(u, dropped);
    if (list_empty(dropped) || old->peer != u)
        return;
    socket_set_error(&old->socket, ECONNRESET);
    wake_all(&old->socket.readable);
    wake_all(&old->socket.writable);
}

// `peer` NULL: nobody. Datagrams that came from another are dropped; if that one is connected back
// it learns of it. `from`: only if that is the peer now; NULL: whichever it is.
static int packet_peer_set(struct unix_socket *u, struct unix_socket *peer,
                           const struct unix_socket *from)
{
    struct list dropped = LIST_INIT(dropped);
    struct unix_socket *old;
    int err = 0;

    mutex_lock(&u->turn);
    mutex_lock(&unix_mutex);
    old = u->peer;
    if ((peer && peer->peer && peer->peer != u) || (from && old != from))
        err = -EPERM;
    else
        peer_exchange_locked(u, peer, old, &dropped);
    mutex_unlock(&unix_mutex);
    mutex_unlock(&u->turn);
    if (err)
        return err;
    wake_all(&u->socket.writable);
    if (!list_empty(&dropped)) {
        unix_room_made(u);
        unix_messages_free(&dropped);
    }
    if (old)
        unix_put(old);
    return 0;
}

void unix_disconnect(struct unix_socket *u, struct unix_socket *old)
{
    (void)packet_peer_set(u, NULL, old);
}

int unix_connect_packet(struct socket *s, const struct sockaddr_storage *name, u32 length,
                        bool nonblock)
{
    struct unix_socket *u = unix_of(s), *to;
    int err;

    if (length >= sizeof(name->ss_family) && name->ss_family == AF_UNSPEC)
        return packet_peer_set(u, NULL, NULL);
    err = unix_name_check(name, length) ?: unix_name_needed(u)
              ?: unix_find(name, length, s->type, &to);
    if (err)
        return err;
    err = packet_peer_set(u, to, NULL);
    unix_put(to);
    return err;
}

/* Ends */

int unix_shutdown(struct socket *s, int how)
{
    struct unix_socket *u = unix_of(s), *peer = unix_peer_get(u);
    u32 what = (u32)how + 1;

    if ((u32)how > SHUT_RDWR) {
        what = 0;
    } else {
        unix_shut(u, what);
        if (peer && !unix_is_packet(u))
            unix_shut(peer, (what & UNIX_NO_RECEIVE ? UNIX_NO_SEND : 0) |
                                (what & UNIX_NO_SEND ? UNIX_NO_RECEIVE : 0));
    }
    if (peer)
        unix_put(peer);
    return what ? 0 : -EINVAL;
}

// The other end learns of it; that something was lost, too.
static void peer_leave(struct unix_socket *u, struct unix_socket *peer, bool lost)
{
    if (!unix_is_packet(u)) {
        if (lost)
            socket_set_error(&peer->socket, ECONNRESET);
        unix_shut(peer, UNIX_NO_IO);
    }
    unix_put(peer);
}

static void close_one(struct unix_socket *u, bool lost, struct list *pending)
{
    struct list dropped = LIST_INIT(dropped);
    struct unix_socket *peer, *end;
    struct path path;

    mutex_lock(&unix_mutex);
    path = u->path;
    unix_unbind_locked(u);
    unix_flight_forget_locked(u);
    unix_unlist_locked(u);
    while ((end = pending_pop_locked(u)))
        list_insert_tail(pending, &end->pending_link);
    store_relaxed(&u->state, UNIX_NEW);
    peer = peer_change_locked(u, NULL);
    mutex_unlock(&unix_mutex);
    spin_lock(&u->lock);
    store_relaxed(&u->dead, true);
    spin_unlock(&u->lock);
    unix_messages_take(u, &dropped);
    unix_shut(u, UNIX_NO_IO);
    unix_room_made(u);
    if (peer)
        peer_leave(u, peer, lost || !list_empty(&dropped));
    unix_messages_free(&dropped);
    if (path.dentry)
        path_put(&path);
}

void unix_close(struct socket *s)
{
    struct list pending = LIST_INIT(pending);
    struct unix_socket *end;

    close_one(unix_of(s), false, &pending);
    while ((end = list_pop(&pending, struct unix_socket, pending_link))) {
        close_one(end, true, &pending);
        unix_put(end);
    }
}
