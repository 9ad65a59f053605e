// SPDX-License-Identifier: MIT
// The dentry cache: names that were looked up, found or not, by directory and text.
//
// A dentry in the hash carries one reference for the hash; lookups take theirs under the bucket's
// lock. So whoever holds a bucket's lock and sees a count of 1 (2, counting its own) knows that
// nobody else has the dentry or can get it. That decides
//   - what may be freed: the clock (below) takes unused ones;
//   - what unlink does: a dentry that only the unlinker holds turns negative and stays, any other
//     leaves the hash and keeps its inode until its last user goes. Children that are known not to
//     exist (`missing`) do not count: a removed directory goes at once, whatever was looked for in
//     it. None can come up meanwhile, for a directory without links has no more lookups.
// A put of the last reference can therefore only meet an unhashed dentry, and needs no lock.
//
// Replacement is a clock over the buckets: while a superblock has more dentries than the limit,
// each insertion frees those of the next bucket that are unused and were not found since the last
// visit. Nothing is moved on a hit. Only dentries of a superblock that the caller holds are freed,
// so that none is on its way out when its superblock goes.
//
// tree_lock holds parents and names still for those who walk upwards. Order within RANK_DCACHE:
// tree_lock, buckets (two: by address).
//
// Rejected: a list of children in each directory, or of all dentries of a superblock (only
// unmounting would use it, which can look at all buckets), and lock-free lookup (the bucket's lock
// costs a dozen instructions of the walk's hundred).
#include "abi/errno.h"
#include "base/panic.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"

struct bucket {
    struct hlist chain; // (lock)
    struct spinlock lock;
};

struct spinlock tree_lock = SPINLOCK_INIT(RANK_DCACHE);
static struct slab_cache *dentry_cache; // (c)
static struct bucket *buckets;          // (c)
static u32 bucket_mask;                 // (c)
static u32 dentry_limit;                // (c) of one superblock
static u32 clock_hand;                  // (a) bucket to look at next

void dcache_init(void)
{
    u64 limit = CLAMP(frames_total() / 8, 1024UL, 262144UL);
    u32 count = 256;

    while (count < limit / 4)
        count *= 2;
    dentry_limit = limit;
    bucket_mask = count - 1;
    dentry_cache = slab_cache_create("dentry", sizeof(struct dentry), 8);
    buckets = kmalloc(count * sizeof(struct bucket), ALLOC_ZERO);
    verify(buckets);
    for (u32 i = 0; i < count; i++)
        spin_init(&buckets[i].lock, RANK_DCACHE);
    shrinker_register(dcache_shrink);
}

static inline struct bucket *bucket_of(const struct dentry *dir, const struct name *name)
{
    return &buckets[hash_u64((u64)dir + name->hash) & bucket_mask];
}

/* Life */

static int name_copy(struct dentry *d, const struct name *name)
{
    char *text = d->short_name;

    if (name->length >= DENTRY_SHORT_NAME)
        text = kmalloc(name->length + 1, 0);
    if (!text)
        return -ENOMEM;
    memcpy(text, name->text, name->length);
    text[name->length] = '\0';
    d->name = (struct name){.text = text, .length = name->length, .hash = name->hash};
    return 0;
}

// Two references: the caller's and one to be the hash's.
static struct dentry *dentry_alloc(struct superblock *sb, struct dentry *parent,
                                   const struct name *name, struct inode *inode)
{
    struct dentry *d = slab_alloc(dentry_cache, 0);

    if (!d)
        return NULL;
    if (name_copy(d, name)) {
        slab_free(dentry_cache, d);
        return NULL;
    }
    ref_init(&d->refs, 2);
    d->hashed = false;
    d->used = 0;
    d->mounted = d->missing = 0;
    d->sb = sb;
    d->parent = parent ? parent : d;
    d->inode = inode;
    d->hash_node = (struct hnode){0};
    atomic_fetch_add(&sb->dentry_count, 1);
    if (parent)
        dentry_get(parent);
    if (!inode)
        atomic_fetch_add(&parent->missing, 1);
    return d;
}

// Frees a dentry without references, and parents that it was the last to hold.
static void dentry_free(struct dentry *d)
{
    for (;;) {
        struct dentry *parent = d->parent;

        atomic_fetch_sub(&d->sb->dentry_count, 1);
        if (d->inode)
            notify_put(d->inode);
        else
            atomic_fetch_sub(&parent->missing, 1);
        if (d->name.text != d->short_name)
            kfree((void *)d->name.text);
        slab_free(dentry_cache, d);
        if (parent == d || !ref_put(&parent->refs))
            return;
        d = parent;
    }
}

void dentry_put(struct dentry *d)
{
    if (ref_put(&d->refs))
        dentry_free(d);
}

int dentry_create_lone(struct superblock *sb, struct dentry *parent, struct inode *inode,
                       const char *text, struct dentry **out)
{
    struct name name = {.text = text, .length = strlen(text)};
    struct dentry *d = dentry_alloc(sb, parent, &name, inode);

    if (!d)
        return -ENOMEM;
    ref_init(&d->refs, 1);
    *out = d;
    return 0;
}

