// SPDX-License-Identifier: MIT
// What the files of Unix sockets share. docs/sockets.md has the whole picture.
#pragma once
#include "lib/rbtree.h"
#include "sync/mutex.h"
#include "vfs/socket.h"

// A name that was bound; shared by a listener and what it accepts.
struct unix_address {
    struct ref refs;
    u16 type;                   // (c) of the socket
    bool abstract;              // (c)
    u32 length;                 // (c) of `name`
    struct unix_socket *socket; // (unix_mutex) bound to it, while abstract and in the tree
    struct rb_node node;        // (unix_mutex)
    struct sockaddr_un name;    // (c)
};

// A message that carries a socket: one way to it from another.
struct unix_edge {
    struct list link;           // (unix_mutex) of the socket's carriers
    struct unix_rights *rights; // (c)
    struct unix_socket *to;     // (c) whose file is among those of `rights`
};

// Files on their way.
struct unix_rights {
    struct list link;             // (unix_mutex) of those at `at`
    struct unix_socket *at;       // (unix_mutex) where the message waits; NULL: not in flight
    struct unix_message *message; // (unix_mutex) that they come with, while in flight
    struct file **files;          // (c) referenced
    u32 count;                    // (c)
    uid_t uid;                    // (c) user they are charged to
    u32 edge_count;               // (c)
    struct unix_edge edges[];     // of the sockets among the files
};

struct unix_message {
    struct list link;           // (receiver's lock)
    struct unix_socket *sender; // (c) referenced
    struct unix_rights *rights; // (unix_mutex; read by who has the turn) or NULL
    struct ucred cred;          // (c)
    u32 charge;                 // (c) bytes of memory
    u32 length, offset;         // (c), (receiver's turn): bytes in all, received so far
    u32 pages;                  // (c) 0: the bytes are in line
    union {
        u8 bytes[0];
        void *page[0];
    };
};

enum unix_state { UNIX_NEW, UNIX_LISTENING, UNIX_CONNECTED };
enum { UNIX_NO_RECEIVE = 1, UNIX_NO_SEND = 2, UNIX_NO_IO = 3 }; // unix_socket.shutdown

struct unix_socket {
    struct socket socket;
    struct mutex turn;     // RANK_NONE: one thread at a time receives, or binds
    struct spinlock lock;  // RANK_DEVICE
    struct list messages;  // (lock) the first is also its who has the turn
    u32 message_count;     // (lock; read anywhere)
    u32 shutdown;          // (lock; read anywhere)
    bool dead;             // (lock; read anywhere) closed
    u64 unread;            // (lock; read anywhere) bytes
    u64 charged;           // (a) memory of messages sent and not yet received
    struct list polled;    // (unix_peer_lock) by room_link: polled until there are fewer messages
    struct list room_link; // (unix_peer_lock)

    u32 state;                    // (unix_mutex; read anywhere) enum unix_state
    struct unix_socket *peer;     // (unix_mutex and unix_peer_lock to change) referenced
    struct unix_address *address; // (unix_mutex; set once) referenced
    struct path path;             // (unix_mutex) of its inode, where it is bound to one
    struct ucred peer_cred;       // (unix_mutex)
    struct list pending;          // (unix_mutex) of a listener: what it is to accept
    struct list pending_link;     // (unix_mutex)
    struct unix_socket *listener; // (unix_mutex) whose pending list it is on; NULL: on none
    u32 pending_count, backlog;   // (unix_mutex; read anywhere)
    struct list all_link;         // (unix_mutex)

    struct list rights;   // (unix_mutex) those of its messages
    struct list carriers; // (unix_mutex) edges that lead to it
    u32 inflight;         // (unix_mutex; read anywhere) how many these are
    struct list suspect;  // (unix_mutex)
    struct list walk;     // (unix_mutex) of the collector
    bool walked;          // (unix_mutex)
};

extern struct mutex unix_mutex; // RANK_PIPE

#define UNIX_READ_BITS  (POLLIN | POLLRDNORM)
#define UNIX_WRITE_BITS (POLLOUT | POLLWRNORM | POLLWRBAND)

static inline struct unix_socket *unix_of(struct socket *s)
{
    return container_of(s, struct unix_socket, socket);
}
static inline void unix_get(struct unix_socket *u)
{
    socket_get(&u->socket);
}
static inline void unix_put(struct unix_socket *u)
{
    socket_put(&u->socket);
}
static inline bool unix_is_packet(const struct unix_socket *u)
{
    return u->socket.type == SOCK_DGRAM;
}

/* unix.c */

int unix_alloc(u16 type, struct unix_socket **out);
void unix_shut(struct unix_socket *u, u32 what); // and wakes who waits
struct ucred unix_self_cred(bool effective);
void unix_unlist_locked(struct unix_socket *u); // from those of /proc/net/unix
u32 unix_poll_stream(struct socket *s, struct poll_table *table);
u32 unix_poll_packet(struct socket *s, struct poll_table *table);

/* unix_name.c */

