// SPDX-License-Identifier: MIT
// Slab caches: equal objects cut from blocks of frames, a magazine of free ones on each hart.
//
// A slab is one naturally aligned block of 2^order frames: a header, then objects. So the header
// of any object is found by rounding its address down. Every frame of a slab has FRAME_F_SLAB and
// the cache in `private`: so kfree finds the cache of any pointer. A slab hands out never-used
// objects in address order (`fresh`) and freed ones from a list through their first words.
//
// A hart allocates from and frees to its own magazine, a stack of object pointers, with
// interrupts off and no lock. An empty magazine takes a batch from the slabs, a full one gives its
// older half back, under the cache's lock. A wholly free slab goes back to the frames at once
// unless it is the only one.
//
// Locking: c->lock (RANK_SLAB, interrupts off). Frames are allocated without it, because that may
// call frames_low_hook; they are freed under it. The list of caches grows at boot only.
//
// Debug builds fill free objects with a pattern and check it when they are handed out again.
// Rejected: descriptors outside the slab (a second lookup on the flush path).
#include "mm/slab.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "base/panic.h"
#include "base/spinlock.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/failnth.h"
#include "mm/kstack.h"

#define SLAB_MAX_ORDER  3
#define SLAB_MAX_SIZE   2048
#define MAGAZINE_SLOTS  31
#define MAGAZINE_BYTES  8192 // a magazine holds at most this much memory, or 4 objects
#define POISON          0x6b
#define SHRINKERS_MAX   16
#define KMALLOC_CLASSES 12

struct magazine {
    u64 count;                     // (h)
    void *objects[MAGAZINE_SLOTS]; // (h)
};
static_assert(sizeof(struct magazine) == 256, "found by a shift");

struct slab {
    struct list link; // (cache's lock) on `partial` while it has both free and used objects
    void *freed;      // (cache's lock) freed objects, linked through their first words
    u32 used;         // (cache's lock) objects handed out
    u32 fresh;        // (cache's lock) objects from this index on were never handed out
};

struct slab_cache {
    struct spinlock lock;
    u32 size;                    // (c) bytes of an object, a multiple of its alignment
    u32 slots;                   // (c) objects a magazine may hold
    u32 order;                   // (c) of a slab
    u32 first;                   // (c) offset of the first object in a slab
    u32 capacity;                // (c) objects in a slab
    u64 used;                    // (l) objects handed out to magazines and callers
    u64 slabs;                   // (l)
    struct list partial;         // (l)
    struct list empty;           // (l) wholly free slabs: one is kept
    struct list link;            // (c) on `caches`
    const char *name;            // (c)
    struct magazine magazines[]; // (h) one per hart
};

static struct list caches = LIST_INIT(caches);             // (c) after boot
static struct slab_cache *kmalloc_caches[KMALLOC_CLASSES]; // (c)
static u8 kmalloc_class[SLAB_MAX_SIZE / 16 + 1]; // (c) by size in units of 16 bytes, rounded up

static void (*shrinkers[SHRINKERS_MAX])(void); // (c) after boot
static unsigned shrinker_count;                // (c) after boot

/* Slabs */

static inline struct slab *slab_of(const struct slab_cache *c, const void *object)
{
    return (struct slab *)ALIGN_DOWN((u64)object, PAGE_SIZE << c->order);
}

// No lock held: the frame allocator may call its low-memory hook.
static struct slab *slab_create(struct slab_cache *c)
{
    struct frame *f = frame_alloc(c->order, ALLOC_NOFAIL_TEST);
    struct slab *s;

    if (!f)
        return NULL;
    for (unsigned i = 0; i < 1U << c->order; i++) {
        f[i].flags = FRAME_F_SLAB;
        f[i].private = (u64)c;
    }
    s = frame_address(f);
    if (DEBUG)
        memset(s, POISON, PAGE_SIZE << c->order);
    *s = (struct slab){0};
    list_init(&s->link);
    return s;
}

