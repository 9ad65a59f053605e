// SPDX-License-Identifier: MIT
// What ppoll and pselect6 share.

#include "syscall/ready.h"
#include "syscall/args.h"

int ready_wait_mask(struct ready_wait *w, uaddr_t mask, u64 mask_size)
{
    u64 set;

    w->masked = false;
    if (!mask)
        return 0;
    if (mask_size != sizeof(set))
        return -EINVAL;
    if (copy_from_user(&set, mask, sizeof(set)))
        return -EFAULT;
    signal_set_temporary_mask(set);
    w->masked = true;
    return 0;
}

int ready_wait_timeout(struct ready_wait *w, uaddr_t timeout)
{
    w->timeout = timeout;
    return deadline_arg(timeout, &w->deadline);
}

s64 ready_wait_end(const struct ready_wait *w, s64 result)
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

void poll_items_put(struct poll_item *items, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (items[i].file)
            file_put(items[i].file);
}
