// SPDX-License-Identifier: MIT
// Buffers: found, made, dropped.
//
// Invariants.
//   1. Every buffer is in its bucket and on the clock list, from the moment it has a reference.
//   2. A reference is first taken under the bucket's lock; shrinking frees a buffer under that lock
//      and only if it has none, is not dirty and not in a transaction.
//   3. A buffer pins its page; a dirty buffer's page is marked changed.
//
// Lock order: a bucket's lock, then cache->lock; both RANK_BUFFERS (nested in this order).
#include "abi/errno.h"
#include "base/panic.h"
#include "block/batch.h"
#include "buf/buf_private.h"
#include "lib/bitmap.h"
#include "mm/slab.h"

#define BUCKETS_MIN   1024
#define BUCKETS_MAX   16384
#define SHRINK_STRIDE 512 // buffers looked at by one call: those of 64 pages

struct buf_bucket {
    struct spinlock lock;
    struct hlist chain; // (l)
};

static struct slab_cache *buf_slab;                                              // (c)
static struct mutex caches_lock = {.queue = WAIT_QUEUE_INIT(caches_lock.queue)}; // making caches

void buf_init(void)
{
    buf_slab = slab_cache_create("buf", sizeof(struct buf), 8);
}

/* Caches */

// A power of two, so large that chains stay short when much of memory is blocks.
static u32 bucket_count(void)
{
    u32 n = BUCKETS_MIN;

    while (n < BUCKETS_MAX && n < frames_total() / 32)
        n *= 2;
    return n;
}

static int cache_create(struct block_device *d, struct buf_cache **out)
{
    struct buf_cache *c = kmalloc(sizeof(*c), ALLOC_ZERO);
    u32 count = bucket_count();
    struct buf_bucket *buckets = kmalloc(count * sizeof(*buckets), ALLOC_ZERO);

    if (!c || !buckets) {
        kfree(c);
        kfree(buckets);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < count; i++)
        spin_init(&buckets[i].lock, RANK_BUFFERS);
    c->device = d;
    vm_object_init(&c->object, &buf_device_object_ops, c);
    mutex_init(&c->object.write_lock, RANK_DEVICE_WRITE);
    mutex_init(&c->object.fill_lock, RANK_DEVICE_FILL);
    mutex_init(&c->close_lock, RANK_NONE);
    c->object.size = load_relaxed(&d->sectors) << SECTOR_SHIFT;
    c->block_size = d->limits.block_size;
    c->block_shift = bit_lowest(c->block_size);
    c->buckets = buckets;
    c->bucket_count = count;
    wait_queue_init(&c->writing_wait);
    spin_init(&c->lock, RANK_BUFFERS);
    list_init(&c->bufs);
    *out = c;
    return 0;
}

int buf_cache_get(struct block_device *d, struct buf_cache **out)
{
    struct buf_cache *c = load_acquire(&d->cache);
    int err = 0;

    if (likely(c != NULL)) {
        *out = c;
        return 0;
    }
    mutex_lock(&caches_lock);
    c = d->cache;
    if (!c)
        err = cache_create(d, &c);
    if (!err)
        store_release(&d->cache, c);
    mutex_unlock(&caches_lock);
    *out = c;
    return err;
}

u64 buf_cache_blocks(const struct buf_cache *c)
{
    return load_relaxed(&c->device->sectors) >> (c->block_shift - SECTOR_SHIFT);
}

/* Finding */

static struct buf_bucket *bucket_of(struct buf_cache *c, u64 block)
{
    return &c->buckets[(block ^ block >> 10) & (c->bucket_count - 1)];
}

// The bucket's lock is held.
static struct buf *find_locked(struct buf_bucket *bucket, u64 block)
{
    struct buf *b;

    HLIST_FOR_EACH (b, &bucket->chain, hash)
        if (b->block == block) {
            ref_get(&b->refs);
            if (!(load_relaxed(&b->flags) & BUF_USED))
                buf_set_flags(b, BUF_USED);
            return b;
        }
    return NULL;
}

struct buf *buf_find(struct buf_cache *c, u64 block)
{
    struct buf_bucket *bucket = bucket_of(c, block);

    return spin_read(&bucket->lock, find_locked(bucket, block));
}

// Enters `new`, or finds that another was faster. The result has a reference.
static struct buf *buf_insert(struct buf *new)
{
    struct buf_cache *c = new->cache;
    struct buf_bucket *bucket = bucket_of(c, new->block);
    struct buf *b;

    spin_lock(&bucket->lock);
    b = find_locked(bucket, new->block);
    if (!b) {
        hlist_insert(&bucket->chain, &new->hash);
        spin_lock_nested(&c->lock);
        list_insert_tail(&c->bufs, &new->link);
        c->count++;
        spin_unlock(&c->lock);
    }
    spin_unlock(&bucket->lock);
    return b ? b : new;
}