// -EINVAL for what is no name of this family.
int unix_name_check(const struct sockaddr_storage *name, u32 length);
int unix_bind(struct socket *s, const struct sockaddr_storage *name, u32 length);
int unix_autobind(struct unix_socket *u); // if it has no name
// Before a call that shows who calls: with SO_PASSCRED a socket has a name.
static inline int unix_name_needed(struct unix_socket *u)
{
    return socket_option(&u->socket, SO_PASSCRED) ? unix_autobind(u) : 0;
}
// The socket bound to a name, with a reference. -ECONNREFUSED, -EPROTOTYPE, -EACCES...
int unix_find(const struct sockaddr_storage *name, u32 length, u16 type, struct unix_socket **out);
int unix_name(struct socket *s, bool peer, struct sockaddr_storage *name, u32 *length);
void unix_sender_name(const struct unix_message *m, struct socket_message *to);
void unix_address_put(struct unix_address *a);
void unix_unbind_locked(struct unix_socket *u); // the path is the caller's to put

/* unix_connect.c */

int unix_listen(struct socket *s, u32 backlog);
int unix_connect_stream(struct socket *s, const struct sockaddr_storage *name, u32 length,
                        bool nonblock);
int unix_connect_packet(struct socket *s, const struct sockaddr_storage *name, u32 length,
                        bool nonblock);
int unix_accept(struct socket *s, bool nonblock, struct socket **out);
int unix_pair(struct socket *a, struct socket *b);
int unix_shutdown(struct socket *s, int how);
// A packet socket has no peer any more, if that was `old`; what it was sent is dropped.
void unix_disconnect(struct unix_socket *u, struct unix_socket *old);
struct unix_socket *unix_peer_get(struct unix_socket *u); // with a reference; NULL: none
// Whether its peer takes another message of it. If not, `writable` is woken when that changes.
bool unix_peer_has_room(struct unix_socket *u);
void unix_room_made(struct unix_socket *u); // it takes messages again, or never will
void unix_close(struct socket *s);

/* unix_message.c */

// Waits until `u` may send, then copies `length` bytes in. The sender's name and credentials are
// in it. Own errors and shutdown, -EAGAIN, -EFAULT, -ENOMEM.
int unix_message_create(struct unix_socket *u, struct socket_message *m, u32 length, ns_t deadline,
                        struct unix_message **out);
void unix_message_free(struct unix_message *m); // it has no rights any more
// Copies `n` bytes from `offset` on out: how many went.
u32 unix_message_copy(const struct unix_message *m, u32 offset, struct uio *u, u32 n);
// Enters it; takes it over only then. -EPIPE: nobody will read it. -EAGAIN: there are more than
// `most` already.
int unix_message_queue(struct unix_socket *to, struct unix_message *m, u32 most);
void unix_message_dequeue(struct unix_socket *u, struct unix_message *m); // who calls has the turn
void unix_turn_end(struct unix_socket *u); // gives it up; what is left is the next reader's
// `n` bytes more of it are received; with the last it is dequeued and freed.
void unix_message_consume(struct unix_socket *u, struct unix_message *m, u32 n);
struct unix_message *unix_message_first(struct unix_socket *u);
struct unix_message *unix_message_next(struct unix_socket *u, struct unix_message *m);
// Takes all off the queue; who calls has the turn, or is the last. Then frees them, under no lock.
void unix_messages_take(struct unix_socket *u, struct list *out);
void unix_messages_free(struct list *messages);
bool unix_may_send(struct unix_socket *u);
// Waits for a message, an error, or the end. Who calls has the turn, and gives it up meanwhile.
int unix_wait_message(struct unix_socket *u, ns_t deadline);

/* unix_stream.c, unix_packet.c */

ssize_t unix_send_stream(struct socket *s, struct socket_message *m);
ssize_t unix_receive_stream(struct socket *s, struct socket_message *m);
ssize_t unix_send_packet(struct socket *s, struct socket_message *m);
ssize_t unix_receive_packet(struct socket *s, struct socket_message *m);
ssize_t unix_send_sequenced(struct socket *s, struct socket_message *m);
ssize_t unix_receive_sequenced(struct socket *s, struct socket_message *m);
#define UNIX_PACKETS_MAX 10 // that wait at a socket when another's is refused, less one

/* unix_flight.c */

// A user has `n` more in flight. -ETOOMANYREFS, -ENOMEM.
int unix_flight_charge(uid_t uid, u32 n);
void unix_flight_uncharge(uid_t uid, u32 n);
// Takes over the files of a message to be sent, if it succeeds. -ETOOMANYREFS, -ENOMEM.
int unix_rights_create(struct socket_control *c, struct unix_rights **out);
void unix_rights_insert_locked(struct unix_socket *at, struct unix_message *m);
// They come out of flight: for the first receiver of a message, or (peek) copies. -ENOMEM.
int unix_rights_receive(struct unix_message *m, bool peek, struct socket_control *out);
// Those of a message that could not be sent: to where they came from.
static inline void unix_rights_return(struct unix_message *m, struct socket_control *c)
{
    if (m->rights)
        (void)unix_rights_receive(m, false, c);
}
// Those of a message that nobody receives; the message is not in a queue any more.
void unix_rights_drop(struct unix_message *m);
void unix_closing(struct socket *s);
void unix_flight_forget_locked(struct unix_socket *u); // it is closed
