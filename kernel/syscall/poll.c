// SPDX-License-Identifier: MIT
// ppoll and pselect6: waiting for readiness of many files.

#include "vfs/poll.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/args.h"

#define FAST_BYTES 512 // lists as long need no memory but the stack

/* The time-out and the temporary signal mask */

struct ready_wait {
    uaddr_t timeout; // user timespec that gets what is left, or 0
    ns_t deadline;   // 0: do not wait
    bool masked;
};

int temporary_mask_arg(uaddr_t mask, u64 size)
{
    u64 set = 0;

    if (!mask)
        return 0;
    if (size != sizeof(set))
        return -EINVAL;
    if (get_user_u64(&set, mask))
        return -EFAULT;
    signal_set_temporary_mask(set);
    return 0;
}

// Decodes both, which may be 0; the mask takes effect. -EFAULT -EINVAL.
static int ready_begin(struct ready_wait *w, uaddr_t timeout, uaddr_t mask, u64 mask_size)
{
    w->timeout = timeout;
    w->masked = mask != 0;
    return deadline_arg(timeout, &w->deadline) ?: temporary_mask_arg(mask, mask_size);
}

// The call's result: writes back the time left, so that a restarted call waits for the rest. If a
// signal ended the wait the temporary mask stays until it is delivered.
static s64 ready_end(const struct ready_wait *w, s64 result)
{
    ns_t now;

    if (result == -EINTR)
        result = -ERESTARTNOHAND;
    else if (w->masked)
        signal_restore_mask();
    if (!w->timeout || !w->deadline || w->deadline == NS_NEVER)
        return result;
    now = clock_monotonic();
    if (timespec_result(w->timeout, now < w->deadline ? w->deadline - now : 0) &&
        result == -ERESTARTNOHAND)
        result = -EINTR; // the rest would be lost
    return result;
}

static void items_put(struct poll_item *items, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (items[i].file)
            file_put(items[i].file);
}

/* poll */

static s64 poll_list(struct pollfd *list, struct poll_item *items, u32 count, ns_t deadline)
{
    s64 n;

    for (u32 i = 0; i < count; i++) {
        bool skipped = list[i].fd < 0;
        struct file *f = skipped ? NULL : fd_get(list[i].fd);

        items[i] = (struct poll_item){.file = f,
                                      .events = (u16)list[i].events | POLLERR | POLLHUP | POLLNVAL,
                                      .revents = f || skipped ? 0 : POLLNVAL};
    }
    n = poll_files(items, count, deadline);
    for (u32 i = 0; i < count; i++)
        list[i].revents = items[i].revents;
    items_put(items, count);
    return n;
}

// The rest of the list may have been changed meanwhile, by another thread.
static int poll_result(uaddr_t fds, const struct pollfd *list, u32 count)
{
    const size_t at = offsetof(struct pollfd, revents);
    int err = 0;

    for (u32 i = 0; i < count && !err; i++)
        err = copy_to_user(fds + i * sizeof(*list) + at, &list[i].revents, sizeof(list->revents));
    return err;
}

static s64 poll_user(uaddr_t fds, u32 count, ns_t deadline)
{
    u64 fast[FAST_BYTES / 8];
    size_t size = count * (sizeof(struct poll_item) + sizeof(struct pollfd));
    struct poll_item *items;
    struct pollfd *list;
    s64 n;

    if (count > process_limit(RLIMIT_NOFILE))
        return -EINVAL;
    items = size > sizeof(fast) ? kmalloc(size, 0) : (void *)fast;
    if (!items)
        return -ENOMEM;
    list = (struct pollfd *)(items + count);
    n = copy_from_user(list, fds, count * sizeof(*list)) ?: poll_list(list, items, count, deadline);
    if (n >= 0)
        n = poll_result(fds, list, count) ?: n;
    if (size > sizeof(fast))
        kfree(items);
    return n;
}

s64 sys_ppoll(u64 fds, u64 count, u64 timeout, u64 mask, u64 mask_size)
{
    struct ready_wait w;

    return ready_begin(&w, timeout, mask, mask_size)
               ?: ready_end(&w, poll_user(fds, (u32)count, w.deadline));
}