static void buf_free(struct buf *b)
{
    frame_put(b->frame);
    slab_free(buf_slab, b);
}

static int buf_create(struct buf_cache *c, u64 block, struct frame *f, struct buf **out)
{
    struct buf *b = slab_alloc(buf_slab, 0);

    if (!b)
        return -ENOMEM;
    *b = (struct buf){.cache = c, .block = block, .frame = f, .flags = BUF_UPTODATE};
    b->data = (u8 *)frame_address(f) + ((block << c->block_shift) & ~PAGE_MASK);
    ref_init(&b->refs, 1);
    mutex_init(&b->lock, RANK_BUFFER);
    *out = buf_insert(b);
    if (*out == b)
        frame_get(f);
    else
        slab_free(buf_slab, b);
    return 0;
}

int buf_read(struct buf_cache *c, u64 block, struct buf **out)
{
    struct frame *f;
    int err;

    *out = buf_find(c, block);
    if (*out)
        return 0;
    if (block >= buf_cache_blocks(c))
        return -EIO;
    err = vm_object_page(&c->object, block >> (PAGE_SHIFT - c->block_shift), &f);
    if (err)
        return err;
    err = buf_create(c, block, f, out);
    frame_put(f);
    return err;
}

int buf_get(struct buf_cache *c, u64 block, struct buf **out)
{
    struct frame *f;
    int err;

    *out = buf_find(c, block);
    if (*out)
        return 0;
    if (c->block_size != PAGE_SIZE || block >= buf_cache_blocks(c))
        return buf_read(c, block, out);
    err = vm_object_page_new(&c->object, block, &f);
    if (err)
        return err;
    err = buf_create(c, block, f, out);
    frame_put(f);
    return err;
}

/* Changing */

void buf_set_flags(struct buf *b, u32 flags)
{
    __atomic_fetch_or(&b->flags, flags, __ATOMIC_SEQ_CST);
}

void buf_clear_flags(struct buf *b, u32 flags)
{
    __atomic_fetch_and(&b->flags, ~flags, __ATOMIC_SEQ_CST);
}

void buf_mark_dirty(struct buf *b)
{
    buf_set_flags(b, BUF_DIRTY); // a fence: the bytes are stored before
    vm_object_mark_buffers(&b->cache->object, b->frame);
}

static int write_many(struct buf_cache *c, struct buf **bufs, unsigned n, u32 block_flags)
{
    struct block_batch batch;
    int err;

    block_batch_begin(&batch, c->device, BLOCK_WRITE, block_flags);
    for (unsigned i = 0; i < n; i++) {
        buf_clear_flags(bufs[i], BUF_DIRTY);
        block_batch_add(&batch, bufs[i]->block << (c->block_shift - SECTOR_SHIFT), bufs[i]->data,
                        c->block_size);
    }
    err = block_batch_wait(&batch);
    store_relaxed(&c->written, true);
    return err;
}

// Two writes of one block must not be under way together: the older could win. Write-back leaves
// blocks in transactions alone; from others it is kept away.
int buf_write_many(struct buf **bufs, unsigned n, u32 block_flags)
{
    struct buf_cache *c = n ? bufs[0]->cache : NULL;
    bool alone = true;
    int err;

    if (!n)
        return 0;
    for (unsigned i = 0; i < n; i++)
        alone &= (load_relaxed(&bufs[i]->flags) & BUF_JOURNAL) != 0;
    if (alone)
        return write_many(c, bufs, n, block_flags);
    mutex_lock(&c->object.write_lock);
    err = write_many(c, bufs, n, block_flags);
    mutex_unlock(&c->object.write_lock);
    return err;
}

int buf_write(struct buf *b, u32 block_flags)
{
    return buf_write_many(&b, 1, block_flags);
}

void buf_forget(struct buf_cache *c, u64 block, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        struct buf *b = buf_find(c, block + i);

        if (b && !(load_acquire(&b->flags) & BUF_JOURNAL)) {
            buf_clear_flags(b, BUF_DIRTY | BUF_CHECKED);
            buf_wait_not_written(b);
        }
        buf_put(b);
    }
}

/* Dropping */

// Takes the first buffer of the clock out if it can go; else it is moved to the end. cache->lock
// is held; NULL: there is none, or it stays.
static struct buf *clock_first(struct buf_cache *c)
{
    struct buf *b = list_first(&c->bufs, struct buf, link);

    if (!b)
        return NULL;
    list_remove(&b->link);
    list_insert_tail(&c->bufs, &b->link);
    if (ref_read(&b->refs) || load_relaxed(&b->flags) & (BUF_USED | BUF_DIRTY | BUF_JOURNAL)) {
        buf_clear_flags(b, BUF_USED);
        return NULL;
    }
    ref_get(&b->refs); // so that it stays until its bucket is locked
    return b;
}

