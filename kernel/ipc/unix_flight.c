// SPDX-License-Identifier: MIT
// Files in flight: those that messages of Unix sockets carry; and the collector of their cycles.
//
//   sent          the message holds references; charged to the user
//   queued        in flight: an edge from the socket where the message is to each socket it carries
//   received      the references are the receiver's; not charged any more
//   or dropped    they are put
//
// A socket that descriptors and calls do not hold any more, but messages do, is alive only if one
// of these messages can be received. The collector walks from a suspect up its edges, until it
// meets a socket with a reference that is no edge. If there is none, nobody can receive from any of
// those that it met: their messages lose their files.
#include "abi/errno.h"
#include "ipc/unix_private.h"
#include "mm/slab.h"
#include "vfs/user.h"

#define LOOKS 2 // suspects that one event looks at

static struct list suspects = LIST_INIT(suspects); // (unix_mutex)

/* Users */

int unix_flight_charge(uid_t uid, u32 n)
{
    u64 limit = user_is_limited() ? fd_limit_hook() : UINT32_MAX;
    int err = user_count_add(uid, USER_IN_FLIGHT, n, limit + n); // one message may go beyond it

    return err == -EAGAIN ? -ETOOMANYREFS : err;
}

void unix_flight_uncharge(uid_t uid, u32 n)
{
    user_count_sub(uid, USER_IN_FLIGHT, n);
}

/* Edges; unix_mutex is held */

static struct unix_socket *file_unix(const struct file *f)
{
    struct socket *s = file_socket(f);

    return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

static void suspect_locked(struct unix_socket *u)
{
    list_remove(&u->suspect);
    if (u->inflight)
        list_insert_head(&suspects, &u->suspect);
}

static u32 references_besides_edges(const struct unix_socket *u)
{
    return ref_read(&load_acquire(&u->socket.file)->refs) - u->inflight;
}

// A socket is a suspect from here on until it is found alive through others alone: no later event
// tells when a running call, the one that sends it perhaps, drops the last other reference.
void unix_rights_insert_locked(struct unix_socket *at, struct unix_message *m)
{
    struct unix_rights *r = m->rights;

    r->message = m;
    r->at = at;
    list_insert_tail(&at->rights, &r->link);
    for (u32 i = 0; i < r->edge_count; i++) {
        struct unix_socket *to = r->edges[i].to;

        list_insert_tail(&to->carriers, &r->edges[i].link);
        store_relaxed(&to->inflight, to->inflight + 1);
        if (list_empty(&to->suspect))
            list_insert_tail(&suspects, &to->suspect);
    }
}

// A socket that other messages still carry is a suspect from here on.
static void rights_remove_locked(struct unix_rights *r)
{
    if (!r->at)
        return;
    r->at = NULL;
    list_remove(&r->link);
    for (u32 i = 0; i < r->edge_count; i++) {
        struct unix_socket *to = r->edges[i].to;

        list_remove(&r->edges[i].link);
        store_relaxed(&to->inflight, to->inflight - 1);
        suspect_locked(to);
    }
}

void unix_flight_forget_locked(struct unix_socket *u)
{
    list_remove(&u->suspect);
}

/* Putting files: not under a lock, and one socket after the other */

struct drain {
    struct list link;      // (unix_mutex)
    struct thread *thread; // (c)
    struct list rights;    // (its thread's)
};

static struct list drains = LIST_INIT(drains); // (unix_mutex)

static struct drain *drain_find_locked(void)
{
    struct drain *d;

