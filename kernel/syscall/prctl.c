// SPDX-License-Identifier: MIT
// prctl(2): what a process sets for itself.
#include "abi/prctl.h"
#include "lib/string.h"
#include "syscall/args.h"

static s64 name_set_or_get(bool set, uaddr_t at)
{
    char name[sizeof(thread_self()->name)] = {0};
    ssize_t n;

    if (!set)
        return copy_to_user(at, thread_self()->name, sizeof(name));
    n = strncpy_from_user(name, at, sizeof(name));
    if (n < 0 && n != -ENAMETOOLONG)
        return n;
    name[sizeof(name) - 1] = '\0';
    memcpy(thread_self()->name, name, sizeof(name));
    return 0;
}

static s64 dumpable_set(u64 value)
{
    if (value > DUMPABLE_OWNER)
        return -EINVAL;
    store_relaxed(&process_self()->dumpable, (u8)value);
    return 0;
}

static s64 no_new_privs_set(u64 value, bool rest)
{
    if (value != 1 || rest)
        return -EINVAL;
    store_relaxed(&process_self()->no_new_privs, true);
    return 0;
}

static s64 death_signal_set(u64 sig)
{
    if (sig > _NSIG)
        return -EINVAL;
    store_relaxed(&process_self()->death_signal, (s32)sig);
    return 0;
}

s64 sys_prctl(u64 option, u64 a1, u64 a2, u64 a3, u64 a4)
{
    struct process *p = process_self();

    switch ((int)option) {
    case PR_SET_NAME:
    case PR_GET_NAME:
        return name_set_or_get((int)option == PR_SET_NAME, a1);
    case PR_GET_DUMPABLE:
        return load_relaxed(&p->dumpable);
    case PR_SET_DUMPABLE:
        return dumpable_set(a1);
    case PR_SET_NO_NEW_PRIVS:
        return no_new_privs_set(a1, a2 || a3 || a4);
    case PR_GET_NO_NEW_PRIVS:
        return a1 || a2 || a3 || a4 ? -EINVAL : load_relaxed(&p->no_new_privs);
    case PR_SET_PDEATHSIG:
        return death_signal_set(a1);
    case PR_GET_PDEATHSIG:
        return put_user_u32(a1, load_relaxed(&p->death_signal)) ? -EFAULT : 0;
    case PR_SET_CHILD_SUBREAPER:
        process_subreaper_set(a1);
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return put_user_u32(a1, load_relaxed(&p->subreaper)) ? -EFAULT : 0;
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_CAP_AMBIENT:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
        return prctl_capability((int)option, a1, a2, a3, a4);
    case PR_GET_SECCOMP:
        return 0;
    default:
        return -EINVAL;
    }
}
