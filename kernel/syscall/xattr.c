// SPDX-License-Identifier: MIT
// Calls on extended attributes: by path, by path without following a last link, by descriptor.

#include "abi/xattr.h"
#include "abi/limits.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/at.h"
#include "vfs/inotify.h"

static int find_path(struct at_file *a, u64 path, u32 at_flags)
{
    return at_file_find(a, AT_FDCWD, path, at_flags);
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

/* Set */

struct set_args {
    char *name;
    void *value;
    size_t size;
    int flags;
};

static void set_args_fini(struct set_args *s)
{
    kfree(s->name);
    kfree(s->value);
}

// set_args_fini() it after an error too.
static int set_args_init(struct set_args *s, u64 name, u64 value, u64 size, u64 flags)
{
    int err;

    *s = (struct set_args){.size = size, .flags = (int)flags};
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

static s64 change(const struct at_file *a, const struct set_args *s)
{
    int err =
        at_file_may_write(a) ?: inode_xattr_set(a->inode, s->name, s->value, s->size, s->flags);

    if (!err)
        notify_at(&a->path, a->inode, IN_ATTRIB);
    return err;
}

static s64 set_path(u64 path, const u64 args[4], u32 at_flags)
{
    struct set_args s SCOPED(set_args_fini) = {0};
    struct at_file a;

    return set_args_init(&s, args[0], args[1], args[2], args[3])
               ?: find_path(&a, path, at_flags) ?: at_file_end(&a, change(&a, &s));
}

s64 sys_setxattr(u64 path, u64 name, u64 value, u64 size, u64 flags)
{
    return set_path(path, (u64[]){name, value, size, flags}, 0);
}

s64 sys_lsetxattr(u64 path, u64 name, u64 value, u64 size, u64 flags)
{
    return set_path(path, (u64[]){name, value, size, flags}, AT_SYMLINK_NOFOLLOW);
}

s64 sys_fsetxattr(u64 fd, u64 name, u64 value, u64 size, u64 flags)
{
    struct set_args s SCOPED(set_args_fini) = {0};
    struct at_file a;

    return at_file_of_fd(&a, fd, false)
               ?: at_file_end(&a, set_args_init(&s, name, value, size, flags) ?: change(&a, &s));
}

/* Remove */

static s64 remove_file(const struct at_file *a, u64 name)
{
    struct set_args s = {.flags = XATTR_REPLACE};
    s64 err = name_arg(name, &s.name);

    if (err)
        return err;
    err = change(a, &s);
    kfree(s.name);
    return err;
}

s64 sys_removexattr(u64 path, u64 name)
{
    struct at_file a;

    return find_path(&a, path, 0) ?: at_file_end(&a, remove_file(&a, name));
}

s64 sys_lremovexattr(u64 path, u64 name)
{
    struct at_file a;

    return find_path(&a, path, AT_SYMLINK_NOFOLLOW) ?: at_file_end(&a, remove_file(&a, name));
}

s64 sys_fremovexattr(u64 fd, u64 name)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, false) ?: at_file_end(&a, remove_file(&a, name));
}

/* Get and list */

// What get or list (name NULL) puts into fresh kernel memory of at most `size` bytes goes to dst.
static s64 fetch(struct inode *inode, const char *name, uaddr_t dst, size_t size)
{
    size_t room = MIN(size, (size_t)XATTR_SIZE_MAX);
    void *bytes = kmalloc(MAX(room, 1UL), 0);
    s64 n = -ENOMEM;

    if (bytes)
        n = name ? inode_xattr_get(inode, name, bytes, room) : inode_xattr_list(inode, bytes, room);
    if (n > 0 && room && copy_to_user(dst, bytes, n))
        n = -EFAULT;
    if (n == -ERANGE && room == XATTR_SIZE_MAX)
        n = -E2BIG;
    kfree(bytes);
    return n;
}

static s64 get_file(const struct at_file *a, u64 name, u64 value, u64 size)
{
    char *text;
    s64 n = name_arg(name, &text);

    if (n)
        return n;
    n = fetch(a->inode, text, value, size);
    kfree(text);
    return n;
}

s64 sys_getxattr(u64 path, u64 name, u64 value, u64 size)
{
    struct at_file a;

    return find_path(&a, path, 0) ?: at_file_end(&a, get_file(&a, name, value, size));
}

s64 sys_lgetxattr(u64 path, u64 name, u64 value, u64 size)
{
    struct at_file a;

    return find_path(&a, path, AT_SYMLINK_NOFOLLOW)
               ?: at_file_end(&a, get_file(&a, name, value, size));
}

s64 sys_fgetxattr(u64 fd, u64 name, u64 value, u64 size)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, false) ?: at_file_end(&a, get_file(&a, name, value, size));
}

s64 sys_listxattr(u64 path, u64 list, u64 size)
{
    struct at_file a;

    return find_path(&a, path, 0) ?: at_file_end(&a, fetch(a.inode, NULL, list, size));
}

s64 sys_llistxattr(u64 path, u64 list, u64 size)
{
    struct at_file a;

    return find_path(&a, path, AT_SYMLINK_NOFOLLOW)
               ?: at_file_end(&a, fetch(a.inode, NULL, list, size));
}

s64 sys_flistxattr(u64 fd, u64 list, u64 size)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, false) ?: at_file_end(&a, fetch(a.inode, NULL, list, size));
}
