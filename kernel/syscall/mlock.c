// SPDX-License-Identifier: MIT
// mlock(2) and its family.

#include "abi/mman.h"
#include "syscall/args.h"
#include "vm/space.h"

static s64 lock_range(uaddr_t addr, u64 length, u32 lock)
{
    struct vm_space *s = thread_self()->space;

    return vm_may_lock(s) ? vm_lock_range(s, addr, length, lock) : -EPERM;
}

s64 sys_mlock(u64 addr, u64 length)
{
    return lock_range(addr, length, AREA_LOCKED);
}

s64 sys_mlock2(u64 addr, u64 length, u64 flags)
{
    if ((u32)flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    return lock_range(addr, length, AREA_LOCKED | (flags & MLOCK_ONFAULT ? AREA_LOCKONFAULT : 0));
}

s64 sys_munlock(u64 addr, u64 length)
{
    return vm_lock_range(thread_self()->space, addr, length, 0);
}

s64 sys_mlockall(u64 flags)
{
    u32 lock = AREA_LOCKED | (flags & MCL_ONFAULT ? AREA_LOCKONFAULT : 0);
    struct vm_space *s = thread_self()->space;

    if ((u32)flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
        !(flags & (MCL_CURRENT | MCL_FUTURE)))
        return -EINVAL;
    if (!vm_may_lock(s))
        return -EPERM;
    return vm_lock_all(s, flags & MCL_CURRENT, lock, flags & MCL_FUTURE ? lock : 0);
}

s64 sys_munlockall(void)
{
    return vm_lock_all(thread_self()->space, true, 0, 0);
}
