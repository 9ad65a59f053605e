// SPDX-License-Identifier: MIT
// Counts of users. A user is known while it has anything.
#include "vfs/user.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "lib/hash.h"
#include "lib/hlist.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define USER_BUCKETS 64

struct user {
    struct hnode node; // (users_lock)
    uid_t uid;         // (c)
    u64 all;           // (users_lock) sum of
    u64 counts[USER_COUNTS];
};

// Taken in interrupts, too, in which signals are queued.
static struct spinlock users_lock = SPINLOCK_INIT(RANK_FS);
static struct hlist users[USER_BUCKETS]; // (users_lock)

static struct hlist *bucket_of(uid_t uid)
{
    return &users[hash_u64(uid) % USER_BUCKETS];
}

static struct user *user_find_locked(uid_t uid)
{
    struct user *u;

    HLIST_FOR_EACH (u, bucket_of(uid), node)
        if (u->uid == uid)
            return u;
    return NULL;
}

static void count_locked(struct user *u, enum user_count what, s64 n)
{
    u->counts[what] += n;
    u->all += n;
    if (!u->all) {
        hlist_remove(&u->node);
        kfree(u);
    }
}

int user_count_add(uid_t uid, enum user_count what, u64 n, u64 limit)
{
    irqflags_t flags = spin_lock_irqsave(&users_lock);
    struct user *u = user_find_locked(uid);
    int err = 0;

    if (!u && (u = kmalloc(sizeof(*u), ALLOC_ZERO))) {
        u->uid = uid;
        hlist_insert(bucket_of(uid), &u->node);
    }
    if (!u)
        err = -ENOMEM;
    else if (u->counts[what] + n > limit)
        err = -EAGAIN;
    if (u)
        count_locked(u, what, err ? 0 : n);
    spin_unlock_irqrestore(&users_lock, flags);
    return err;
}

void user_count_sub(uid_t uid, enum user_count what, u64 n)
{
    irqflags_t flags = spin_lock_irqsave(&users_lock);

    count_locked(user_find_locked(uid), what, -n);
    spin_unlock_irqrestore(&users_lock, flags);
}

bool user_count_exceeds(uid_t uid, enum user_count what, u64 limit)
{
    irqflags_t flags = spin_lock_irqsave(&users_lock);
    const struct user *u = user_find_locked(uid);
    bool exceeds = u && u->counts[what] > limit;

    spin_unlock_irqrestore(&users_lock, flags);
    return exceeds;
}

bool user_is_limited(void)
{
    return !cred_capable(cred_self(), CAP_SYS_RESOURCE) &&
           !cred_capable(cred_self(), CAP_SYS_ADMIN);
}