/* select */

#define SETS 3

// What makes a descriptor a member of the result.
static const u32 set_events[SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    POLLPRI,
};

struct fd_sets {
    uaddr_t user[SETS]; // 0: absent
    u64 *map[SETS];     // asked for; later those that are ready
    u32 count;          // descriptors 0..count-1
    u32 words;          // of each map
};

static int sets_arg(struct fd_sets *s)
{
    u64 last = s->count % 64 ? BIT(s->count % 64) - 1 : ~0UL;

    for (int i = 0; i < SETS; i++) {
        memset(s->map[i], 0, s->words * 8);
        if (s->user[i] && copy_from_user(s->map[i], s->user[i], s->words * 8))
            return -EFAULT;
        if (s->words)
            s->map[i][s->words - 1] &= last;
    }
    return 0;
}

static int sets_result(const struct fd_sets *s)
{
    for (int i = 0; i < SETS; i++)
        if (s->user[i] && copy_to_user(s->user[i], s->map[i], s->words * 8))
            return -EFAULT;
    return 0;
}

// An item for each descriptor, without a file for those that are in no set; -EBADF if any of the
// others is not open.
static int sets_open(const struct fd_sets *s, struct poll_item *items)
{
    for (u32 fd = 0; fd < s->count; fd++) {
        items[fd] = (struct poll_item){0};
        for (int i = 0; i < SETS; i++)
            items[fd].events |= bitmap_test(s->map[i], fd) ? set_events[i] : 0;
        if (!items[fd].events)
            continue;
        items[fd].file = fd_get((int)fd);
        if (!items[fd].file) {
            items_put(items, fd);
            return -EBADF;
        }
    }
    return 0;
}

// Leaves in the sets those that are ready, and counts them.
static u32 sets_match(struct fd_sets *s, const struct poll_item *items)
{
    u32 ready = 0;

    for (u32 fd = 0; fd < s->count; fd++) {
        for (int i = 0; i < SETS; i++) {
            if (!bitmap_test(s->map[i], fd))
                continue;
            if (items[fd].revents & set_events[i])
                ready++;
            else
                bitmap_clear(s->map[i], fd);
        }
    }
    return ready;
}

static s64 select_sets(struct fd_sets *s, struct poll_item *items, ns_t deadline)
{
    s64 n = sets_arg(s) ?: sets_open(s, items);

    if (n)
        return n;
    n = poll_files(items, s->count, deadline);
    if (n >= 0)
        n = sets_match(s, items);
    items_put(items, s->count);
    return n >= 0 ? sets_result(s) ?: n : n;
}

static s64 select_user(u32 count, struct fd_sets *s, ns_t deadline)
{
    u64 fast[FAST_BYTES / 8], *memory = fast;
    size_t size;
    s64 n;

    s->count = MIN(count, load_relaxed(&thread_self()->files->size));
    s->words = BITMAP_WORDS(s->count);
    size = SETS * s->words * 8 + s->count * sizeof(struct poll_item);
    if (size > sizeof(fast))
        memory = kmalloc(size, 0);
    if (!memory)
        return -ENOMEM;
    for (int i = 0; i < SETS; i++)
        s->map[i] = memory + i * s->words;
    n = select_sets(s, (struct poll_item *)(memory + SETS * s->words), deadline);
    if (memory != fast)
        kfree(memory);
    return n;
}

s64 sys_pselect6(u64 count, u64 in, u64 out, u64 except, u64 timeout, u64 umask)
{
    struct fd_sets sets = {.user = {in, out, except}};
    struct pselect6_mask mask = {0};
    struct ready_wait w;

    if (optional_arg(&mask, umask, sizeof(mask)))
        return -EFAULT;
    return ready_begin(&w, timeout, mask.set, mask.size)
               ?: ready_end(&w,
                            (int)count < 0 ? -EINVAL : select_user((u32)count, &sets, w.deadline));
}
