// SPDX-License-Identifier: MIT
// Ids of threads, processes, groups and sessions: one number space, handed out in a cycle.

#include "abi/errno.h"
#include "lib/bitmap.h"
#include "lib/radix.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define PID_MAX      32768
#define PID_RESERVED 300 // after a wrap-around, low ids stay with long-lived processes

struct spinlock proctree_lock = SPINLOCK_INIT(RANK_PROCTREE);

static struct slab_cache *pid_cache;    // (c)
static struct radix pids;               // (proctree) id -> struct pid
static struct pid pid_zero;             // (c) the entry at 0
static u64 pid_map[PID_MAX / 64] = {1}; // (proctree) ids in use; 0 never is
static u32 pid_last;                    // (proctree)

static void *radix_alloc(size_t size)
{
    return kmalloc(size, ALLOC_ZERO);
}

static void radix_free(void *node, size_t size)
{
    kfree(node);
}

static const struct radix_mem pid_mem = {.alloc = radix_alloc, .free = radix_free};

void pid_init(void)
{
    pid_cache = slab_cache_create("pid", sizeof(struct pid), 8);
    radix_init(&pids, &pid_mem);
    // Id 0, which nobody gets, keeps the tree at its full height: no later id makes it grow.
    verify(!radix_insert(&pids, 0, &pid_zero) && !radix_insert(&pids, PID_MAX - 1, &pid_zero));
    radix_remove(&pids, PID_MAX - 1);
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
    int err = -EAGAIN;
    u32 id;

    if (!p)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    id = pid_pick_locked();
    if (id < PID_MAX)
        err = radix_insert(&pids, id, p);
    if (!err) {
        bitmap_set(pid_map, id);
        pid_last = id;
        p->id = id;
        p->uses = 1;
    }
    spin_unlock(&proctree_lock);
    if (err)
        slab_free(pid_cache, p);
    else
        *out = p;
    return err;
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
    radix_remove(&pids, p->id);
    bitmap_clear(pid_map, p->id);
    slab_free(pid_cache, p);
}

struct pid *pid_find(pid_t id)
{
    assert(lock_held(&proctree_lock));
    return id > 0 ? radix_find(&pids, id) : NULL;
}

struct process *process_find(pid_t id)
{
    struct pid *p = pid_find(id);

    return p ? p->process : NULL;
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
    struct pid *p;
    u64 i = *id;

    spin_lock(&proctree_lock);
    while ((p = radix_next(&pids, &i)) && !p->process)
        i++;
    if (p) {
        found = p->process;
        process_ref(found);
        *id = i;
    }
    spin_unlock(&proctree_lock);
    return found;
}