static void slab_destroy(struct slab_cache *c, struct slab *s)
{
    struct frame *f = virt_to_frame(s);

    list_remove(&s->link);
    c->slabs--;
    for (unsigned i = 0; i < 1U << c->order; i++)
        f[i].flags = 0;
    frame_put(f);
}

static void *slab_take(struct slab_cache *c, struct slab *s)
{
    void *object = s->freed;

    if (object)
        s->freed = *(void **)object;
    else
        object = (char *)s + c->first + (u64)s->fresh++ * c->size;
    s->used++;
    c->used++;
    if (s->used == c->capacity)
        list_remove(&s->link);
    return object;
}

static void slab_give(struct slab_cache *c, void *object)
{
    struct slab *s = slab_of(c, object);

    if (s->used == c->capacity)
        list_insert_head(&c->partial, &s->link);
    *(void **)object = s->freed;
    s->freed = object;
    s->used--;
    c->used--;
    if (s->used)
        return;
    list_remove(&s->link);
    list_insert_head(&c->empty, &s->link);
    if (s->link.next != &c->empty)
        slab_destroy(c, s);
}

static struct slab *slab_ready(struct slab_cache *c)
{
    struct slab *s = list_first(&c->partial, struct slab, link);

    if (s)
        return s;
    s = list_pop(&c->empty, struct slab, link);
    if (s)
        list_insert_head(&c->partial, &s->link);
    return s;
}

// Objects from the slabs, at most `want`; a new slab only if there is no other way to get one.
static unsigned cache_take(struct slab_cache *c, void **out, unsigned want, unsigned flags)
{
    irqflags_t irq = spin_lock_irqsave(&c->lock);
    struct slab *s = slab_ready(c);
    unsigned got = 0;

    if (!s) {
        spin_unlock_irqrestore(&c->lock, irq);
        s = slab_create(c);
        if (!s)
            return 0;
        irq = spin_lock_irqsave(&c->lock);
        c->slabs++;
        list_insert_head(&c->partial, &s->link);
    }
    while (got < want && (s = slab_ready(c)))
        out[got++] = slab_take(c, s);
    spin_unlock_irqrestore(&c->lock, irq);
    return got;
}

static void cache_give(struct slab_cache *c, void **objects, unsigned n)
{
    irqflags_t irq = spin_lock_irqsave(&c->lock);

    for (unsigned i = 0; i < n; i++)
        slab_give(c, objects[i]);
    spin_unlock_irqrestore(&c->lock, irq);
}

/* Magazines */

static inline struct magazine *magazine_here(struct slab_cache *c)
{
    return &c->magazines[hart_index()];
}

// Interrupts are off: empties this hart's magazines.
static void magazines_drain(void *unused)
{
    struct slab_cache *c;

    LIST_FOR_EACH (c, &caches, link) {
        struct magazine *m = magazine_here(c);

        cache_give(c, m->objects, m->count);
        m->count = 0;
    }
}

/* Objects */

// The first word links freed objects; the pattern is behind it.
static void poison_fill(const struct slab_cache *c, void *object)
{
    memset((char *)object + sizeof(void *), POISON, c->size - sizeof(void *));
}

static void poison_check(const struct slab_cache *c, const void *object)
{
    const u8 *bytes = object;

    for (unsigned i = sizeof(void *); i < c->size; i++)
        if (bytes[i] != POISON)
            panic("slab %s: object %p written after it was freed, offset %u", c->name, object, i);
}

static void *object_ready(struct slab_cache *c, void *object, unsigned flags)
{
    if (DEBUG)
        poison_check(c, object);
    return flags & ALLOC_ZERO ? memset(object, 0, c->size) : object;
}

