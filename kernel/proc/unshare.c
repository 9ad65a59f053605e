// SPDX-License-Identifier: MIT
// unshare(2): the running thread no longer shares with others what clone(2) had it share.
#include "abi/errno.h"
#include "abi/sched.h"
#include "proc/proc_private.h"

#define ALONE   (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) // cannot be undone, only be so already
#define ALLOWED (ALONE | CLONE_FILES | CLONE_FS | CLONE_NEWNS)

static bool is_alone(u64 flags)
{
    struct process *p = process_self();
    bool threads = load_relaxed(&p->task_count) > 1;
    bool shares = ref_read(&p->space->refs) > load_relaxed(&p->task_count);

    return !(flags & ALONE) || (!threads && !(flags & CLONE_VM && shares));
}

static void fs_replace(struct fs_context *own)
{
    struct thread *thread = thread_self();
    struct fs_context *old = thread->fs;
    irqflags_t flags = spin_lock_irqsave(&process_self()->siglock); // for readers of /proc

    thread->fs = own;
    spin_unlock_irqrestore(&process_self()->siglock, flags);
    fs_context_put(old);
}

// Mounts of one's own are of a context of one's own.
static int fs_unshare(u64 flags, struct fs_context **out)
{
    struct fs_context *old = thread_self()->fs;
    int err;

    if (!(flags & CLONE_NEWNS) && (!(flags & CLONE_FS) || ref_is_last(&old->refs)))
        return 0;
    err = fs_context_copy(old, out);
    return err || !(flags & CLONE_NEWNS) ? err : fs_context_own_mounts(*out);
}

int process_unshare(u64 flags)
{
    struct fs_context *own = NULL;
    int err;

    if (flags & ~(u64)ALLOWED || !is_alone(flags))
        return -EINVAL;
    err = fs_unshare(flags, &own);
    if (!err && flags & CLONE_FILES)
        err = files_unshare();
    if (!err && own)
        fs_replace(own);
    else if (own)
        fs_context_put(own);
    return err;
}
