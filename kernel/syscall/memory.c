// SPDX-License-Identifier: MIT
// Calls on the address space.

#include "abi/hwprobe.h"
#include "abi/membarrier.h"
#include "abi/mount.h"
#include "arch/smp.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "proc/rseq.h"
#include "syscall/args.h"

static struct vm_space *self_space(void)
{
    return thread_self()->space;
}

s64 sys_brk(u64 brk)
{
    return vm_brk(self_space(), brk);
}

/* mmap */

#define MAP_KNOWN                                                                            \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | \
     MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |    \
     MAP_FIXED_NOREPLACE)

static void map_args_init(struct vm_map_args *m, u64 addr, u64 length, u32 prot, u32 flags)
{
    *m = (struct vm_map_args){
        .addr = addr,
        .length = length,
        .prot = prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
        .fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE),
        .noreplace = flags & MAP_FIXED_NOREPLACE,
        .populate = (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE,
    };
    m->flags = AREA_MAYWRITE | (flags & MAP_NORESERVE ? AREA_NORESERVE : 0) |
               (flags & MAP_LOCKED ? AREA_LOCKED : 0);
}

static int map_anonymous(struct vm_map_args *m, u32 flags, uaddr_t *out)
{
    int err;

    if (flags & MAP_HUGETLB)
        return -ENOMEM; // there are no reserved huge pages
    if ((flags & MAP_TYPE) == MAP_PRIVATE) {
        m->flags |= flags & MAP_GROWSDOWN ? AREA_GROWSDOWN : 0;
        return vm_map(self_space(), m, out);
    }
    if ((flags & MAP_TYPE) != MAP_SHARED || flags & MAP_GROWSDOWN)
        return -EINVAL;
    m->flags |= AREA_SHARED;
    err = vm_object_create(&m->object, ALIGN_UP(m->length, PAGE_SIZE));
    if (err)
        return err;
    err = vm_map(self_space(), m, out);
    vm_object_put(m->object);
    return err;
}

static bool is_noexec(const struct file *f)
{
    return f->path.mount && f->path.mount->flags & MS_NOEXEC;
}

static int map_file_check(const struct file *f, u32 prot, u32 flags)
{
    u32 type = flags & MAP_TYPE;

    if (flags & MAP_HUGETLB ||
        (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE))
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && flags & ~MAP_KNOWN)
        return -EOPNOTSUPP;
    if (!(f->mode & FILE_F_READ) ||
        (type != MAP_PRIVATE && prot & PROT_WRITE && !(f->mode & FILE_F_WRITE)))
        return -EACCES;
    if (prot & PROT_EXEC && is_noexec(f))
        return -EPERM;
    if (!f->ops->mmap)
        return -ENODEV;
    return flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static int map_file(struct file *f, struct vm_map_args *m, u32 flags, u64 offset, uaddr_t *out)
{
    u32 type = flags & MAP_TYPE;
    int err = map_file_check(f, m->prot, flags);

    if (err)
        return err;
    if (offset > (u64)INT64_MAX - m->length)
        return -EOVERFLOW;
    m->flags |= is_noexec(f) ? AREA_NOEXEC : 0;
    if (type != MAP_PRIVATE) {
        flags = (flags & ~MAP_TYPE) | MAP_SHARED;
        m->flags |= AREA_SHARED;
        if (!(f->mode & FILE_F_WRITE) || f->inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
            m->flags &= ~AREA_MAYWRITE;
        if (m->prot & PROT_WRITE && !(m->flags & AREA_MAYWRITE))
            return -EPERM;
    }
    err = f->ops->mmap(f, &m->object);
    if (err)
        return err;
    if (!m->object) // /dev/zero
        return map_anonymous(m, flags, out);
    m->file = f;
    m->offset = offset >> PAGE_SHIFT;
    return vm_map(self_space(), m, out);
}

s64 sys_mmap(u64 addr, u64 length, u64 prot, u64 flags, u64 fd, u64 offset)
{
    struct file *f SCOPED(file_end) = flags & MAP_ANONYMOUS ? NULL : fd_get((int)fd);
    struct vm_map_args m;
    uaddr_t start;
    int err;

    if (!IS_ALIGNED(offset, PAGE_SIZE))
        return -EINVAL;
    if (!f && !(flags & MAP_ANONYMOUS))
        return -EBADF;
    if (!length)
        return -EINVAL;
    if (length > USER_TOP)
        return -ENOMEM;
    map_args_init(&m, addr, length, (u32)prot, (u32)flags);
    if (flags & MAP_LOCKED && !vm_may_lock(self_space()))
        return -EPERM;
    err = f ? map_file(f, &m, (u32)flags, offset, &start) : map_anonymous(&m, (u32)flags, &start);
    return err ? err : (s64)start;
}

s64 sys_munmap(u64 addr, u64 length)
{
    return vm_unmap(self_space(), addr, length);
}

s64 sys_mprotect(u64 addr, u64 length, u64 prot)
{
    return vm_protect(self_space(), addr, length, (u32)prot);
}

s64 sys_mremap(u64 old, u64 old_length, u64 new_length, u64 flags, u64 new_address)
{
    uaddr_t start;

    return vm_remap(self_space(), old, old_length, new_length, (u32)flags, new_address, &start)
               ?: (s64)start;
}

/* Advice and questions */

s64 sys_madvise(u64 addr, u64 length, u64 advice)
{
    return vm_advise(self_space(), addr, length, (int)advice);
}

s64 sys_msync(u64 addr, u64 length, u64 flags)
{
    return vm_sync(self_space(), addr, length, (int)flags);
}

s64 sys_mincore(u64 addr, u64 length, u64 vector)
{
    return vm_mincore(self_space(), addr, length, vector);
}

s64 sys_memfd_create(u64 uname, u64 flags)
{
    char *name SCOPED(memory_end) = NULL;
    struct file *f;
    int err;

    if ((u32)flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) ||
        (flags & MFD_EXEC && flags & MFD_NOEXEC_SEAL))
        return -EINVAL;
    err = string_arg(uname, &name);
    if (err == -ENAMETOOLONG || (!err && strlen(name) > MEMFD_NAME_MAX))
        err = -EINVAL;
    return err ?: tmpfs_memfd(name, (u32)flags, &f) ?: fd_add(f, flags & MFD_CLOEXEC);
}

