// SPDX-License-Identifier: MIT
// Decoding of system-call arguments.

#include "syscall/args.h"
#include "abi/limits.h"
#include "lib/string.h"
#include "mm/slab.h"

int string_arg(uaddr_t src, char **out)
{
    char *s = kmalloc(PATH_MAX, 0);
    ssize_t n;

    if (!s)
        return -ENOMEM;
    n = strncpy_from_user(s, src, PATH_MAX);
    if (n < 0) {
        kfree(s);
        return n;
    }
    *out = s;
    return 0;
}

int path_arg_init(struct path_arg *a, u64 dirfd, uaddr_t name, bool empty_allowed)
{
    ssize_t err = strncpy_from_user(a->fast, name, sizeof(a->fast));

    a->start.dentry = NULL;
    a->name = a->fast;
    if (unlikely(err == -ENAMETOOLONG))
        err = string_arg(name, &a->name);
    if (unlikely(err < 0))
        return err;
    return *a->name || empty_allowed ? fd_start_path((int)dirfd, a->name, &a->start) : -ENOENT;
}

void path_arg_fini(struct path_arg *a)
{
    path_end(&a->start);
    if (unlikely(a->name != a->fast))
        kfree(a->name);
}

int path_arg_lookup(u64 dirfd, uaddr_t name, u32 at_flags, struct path *out)
{
    struct path_arg a SCOPED(path_arg_fini);
    u32 walk = (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
               (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);

    return path_arg_init(&a, dirfd, name, at_flags & AT_EMPTY_PATH)
               ?: path_lookup(path_arg_start(&a), a.name, walk, out);
}

int struct_arg(void *dst, size_t known, uaddr_t src, u64 size, size_t least)
{
    u8 byte = 0;

    if (size < least)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    memset(dst, 0, known);
    if (copy_from_user(dst, src, MIN(size, known)))
        return -EFAULT;
    for (u64 at = known; at < size && !byte; at++)
        if (copy_from_user(&byte, src + at, 1))
            return -EFAULT;
    return byte ? -E2BIG : 0;
}

int optional_arg(void *dst, uaddr_t src, size_t size)
{
    return src && copy_from_user(dst, src, size) ? -EFAULT : 0;
}

int optional_result(int err, uaddr_t dst, const void *src, size_t size)
{
    return !err && dst && copy_to_user(dst, src, size) ? -EFAULT : err;
}

struct timespec ns_timespec(ns_t ns)
{
    return (struct timespec){ns / NS_PER_SEC, ns % NS_PER_SEC};
}

int timespec_arg(uaddr_t src, ns_t *out)
{
    struct timespec ts;

    if (copy_from_user(&ts, src, sizeof(ts)))
        return -EFAULT;
    if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= NS_PER_SEC)
        return -EINVAL;
    if ((u64)ts.tv_sec >= NS_WALL / NS_PER_SEC)
        *out = NS_NEVER;
    else
        *out = ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
    return 0;
}

int timespec_result(uaddr_t dst, ns_t ns)
{
    struct timespec ts = ns_timespec(ns);

    return copy_to_user(dst, &ts, sizeof(ts));
}

int deadline_arg(uaddr_t timespec, ns_t *deadline)
{
    ns_t ns;
    int err;

    *deadline = NS_NEVER;
    if (!timespec)
        return 0;
    err = timespec_arg(timespec, &ns);
    if (!err)
        *deadline = ns ? deadline_in(ns) : 0;
    return err;
}

int iov_arg_init(struct iov_arg *a, uaddr_t src, u64 count)
{
    u64 total = 0;

    if (count > IOV_MAX)
        return -EINVAL;
    a->count = count;
    a->list = a->fast;
    if (count > IOV_FAST)
        a->list = kmalloc(count * sizeof(struct iovec), 0);
    if (!a->list)
        return -ENOMEM;
    if (copy_from_user(a->list, src, count * sizeof(struct iovec))) {
        iov_arg_fini(a);
        return -EFAULT;
    }
    for (unsigned i = 0; i < count; i++) {
        struct iovec *v = &a->list[i];

        if ((s64)v->iov_len < 0) {
            iov_arg_fini(a);
            return -EINVAL;
        }
        v->iov_len = MIN(v->iov_len, MAX_RW_COUNT - total);
        total += v->iov_len;
    }
    return 0;
}

void iov_arg_fini(struct iov_arg *a)
{
    if (a->list != a->fast)
        kfree(a->list);
}