/* The clock */

// Frees the unused dentries of a superblock in one bucket, or only those not found since the last
// time; how many.
static u32 bucket_sweep(struct bucket *b, const struct superblock *sb, bool all)
{
    struct dentry *d, *next;
    struct hlist gone = {0};
    u32 freed = 0;

    spin_lock(&b->lock);
    for (d = HLIST_OBJECT(b->chain.first, struct dentry, hash_node); d; d = next) {
        next = HLIST_OBJECT(d->hash_node.next, struct dentry, hash_node);
        if (d->sb != sb || ref_read(&d->refs) != 1)
            continue;
        if (all || !d->used) {
            hlist_remove(&d->hash_node);
            d->hashed = false;
            ref_init(&d->refs, 0);
            hlist_insert(&gone, &d->hash_node);
        }
        d->used = 0;
    }
    spin_unlock(&b->lock);
    for (; (d = HLIST_OBJECT(gone.first, struct dentry, hash_node)); freed++) {
        hlist_remove(&d->hash_node);
        dentry_free(d);
    }
    return freed;
}

#define SHRINK_ROUNDS 64 // as deep as most trees; others may make names all the time

static u32 sweep_all(struct superblock *sb)
{
    u32 freed = 0;

    for (u32 i = 0; i <= bucket_mask; i++)
        if (load_relaxed(&buckets[i].chain.first))
            freed += bucket_sweep(&buckets[i], sb, true);
    return freed;
}

// Freed children make their parents free for the next round.
void dcache_shrink_superblock(struct superblock *sb)
{
    while (sweep_all(sb))
        ;
}

void dcache_shrink(void)
{
    struct superblock *sb = NULL;

    while ((sb = superblock_next(sb)))
        for (int i = 0; i < SHRINK_ROUNDS && sweep_all(sb); i++)
            ;
}

/* Finding */

// Names are short, and memcmp gains nothing where they are not aligned alike.
static inline bool name_equal(const struct name *a, const struct name *b)
{
    u32 i = 0;

    if (a->hash != b->hash || a->length != b->length)
        return false;
    while (i < a->length && a->text[i] == b->text[i])
        i++;
    return i == a->length;
}

static inline struct dentry *chain_find(struct bucket *b, struct dentry *dir,
                                        const struct name *name)
{
    struct dentry *d;

    HLIST_FOR_EACH (d, &b->chain, hash_node) {
        if (d->parent == dir && name_equal(&d->name, name)) {
            ref_get(&d->refs);
            d->used = 1;
            return d;
        }
    }
    return NULL;
}

static void dentry_unhash(struct dentry *d)
{
    struct bucket *b = bucket_of(d->parent, &d->name);
    bool was;

    spin_lock(&b->lock);
    was = d->hashed;
    hlist_remove(&d->hash_node);
    d->hashed = false;
    spin_unlock(&b->lock);
    if (was)
        dentry_put(d);
}

static bool dentry_valid(struct dentry *d)
{
    struct inode *inode = load_acquire(&d->inode);

    return !inode || !inode->ops->valid || inode->ops->valid(inode);
}

// A cached child with a reference, or NULL. No lock needed.
static inline struct dentry *dcache_find(struct dentry *dir, const struct name *name)
{
    struct bucket *b = bucket_of(dir, name);
    struct dentry *d;

    spin_lock(&b->lock);
    d = chain_find(b, dir, name);
    spin_unlock(&b->lock);
    if (!d || likely(dentry_valid(d)))
        return d;
    dentry_unhash(d);
    dentry_put(d);
    return NULL;
}

// Publishes a new dentry, unless another thread was first: then that one is taken.
static struct dentry *dentry_publish(struct dentry *dir, struct dentry *d)
{
    struct bucket *b = bucket_of(dir, &d->name);
    struct superblock *sb = d->sb;
    struct dentry *other;

    spin_lock(&b->lock);
    other = chain_find(b, dir, &d->name);
    if (!other) {
        hlist_insert(&b->chain, &d->hash_node);
        d->hashed = true;
    }
    spin_unlock(&b->lock);
    if (other) {
        ref_init(&d->refs, 0);
        dentry_free(d);
        return other;
    }
    if (unlikely(load_relaxed(&sb->dentry_count) > dentry_limit))
        bucket_sweep(&buckets[atomic_fetch_add(&clock_hand, 1) & bucket_mask], sb, false);
    return d;
}

int dentry_lookup_locked(struct dentry *dir, const struct name *name, struct dentry **out)
{
    struct inode *inode = NULL;
    struct dentry *d = dcache_find(dir, name);
    int err;

    if (d) {
        *out = d;
        return 0;
    }
    err = dir->inode->ops->lookup(dir->inode, name, &inode);
    if (err && err != -ENOENT)
        return err;
    if (!inode && !dir->sb->volatile_names && !dir->inode->nlink)
        return -ENOENT;
    d = dentry_alloc(dir->sb, dir, name, inode);
    if (!d) {
        if (inode)
            inode_put(inode);
        return -ENOMEM;
    }
    if (inode || !dir->sb->volatile_names)
        d = dentry_publish(dir, d);
    else
        ref_init(&d->refs, 1);
    *out = d;
    return 0;
}

