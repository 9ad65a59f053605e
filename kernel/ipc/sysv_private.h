// SPDX-License-Identifier: MIT
// What the three kinds of System V objects share: ids, keys, permissions.
//
// A table finds objects by id and by key. An id is a sequence number and an index, so that an index
// used again gives another id. Who looks an object up has a reference, and takes its lock after the
// table's is released; an object that was removed meanwhile says so (-EIDRM).
#pragma once
#include "ipc/sysv.h"
#include "lib/atomic.h"
#include "lib/rbtree.h"
#include "mm/idmap.h"
#include "sync/mutex.h"
#include "sync/wait.h"
#include "vfs/pseudo.h"

struct ipc_object {
    struct ref refs;                // the table and running calls
    struct mutex lock;              // RANK_PIPE: what follows, and what the kind adds
    struct rb_node by_key;          // (table) unless the key is IPC_PRIVATE
    u32 index;                      // (c)
    s32 id;                         // (c)
    bool removed;                   // (l)
    u32 changes;                    // (a) that a waiter might have waited for
    s32 key;                        // (l, table)
    u32 uid, gid, cuid, cgid, mode; // (l); ipc_get looks at them with the table locked
    s64 changed;                    // (l) seconds, as all times
    pid_t creator;                  // (c)
};

struct ipc_request { // a call of shmget(2) and its like
    s32 key;
    u32 flags;
    u64 size;
    u64 limit; // objects
    pid_t pid;
};

struct ipc_table {
    struct rwlock lock;    // RANK_IPC
    struct idmap objects;  // (lock)
    struct rb_root by_key; // (lock)
    u32 used, sequence;    // (lock)
    // An object of that size, with all but the common part; the table is locked. -EINVAL -ENOMEM
    // -ENOSPC
    int (*create)(const struct ipc_request *r, struct ipc_object **out);
    int (*check)(struct ipc_object *o, u64 size); // is it large enough? -EINVAL
    void (*destroy)(struct ipc_object *o);        // the last reference is gone
};

void ipc_table_init(struct ipc_table *t);
void shm_init(void);
void sem_tables_init(void);
void msg_init(void);
s64 ipc_get(struct ipc_table *t, const struct ipc_request *r);
// A reference, and the lock; -EINVAL, -EIDRM. `by_index`: `id` is one.
int ipc_find(struct ipc_table *t, s32 id, bool by_index, struct ipc_object **out);
void ipc_put(struct ipc_table *t, struct ipc_object *o);
void ipc_unlock_put(struct ipc_table *t, struct ipc_object *o);
// Finds one for which the caller has the rights of `mode` (0400 read, 0200 write; 0: none are
// asked for); -EACCES.
int ipc_find_permitted(struct ipc_table *t, s32 id, bool by_index, u32 mode,
                       struct ipc_object **out);
int ipc_find_owned(struct ipc_table *t, s32 id, struct ipc_object **out); // -EPERM
int ipc_permission(const struct ipc_object *o, u32 mode);                 // locked, or the table
// It cannot be found any more, and the table's reference goes; not locked, `removed` is set.
void ipc_remove(struct ipc_table *t, struct ipc_object *o);
void ipc_forget_key(struct ipc_table *t, struct ipc_object *o); // it becomes private; not locked
// What IPC_STAT and its like end with: unlocks, puts; 0, or the id.
s64 ipc_stat_end(struct ipc_table *t, struct ipc_object *o, bool by_index, struct ipc64_perm *out);
int ipc_perm_set(struct ipc_object *o, const struct ipc64_perm *p);
int ipc_set(struct ipc_table *t, s32 id, const struct ipc64_perm *p); // IPC_SET
// Memory that no process owns; all of it together has a bound. NULL.
void *ipc_alloc(u64 size, u32 flags);
void ipc_free(void *p, u64 size);
// Sleeps without the object's lock until ipc_changed; -EIDRM, -EINTR, -ETIMEDOUT.
int ipc_wait_locked(struct ipc_object *o, struct wait_queue *q, ns_t deadline);
void ipc_changed(struct ipc_object *o, struct wait_queue *q);
s64 ipc_highest(struct ipc_table *t); // index in use; 0 if none is
s64 ipc_now(void);
// A line for each object; fn prints it, locked.
int ipc_show(struct ipc_table *t, struct text *text,
             void (*fn)(struct text *, struct ipc_object *));
