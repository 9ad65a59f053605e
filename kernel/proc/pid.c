// SPDX-License-Identifier: MIT
// Ids of threads, processes, groups and sessions: one number space, handed out in a cycle.

#include "abi/errno.h"
#include "lib/bitmap.h"
#include "lib/hlist.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define PID_MAX      32768
#define PID_BUCKETS  1024
#define PID_RESERVED 300 // after a wrap-around, low ids stay with long-lived processes

struct spinlock proctree_lock = SPINLOCK_INIT(RANK_PROCTREE);

static struct slab_cache *pid_cache;    // (c)
static struct hlist pids[PID_BUCKETS];  // (proctree) by id
static u64 pid_map[PID_MAX / 64] = {1}; // (proctree) ids in use; 0 never is
static u32 pid_last;                    // (proctree), read without

void pid_init(void)
{
    pid_cache = slab_cache_create("pid", sizeof(struct pid), 8);
}

static u32 pid_pick_locked(void)
{
    u32 id = bitmap_find_zero(pid_map, PID_MAX, pid_last + 1);

    if (id >= PID_MAX)
        id = bitmap_find_zero(pid_map, PID_MAX, PID_RESERVED);
    if (id >= PID_MAX)
        id = bitmap_find_zero(pid_map, PID_MAX, 1);
    return id;
}

int pid_alloc(struct pid **out)
{
    struct pid *p = slab_alloc(pid_cache, ALLOC_ZERO);
    u32 id;

    if (!p)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    id = pid_pick_locked();
    if (id < PID_MAX) {
        bitmap_set(pid_map, id);
        store_relaxed(&pid_last, id);
        p->id = id;
        p->uses = p->refs = 1;
        hlist_insert(&pids[id % PID_BUCKETS], &p->node);
    }
    spin_unlock(&proctree_lock);
    if (id >= PID_MAX) {
        slab_free(pid_cache, p);
        return -EAGAIN;
    }
    *out = p;
    return 0;
}

pid_t pid_newest(void)
{
    return (pid_t)load_relaxed(&pid_last);
}

void pid_use_begin_locked(struct pid *p)
{
    assert(lock_held(&proctree_lock));
    p->uses++;
}

void pid_use_end_locked(struct pid *p)
{
    assert(lock_held(&proctree_lock));
    if (--p->uses)
        return;
    hlist_remove(&p->node);
    bitmap_clear(pid_map, p->id);
    pid_put_locked(p);
}

void pid_put_locked(struct pid *p)
{
    assert(lock_held(&proctree_lock));
    if (!--p->refs)
        slab_free(pid_cache, p);
}

struct pid *pid_find(pid_t id)
{
    struct pid *p;

    assert(lock_held(&proctree_lock));
    HLIST_FOR_EACH (p, &pids[(u32)id % PID_BUCKETS], node)
        if (p->id == id)
            return p;
    return NULL;
}

struct process *process_find(pid_t id)
{
    struct pid *p = pid_find(id);

    return p ? p->process : NULL;
}

struct process *process_find_any(pid_t id)
{
    struct pid *p = pid_find(id);

    return !p ? NULL : p->task ? p->task->proc : p->process;
}

struct group *group_find(pid_t id)
{
    struct pid *p = pid_find(id);

    return p ? p->group : NULL;
}

struct task *task_find(pid_t tid)
{
    struct pid *p = pid_find(tid);

    return p ? p->task : NULL;
}

struct process *process_get(pid_t id)
{
    struct process *p;

    spin_lock(&proctree_lock);
    p = process_find(id);
    if (p)
        process_ref(p);
    spin_unlock(&proctree_lock);
    return p;
}

struct process *process_next(pid_t *id)
{
    struct process *found = NULL;
    u32 i = *id;

    spin_lock(&proctree_lock);
    while ((i = bitmap_find_set(pid_map, PID_MAX, i)) < PID_MAX && !(found = process_find(i)))
        i++;
    if (found) {
        process_ref(found);
        *id = i;
    }
    spin_unlock(&proctree_lock);
    return found;
}