int dcache_known(struct dentry *dir, const struct name *name, struct dentry **out)
{
    *out = dcache_find(dir, name);
    return *out ? 0 : -EAGAIN;
}

int dcache_child(struct dentry *dir, const struct name *name, struct dentry **out)
{
    int err;

    *out = dcache_find(dir, name);
    if (likely(*out))
        return 0;
    read_lock(&dir->inode->lock);
    err = dentry_lookup_locked(dir, name, out);
    read_unlock(&dir->inode->lock);
    return err;
}

/* Changing; the directories concerned are locked for writing */

void dentry_make_positive(struct dentry *d, struct inode *inode)
{
    store_release(&d->inode, inode);
    atomic_fetch_sub(&d->parent->missing, 1);
}

// Takes the inode of a removed dentry, whose bucket is locked, if only the caller and `hashed` have
// it; NULL if not. References are counted before the children, which may be fewer by then.
static struct inode *inode_take(struct dentry *d, bool hashed)
{
    struct inode *inode = d->inode;
    u32 refs = load_acquire(&d->refs.count);

    if (d->sb->volatile_names || !inode || refs != 1U + hashed + load_relaxed(&d->missing))
        return NULL;
    d->inode = NULL;
    atomic_fetch_add(&d->parent->missing, 1);
    return inode;
}

void dentry_unlinked(struct dentry *d)
{
    struct bucket *b = bucket_of(d->parent, &d->name);
    struct inode *inode;

    spin_lock(&b->lock);
    inode = d->hashed ? inode_take(d, true) : NULL;
    spin_unlock(&b->lock);
    if (inode)
        notify_put(inode);
    else
        dentry_unhash(d);
}

static void names_swap(struct dentry *a, struct dentry *b)
{
    struct name name = a->name;
    bool a_short = a->name.text == a->short_name, b_short = b->name.text == b->short_name;
    char text[DENTRY_SHORT_NAME];

    memcpy(text, a->short_name, sizeof(text));
    memcpy(a->short_name, b->short_name, sizeof(text));
    memcpy(b->short_name, text, sizeof(text));
    a->name = b->name;
    b->name = name;
    if (b_short)
        a->name.text = a->short_name;
    if (a_short)
        b->name.text = b->short_name;
}

static void hash_swap(struct dentry *from, struct bucket *from_bucket, struct dentry *to,
                      struct bucket *to_bucket, bool both)
{
    struct dentry *parent = from->parent;

    if (!to->inode) {
        atomic_fetch_sub(&to->parent->missing, 1);
        atomic_fetch_add(&parent->missing, 1);
    }
    hlist_remove(&from->hash_node);
    hlist_remove(&to->hash_node);
    from->parent = to->parent;
    to->parent = parent;
    names_swap(from, to);
    hlist_insert(&to_bucket->chain, &from->hash_node);
    if (both)
        hlist_insert(&from_bucket->chain, &to->hash_node);
}

struct inode *dentry_exchange(struct dentry *from, struct dentry *to, bool both)
{
    struct bucket *a = bucket_of(from->parent, &from->name);
    struct bucket *b = bucket_of(to->parent, &to->name);
    struct bucket *low = a < b ? a : b, *high = a < b ? b : a;
    bool from_was, to_was;
    struct inode *replaced;

    spin_lock(&tree_lock);
    spin_lock_nested(&low->lock);
    if (high != low)
        spin_lock_nested(&high->lock);
    from_was = from->hashed;
    to_was = to->hashed;
    hash_swap(from, a, to, b, both);
    from->hashed = true;
    to->hashed = both;
    replaced = !both && load_relaxed(&to->missing) ? inode_take(to, to_was) : NULL;
    if (high != low)
        spin_unlock(&high->lock);
    spin_unlock(&low->lock);
    spin_unlock(&tree_lock);
    if (!from_was)
        dentry_get(from);
    if (both && !to_was)
        dentry_get(to);
    if (!both && to_was)
        dentry_put(to);
    return replaced;
}

struct spinlock *dentry_hold_place(const struct dentry *d)
{
    for (;;) {
        struct bucket *b = bucket_of(d->parent, &d->name);

        spin_lock(&b->lock);
        if (b == bucket_of(d->parent, &d->name))
            return &b->lock;
        spin_unlock(&b->lock);
    }
}

bool dentry_is_below_locked(const struct dentry *d, const struct dentry *above)
{
    while (d != above && d != d->parent)
        d = d->parent;
    return d == above;
}

bool dentry_is_unlinked(const struct dentry *d)
{
    return d->parent != d && !load_relaxed(&d->hashed);
}

struct inode *dentry_parent_inode(struct dentry *d)
{
    struct inode *inode;

    spin_lock(&tree_lock);
    inode = d->parent->inode;
    inode_get(inode);
    spin_unlock(&tree_lock);
    return inode;
}
