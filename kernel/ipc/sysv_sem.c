// SPDX-License-Identifier: MIT
// System V semaphores: sets whose operations happen all at once or not at all.
//
// A call that cannot go on waits until anything in the set has changed, and tries again. What it
// did with SEM_UNDO is summed up in a record for its process and the set, which is applied when the
// process ends. undo_lock guards the list of each process; all else of a record is the set's. A
// removed set frees its records, so whoever comes from the process's list looks again by the set.
#include "abi/errno.h"
#include "ipc/sysv_private.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/thread.h"
#include "sync/wait.h"

struct sem {
    s32 value;
    pid_t pid;      // who changed it last
    u32 more, zero; // calls that wait for more, or for 0
};

struct sem_set {
    struct ipc_object ipc;
    u32 count;         // (c)
    s64 otime;         // (l)
    struct list undos; // (l) by of_set
    struct wait_queue wait;
    struct sem sems[]; // (l)
};

struct sem_undos {
    struct list list; // (undo_lock) by of_process
};

struct sem_undo {
    struct list of_process;    // (undo_lock)
    struct list of_set;        // (set's lock)
    struct sem_undos *process; // (c)
    struct sem_set *set;       // (c)
    s16 adjust[];              // (set's lock)
};

static struct ipc_table sets;
static struct spinlock undo_lock = SPINLOCK_INIT(RANK_FS);
static u64 all_sems; // (a)

static struct sem_set *set_of(struct ipc_object *o)
{
    return container_of(o, struct sem_set, ipc);
}

static u64 set_size(u64 count)
{
    return sizeof(struct sem_set) + count * sizeof(struct sem);
}

static u64 undo_size(const struct sem_set *s)
{
    return sizeof(struct sem_undo) + s->count * sizeof(s16);
}

/* Life */

static int set_create(const struct ipc_request *r, struct ipc_object **out)
{
    u64 count = r->size;
    struct sem_set *s;

    if (!count || count > SEM_SET_MAX)
        return -EINVAL;
    if (load_relaxed(&all_sems) + count > SEM_ALL_MAX)
        return -ENOSPC;
    s = ipc_alloc(set_size(count), ALLOC_ZERO);
    if (!s)
        return -ENOMEM;
    atomic_fetch_add(&all_sems, count);
    s->count = count;
    list_init(&s->undos);
    wait_queue_init(&s->wait);
    *out = &s->ipc;
    return 0;
}

static int set_check(struct ipc_object *o, u64 count)
{
    return count > set_of(o)->count ? -EINVAL : 0;
}

static void set_destroy(struct ipc_object *o)
{
    ipc_free(set_of(o), set_size(set_of(o)->count));
}

static struct ipc_table sets = {.create = set_create, .check = set_check, .destroy = set_destroy};

s64 sem_get(s32 key, u64 count, u32 flags)
{
    struct ipc_request r = {key, flags, count, SEM_SET_MAX, 0};

    return count > SEM_SET_MAX ? -EINVAL : ipc_get(&sets, &r);
}

/* Undos; the set is locked */

static struct sem_undo *undo_find_locked(struct sem_set *s, const struct sem_undos *process)
{
    struct sem_undo *u;

    LIST_FOR_EACH (u, &s->undos, of_set)
        if (u->process == process)
            return u;
    return NULL;
}

static void undo_free(struct sem_undo *u)
{
    spin_lock(&undo_lock);
    list_remove(&u->of_process);
    spin_unlock(&undo_lock);
    list_remove(&u->of_set);
    ipc_free(u, undo_size(u->set));
}

// The process's list, made at first use.
static struct sem_undos *undos_get(struct sem_undos **at)
{
    struct sem_undos *new;

    if (load_acquire(at))
        return *at;
    new = kmalloc(sizeof(*new), 0);
    if (!new)
        return NULL;
    list_init(&new->list);
    spin_lock(&undo_lock);
    if (!*at) {
        store_release(at, new);
        new = NULL;
    }
    spin_unlock(&undo_lock);
    kfree(new);
    return *at;
}

static struct sem_undo *undo_get_locked(struct sem_set *s, struct sem_undos **at)
{
    struct sem_undos *process = undos_get(at);
    struct sem_undo *u = process ? undo_find_locked(s, process) : NULL;

    if (u || !process)
        return u;
    u = ipc_alloc(undo_size(s), ALLOC_ZERO);
    if (!u)
        return NULL;
    u->process = process;
    u->set = s;
    spin_lock(&undo_lock);
    list_insert_tail(&process->list, &u->of_process);
    spin_unlock(&undo_lock);
    list_insert_tail(&s->undos, &u->of_set);
    return u;
}

static void undo_apply_locked(struct sem_set *s, struct sem_undo *u, pid_t pid)
{
    for (u32 i = 0; i < s->count; i++) {
        struct sem *sem = &s->sems[i];

        if (!u->adjust[i])
            continue;
        sem->value = MIN(MAX(sem->value + u->adjust[i], 0), SEM_VALUE_MAX);
        sem->pid = pid;
    }
    s->otime = ipc_now();
    ipc_changed(&s->ipc, &s->wait);
}

