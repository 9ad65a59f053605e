// SPDX-License-Identifier: MIT
// Memory of others besides ptrace(2): /proc/<pid>/mem and auxv (proc(5)), process_vm_readv(2).

#include "abi/errno.h"
#include "mm/slab.h"
#include "proc/procfs_private.h"
#include "proc/ptrace.h"
#include "proc/trace.h"

// Up to the first byte that cannot be had: what it is then, if that is the first of all. -EFAULT of
// the caller's memory, -EIO of the other.
static ssize_t move_part(struct vm_space *s, struct uio *u, uaddr_t at, char *part, size_t n,
                         bool write, bool force)
{
    size_t before = u->left;
    ssize_t moved;

    if (write && uio_get(u, part, n))
        n = before - u->left;
    if (!n)
        return -EFAULT;
    moved = vm_access(s, at, part, n, write, force);
    if (moved <= 0)
        return -EIO;
    if (!write && uio_put(u, part, moved))
        moved = before - u->left;
    return moved ? moved : -EFAULT;
}

static ssize_t space_move(struct vm_space *s, struct uio *u, uaddr_t at, size_t n, bool write,
                          bool force)
{
    char *part = kmalloc(PAGE_SIZE, 0);
    ssize_t moved = part ? 0 : -ENOMEM;
    size_t done = 0, want;

    while (part && done < n) {
        want = MIN(n - done, PAGE_SIZE - (at + done) % PAGE_SIZE);
        moved = move_part(s, u, at + done, part, want, write, force);
        done += MAX(moved, 0L);
        if (moved < (ssize_t)want)
            break;
    }
    kfree(part);
    return done ? (ssize_t)done : moved;
}

static ssize_t mem_move(const struct proc_place *place, struct uio *u, loff_t *pos, bool write)
{
    ssize_t n = space_move(place->space, u, *pos, u->left, write, true);

    *pos += MAX(n, 0L);
    return n;
}

ssize_t proc_read_mem(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    return mem_move(place, u, pos, false);
}

ssize_t proc_write_mem(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    return mem_move(place, u, pos, true);
}

size_t auxv_copy(struct vm_space *space, u64 words[AUXV_WORDS])
{
    ssize_t got = vm_access(space, space->auxv, words, AUXV_WORDS * sizeof(u64), false, true);

    for (ssize_t i = 0; (i + 2) * (ssize_t)sizeof(u64) <= got; i += 2)
        if (!words[i])
            return (i + 2) * sizeof(u64);
    return 0;
}

ssize_t proc_read_auxv(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    u64 words[AUXV_WORDS];
    size_t size = auxv_copy(place->space, words), n;
    int err;

    if (*pos < 0 || (size_t)*pos >= size)
        return 0;
    n = MIN(u->left, size - *pos);
    err = uio_put(u, (const char *)words + *pos, n);
    if (err)
        return err;
    *pos += n;
    return n;
}

/* process_vm_readv(2), process_vm_writev(2) */

static int space_of_other(pid_t tid, struct vm_space **out)
{
    struct process *p;
    struct task *t;
    int err = 0;

    *out = NULL;
    spin_lock(&proctree_lock);
    t = task_find(tid);
    p = t ? t->proc : NULL;
    if (p && (p->gains_rights || !process_may_access_locked(p, false)))
        err = -EPERM;
    else if (p)
        *out = process_space_get(p);
    spin_unlock(&proctree_lock);
    return err || *out ? err : -ESRCH;
}

ssize_t process_memory_move(pid_t tid, struct uio *u, const struct iovec *remote, unsigned count,
                            bool write)
{
    struct vm_space *space;
    ssize_t n = space_of_other(tid, &space), done = 0;

    if (n)
        return n;
    for (unsigned i = 0; i < count && u->left; i++) {
        size_t want = MIN(remote[i].iov_len, u->left);

        n = want ? space_move(space, u, remote[i].iov_base, want, write, false) : 0;
        done += MAX(n, 0L);
        if (n < (ssize_t)want)
            break;
    }
    vm_space_put(space);
    return done ? done : n == -EIO ? -EFAULT : n;
}
