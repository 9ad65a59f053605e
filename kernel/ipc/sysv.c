// SPDX-License-Identifier: MIT
// System V objects: ids, keys and permissions (svipc(7)).
#include "abi/capability.h"
#include "abi/errno.h"
#include "ipc/sysv_private.h"
#include "mm/slab.h"
#include "sched/thread.h"

#define ID_SEQUENCES 0xffffU
#define MEMORY_SHARE 4 // of the machine's, that ipc_alloc gives out

struct ipc_limits ipc_limits = {
    .shmmax = SHM_LIMIT,
    .shmall = SHM_LIMIT,
    .shmmni = 4096,
    .msgmax = 8192,
    .msgmnb = 16384,
    .msgmni = 32000,
};

s64 ipc_now(void)
{
    return clock_realtime() / NS_PER_SEC;
}

void ipc_table_init(struct ipc_table *t)
{
    rwlock_init(&t->lock, RANK_IPC);
}

/* Permissions */

int ipc_permission(const struct ipc_object *o, u32 mode)
{
    const struct cred *c = thread_self()->cred;
    u32 asked = (mode >> 6 | mode >> 3 | mode) & 7, granted = o->mode;

    if (c->euid == o->cuid || c->euid == o->uid)
        granted >>= 6;
    else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
        granted >>= 3;
    return asked & ~granted && !cred_capable(c, CAP_IPC_OWNER) ? -EACCES : 0;
}

s64 ipc_stat_end(struct ipc_table *t, struct ipc_object *o, bool by_index, struct ipc64_perm *out)
{
    s32 id = o->id;

    *out = (struct ipc64_perm){.key = o->key,
                               .uid = o->uid,
                               .gid = o->gid,
                               .cuid = o->cuid,
                               .cgid = o->cgid,
                               .mode = o->mode,
                               .seq = o->id / IPC_IDS_MAX};
    ipc_unlock_put(t, o);
    return by_index ? id : 0;
}

int ipc_perm_set(struct ipc_object *o, const struct ipc64_perm *p)
{
    if (p->uid == ~0U || p->gid == ~0U)
        return -EINVAL;
    o->uid = p->uid;
    o->gid = p->gid;
    o->mode = (o->mode & ~0777) | (p->mode & 0777);
    o->changed = ipc_now();
    return 0;
}

/* Keys; the table is locked */

static struct ipc_object *key_find(struct ipc_table *t, s32 key, struct rb_node **parent,
                                   struct rb_node ***link)
{
    struct rb_node **at = &t->by_key.node;

    *parent = NULL;
    *link = NULL;
    while (*at) {
        struct ipc_object *o = container_of(*at, struct ipc_object, by_key);

        if (o->key == key)
            return o;
        *parent = *at;
        at = key < o->key ? &(*at)->left : &(*at)->right;
    }
    *link = at;
    return NULL;
}

static int object_create_locked(struct ipc_table *t, const struct ipc_request *r,
                                struct ipc_object **out)
{
    const struct cred *c = thread_self()->cred;
    struct rb_node *parent, **link;
    struct ipc_object *o;
    u32 index;
    int err = idmap_take(&t->objects, MIN(r->limit, (u64)IPC_IDS_MAX), NULL, &index);

    if (err)
        return err;
    err = t->create(r, &o);
    if (err) {
        idmap_free(&t->objects, index);
        return err;
    }
    ref_init(&o->refs, 1);
    mutex_init(&o->lock, RANK_PIPE);
    o->key = r->key;
    o->creator = r->pid;
    o->uid = o->cuid = c->euid;
    o->gid = o->cgid = c->egid;
    o->mode = r->flags & 0777;
    o->changed = ipc_now();
    o->index = index;
    t->objects.items[index] = o;
    o->id = (t->sequence++ & ID_SEQUENCES) * IPC_IDS_MAX + o->index;
    t->used++;
    if (r->key != IPC_PRIVATE && !key_find(t, r->key, &parent, &link))
        rb_link(&t->by_key, &o->by_key, parent, link);
    *out = o;
    return 0;
}