void sem_exit(struct sem_undos *undos, pid_t pid)
{
    struct sem_undo *u;
    struct sem_set *s;

    for (;;) {
        spin_lock(&undo_lock);
        u = list_first(&undos->list, struct sem_undo, of_process);
        s = u ? u->set : NULL;
        if (s)
            ref_get(&s->ipc.refs);
        spin_unlock(&undo_lock);
        if (!s)
            break;
        mutex_lock(&s->ipc.lock);
        u = undo_find_locked(s, undos);
        if (u) {
            undo_apply_locked(s, u, pid);
            undo_free(u);
        }
        ipc_unlock_put(&sets, &s->ipc);
    }
    kfree(undos);
}

// A value set by hand is nobody's to undo.
static void undos_clear_locked(struct sem_set *s, u32 first, u32 n)
{
    struct sem_undo *u;

    LIST_FOR_EACH (u, &s->undos, of_set)
        memset(&u->adjust[first], 0, n * sizeof(u->adjust[0]));
}

int sem_remove(s32 id)
{
    struct ipc_object *o;
    struct sem_undo *u;
    struct sem_set *s;
    int err = ipc_find_owned(&sets, id, &o);

    if (err)
        return err;
    s = set_of(o);
    o->removed = true;
    while ((u = list_first(&s->undos, struct sem_undo, of_set)))
        undo_free(u);
    ipc_changed(&s->ipc, &s->wait);
    mutex_unlock(&o->lock);
    atomic_fetch_sub(&all_sems, s->count);
    ipc_remove(&sets, o);
    ipc_put(&sets, o);
    return 0;
}

/* Operations; the set is locked */

enum { BLOCKED = 1 };

// One operation of a call. 0, BLOCKED, -ERANGE.
static int operate_one(struct sem_set *s, const struct sembuf *op, struct sem_undo *undo)
{
    s32 value = s->sems[op->sem_num].value, adjust;

    if (op->sem_op == 0)
        return value ? BLOCKED : 0;
    value += op->sem_op;
    if (value < 0)
        return BLOCKED;
    if (value > SEM_VALUE_MAX)
        return -ERANGE;
    if (op->sem_flg & SEM_UNDO) {
        adjust = undo->adjust[op->sem_num] - op->sem_op;
        if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX)
            return -ERANGE;
        undo->adjust[op->sem_num] = adjust;
    }
    s->sems[op->sem_num].value = value;
    return 0;
}

// All or none of them; *at is the one that could not be done.
static int operate_locked(struct sem_set *s, const struct sembuf *ops, unsigned n,
                          struct sem_undo *undo, pid_t pid, unsigned *at)
{
    bool changes = false;
    unsigned i;
    int err = 0;

    for (i = 0; i < n && !err; i++) {
        err = operate_one(s, &ops[i], undo);
        changes = changes || ops[i].sem_op;
    }
    if (!err) {
        for (i = 0; i < n; i++)
            s->sems[ops[i].sem_num].pid = pid;
        s->otime = ipc_now();
        if (changes)
            ipc_changed(&s->ipc, &s->wait);
        return 0;
    }
    *at = --i;
    while (i-- > 0) {
        s->sems[ops[i].sem_num].value -= ops[i].sem_op;
        if (ops[i].sem_flg & SEM_UNDO)
            undo->adjust[ops[i].sem_num] += ops[i].sem_op;
    }
    return err;
}

// Sleeps without the lock until something changes; -EIDRM, -EINTR, -ETIMEDOUT.
static int wait_locked(struct sem_set *s, const struct sembuf *op, ns_t deadline)
{
    struct sem *sem = &s->sems[op->sem_num];
    u32 *waiting = op->sem_op ? &sem->more : &sem->zero;
    int err;

    ++*waiting;
    err = ipc_wait_locked(&s->ipc, &s->wait, deadline);
    --*waiting;
    return err;
}

static int operate_all(struct sem_set *s, const struct sembuf *ops, unsigned n, ns_t deadline,
                       struct sem_undo *undo, pid_t pid)
{
    unsigned at;
    int err, waited = 0;

    while ((err = operate_locked(s, ops, n, undo, pid, &at)) == BLOCKED) {
        if (waited)
            return waited == -ETIMEDOUT ? -EAGAIN : waited;
        if (ops[at].sem_flg & IPC_NOWAIT)
            return -EAGAIN;
        waited = wait_locked(s, &ops[at], deadline);
        if (waited == -EIDRM)
            return waited;
    }
    return err;
}

s64 sem_operate(s32 id, const struct sembuf *ops, unsigned n, ns_t deadline, pid_t pid,
                struct sem_undos **undos)
{
    struct sem_undo *undo = NULL;
    bool undoes = false, alters = false;
    struct ipc_object *o;
    u32 highest = 0;
    int err;

