// SPDX-License-Identifier: MIT
// Sockets: what those of every family share.
//
// A family embeds struct socket in its own sockets and has operations on it. The socket contains
// the inode of its file, whose references are the socket's. Names are user data: `length` bytes,
// family first, at most sizeof(struct sockaddr_storage).
#pragma once
#include "abi/socket.h"
#include "vfs/file.h"
#include "vfs/poll.h"

struct socket;

// Descriptors and credentials that come with a message.
struct socket_control {
    struct file **files; // `count` references, kmalloc'ed; NULL: none
    u32 count;
    bool has_cred;     // to receive: there is one
    struct ucred cred; // of the sender
};

// What send and receive are about. To send `control` is taken over if it succeeds; to receive it is
// filled, and the caller's.
struct socket_message {
    struct uio *data;
    u32 flags;                     // MSG_* asked for; with O_NONBLOCK, MSG_DONTWAIT too
    u32 result;                    // MSG_* to tell who receives
    struct sockaddr_storage *name; // of the other; NULL when receiving: unwanted
    u32 name_length;               // 0: none given; when received, none known
    struct socket_control control;
};

// All may sleep, and hold no lock when called. -EOPNOTSUPP for what the type does not have; a wait
// ends with -EAGAIN at its time-out, or as socket_wait_error says.
struct socket_ops {
    int (*bind)(struct socket *s, const struct sockaddr_storage *name, u32 length);
    int (*connect)(struct socket *s, const struct sockaddr_storage *name, u32 length,
                   bool nonblock);
    int (*listen)(struct socket *s, u32 backlog);
    // A connected socket that has no file yet.
    int (*accept)(struct socket *s, bool nonblock, struct socket **out);
    int (*pair)(struct socket *a, struct socket *b); // two new ones
    int (*name)(struct socket *s, bool peer, struct sockaddr_storage *name, u32 *length);
    int (*shutdown)(struct socket *s, int how);
    ssize_t (*send)(struct socket *s, struct socket_message *m);
    ssize_t (*receive)(struct socket *s, struct socket_message *m);
    u32 (*poll)(struct socket *s, struct poll_table *table);
    s64 (*ioctl)(struct socket *s, u32 cmd, u64 arg);
    bool (*listens)(struct socket *s);                     // SO_ACCEPTCONN
    int (*peer_cred)(struct socket *s, struct ucred *out); // SO_PEERCRED
    void (*closing)(struct socket *s); // a descriptor is closed, its reference is about to be put
    void (*close)(struct socket *s);   // the file is gone, or there never was one
    void (*destroy)(struct socket *s); // the last reference is gone: free it
};

struct socket {
    struct inode inode;
    const struct socket_ops *ops;       // (c)
    struct file *file;                  // (c) once there is one; no reference
    u16 family, type, protocol;         // (c)
    u32 options;                        // (a) bit n: SO_n is on
    u32 error;                          // (a) errno that SO_ERROR or the next call tells, once
    u32 send_size, receive_size;        // (a) SO_SNDBUF, SO_RCVBUF
    u32 low_water;                      // (a) SO_RCVLOWAT
    u32 priority;                       // (a)
    struct linger linger;               // (a) torn reads are harmless
    ns_t send_timeout, receive_timeout; // (a) NS_NEVER: none
    struct wait_queue readable, writable;
};

struct socket_family {
    u16 family;
    // 0 and a socket with one reference; -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM.
    int (*create)(int type, int protocol, struct socket **out);
};
void socket_init(void);
void socket_family_register(const struct socket_family *family); // boot; must live on
int socket_create(int family, int type, int protocol, struct socket **out);
void socket_setup(struct socket *s, const struct socket_ops *ops, u16 family, u16 type);
void socket_own(struct socket *s); // it is the caller's, who accepts it; it has no file yet

static inline void socket_get(struct socket *s)
{
    inode_get(&s->inode);
}
static inline void socket_put(struct socket *s)
{
    inode_put(&s->inode);
}
void socket_discard(struct socket *s); // one that has no file

// A file that takes over the reference; flags: O_NONBLOCK. -ENOMEM.
int socket_file_create(struct socket *s, u32 flags, struct file **out);
struct socket *file_socket(const struct file *f); // NULL: it is none
// A write that fails with -EPIPE raises SIGPIPE.
bool file_breaks_loudly(const struct file *f);

static inline bool socket_option(struct socket *s, unsigned option)
{
    return load_relaxed(&s->options) >> option & 1;
}

ssize_t socket_send(struct file *f, struct socket_message *m);
ssize_t socket_receive(struct file *f, struct socket_message *m);
void socket_control_fini(struct socket_control *c); // puts the files

// The pending error as -errno, which is gone then; 0.
int socket_take_error(struct socket *s);
void socket_set_error(struct socket *s, int error); // an errno

// For waits: the deadline (0: do not wait), and what an error of wait_event is to the caller.
ns_t socket_deadline(ns_t timeout, bool nonblock);
int socket_wait_error(int err, ns_t timeout);

// setsockopt(2), getsockopt(2) at SOL_SOCKET. *length: room, then what was stored.
int socket_set_option(struct socket *s, int option, uaddr_t value, u32 length);
int socket_get_option(struct socket *s, int option, uaddr_t value, u32 *length);

// pid for credentials; set by proc/.
extern pid_t (*socket_pid_hook)(void);
