// SPDX-License-Identifier: MIT
// Unix sockets: their life, what poll and ioctl say of them, and their list.
#include "ipc/unix.h"
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "ipc/unix_private.h"
#include "mm/slab.h"

struct mutex unix_mutex = MUTEX_INIT(unix_mutex, RANK_PIPE);
static struct list all = LIST_INIT(all); // (unix_mutex)
static struct mutex show_mutex = MUTEX_INIT(show_mutex, RANK_NONE);
static struct unix_socket *show_next; // (unix_mutex) whom the one who has show_mutex tells next

static const struct socket_ops stream_ops, packet_ops, sequenced_ops;

/* Life */

static const struct socket_ops *ops_of(u16 type)
{
    return type == SOCK_STREAM ? &stream_ops : type == SOCK_DGRAM ? &packet_ops : &sequenced_ops;
}

int unix_alloc(u16 type, struct unix_socket **out)
{
    struct unix_socket *u = kmalloc(sizeof(*u), ALLOC_ZERO);

    if (!u)
        return -ENOMEM;
    socket_setup(&u->socket, ops_of(type), AF_UNIX, type);
    mutex_init(&u->turn, RANK_NONE);
    spin_init(&u->lock, RANK_DEVICE);
    list_init(&u->messages);
    list_init(&u->polled);
    list_init(&u->room_link);
    list_init(&u->pending);
    list_init(&u->pending_link);
    list_init(&u->rights);
    list_init(&u->carriers);
    list_init(&u->suspect);
    u->peer_cred = (struct ucred){0, -1U, -1U};
    mutex_lock(&unix_mutex);
    list_insert_head(&all, &u->all_link); // before who is being shown: that has an end
    mutex_unlock(&unix_mutex);
    *out = u;
    return 0;
}

static int unix_create(int type, int protocol, struct socket **out)
{
    struct unix_socket *u;
    int err;

    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type == SOCK_RAW)
        type = SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    err = unix_alloc((u16)type, &u);
    if (!err)
        *out = &u->socket;
    return err;
}

static void unix_destroy(struct socket *s)
{
    struct unix_socket *u = unix_of(s);

    if (u->address)
        unix_address_put(u->address);
    kfree(u);
}

void unix_shut(struct unix_socket *u, u32 what)
{
    spin_lock(&u->lock);
    u->shutdown |= what;
    spin_unlock(&u->lock);
    wake_all(&u->socket.readable);
    wake_all(&u->socket.writable);
}

struct ucred unix_self_cred(bool effective)
{
    const struct cred *c = thread_self()->cred;

    return (struct ucred){socket_pid_hook(), effective ? c->euid : c->uid,
                          effective ? c->egid : c->gid};
}

static bool unix_listens(struct socket *s)
{
    return load_relaxed(&unix_of(s)->state) == UNIX_LISTENING;
}

static int unix_peer_cred(struct socket *s, struct ucred *out)
{
    mutex_lock(&unix_mutex);
    *out = unix_of(s)->peer_cred;
    mutex_unlock(&unix_mutex);
    return 0;
}

/* Readiness */

static u32 poll_common(struct unix_socket *u, struct poll_table *table)
{
    struct socket *s = &u->socket;
    u32 ready = 0, shutdown;

    poll_wait(table, &s->readable);
    poll_wait(table, &s->writable);
    shutdown = load_relaxed(&u->shutdown);
    if (load_relaxed(&s->error))
        ready |= POLLERR;
    if (shutdown == UNIX_NO_IO)
        ready |= POLLHUP;
    if (shutdown & UNIX_NO_RECEIVE)
        ready |= POLLRDHUP | UNIX_READ_BITS;
    if (load_relaxed(&u->message_count) || load_relaxed(&u->pending_count))
        ready |= UNIX_READ_BITS;
    return ready;
}

u32 unix_poll_stream(struct socket *s, struct poll_table *table)
{
    struct unix_socket *u = unix_of(s);
    u32 ready = poll_common(u, table), state = load_relaxed(&u->state);

    if (state == UNIX_NEW)
        ready |= POLLHUP;
    if (state != UNIX_LISTENING && unix_may_send(u))
        ready |= UNIX_WRITE_BITS;
    return ready;
}

u32 unix_poll_packet(struct socket *s, struct poll_table *table)
{
    struct unix_socket *u = unix_of(s);
    u32 ready = poll_common(u, table);

    if (unix_may_send(u) && unix_peer_has_room(u))
        ready |= UNIX_WRITE_BITS;
    return ready;
}

