// SPDX-License-Identifier: MIT
// Advisory locks: a list of ranges for each inode, sorted by start; flock is a range of its own
// kind.
//
// A hashed spinlock guards the inode's list and comes with the queue where all who wait for a
// lock of those inodes sleep; whatever frees one wakes them to look again. Setting a range first
// carves it out of the owner's own locks (which may split one: its second half is allocated
// beforehand), then inserts it and joins equal neighbours. Deadlocks between owners are not
// detected.
#include "vfs/flock.h"
#include "abi/errno.h"
#include "lib/hash.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define TABLES 16

struct lock {
    struct list link;     // (table lock) of the inode
    struct list all_link; // (table lock) of the table
    struct inode *inode;
    const void *owner;
    struct file_range range;
    bool flock; // flock and fcntl locks do not see each other
};

static struct lock_table {
    struct spinlock lock;
    struct wait_queue queue;
    struct list all; // (lock)
} tables[TABLES] = {
    [0 ... TABLES - 1] = {.lock = SPINLOCK_INIT(RANK_DEVICE)},
};

static struct lock_table *table_lock(struct inode *i)
{
    struct lock_table *t = &tables[hash_u64((u64)i) % TABLES];

    spin_lock(&t->lock);
    if (unlikely(!t->queue.entries.next)) {
        wait_queue_init(&t->queue);
        list_init(&t->all);
    }
    return t;
}

static bool conflicts(const struct lock *a, const struct lock *b)
{
    return a->flock == b->flock && a->owner != b->owner && a->range.start <= b->range.end &&
           b->range.start <= a->range.end && (a->range.type == F_WRLCK || b->range.type == F_WRLCK);
}

static struct lock *find_conflict(struct inode *i, const struct lock *want)
{
    struct lock *l;

    if (want->range.type == F_UNLCK)
        return NULL;
    LIST_FOR_EACH (l, &i->locks, link)
        if (conflicts(l, want))
            return l;
    return NULL;
}

static void lock_forget(struct lock *l)
{
    list_remove(&l->link);
    list_remove(&l->all_link);
    kfree(l);
}

// Takes [start, end] out of one lock; *spare becomes its second half if it has two.
static void lock_carve(struct lock *l, loff_t start, loff_t end, struct lock **spare)
{
    if (l->range.start < start && l->range.end > end) {
        struct lock *second = *spare;

        *spare = NULL;
        *second = *l;
        second->range.start = end + 1;
        list_insert_head(&l->link, &second->link);
        list_insert_head(&l->all_link, &second->all_link);
        l->range.end = start - 1;
    } else if (l->range.start < start) {
        l->range.end = start - 1;
    } else if (l->range.end > end) {
        l->range.start = end + 1;
    } else {
        lock_forget(l);
    }
}

// Whether there was anything.
static bool owner_carve(struct inode *i, const struct lock *want, struct lock **spare)
{
    struct lock *l, *next;
    bool any = false;

    LIST_FOR_EACH_SAFE (l, next, &i->locks, link) {
        if (l->flock != want->flock || l->owner != want->owner ||
            l->range.start > want->range.end || want->range.start > l->range.end)
            continue;
        lock_carve(l, want->range.start, want->range.end, spare);
        any = true;
    }
    return any;
}

static bool joins(const struct lock *a, const struct lock *b)
{
    return a->flock == b->flock && a->owner == b->owner && a->range.type == b->range.type &&
           (a->range.end == INT64_MAX || b->range.start <= a->range.end + 1) &&
           (b->range.end == INT64_MAX || a->range.start <= b->range.end + 1);
}

static void lock_insert(struct lock_table *t, struct lock *new)
{
    struct inode *i = new->inode;
    struct lock *l, *next;

    LIST_FOR_EACH_SAFE (l, next, &i->locks, link) {
        if (!joins(l, new))
            continue;
        new->range.start = MIN(new->range.start, l->range.start);
        new->range.end = MAX(new->range.end, l->range.end);
        lock_forget(l);
    }
    LIST_FOR_EACH (l, &i->locks, link)
        if (l->range.start > new->range.start)
            break;
    list_insert_before(&l->link, &new->link);
    list_insert_tail(&t->all, &new->all_link);
}