// The ways off the fast paths are functions of their own, so that these need no stack frame.
static __attribute__((noinline)) void *alloc_slow(struct slab_cache *c, unsigned flags)
{
    irqflags_t irq = irq_save();
    struct magazine *m = magazine_here(c);
    void *object = NULL;

    if (!m->count)
        m->count = cache_take(c, m->objects, c->slots / 2 + 1, flags);
    if (m->count)
        object = m->objects[--m->count];
    irq_restore(irq);
    return object ? object_ready(c, object, flags) : NULL;
}

void *slab_alloc(struct slab_cache *c, unsigned flags)
{
    irqflags_t irq;
    struct magazine *m;
    void *object;

    if (DEBUG && alloc_fails(flags))
        return NULL;
    irq = irq_save();
    m = magazine_here(c);
    if (unlikely(!m->count)) {
        irq_restore(irq);
        return alloc_slow(c, flags);
    }
    object = m->objects[--m->count];
    irq_restore(irq);
    return object_ready(c, object, flags);
}

static __attribute__((noinline)) void free_slow(struct slab_cache *c, void *object)
{
    irqflags_t irq = irq_save();
    struct magazine *m = magazine_here(c);
    unsigned half = c->slots / 2;

    if (m->count == c->slots) {
        cache_give(c, m->objects, half);
        m->count -= half;
        memmove(m->objects, m->objects + half, m->count * sizeof(void *));
    }
    m->objects[m->count++] = object;
    irq_restore(irq);
}

void slab_free(struct slab_cache *c, void *object)
{
    irqflags_t irq;
    struct magazine *m;

    if (!object)
        return;
    assert(virt_to_frame(object)->private == (u64)c);
    if (DEBUG)
        poison_fill(c, object);
    irq = irq_save();
    m = magazine_here(c);
    if (unlikely(m->count == c->slots)) {
        irq_restore(irq);
        free_slow(c, object);
        return;
    }
    m->objects[m->count++] = object;
    irq_restore(irq);
}

/* Caches */

// The smallest slab that wastes at most an eighth of itself.
static void cache_layout(struct slab_cache *c, size_t align)
{
    for (c->order = 0;; c->order++) {
        u64 bytes = PAGE_SIZE << c->order;

        c->first = ALIGN_UP(sizeof(struct slab), align);
        c->capacity = (bytes - c->first) / c->size;
        if (c->order == SLAB_MAX_ORDER || bytes - (u64)c->capacity * c->size <= bytes / 8)
            return;
    }
}

static unsigned order_of(size_t size)
{
    return size > PAGE_SIZE ? bit_highest((size - 1) >> PAGE_SHIFT) + 1 : 0;
}

// Zeroed memory for caches, which live for ever; NULL when memory is out.
static void *forever_alloc(size_t size)
{
    static char *next, *end; // boot only
    char *p;

    if (end - next < size) {
        unsigned order = order_of(size);
        struct frame *f = frame_alloc(order, ALLOC_ZERO | ALLOC_NOFAIL_TEST);

        if (!f)
            return NULL;
        next = frame_address(f);
        end = next + (PAGE_SIZE << order);
    }
    p = next;
    next += size;
    return p;
}

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align)
{
    struct slab_cache *c = forever_alloc(sizeof(*c) + hart_count * sizeof(c->magazines[0]));

    verify(size <= SLAB_MAX_SIZE && align <= SLAB_MAX_SIZE && !(align & (align - 1)));
    if (!c)
        panic("out of memory: no room for the cache of %s", name);
    c->name = name;
    spin_init(&c->lock, RANK_SLAB);
    align = MAX(align, 8UL);
    c->size = ALIGN_UP(MAX(size, 16UL), align);
    c->slots = CLAMP(MAGAZINE_BYTES / c->size, 4, MAGAZINE_SLOTS);
    cache_layout(c, align);
    list_init(&c->partial);
    list_init(&c->empty);
    list_insert_tail(&caches, &c->link);
    return c;
}

