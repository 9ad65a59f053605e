// SPDX-License-Identifier: MIT
// Debug builds: the lock order by ranks, checked at each acquire.
//
// The record of held locks lies in struct arch_thread. An interrupt starts with an empty one above
// the interrupted thread's (lock_base). The scheduler's lock is taken by one thread and
// released by the next: a release that finds no record of its lock drops the newest of its rank, or
// nothing. An entry is made and dropped with interrupts off: an interrupt uses the entries above,
// and would leave its own rank in one that is half written.
#include "arch/irq.h"
#include "arch/thread.h"
#include "base/lockorder.h"
#include "base/lockstat.h"
#include "base/panic.h"

static const char *const rank_names[RANK_COUNT] = {
    [RANK_NONE] = "none",
    [RANK_EPOLL] = "epoll",
    [RANK_TTY] = "tty",
    [RANK_MOUNT] = "mount",
    [RANK_RENAME] = "rename",
    [RANK_SPACE] = "space",
    [RANK_INODE] = "inode",
    [RANK_IPC] = "ipc",
    [RANK_PIPE] = "pipe",
    [RANK_OBJECT] = "object",
    [RANK_PROCTREE] = "proctree",
    [RANK_SIGNAL] = "signal",
    [RANK_FUTEX] = "futex",
    [RANK_FDTABLE] = "fdtable",
    [RANK_FS] = "fs",
    [RANK_DCACHE] = "dcache",
    [RANK_PAGETABLE] = "pagetable",
    [RANK_PAGES] = "pages",
    [RANK_DEVICE] = "device",
    [RANK_WAIT] = "wait",
    [RANK_TIMER] = "timer",
    [RANK_DONATION] = "donation",
    [RANK_RUNQ] = "runq",
    [RANK_SLAB] = "slab",
    [RANK_FRAMES] = "frames",
    [RANK_LOG] = "log",
    [RANK_WRITEBACK] = "writeback",
    [RANK_MAP] = "map",
    [RANK_GROUP] = "group",
    [RANK_SUPER] = "super",
    [RANK_BUFFER] = "buffer",
    [RANK_DEVICE_WRITE] = "device_write",
    [RANK_DEVICE_FILL] = "device_fill",
    [RANK_BLOCKS] = "blocks",
    [RANK_JOURNAL] = "journal",
    [RANK_BUFFERS] = "buffers",
    [RANK_CACHES] = "caches",
};

const char *lockorder_name(enum lock_rank rank)
{
    return rank_names[rank];
}

void lockorder_acquire(enum lock_rank rank, const void *lock, bool nested)
{
    struct arch_thread *t = arch_self();
    irqflags_t irq;

    if (!DEBUG || rank == RANK_NONE)
        return;
    irq = irq_save();
    for (u32 i = t->lock_base; i < t->lock_depth; i++) {
        enum lock_rank held = t->lock_rank[i];

        if (held > rank || (held == rank && !nested) || t->lock[i] == lock)
            panic("lock order: takes %s %p while holding %s %p", rank_names[rank], lock,
                  rank_names[held], t->lock[i]);
    }
    if (t->lock_depth == LOCK_DEPTH_MAX)
        panic("lock order: more than %u locks held", t->lock_depth);
    t->lock_rank[t->lock_depth] = (u8)rank;
    t->lock[t->lock_depth++] = lock;
    lockstat_acquired(rank);
    irq_restore(irq);
}

static bool record_drop(struct arch_thread *t, enum lock_rank rank, const void *lock)
{
    for (u32 i = t->lock_depth; i-- > 0;) {
        if (lock ? t->lock[i] != lock : t->lock_rank[i] != rank)
            continue;
        for (t->lock_depth--; i < t->lock_depth; i++) {
            t->lock_rank[i] = t->lock_rank[i + 1];
            t->lock[i] = t->lock[i + 1];
        }
        return true;
    }
    return false;
}

void lockorder_release(enum lock_rank rank, const void *lock)
{
    struct arch_thread *t = arch_self();
    irqflags_t irq;

    if (!DEBUG || rank == RANK_NONE)
        return;
    irq = irq_save();
    if (!record_drop(t, rank, lock))
        record_drop(t, rank, NULL);
    irq_restore(irq);
}

void lockorder_may_sleep(void)
{
    const struct arch_thread *t = arch_self();

    if (!DEBUG)
        return;
    for (u32 i = 0; i < t->lock_depth; i++) {
        if (t->lock_rank[i] >= RANK_PROCTREE)
            panic("sleeps while holding spinlock %s %p", rank_names[t->lock_rank[i]], t->lock[i]);
    }
}
