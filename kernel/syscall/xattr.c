// SPDX-License-Identifier: MIT
// Calls on extended attributes: by path, by path without following a last link, by descriptor.

#include "abi/xattr.h"
#include "abi/limits.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/at.h"
#include "vfs/inotify.h"

// How a call names its file.
enum by { BY_PATH, BY_LINK, BY_FD }; // BY_LINK: a path whose last link is not followed

static int file_by(struct at_file *a, enum by by, u64 which)
{
    if (by == BY_FD)
        return at_file_of_fd(a, which, false);
    return at_file_find(a, AT_FDCWD, which, by == BY_LINK ? AT_SYMLINK_NOFOLLOW : 0);
}

/* Arguments */

// Name and value are fresh memory: declare them SCOPED(args_fini).
struct args {
    char *name;
    void *value;
    size_t size;
    int flags;
};

static void args_fini(struct args *s)
{
    kfree(s->name);
    kfree(s->value);
}

// The name in fresh memory. -ERANGE: empty, or too long.
static int name_arg(uaddr_t src, char **out)
{
    int err = string_arg(src, out);

    if (err)
        return err == -ENAMETOOLONG ? -ERANGE : err;
    if (**out && strlen(*out) <= XATTR_NAME_MAX)
        return 0;
    kfree(*out);
    *out = NULL;
    return -ERANGE;
}

static int set_args(struct args *s, u64 name, u64 value, u64 size, u64 flags)
{
    int err;

    *s = (struct args){.size = size, .flags = (int)flags};
    if ((int)flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    err = name_arg(name, &s->name);
    if (err)
        return err;
    if (size > XATTR_SIZE_MAX)
        return -E2BIG;
    s->value = kmalloc(MAX(size, 1UL), 0);
    return s->value ? copy_from_user(s->value, value, size) : -ENOMEM;
}

/* Set and remove */

static s64 change(const struct at_file *a, const struct args *s)
{
    int err =
        at_file_may_write(a) ?: inode_xattr_set(a->inode, s->name, s->value, s->size, s->flags);

    if (!err)
        notify_at(&a->path, a->inode, IN_ATTRIB);
    return err;
}

static s64 set(enum by by, u64 path, const u64 args[4])
{
    struct args s SCOPED(args_fini) = {0};
    struct at_file a;

    return set_args(&s, args[0], args[1], args[2], args[3])
               ?: file_by(&a, by, path) ?: at_file_end(&a, change(&a, &s));
}

s64 sys_setxattr(u64 path, u64 name, u64 value, u64 size, u64 flags)
{
    return set(BY_PATH, path, (u64[]){name, value, size, flags});
}

s64 sys_lsetxattr(u64 path, u64 name, u64 value, u64 size, u64 flags)
{
    return set(BY_LINK, path, (u64[]){name, value, size, flags});
}

// The descriptor is looked at before the rest, a path after it.
s64 sys_fsetxattr(u64 fd, u64 name, u64 value, u64 size, u64 flags)
{
    struct args s SCOPED(args_fini) = {0};
    struct at_file a;

    return file_by(&a, BY_FD, fd)
               ?: at_file_end(&a, set_args(&s, name, value, size, flags) ?: change(&a, &s));
}

static s64 remove(enum by by, u64 which, u64 name)
{
    struct args s SCOPED(args_fini) = {.flags = XATTR_REPLACE};
    struct at_file a;

    return file_by(&a, by, which) ?: at_file_end(&a, name_arg(name, &s.name) ?: change(&a, &s));
}

s64 sys_removexattr(u64 path, u64 name)
{
    return remove(BY_PATH, path, name);
}

s64 sys_lremovexattr(u64 path, u64 name)
{
    return remove(BY_LINK, path, name);
}

s64 sys_fremovexattr(u64 fd, u64 name)
{
    return remove(BY_FD, fd, name);
}

/* Get and list */

// What get or list (name NULL) puts into fresh kernel memory of at most `size` bytes goes to dst.
static s64 fetch(struct inode *inode, const char *name, uaddr_t dst, size_t size)
{
    size_t room = MIN(size, (size_t)XATTR_SIZE_MAX);
    void *bytes SCOPED(memory_end) = kmalloc(MAX(room, 1UL), 0);
    s64 n = -ENOMEM;

    if (bytes)
        n = name ? inode_xattr_get(inode, name, bytes, room) : inode_xattr_list(inode, bytes, room);
    if (n > 0 && room && copy_to_user(dst, bytes, n))
        n = -EFAULT;
    if (n == -ERANGE && room == XATTR_SIZE_MAX)
        n = -E2BIG;
    return n;
}

static s64 get(enum by by, u64 which, u64 name, u64 value, u64 size)
{
    struct args s SCOPED(args_fini) = {0};
    struct at_file a;

    return file_by(&a, by, which)
               ?: at_file_end(&a, name_arg(name, &s.name) ?: fetch(a.inode, s.name, value, size));
}

s64 sys_getxattr(u64 path, u64 name, u64 value, u64 size)
{
    return get(BY_PATH, path, name, value, size);
}

s64 sys_lgetxattr(u64 path, u64 name, u64 value, u64 size)
{
    return get(BY_LINK, path, name, value, size);
}

s64 sys_fgetxattr(u64 fd, u64 name, u64 value, u64 size)
{
    return get(BY_FD, fd, name, value, size);
}

static s64 list(enum by by, u64 which, u64 dst, u64 size)
{
    struct at_file a;

    return file_by(&a, by, which) ?: at_file_end(&a, fetch(a.inode, NULL, dst, size));
}

s64 sys_listxattr(u64 path, u64 dst, u64 size)
{
    return list(BY_PATH, path, dst, size);
}

s64 sys_llistxattr(u64 path, u64 dst, u64 size)
{
    return list(BY_LINK, path, dst, size);
}

s64 sys_flistxattr(u64 fd, u64 dst, u64 size)
{
    return list(BY_FD, fd, dst, size);
}
