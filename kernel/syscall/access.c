// SPDX-License-Identifier: MIT
// access(2): may the real user do this? A set-user-id program asks it for the one who called it.

#include "abi/mount.h"
#include "syscall/at.h"

// The cred so far, and its reference. To act as another for a while is no change of ids, which
// thread_cred_set would take it for: the dumpable flag and the parent-death signal stay.
static struct cred *cred_exchange(struct cred *c)
{
    struct cred *old = thread_self()->cred;

    spin_lock(&proctree_lock);
    thread_self()->cred = c;
    spin_unlock(&proctree_lock);
    return old;
}

// Makes the running thread act as its real ids; *saved is NULL if it does already. -ENOMEM.
static int real_ids_begin(struct cred **saved)
{
    const struct cred *now = thread_self()->cred;
    u64 caps = now->uid ? 0 : now->cap_permitted;
    struct cred *c;

    *saved = NULL;
    if (now->fsuid == now->uid && now->fsgid == now->gid && now->cap_effective == caps)
        return 0;
    c = cred_create(now);
    if (!c)
        return -ENOMEM;
    c->fsuid = c->uid;
    c->fsgid = c->gid;
    c->cap_effective = caps;
    *saved = cred_exchange(c);
    return 0;
}

static int access_check(const struct at_file *a, u32 mode)
{
    u32 type = a->inode->mode & S_IFMT;
    int err;

    if (mode & X_OK && type == S_IFREG && a->path.mount && a->path.mount->flags & MS_NOEXEC)
        return -EACCES;
    err = inode_permission(a->inode, mode);
    if (err || !(mode & W_OK) || (type != S_IFREG && type != S_IFDIR && type != S_IFLNK))
        return err;
    return at_file_may_write(a);
}

static s64 access_at(u64 dirfd, uaddr_t name, u32 mode, u32 flags)
{
    struct cred *saved = NULL;
    struct at_file a;
    s64 err;

    if (mode & ~(R_OK | W_OK | X_OK) || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    err = flags & AT_EACCESS ? 0 : real_ids_begin(&saved);
    if (err)
        return err;
    err = at_file_find(&a, dirfd, name, flags);
    if (!err)
        err = at_file_end(&a, mode ? access_check(&a, mode) : 0);
    if (saved)
        cred_put(cred_exchange(saved));
    return err;
}

s64 sys_faccessat(u64 dirfd, u64 name, u64 mode)
{
    return access_at(dirfd, name, (u32)mode, 0);
}

s64 sys_faccessat2(u64 dirfd, u64 name, u64 mode, u64 flags)
{
    return access_at(dirfd, name, (u32)mode, (u32)flags);
}
