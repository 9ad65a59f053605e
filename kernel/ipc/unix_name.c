// SPDX-License-Identifier: MIT
// Names of Unix sockets: paths, abstract names, and how they are found.
//
// A path name's inode is made by bind and points at the socket (inode->pipe, guarded by unix_mutex)
// as long as that is open; the socket holds the path, which keeps the inode in memory. An inode
// that nobody is bound to refuses connections. Abstract names are a tree.
#include "abi/errno.h"
#include "ipc/unix_private.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

#define NAME_BYTES    offsetof(struct sockaddr_un, sun_path)
#define AUTOBIND_MAX  (1U << 20)
#define AUTOBIND_SIZE 6   // NUL and five digits
#define TRIES_AT_ONCE 256 // while unix_mutex is held

static struct rb_root abstract_names; // (unix_mutex)
static u32 next_autobind;             // (unix_mutex)

/* Addresses */

int unix_name_check(const struct sockaddr_storage *name, u32 length)
{
    if (length <= NAME_BYTES || length > sizeof(struct sockaddr_un))
        return -EINVAL;
    return name->ss_family == AF_UNIX ? 0 : -EINVAL;
}

static bool is_abstract(const struct sockaddr_storage *name)
{
    return !name->ss_data[0];
}

// `bytes` of name; a path's end with its NUL, for which there is room.
static struct unix_address *address_create(u16 type, const char *text, u32 bytes, bool abstract)
{
    struct unix_address *a = kmalloc(sizeof(*a) + 1, ALLOC_ZERO);

    if (!a)
        return NULL;
    ref_init(&a->refs, 1);
    a->type = type;
    a->abstract = abstract;
    a->name.sun_family = AF_UNIX;
    memcpy(a->name.sun_path, text, bytes);
    if (!abstract)
        bytes = strlen(a->name.sun_path) + 1;
    a->length = NAME_BYTES + bytes;
    return a;
}

void unix_address_put(struct unix_address *a)
{
    if (ref_put(&a->refs))
        kfree(a);
}

/* Abstract names; unix_mutex is held */

static int address_compare(u16 type, const void *name, u32 length, const struct unix_address *a)
{
    if (type != a->type)
        return type < a->type ? -1 : 1;
    if (length != a->length)
        return length < a->length ? -1 : 1;
    return memcmp(name, &a->name, length);
}

// The bound address, or NULL and where it would be linked.
static struct unix_address *abstract_find(u16 type, const void *name, u32 length,
                                          struct rb_node **parent, struct rb_node ***link)
{
    struct rb_node **at = &abstract_names.node, *up = NULL;

    while (*at) {
        struct unix_address *a = container_of(*at, struct unix_address, node);
        int order = address_compare(type, name, length, a);

        if (!order)
            return a;
        up = *at;
        at = order < 0 ? &up->left : &up->right;
    }
    *parent = up;
    *link = at;
    return NULL;
}

static int abstract_insert(struct unix_socket *u, struct unix_address *a)
{
    struct rb_node *parent, **link;

    if (abstract_find(a->type, &a->name, a->length, &parent, &link))
        return -EADDRINUSE;
    rb_link(&abstract_names, &a->node, parent, link);
    a->socket = u;
    store_release(&u->address, a);
    return 0;
}

void unix_unbind_locked(struct unix_socket *u)
{
    struct unix_address *a = u->address;

    if (a && a->socket == u) {
        rb_remove(&abstract_names, &a->node);
        a->socket = NULL;
    }
    if (u->path.dentry && path_inode(&u->path)->pipe == u)
        path_inode(&u->path)->pipe = NULL;
    u->path = (struct path){0};
}

/* Binding; who calls has the turn */

static int bind_abstract(struct unix_socket *u, struct unix_address *a)
{
    int err;

    mutex_lock(&unix_mutex);
    err = abstract_insert(u, a);
    mutex_unlock(&unix_mutex);
    return err;
}

static int bind_path(struct unix_socket *u, struct unix_address *a)
{
    struct path path;
    int err = vfs_mksock(a->name.sun_path, 0777, &path);

    if (err)
        return err == -EEXIST ? -EADDRINUSE : err;
    mutex_lock(&unix_mutex);
    u->path = path;
    path_inode(&path)->pipe = u;
    store_release(&u->address, a);
    mutex_unlock(&unix_mutex);
    return 0;
}

static int autobind_locked(struct unix_socket *u, struct unix_address *a)
{
    char text[AUTOBIND_SIZE];
    int err = -EADDRINUSE;

    for (u32 tries = 0; err && tries < TRIES_AT_ONCE; tries++) {
        snformat(text, sizeof(text), "%05x", next_autobind);
        next_autobind = (next_autobind + 1) % AUTOBIND_MAX;
        memcpy(a->name.sun_path + 1, text, AUTOBIND_SIZE - 1);
        err = abstract_insert(u, a);
    }
    return err;
}