static u64 bytes_to_read(struct unix_socket *u)
{
    struct unix_message *first;
    u64 n;

    spin_lock(&u->lock);
    first = list_first(&u->messages, struct unix_message, link);
    n = !unix_is_packet(u) ? u->unread : first ? first->length : 0;
    spin_unlock(&u->lock);
    return n;
}

static s64 unix_ioctl(struct socket *s, u32 cmd, u64 arg)
{
    struct unix_socket *u = unix_of(s);

    switch (cmd) {
    case SIOCINQ:
        return unix_listens(s) ? -EINVAL : put_user_u32(arg, bytes_to_read(u));
    case SIOCOUTQ:
        return put_user_u32(arg, load_relaxed(&u->charged));
    default:
        return -ENOTTY;
    }
}

/* Operations */

static int no_listen(struct socket *s, u32 backlog)
{
    return -EOPNOTSUPP;
}

static int no_accept(struct socket *s, bool nonblock, struct socket **out)
{
    return -EOPNOTSUPP;
}

#define COMMON_OPS                                                                      \
    .bind = unix_bind, .pair = unix_pair, .name = unix_name, .shutdown = unix_shutdown, \
    .ioctl = unix_ioctl, .listens = unix_listens, .peer_cred = unix_peer_cred,          \
    .closing = unix_closing, .close = unix_close, .destroy = unix_destroy

static const struct socket_ops stream_ops = {
    COMMON_OPS,
    .connect = unix_connect_stream,
    .listen = unix_listen,
    .accept = unix_accept,
    .send = unix_send_stream,
    .receive = unix_receive_stream,
    .poll = unix_poll_stream,
};

static const struct socket_ops sequenced_ops = {
    COMMON_OPS,
    .connect = unix_connect_stream,
    .listen = unix_listen,
    .accept = unix_accept,
    .send = unix_send_sequenced,
    .receive = unix_receive_sequenced,
    .poll = unix_poll_stream,
};

static const struct socket_ops packet_ops = {
    COMMON_OPS,
    .connect = unix_connect_packet,
    .listen = no_listen,
    .accept = no_accept,
    .send = unix_send_packet,
    .receive = unix_receive_packet,
    .poll = unix_poll_packet,
};

void unix_init(void)
{
    static const struct socket_family family = {AF_UNIX, unix_create};

    socket_family_register(&family);
}

/* /proc/net/unix */

#define SHOWN_LISTENING 0x10000
#define SHOWN_AT_ONCE   32 // while unix_mutex is held
enum { SHOWN_UNCONNECTED = 1, SHOWN_CONNECTING, SHOWN_CONNECTED, SHOWN_DISCONNECTING };

static unsigned shown_state(const struct unix_socket *u)
{
    if (u->state == UNIX_CONNECTED)
        return u->socket.file ? SHOWN_CONNECTED : SHOWN_CONNECTING;
    return u->socket.file ? SHOWN_UNCONNECTED : SHOWN_DISCONNECTING;
}

static void show_name(struct text *t, const struct unix_address *a)
{
    u32 length = a->length - offsetof(struct sockaddr_un, sun_path);

    text_append(t, " ", 1);
    for (u32 i = 0; i < length - !a->abstract; i++)
        text_append(t, a->name.sun_path[i] ? &a->name.sun_path[i] : "@", 1);
}

static void show_one(struct text *t, struct unix_socket *u)
{
    text_printf(t, "%016lx: %08x %08x %08x %04x %02x %5lu", 0UL, ref_read(&u->socket.inode.refs), 0,
                u->state == UNIX_LISTENING ? SHOWN_LISTENING : 0, u->socket.type, shown_state(u),
                u->socket.inode.ino);
    if (u->address)
        show_name(t, u->address);
    text_append(t, "\n", 1);
}

static void show_advance_locked(void)
{
    show_next = list_next(&all, show_next, all_link);
}

void unix_unlist_locked(struct unix_socket *u)
{
    if (show_next == u)
        show_advance_locked();
    list_remove(&u->all_link);
}

static bool show_some_locked(struct text *t)
{
    for (u32 i = 0; i < SHOWN_AT_ONCE && show_next && !t->error; i++) {
        show_one(t, show_next);
        show_advance_locked();
    }
    return show_next && !t->error;
}

int unix_show(struct text *t)
{
    bool more;

    text_printf(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    mutex_lock(&show_mutex);
    mutex_lock(&unix_mutex);
    show_next = list_first(&all, struct unix_socket, all_link);
    do {
        more = show_some_locked(t);
        mutex_unlock(&unix_mutex);
        mutex_lock(&unix_mutex);
    } while (more);
    show_next = NULL;
    mutex_unlock(&unix_mutex);
    mutex_unlock(&show_mutex);
    return t->error;
}