/* Order between harts */

static void barrier_here(void *arg)
{
    smp_mb();
}

#define BARRIER_REGISTER                                                                    \
    (MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |                                  \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define BARRIER_PRIVATE                                                              \
    (MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | \
     MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
#define BARRIER_COMMANDS                                                         \
    (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | BARRIER_PRIVATE | \
     BARRIER_REGISTER | MEMBARRIER_CMD_GET_REGISTRATIONS)

// A global one reaches every hart, a private one those that run the space, so there is nothing to
// prepare: what is registered is only kept. The commands are bits; of a private one, the next bit
// registers for it.
static s64 memory_barrier(struct vm_space *s, u32 command, int hart)
{
    if (command & BARRIER_REGISTER) {
        atomic_fetch_or(&s->barriers, command);
        return 0;
    }
    if (command & BARRIER_PRIVATE && !(load_relaxed(&s->barriers) & command << 1))
        return -EPERM;
    smp_mb();
    if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
        rseq_break_others(s, hart);
    else if (command & BARRIER_PRIVATE)
        mmu_sync_icache(&s->mmu); // the interrupt orders memory, too
    else
        smp_call_others(barrier_here, NULL);
    return 0;
}

s64 sys_membarrier(u64 ucommand, u64 flags, u64 hart)
{
    u32 command = (u32)ucommand;
    bool one =
        command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ && (u32)flags == MEMBARRIER_CMD_FLAG_CPU;

    if ((u32)flags && !one)
        return -EINVAL;
    if (command == MEMBARRIER_CMD_QUERY)
        return BARRIER_COMMANDS;
    if (command & (command - 1) || !(command & BARRIER_COMMANDS))
        return -EINVAL;
    if (command == MEMBARRIER_CMD_GET_REGISTRATIONS)
        return load_relaxed(&self_space()->barriers);
    return memory_barrier(self_space(), command, one ? (int)hart : -1);
}

// For one thread or all: it may move to another hart at any time, so all harts are told.
s64 sys_riscv_flush_icache(u64 start, u64 end, u64 flags)
{
    if (flags & ~(u64)SYS_RISCV_FLUSH_ICACHE_LOCAL)
        return -EINVAL;
    mmu_sync_icache(&self_space()->mmu);
    return 0;
}
