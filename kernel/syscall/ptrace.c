// SPDX-License-Identifier: MIT
// ptrace(2), process_vm_readv(2), process_vm_writev(2).

#include "proc/trace.h"
#include "syscall/args.h"

s64 sys_ptrace(u64 request, u64 tid, u64 addr, u64 data)
{
    return trace_request((s64)request, (s32)tid, addr, data);
}

static s64 memory_move(u64 tid, uaddr_t local, u64 local_count, uaddr_t remote, u64 remote_count,
                       u64 flags, bool write)
{
    struct iov_arg mine, theirs;
    struct uio u, other;
    s64 n;

    if (flags)
        return -EINVAL;
    n = iov_arg_init(&mine, local, local_count);
    if (n)
        return n;
    uio_init_iov(&u, mine.list, mine.count);
    n = u.left ? iov_arg_init(&theirs, remote, remote_count) : 0;
    if (u.left && !n) {
        uio_init_iov(&other, theirs.list, theirs.count);
        if (other.left)
            n = process_memory_move((s32)tid, &u, theirs.list, theirs.count, write);
        iov_arg_fini(&theirs);
    }
    iov_arg_fini(&mine);
    return n;
}

s64 sys_process_vm_readv(u64 tid, u64 local, u64 local_count, u64 remote, u64 remote_count,
                         u64 flags)
{
    return memory_move(tid, local, local_count, remote, remote_count, flags, false);
}

s64 sys_process_vm_writev(u64 tid, u64 local, u64 local_count, u64 remote, u64 remote_count,
                          u64 flags)
{
    return memory_move(tid, local, local_count, remote, remote_count, flags, true);
}