void slab_init(void)
{
    static const struct {
        const char *name;
        u16 size;
    } classes[KMALLOC_CLASSES] = {
        {"kmalloc-16", 16},     {"kmalloc-32", 32},     {"kmalloc-64", 64},
        {"kmalloc-96", 96},     {"kmalloc-128", 128},   {"kmalloc-192", 192},
        {"kmalloc-256", 256},   {"kmalloc-384", 384},   {"kmalloc-512", 512},
        {"kmalloc-1024", 1024}, {"kmalloc-1536", 1536}, {"kmalloc-2048", SLAB_MAX_SIZE},
    };
    unsigned units = 0;

    for (unsigned i = 0; i < KMALLOC_CLASSES; i++) {
        kmalloc_caches[i] = slab_cache_create(classes[i].name, classes[i].size, 16);
        for (; units <= classes[i].size / 16; units++)
            kmalloc_class[units] = i;
    }
}

/* kmalloc */

static void *pages_alloc(size_t size, unsigned flags)
{
    struct frame *f = frame_alloc(order_of(size), flags);

    return f ? frame_address(f) : NULL;
}

void *kmalloc(size_t size, unsigned flags)
{
    if (unlikely(size > SLAB_MAX_SIZE))
        return pages_alloc(size, flags);
    return slab_alloc(kmalloc_caches[kmalloc_class[(size + 15) / 16]], flags);
}

void kfree(void *p)
{
    struct frame *f;

    if (!p)
        return;
    f = virt_to_frame(p);
    if (likely(f->flags & FRAME_F_SLAB))
        slab_free((struct slab_cache *)f->private, p);
    else
        frame_put(f);
}

/* Shrinking */

void slab_shrink(void)
{
    struct slab_cache *c;
    irqflags_t irq = irq_save();

    magazines_drain(NULL);
    irq_restore(irq);
    smp_call_others(magazines_drain, NULL);
    LIST_FOR_EACH (c, &caches, link) {
        struct slab *s;

        irq = spin_lock_irqsave(&c->lock);
        while ((s = list_first(&c->empty, struct slab, link)))
            slab_destroy(c, s);
        spin_unlock_irqrestore(&c->lock, irq);
    }
}

void shrinker_register(void (*shrink)(void))
{
    verify(shrinker_count < SHRINKERS_MAX);
    shrinkers[shrinker_count++] = shrink;
}

void shrink_all(void)
{
    for (unsigned i = 0; i < shrinker_count; i++)
        shrinkers[i]();
    kstack_shrink();
    slab_shrink();
    if (DEBUG) {
        slab_check();
        frames_check();
    }
}

/* Views */

void slab_each(void (*put)(void *arg, const char *name, size_t size, u64 used, u64 pages),
               void *arg)
{
    struct slab_cache *c;

    LIST_FOR_EACH (c, &caches, link) {
        u64 used = load_relaxed(&c->used);

        for (unsigned hart = 0; hart < hart_count; hart++)
            used -= MIN(load_relaxed(&c->magazines[hart].count), used);
        put(arg, c->name, c->size, used, load_relaxed(&c->slabs) << c->order);
    }
}

static void cache_check(struct slab_cache *c)
{
    struct slab *s;
    u64 partial = 0, in_partial = 0, empty = 0;

    LIST_FOR_EACH (s, &c->partial, link) {
        verify(s->used > 0 && s->used < c->capacity && s->fresh <= c->capacity);
        verify(virt_to_frame(s)->private == (u64)c);
        partial++;
        in_partial += s->used;
    }
    LIST_FOR_EACH (s, &c->empty, link) {
        verify(s->used == 0);
        empty++;
    }
    verify(c->used == in_partial + (c->slabs - partial - empty) * c->capacity);
}

void slab_check(void)
{
    struct slab_cache *c;

    LIST_FOR_EACH (c, &caches, link) {
        irqflags_t irq = spin_lock_irqsave(&c->lock);

        cache_check(c);
        spin_unlock_irqrestore(&c->lock, irq);
    }
}
