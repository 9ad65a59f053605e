// SPDX-License-Identifier: MIT
// pselect6.

#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/args.h"
#include "syscall/ready.h"

enum { SET_IN, SET_OUT, SET_EXCEPT, SETS };

static const u32 set_events[SETS] = {
    [SET_IN] = POLLIN | POLLRDNORM | POLLRDBAND,
    [SET_OUT] = POLLOUT | POLLWRNORM | POLLWRBAND,
    [SET_EXCEPT] = POLLPRI,
};
// What makes a descriptor a member of the result.
static const u32 set_ready[SETS] = {
    [SET_IN] = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    [SET_OUT] = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    [SET_EXCEPT] = POLLPRI,
};

#define FAST_WORDS (256 / 64)

struct fd_sets {
    uaddr_t user[SETS]; // 0: absent
    u64 *map[SETS];     // asked for; later those that are ready
    u32 count;          // descriptors 0..count-1
    u32 words;          // of each map
    u64 fast[SETS * FAST_WORDS];
    u64 *memory; // of the maps if `fast` is too small
};

static int sets_init(struct fd_sets *s, u32 count, const uaddr_t user[SETS])
{
    u64 last;

    s->count = MIN(count, load_relaxed(&thread_self()->files->size));
    s->words = BITMAP_WORDS(s->count);
    s->memory = s->words > FAST_WORDS ? kmalloc(SETS * s->words * 8, 0) : s->fast;
    if (!s->memory)
        return -ENOMEM;
    last = s->count % 64 ? BIT(s->count % 64) - 1 : ~0UL;
    for (int i = 0; i < SETS; i++) {
        s->user[i] = user[i];
        s->map[i] = s->memory + i * s->words;
        memset(s->map[i], 0, s->words * 8);
        if (user[i] && copy_from_user(s->map[i], user[i], s->words * 8))
            return -EFAULT;
        if (s->words)
            s->map[i][s->words - 1] &= last;
    }
    return 0;
}

static void sets_fini(struct fd_sets *s)
{
    if (s->memory != s->fast)
        kfree(s->memory);
}

static int sets_result(struct fd_sets *s)
{
    for (int i = 0; i < SETS; i++)
        if (s->user[i] && copy_to_user(s->user[i], s->map[i], s->words * 8))
            return -EFAULT;
    return 0;
}

// The first descriptor at or after fd that is in any set; s->count if there is none.
static u32 sets_next(const struct fd_sets *s, u32 fd)
{
    for (u32 word = fd / 64; word < s->words; word++, fd = word * 64) {
        u64 any = s->map[SET_IN][word] | s->map[SET_OUT][word] | s->map[SET_EXCEPT][word];

        any &= ~0UL << fd % 64;
        if (any)
            return word * 64 + bit_lowest(any);
    }
    return s->count;
}

static u32 sets_size(const struct fd_sets *s)
{
    u32 n = 0;

    for (u32 fd = sets_next(s, 0); fd < s->count; fd = sets_next(s, fd + 1))
        n++;
    return n;
}

// One item a descriptor, in order; -EBADF if any is not open.
static int sets_open(const struct fd_sets *s, struct poll_item *items)
{
    u32 n = 0;

    for (u32 fd = sets_next(s, 0); fd < s->count; fd = sets_next(s, fd + 1)) {
        struct poll_item *item = &items[n];

        *item = (struct poll_item){.file = fd_get((int)fd)};
        if (!item->file) {
            poll_items_put(items, n);
            return -EBADF;
        }
        for (int i = 0; i < SETS; i++)
            item->events |= bitmap_test(s->map[i], fd) ? set_events[i] : 0;
        n++;
    }
    return 0;
}

// How many memberships are ready; with `keep` only those stay in the sets.
static u32 sets_match(struct fd_sets *s, struct poll_item *items, bool keep)
{
    u32 ready = 0;

    for (u32 fd = sets_next(s, 0); fd < s->count; fd = sets_next(s, fd + 1), items++) {
        for (int i = 0; i < SETS; i++) {
            if (!bitmap_test(s->map[i], fd))
                continue;
            if (items->revents & set_ready[i])
                ready++;
            else if (keep)
                bitmap_clear(s->map[i], fd);
        }
    }
    return ready;
}

// poll reports an error or hang-up unasked; where no set counts that, the file is left out.
static void items_drop_unasked(struct poll_item *items, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (!items[i].revents)
            continue;
        file_put(items[i].file);
        items[i] = (struct poll_item){.file = NULL};
    }
}

static s64 select_items(struct fd_sets *s, struct poll_item *items, u32 count, ns_t deadline)
{
    s64 n = sets_open(s, items);

    if (n)
        return n;
    while ((n = poll_files(items, count, deadline)) > 0 && !sets_match(s, items, false))
        items_drop_unasked(items, count);
    if (n >= 0)
        n = sets_match(s, items, true);
    poll_items_put(items, count);
    return n;
}

static s64 select_user(u32 count, const uaddr_t user[SETS], ns_t deadline)
{
    struct poll_item fast[READY_FAST_ITEMS], *items = fast;
    struct fd_sets s;
    s64 n = sets_init(&s, count, user);
    u32 size;

    if (!n) {
        size = sets_size(&s);
        if (size > READY_FAST_ITEMS)
            items = kmalloc(size * sizeof(*items), 0);
        n = items ? select_items(&s, items, size, deadline) : -ENOMEM;
        if (items != fast)
            kfree(items);
    }
    if (n >= 0 && sets_result(&s))
        n = -EFAULT;
    if (s.memory)
        sets_fini(&s);
    return n;
}

s64 sys_pselect6(u64 count, u64 in, u64 out, u64 except, u64 timeout, u64 umask)
{
    const uaddr_t user[SETS] = {in, out, except};
    struct pselect6_mask mask = {0};
    struct ready_wait w;
    s64 n;

    if (umask && copy_from_user(&mask, umask, sizeof(mask)))
        return -EFAULT;
    n = ready_wait_timeout(&w, timeout);
    if (!n)
        n = ready_wait_mask(&w, mask.set, mask.size);
    if (n)
        return n;
    return ready_wait_end(&w, (int)count < 0 ? -EINVAL : select_user((u32)count, user, w.deadline));
}
