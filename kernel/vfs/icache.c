// SPDX-License-Identifier: MIT
// The inode cache: one struct inode for each file of a device, however many names lead to it. Each
// superblock with a device has a table of its own.
//
// An inode stays in its bucket until its eviction has written it, so that nobody reads an older
// state from the device meanwhile: who finds one without references waits. Against a reader that
// was overtaken by a whole life (read, changed, evicted), each bucket counts its removals: insert
// fails if there was one since find.
#include "abi/errno.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define BUCKETS 1024

struct inode_bucket {
    struct spinlock lock;
    u32 removals;       // (l)
    struct hlist chain; // (l)
};

static struct wait_queue removed = WAIT_QUEUE_INIT(removed); // evictions that end

int inode_cache_create(struct superblock *sb)
{
    sb->inodes = kmalloc(BUCKETS * sizeof(*sb->inodes), ALLOC_ZERO);
    if (!sb->inodes)
        return -ENOMEM;
    for (unsigned i = 0; i < BUCKETS; i++)
        spin_init(&sb->inodes[i].lock, RANK_DCACHE);
    return 0;
}

static struct inode_bucket *bucket_of(const struct superblock *sb, ino_t ino)
{
    return &sb->inodes[ino % BUCKETS];
}

static struct inode *find_locked(struct inode_bucket *b, ino_t ino)
{
    struct inode *i;

    HLIST_FOR_EACH (i, &b->chain, cache_node)
        if (i->ino == ino)
            return i;
    return NULL;
}

// True: *out is the inode with a reference, or NULL if there is none. False: it is on its way out.
static bool try_find(struct inode_bucket *b, ino_t ino, struct inode **out, u32 *ticket)
{
    bool settled;

    spin_lock(&b->lock);
    *out = find_locked(b, ino);
    settled = !*out || ref_get_unless_zero(&(*out)->refs);
    *ticket = b->removals;
    spin_unlock(&b->lock);
    return settled;
}

struct inode *inode_cache_find(struct superblock *sb, ino_t ino, u32 *ticket)
{
    struct inode_bucket *b = bucket_of(sb, ino);
    struct inode *i;

    wait_event(&removed, try_find(b, ino, &i, ticket), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    return i;
}

bool inode_cache_has(const struct superblock *sb, ino_t ino)
{
    struct inode_bucket *b = bucket_of(sb, ino);

    return spin_read(&b->lock, find_locked(b, ino) != NULL);
}

bool inode_cache_insert(struct inode *i, u32 ticket)
{
    struct inode_bucket *b = bucket_of(i->sb, i->ino);
    bool ok;

    spin_lock(&b->lock);
    ok = b->removals == ticket && !find_locked(b, i->ino);
    if (ok)
        hlist_insert(&b->chain, &i->cache_node);
    spin_unlock(&b->lock);
    return ok;
}

void inode_cache_remove(struct inode *i)
{
    struct inode_bucket *b = bucket_of(i->sb, i->ino);

    spin_lock(&b->lock);
    hlist_remove(&i->cache_node);
    b->removals++;
    spin_unlock(&b->lock);
    wake_all(&removed);
}
