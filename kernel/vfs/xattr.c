// SPDX-License-Identifier: MIT
// Extended attributes: who may do what; the rest is the file system's.
//
// "user." attributes are as contents: the file's mode decides, and only regular files and
// directories have them (a link or node may be anyone's). "trusted." ones are the administrator's
// and hidden from others; "security." ones anyone may read.
#include "abi/xattr.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "vfs/internal.h"

static bool has_prefix(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

static int user_permission(struct inode *i, u32 mask)
{
    if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
        return mask & MAY_WRITE ? -EPERM : -ENODATA;
    if (S_ISDIR(i->mode) && i->mode & S_ISVTX && mask & MAY_WRITE && inode_check_owner(i))
        return -EPERM;
    return inode_permission(i, mask);
}

static int xattr_permission(struct inode *i, const char *name, u32 mask)
{
    const struct cred *c = cred_self();

    if (has_prefix(name, "user."))
        return user_permission(i, mask);
    if (has_prefix(name, "trusted.")) {
        if (cred_capable(c, CAP_SYS_ADMIN))
            return 0;
        return mask & MAY_WRITE ? -EPERM : -ENODATA;
    }
    if (has_prefix(name, "security.") && mask & MAY_WRITE) {
        bool caps = !strcmp(name, "security.capability");

        return cred_capable(c, caps ? CAP_SETFCAP : CAP_SYS_ADMIN) ? 0 : -EPERM;
    }
    return 0;
}

int inode_xattr_get(struct inode *i, const char *name, void *value, size_t size)
{
    int err = xattr_permission(i, name, MAY_READ);

    if (err)
        return err;
    if (!i->ops->xattr)
        return -EOPNOTSUPP;
    read_lock(&i->lock);
    err = i->ops->xattr->get(i, name, value, size);
    read_unlock(&i->lock);
    return err;
}

int inode_xattr_set(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
    int err;

    write_lock(&i->lock); // the owner of the moment decides
    err = xattr_permission(i, name, MAY_WRITE);
    if (!err)
        err = i->ops->xattr ? i->ops->xattr->set(i, name, value, size, flags) : -EOPNOTSUPP;
    write_unlock(&i->lock);
    return err;
}

int inode_xattr_list(struct inode *i, char *names, size_t size)
{
    int err;

    if (!i->ops->xattr)
        return 0;
    read_lock(&i->lock);
    err = i->ops->xattr->list(i, names, size);
    read_unlock(&i->lock);
    return err;
}

int xattr_list_add(char *names, size_t size, size_t *used, const char *prefix, const char *name,
                   size_t length)
{
    size_t before = strlen(prefix), at = *used;

    if (!strcmp(prefix, "trusted.") && !cred_capable(cred_self(), CAP_SYS_ADMIN))
        return 0;
    *used += before + length + 1;
    if (!size)
        return 0;
    if (*used > size)
        return -ERANGE;
    memcpy(names + at, prefix, before);
    memcpy(names + at + before, name, length);
    names[*used - 1] = '\0';
    return 0;
}