s64 ipc_get(struct ipc_table *t, const struct ipc_request *r)
{
    struct rb_node *parent, **link;
    struct ipc_object *o = NULL;
    s64 err = 0;

    write_lock(&t->lock);
    if (r->key != IPC_PRIVATE)
        o = key_find(t, r->key, &parent, &link);
    if (!o && r->key != IPC_PRIVATE && !(r->flags & IPC_CREAT))
        err = -ENOENT;
    else if (!o)
        err = object_create_locked(t, r, &o);
    else if ((r->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
        err = -EEXIST;
    else
        err = t->check(o, r->size) ?: ipc_permission(o, r->flags & 0777);
    if (!err)
        err = o->id;
    write_unlock(&t->lock);
    return err;
}

/* Finding */

int ipc_find(struct ipc_table *t, s32 id, bool by_index, struct ipc_object **out)
{
    struct ipc_object *o = NULL;

    read_lock(&t->lock);
    if (id >= 0)
        o = idmap_at(&t->objects, by_index ? id : id % IPC_IDS_MAX);
    if (o && !by_index && o->id != id)
        o = NULL;
    if (o)
        ref_get(&o->refs);
    read_unlock(&t->lock);
    if (!o)
        return -EINVAL;
    mutex_lock(&o->lock);
    if (o->removed) {
        ipc_unlock_put(t, o);
        return -EIDRM;
    }
    *out = o;
    return 0;
}

void ipc_put(struct ipc_table *t, struct ipc_object *o)
{
    if (ref_put(&o->refs))
        t->destroy(o);
}

void ipc_unlock_put(struct ipc_table *t, struct ipc_object *o)
{
    mutex_unlock(&o->lock);
    ipc_put(t, o);
}

int ipc_find_permitted(struct ipc_table *t, s32 id, bool by_index, u32 mode,
                       struct ipc_object **out)
{
    int err = ipc_find(t, id, by_index, out);

    if (err || !mode)
        return err;
    err = ipc_permission(*out, mode);
    if (err)
        ipc_unlock_put(t, *out);
    return err;
}

int ipc_find_owned(struct ipc_table *t, s32 id, struct ipc_object **out)
{
    const struct cred *c = thread_self()->cred;
    int err = ipc_find(t, id, false, out);

    if (err)
        return err;
    if (c->euid == (*out)->cuid || c->euid == (*out)->uid || cred_capable(c, CAP_SYS_ADMIN))
        return 0;
    ipc_unlock_put(t, *out);
    return -EPERM;
}

int ipc_set(struct ipc_table *t, s32 id, const struct ipc64_perm *p)
{
    struct ipc_object *o;
    int err = ipc_find_owned(t, id, &o);

    if (err)
        return err;
    err = ipc_perm_set(o, p);
    ipc_unlock_put(t, o);
    return err;
}

/* Memory and waiting */

static u64 allocated; // (a) bytes

void *ipc_alloc(u64 size, u32 flags)
{
    void *p = NULL;

    if (atomic_fetch_add(&allocated, size) + size <= frames_total() * PAGE_SIZE / MEMORY_SHARE)
        p = kmalloc(size, flags);
    if (!p)
        atomic_fetch_sub(&allocated, size);
    return p;
}

void ipc_free(void *p, u64 size)
{
    kfree(p);
    atomic_fetch_sub(&allocated, size);
}

int ipc_wait_locked(struct ipc_object *o, struct wait_queue *q, ns_t deadline)
{
    u32 seen = load_relaxed(&o->changes);
    int err;

    mutex_unlock(&o->lock);
    err = wait_event(q, load_relaxed(&o->changes) != seen, WAIT_INTERRUPTIBLE, deadline);
    mutex_lock(&o->lock);
    return o->removed ? -EIDRM : err;
}

void ipc_changed(struct ipc_object *o, struct wait_queue *q)
{
    atomic_fetch_add(&o->changes, 1U);
    wake_all(q);
}

/* The end */

void ipc_forget_key(struct ipc_table *t, struct ipc_object *o)
{
    write_lock(&t->lock);
    if (o->key != IPC_PRIVATE)
        rb_remove(&t->by_key, &o->by_key);
    o->key = IPC_PRIVATE;
    write_unlock(&t->lock);
}

void ipc_remove(struct ipc_table *t, struct ipc_object *o)
{
    ipc_forget_key(t, o);
    write_lock(&t->lock);
    idmap_free(&t->objects, o->index);
    t->used--;
    write_unlock(&t->lock);
    ipc_put(t, o);
}

/* Showing */

s64 ipc_highest(struct ipc_table *t)
{
    s64 highest = 0;

    read_lock(&t->lock);
    for (u32 n = 0; (n = idmap_next(&t->objects, n)) < t->objects.size; n++)
        highest = n;
    read_unlock(&t->lock);
    return highest;
}

int ipc_show(struct ipc_table *t, struct text *text, void (*fn)(struct text *, struct ipc_object *))
{
    struct ipc_object *o;

    for (u32 n = 0; n < IPC_IDS_MAX; n++) {
        read_lock(&t->lock);
        n = idmap_next(&t->objects, n);
        o = idmap_at(&t->objects, n);
        if (o)
            ref_get(&o->refs);
        read_unlock(&t->lock);
        if (!o)
            break;
        mutex_lock(&o->lock);
        if (!o->removed)
            fn(text, o);
        ipc_unlock_put(t, o);
    }
    return text->error;
}

void sysv_init(void)
{
    shm_init();
    sem_tables_init();
    msg_init();
}