// 0 or -EAGAIN. new (NULL: unlocking) and *spare are used up or not. flock(2) gives up the lock
// that it is to convert, whether or not it gets another: two who share one and want it alone would
// else wait for each other.
static int try_set(struct inode *i, const struct lock *want, struct lock **new, struct lock **spare)
{
    struct lock_table *t = table_lock(i);
    int err = find_conflict(i, want) ? -EAGAIN : 0;
    bool freed = (!err || want->flock) && owner_carve(i, want, spare);

    if (!err && *new) {
        **new = *want;
        (*new)->inode = i;
        lock_insert(t, *new);
        *new = NULL;
    }
    spin_unlock(&t->lock);
    if (freed)
        wake_all(&t->queue);
    return err;
}

static bool is_free(struct inode *i, const struct lock *want)
{
    struct lock_table *t = table_lock(i);
    bool free = !find_conflict(i, want);

    spin_unlock(&t->lock);
    return free;
}

static int lock_set(struct file *f, const struct lock *want, bool wait)
{
    struct inode *i = f->inode;
    struct wait_queue *queue = &tables[hash_u64((u64)i) % TABLES].queue;
    bool unlock = want->range.type == F_UNLCK;
    struct lock *new = unlock ? NULL : kmalloc(sizeof(*new), 0);
    struct lock *spare = kmalloc(sizeof(*spare), 0);
    int err = (unlock || new) && spare ? 0 : -ENOMEM;

    while (!err) {
        err = try_set(i, want, &new, &spare);
        if (err != -EAGAIN || !wait)
            break;
        err = wait_event(queue, is_free(i, want), WAIT_INTERRUPTIBLE, NS_NEVER);
    }
    kfree(new);
    kfree(spare);
    return err;
}

int file_flock(struct file *f, int operation, pid_t pid)
{
    struct lock want = {.owner = f, .flock = true, .range = {.end = INT64_MAX, .pid = pid}};

    want.range.type = operation & LOCK_UN ? F_UNLCK : operation & LOCK_EX ? F_WRLCK : F_RDLCK;
    return lock_set(f, &want, !(operation & LOCK_NB));
}

int file_lock_set(struct file *f, const void *owner, const struct file_range *range, bool wait)
{
    struct lock want = {.owner = owner, .range = *range};

    return lock_set(f, &want, wait);
}

void file_lock_get(struct file *f, const void *owner, struct file_range *range)
{
    struct lock want = {.owner = owner, .range = *range}, *l;
    struct lock_table *t = table_lock(f->inode);

    l = find_conflict(f->inode, &want);
    if (l)
        *range = l->range;
    else
        range->type = F_UNLCK;
    spin_unlock(&t->lock);
}

void file_locks_close(struct file *f, const void *owner)
{
    struct lock want = {.owner = owner, .range = {.end = INT64_MAX, .type = F_UNLCK}};
    struct lock *none = NULL;

    if (!list_empty(&f->inode->locks))
        try_set(f->inode, &want, &none, &none);
}

void file_locks_release(struct file *f)
{
    struct lock want = {.owner = f, .range = {.end = INT64_MAX, .type = F_UNLCK}, .flock = true};
    struct lock *none = NULL;

    try_set(f->inode, &want, &none, &none);
    want.flock = false;
    try_set(f->inode, &want, &none, &none);
}

unsigned file_locks_all(struct file_lock_info *out, unsigned room)
{
    unsigned count = 0;
    struct lock *l;

    for (struct lock_table *t = tables; t < tables + TABLES; t++) {
        spin_lock(&t->lock);
        if (t->all.next)
            LIST_FOR_EACH (l, &t->all, all_link)
                if (count++ < room)
                    out[count - 1] = (struct file_lock_info){
                        l->range, l->inode->ino, l->inode->sb ? l->inode->sb->dev : 0, l->flock};
        spin_unlock(&t->lock);
    }
    return count;
}
