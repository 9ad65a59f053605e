// SPDX-License-Identifier: MIT
// ppoll.

#include "mm/slab.h"
#include "syscall/args.h"
#include "syscall/ready.h"

static s64 poll_list(struct pollfd *list, struct poll_item *items, u32 count, ns_t deadline)
{
    s64 n;

    for (u32 i = 0; i < count; i++) {
        bool skipped = list[i].fd < 0;
        struct file *f = skipped ? NULL : fd_get(list[i].fd);

        items[i] = (struct poll_item){
            .file = f, .events = (u16)list[i].events, .revents = f || skipped ? 0 : POLLNVAL};
    }
    n = poll_files(items, count, deadline);
    for (u32 i = 0; i < count; i++)
        list[i].revents = items[i].revents;
    poll_items_put(items, count);
    return n;
}

static s64 poll_user(uaddr_t fds, u32 count, ns_t deadline)
{
    struct poll_item fast_items[READY_FAST_ITEMS], *items = fast_items;
    struct pollfd fast_list[READY_FAST_ITEMS], *list = fast_list;
    s64 n;

    if (count > process_limit(RLIMIT_NOFILE))
        return -EINVAL;
    if (count > READY_FAST_ITEMS) {
        items = kmalloc(count * (sizeof(*items) + sizeof(*list)), 0);
        list = (struct pollfd *)(items + count);
    }
    if (!items)
        return -ENOMEM;
    if (copy_from_user(list, fds, count * sizeof(*list))) {
        n = -EFAULT;
    } else {
        n = poll_list(list, items, count, deadline);
        if (n >= 0 && copy_to_user(fds, list, count * sizeof(*list)))
            n = -EFAULT;
    }
    if (items != fast_items)
        kfree(items);
    return n;
}

s64 sys_ppoll(u64 fds, u64 count, u64 timeout, u64 mask, u64 mask_size)
{
    struct ready_wait w;
    s64 n = ready_wait_timeout(&w, timeout);

    if (!n)
        n = ready_wait_mask(&w, mask, mask_size);
    if (n)
        return n;
    return ready_wait_end(&w, poll_user(fds, (u32)count, w.deadline));
}