    for (unsigned i = 0; i < n; i++) {
        highest = MAX(highest, (u32)ops[i].sem_num);
        undoes = undoes || ops[i].sem_flg & SEM_UNDO;
        alters = alters || ops[i].sem_op;
    }
    err = ipc_find(&sets, id, false, &o);
    if (err)
        return err;
    if (highest >= set_of(o)->count)
        err = -EFBIG;
    else
        err = ipc_permission(o, alters ? 0222 : 0444);
    if (!err && undoes) {
        undo = undo_get_locked(set_of(o), undos);
        err = undo ? 0 : -ENOMEM;
    }
    if (!err)
        err = operate_all(set_of(o), ops, n, deadline, undo, pid);
    ipc_unlock_put(&sets, o);
    return err;
}

/* Control */

s64 sem_stat(s32 id, bool by_index, bool any, struct semid64_ds *out)
{
    struct ipc_object *o;
    int err = ipc_find_permitted(&sets, id, by_index, any ? 0 : 0444, &o);

    if (err)
        return err;
    *out = (struct semid64_ds){
        .sem_otime = set_of(o)->otime, .sem_ctime = o->changed, .sem_nsems = set_of(o)->count};
    return ipc_stat_end(&sets, o, by_index, &out->sem_perm);
}

int sem_set(s32 id, const struct ipc64_perm *perm)
{
    return ipc_set(&sets, id, perm);
}

s64 sem_get_one(s32 id, u64 number, int what)
{
    struct ipc_object *o;
    const struct sem *sem;
    s64 ret = ipc_find_permitted(&sets, id, false, 0444, &o);

    if (ret)
        return ret;
    sem = &set_of(o)->sems[number];
    if (number >= set_of(o)->count)
        ret = -EINVAL;
    else
        ret = what == GETVAL    ? sem->value
              : what == GETPID  ? sem->pid
              : what == GETNCNT ? sem->more
                                : sem->zero;
    ipc_unlock_put(&sets, o);
    return ret;
}

int sem_set_value(s32 id, u64 number, s64 value, pid_t pid)
{
    struct ipc_object *o;
    struct sem_set *s;
    int err;

    if (value < 0 || value > SEM_VALUE_MAX)
        return -ERANGE;
    err = ipc_find_permitted(&sets, id, false, 0222, &o);
    if (err)
        return err;
    s = set_of(o);
    if (number >= s->count) {
        err = -EINVAL;
    } else {
        undos_clear_locked(s, number, 1);
        s->sems[number].value = value;
        s->sems[number].pid = pid;
        o->changed = ipc_now();
        ipc_changed(&s->ipc, &s->wait);
    }
    ipc_unlock_put(&sets, o);
    return err;
}

s64 sem_count(s32 id)
{
    struct ipc_object *o;
    s64 n = ipc_find(&sets, id, false, &o);

    if (n)
        return n;
    n = set_of(o)->count;
    ipc_unlock_put(&sets, o);
    return n;
}

int sem_get_all(s32 id, u16 *values, unsigned n)
{
    struct ipc_object *o;
    int err = ipc_find_permitted(&sets, id, false, 0444, &o);

    if (err)
        return err;
    if (n != set_of(o)->count)
        err = -EINVAL;
    for (unsigned i = 0; i < n && !err; i++)
        values[i] = set_of(o)->sems[i].value;
    ipc_unlock_put(&sets, o);
    return err;
}

int sem_set_all(s32 id, const u16 *values, unsigned n, pid_t pid)
{
    struct ipc_object *o;
    struct sem_set *s;
    int err = ipc_find_permitted(&sets, id, false, 0222, &o);

    if (err)
        return err;
    s = set_of(o);
    if (n != s->count)
        err = -EINVAL;
    for (unsigned i = 0; i < n && !err; i++)
        err = values[i] > SEM_VALUE_MAX ? -ERANGE : 0;
    if (!err) {
        undos_clear_locked(s, 0, n);
        for (unsigned i = 0; i < n; i++) {
            s->sems[i].value = values[i];
            s->sems[i].pid = pid;
        }
        o->changed = ipc_now();
        ipc_changed(&s->ipc, &s->wait);
    }
    ipc_unlock_put(&sets, o);
    return err;
}

s64 sem_info(struct seminfo *out, bool used)
{
    *out = (struct seminfo){.semmap = SEM_ALL_MAX,
                            .semmni = SEM_SET_MAX,
                            .semmns = SEM_ALL_MAX,
                            .semmnu = SEM_ALL_MAX,
                            .semmsl = SEM_SET_MAX,
                            .semopm = SEM_OPS_MAX,
                            .semume = SEM_OPS_MAX,
                            .semusz = 20, // a size that Linux has told for ever
                            .semvmx = SEM_VALUE_MAX,
                            .semaem = SEM_VALUE_MAX};
    if (used) {
        out->semusz = load_relaxed(&sets.used);
        out->semaem = load_relaxed(&all_sems);
    }
    return ipc_highest(&sets);
}

static void show_line(struct text *t, struct ipc_object *o)
{
    text_printf(t, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", o->key, o->id, o->mode,
                set_of(o)->count, o->uid, o->gid, o->cuid, o->cgid, set_of(o)->otime, o->changed);
}

int sem_show(struct text *t)
{
    text_printf(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
                   "ctime\n");
    return ipc_show(&sets, t, show_line);
}

void sem_tables_init(void)
{
    ipc_table_init(&sets);
}