    LIST_FOR_EACH (d, &drains, link)
        if (d->thread == thread_self())
            return d;
    return NULL;
}

static void suspects_event(unsigned looks);

// What they carried may be garbage from here on.
static void rights_put(struct unix_rights *r)
{
    unix_flight_uncharge(r->uid, r->count);
    for (u32 i = 0; i < r->count; i++)
        file_put(r->files[i]);
    suspects_event(LOOKS * r->count);
    kfree(r->files);
    kfree(r);
}

static void list_move_all(struct list *from, struct list *to)
{
    struct list *n;

    while ((n = list_pop_node(from)))
        list_insert_tail(to, n);
}

// Puts the files of these rights, and those of what is closed by that.
static void rights_drain(struct list *doomed)
{
    struct drain d = {.thread = thread_self(), .rights = LIST_INIT(d.rights)}, *outer;
    struct unix_rights *r;

    mutex_lock(&unix_mutex);
    outer = drain_find_locked();
    list_move_all(doomed, outer ? &outer->rights : &d.rights);
    if (!outer)
        list_insert_tail(&drains, &d.link);
    mutex_unlock(&unix_mutex);
    if (outer)
        return;
    while ((r = list_pop(&d.rights, struct unix_rights, link)))
        rights_put(r);
    mutex_lock(&unix_mutex);
    list_remove(&d.link);
    mutex_unlock(&unix_mutex);
}

/* The collector; unix_mutex is held */

static void walk_visit(struct unix_socket *u, struct list *walk)
{
    if (u->walked)
        return;
    u->walked = true;
    list_insert_tail(walk, &u->walk);
}

// Who receives from where the message is: the socket, or the listener that has not accepted it yet.
static struct unix_socket *receiver_of(const struct unix_rights *r)
{
    return r->at->listener ? r->at->listener : r->at;
}

// Visits all that carry `u`. False: `u` or one of them can be received from.
static bool walk_up(struct unix_socket *u, u32 own, struct list *walk)
{
    struct unix_edge *e;

    if (!u->socket.file || references_besides_edges(u) > own)
        return false;
    LIST_FOR_EACH (e, &u->carriers, link)
        walk_visit(receiver_of(e->rights), walk);
    return true;
}

// Nobody can receive these messages; the files are the caller's to put.
static void rights_take(struct unix_socket *u, struct list *doomed)
{
    struct unix_rights *r;

    while ((r = list_first(&u->rights, struct unix_rights, link))) {
        rights_remove_locked(r);
        r->message->rights = NULL;
        list_insert_tail(doomed, &r->link);
    }
}

static void garbage_take(struct unix_socket *u, struct list *doomed)
{
    struct unix_socket *end;

    rights_take(u, doomed);
    LIST_FOR_EACH (end, &u->pending, pending_link)
        rights_take(end, doomed);
}

// Walks from a suspect, of whose references `own` are about to go.
static void collect(struct unix_socket *suspect, u32 own, struct list *doomed)
{
    struct list walk = LIST_INIT(walk);
    struct unix_socket *u;
    bool garbage = true;

    walk_visit(suspect, &walk);
    LIST_FOR_EACH (u, &walk, walk) {
        garbage = walk_up(u, u == suspect ? own : 0, &walk);
        if (!garbage)
            break;
    }
    while ((u = list_pop(&walk, struct unix_socket, walk))) {
        u->walked = false;
        if (garbage)
            garbage_take(u, doomed);
    }
}

// Looks at some suspects, at `first` as one that has lost a reference already.
static void suspects_look(struct unix_socket *first, unsigned looks, struct list *doomed)
{
    struct unix_socket *u;

    while (looks-- && (u = list_pop(&suspects, struct unix_socket, suspect))) {
        u32 own = u == first;

        if (u->inflight && references_besides_edges(u) > own)
            list_insert_tail(&suspects, &u->suspect);
        else if (u->inflight)
            collect(u, own, doomed);
    }
}

void unix_closing(struct socket *s)
{
    struct unix_socket *u = unix_of(s);
    struct list doomed = LIST_INIT(doomed);

    if (!load_relaxed(&u->inflight) && load_relaxed(&suspects.next) == &suspects)
        return;
    mutex_lock(&unix_mutex);
    suspect_locked(u);
    suspects_look(u, LOOKS, &doomed);
    mutex_unlock(&unix_mutex);
    if (!list_empty(&doomed))
        rights_drain(&doomed);
}

static void suspects_event(unsigned looks)
{
    struct list doomed = LIST_INIT(doomed);

    mutex_lock(&unix_mutex);
    suspects_look(NULL, looks, &doomed);
    mutex_unlock(&unix_mutex);
    if (!list_empty(&doomed))
        rights_drain(&doomed);
}

/* Messages */

static struct unix_rights *rights_alloc(struct socket_control *c)
{
    struct unix_socket *to;
    struct unix_rights *r;
    u32 sockets = 0;

    for (u32 i = 0; i < c->count; i++)
        sockets += file_unix(c->files[i]) != NULL;
    r = kmalloc(sizeof(*r) + sockets * sizeof(r->edges[0]), ALLOC_ZERO);
    if (!r)
        return NULL;
    list_init(&r->link);
    for (u32 i = 0; i < c->count; i++)
        if ((to = file_unix(c->files[i])))
            r->edges[r->edge_count++] = (struct unix_edge){.rights = r, .to = to};
    r->files = c->files;
    r->count = c->count;
    r->uid = thread_self()->cred->uid;
    return r;
}

int unix_rights_create(struct socket_control *c, struct unix_rights **out)
{
    struct unix_rights *r = rights_alloc(c);
    int err;

    if (!r)
        return -ENOMEM;
    err = unix_flight_charge(r->uid, r->count);
    if (err) {
        kfree(r);
        suspects_event(LOOKS);
        return err;
    }
    c->files = NULL;
    c->count = 0;
    *out = r;
    return 0;
}

static int rights_copy(const struct unix_rights *r, struct socket_control *out)
{
    out->files = kmalloc(r->count * sizeof(struct file *), 0);
    if (!out->files)
        return -ENOMEM;
    out->count = r->count;
    for (u32 i = 0; i < r->count; i++)
        file_get(out->files[i] = r->files[i]);
    for (u32 i = 0; i < r->edge_count; i++)
        suspect_locked(r->edges[i].to);
    return 0;
}

int unix_rights_receive(struct unix_message *m, bool peek, struct socket_control *out)
{
    struct unix_rights *r;
    int err = 0;

    mutex_lock(&unix_mutex);
    r = m->rights;
    if (peek) {
        err = rights_copy(r, out);
    } else {
        rights_remove_locked(r);
        unix_flight_uncharge(r->uid, r->count);
        m->rights = NULL;
        out->files = r->files;
        out->count = r->count;
    }
    mutex_unlock(&unix_mutex);
    if (!peek)
        kfree(r);
    return err;
}

// The collector may be before it.
void unix_rights_drop(struct unix_message *m)
{
    struct list doomed = LIST_INIT(doomed);
    struct unix_rights *r;

    if (likely(!load_relaxed(&m->rights)))
        return;
    mutex_lock(&unix_mutex);
    r = m->rights;
    m->rights = NULL;
    if (r) {
        rights_remove_locked(r);
        list_insert_tail(&doomed, &r->link);
    }
    mutex_unlock(&unix_mutex);
    if (r)
        rights_drain(&doomed);
}