static int autobind(struct unix_socket *u)
{
    struct unix_address *a = address_create(u->socket.type, "\0", AUTOBIND_SIZE - 5, true);
    int err = -EADDRINUSE;

    if (!a)
        return -ENOMEM;
    a->length = NAME_BYTES + AUTOBIND_SIZE;
    for (u32 tries = 0; err && tries < AUTOBIND_MAX; tries += TRIES_AT_ONCE) {
        mutex_lock(&unix_mutex);
        err = autobind_locked(u, a);
        mutex_unlock(&unix_mutex);
    }
    if (err)
        unix_address_put(a);
    return err ? -ENOSPC : 0;
}

int unix_autobind(struct unix_socket *u)
{
    int err = 0;

    if (load_relaxed(&u->address))
        return 0;
    mutex_lock(&u->turn);
    if (!u->address)
        err = autobind(u);
    mutex_unlock(&u->turn);
    return err;
}

static int bind_new(struct unix_socket *u, const struct sockaddr_storage *name, u32 length)
{
    struct unix_address *a =
        address_create(u->socket.type, name->ss_data, length - NAME_BYTES, is_abstract(name));
    int err;

    if (!a)
        return -ENOMEM;
    err = a->abstract ? bind_abstract(u, a) : bind_path(u, a);
    if (err)
        unix_address_put(a);
    return err;
}

int unix_bind(struct socket *s, const struct sockaddr_storage *name, u32 length)
{
    struct unix_socket *u = unix_of(s);
    int err;

    if (length == NAME_BYTES && name->ss_family == AF_UNIX)
        return unix_autobind(u);
    err = unix_name_check(name, length);
    if (err)
        return err;
    mutex_lock(&u->turn);
    err = u->address ? -EINVAL : bind_new(u, name, length);
    mutex_unlock(&u->turn);
    return err;
}

/* Finding */

static int find_abstract(const struct sockaddr_storage *name, u32 length, u16 type,
                         struct unix_socket **out)
{
    struct rb_node *parent, **link;
    struct unix_address *a;

    mutex_lock(&unix_mutex);
    a = abstract_find(type, name, length, &parent, &link);
    if (a) {
        unix_get(a->socket);
        *out = a->socket;
    }
    mutex_unlock(&unix_mutex);
    return a ? 0 : -ECONNREFUSED;
}

static int find_inode(struct inode *inode, u16 type, struct unix_socket **out)
{
    struct unix_socket *u;
    int err = inode_permission(inode, MAY_WRITE);

    if (err)
        return err;
    if (!S_ISSOCK(inode->mode))
        return -ECONNREFUSED;
    mutex_lock(&unix_mutex);
    u = inode->pipe;
    if (!u)
        err = -ECONNREFUSED;
    else if (u->socket.type != type)
        err = -EPROTOTYPE;
    else
        unix_get(*out = u);
    mutex_unlock(&unix_mutex);
    return err;
}

int unix_find(const struct sockaddr_storage *name, u32 length, u16 type, struct unix_socket **out)
{
    char text[UNIX_PATH_MAX + 1] = "";
    struct path path;
    int err;

    if (is_abstract(name))
        return find_abstract(name, length, type, out);
    memcpy(text, name->ss_data, length - NAME_BYTES);
    err = path_lookup(NULL, text, WALK_FOLLOW, &path);
    if (err)
        return err;
    err = find_inode(path_inode(&path), type, out);
    path_put(&path);
    return err;
}

/* Telling */

static void name_out(const struct unix_address *a, struct sockaddr_storage *name, u32 *length)
{
    name->ss_family = AF_UNIX;
    *length = a ? a->length : NAME_BYTES;
    if (a)
        memcpy(name, &a->name, a->length);
}

int unix_name(struct socket *s, bool peer, struct sockaddr_storage *name, u32 *length)
{
    struct unix_socket *u = unix_of(s);
    int err = 0;

    mutex_lock(&unix_mutex);
    u = peer ? u->peer : u;
    if (u)
        name_out(u->address, name, length);
    else
        err = -ENOTCONN;
    mutex_unlock(&unix_mutex);
    return err;
}

// An address stays once it is there, and the message holds its sender. None is no name at all.
void unix_sender_name(const struct unix_message *m, struct socket_message *to)
{
    const struct unix_address *a = load_acquire(&m->sender->address);

    to->name_length = 0;
    if (a)
        name_out(a, to->name, &to->name_length);
}