// Gives up the caller's reference, and the buffer if that was the only one. The clock's lock is
// held from before the count is 0: another turn of the clock would take the buffer up again.
static bool buf_try_free(struct buf_cache *c, struct buf *b)
{
    struct buf_bucket *bucket = bucket_of(c, b->block);
    bool last;

    spin_lock(&bucket->lock);
    spin_lock_nested(&c->lock);
    last = ref_put(&b->refs) && !(load_relaxed(&b->flags) & (BUF_DIRTY | BUF_JOURNAL));
    if (last) {
        hlist_remove(&b->hash);
        list_remove(&b->link);
        c->count--;
    }
    spin_unlock(&c->lock);
    spin_unlock(&bucket->lock);
    if (last)
        buf_free(b);
    return last;
}

static void turn_clock(struct buf_cache *c, u64 steps)
{
    for (; steps; steps--) {
        struct buf *b = spin_read(&c->lock, clock_first(c));

        if (b)
            buf_try_free(c, b);
    }
}

void buf_shrink(struct buf_cache *c)
{
    turn_clock(c, SHRINK_STRIDE);
}

static void free_unused(struct buf_cache *c)
{
    turn_clock(c, 2 * load_relaxed(&c->count));
}

int buf_cache_set_block_size(struct buf_cache *c, u32 size)
{
    int err;

    if (size < c->device->limits.block_size || size > PAGE_SIZE || size & (size - 1))
        return -EINVAL;
    if (size == c->block_size)
        return 0;
    err = buf_cache_sync(c);
    if (err)
        return err;
    free_unused(c);
    if (c->count)
        return -EBUSY;
    mutex_lock(&c->object.write_lock); // who writes bytes goes by blocks
    c->block_size = size;
    c->block_shift = bit_lowest(size);
    mutex_unlock(&c->object.write_lock);
    return 0;
}

/* Whole caches */

static int flush(struct buf_cache *c)
{
    int err;

    store_relaxed(&c->written, false);
    err = block_flush(c->device);
    if (err)
        store_relaxed(&c->written, true);
    return err;
}

int buf_cache_sync(struct buf_cache *c)
{
    int err = vm_object_sync(&c->object, 0, ~0UL), flushed = flush(c);

    return err ? err : flushed;
}

static void forget(struct buf_cache *c)
{
    free_unused(c);
    vm_object_drop_clean(&c->object, 0, ~0UL);
}

int buf_cache_forget(struct buf_cache *c)
{
    int err = buf_cache_sync(c);

    forget(c);
    return err;
}

void buf_device_resized(struct block_device *d)
{
    struct buf_cache *c = load_acquire(&d->cache);

    if (!c)
        return;
    store_relaxed(&c->object.size, load_relaxed(&d->sectors) << SECTOR_SHIFT);
    if (c->count)
        return;
    c->block_size = d->limits.block_size;
    c->block_shift = bit_lowest(c->block_size);
}

static void sync_one(struct block_device *d, void *error)
{
    struct buf_cache *c = load_acquire(&d->cache);
    int err = c ? vm_object_sync(&c->object, 0, ~0UL) : 0;
    int flushed = c && load_relaxed(&c->written) ? flush(c) : 0;

    err = err ? err : flushed;
    if (err)
        *(int *)error = err;
}

int buf_sync_all(void)
{
    int err = 0;

    block_each(sync_one, &err);
    return err;
}

int buf_device_open(struct block_device *d)
{
    struct buf_cache *c = load_acquire(&d->cache);
    int err = block_open(d);

    if (!err && c) // it may be a partition of a new table
        store_relaxed(&c->object.size, load_relaxed(&d->sectors) << SECTOR_SHIFT);
    return err;
}

// The last user writes what is cached before the device counts as closed, and may be partitioned
// anew.
void buf_device_close(struct block_device *d)
{
    struct buf_cache *c = load_acquire(&d->cache);

    if (c) {
        mutex_lock(&c->close_lock);
        if (load_relaxed(&d->opens) == 1) {
            (void)vm_object_sync(&c->object, 0, ~0UL);
            forget(c);
        }
        block_close(d);
        mutex_unlock(&c->close_lock);
    } else {
        block_close(d);
    }
    if (d->whole->ops->closed)
        d->whole->ops->closed(d->whole);
}

void buf_cache_check(struct buf_cache *c)
{
    struct buf *b;
    u64 n = 0;

    spin_lock(&c->lock);
    LIST_FOR_EACH (b, &c->bufs, link) {
        verify(b->cache == c && b->frame->owner == &c->object && !hlist_unlinked(&b->hash));
        n++;
    }
    verify(n == c->count);
    spin_unlock(&c->lock);
}
