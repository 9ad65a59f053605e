// SPDX-License-Identifier: MIT
// Operations that make and remove names: mknod, mkdir, symlink, link, unlink, rmdir.
//
// Each finds the directory (path_parent), locks it for writing, looks the last component up under
// the lock, checks, lets the file system act, and brings the dentry up to date.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "mm/slab.h"
#include "vfs/internal.h"

/* Rules */

int dir_may_create(const struct path *dir)
{
    struct inode *inode = path_inode(dir);

    if (!inode->nlink)
        return -ENOENT;
    return path_may_write(dir) ?: inode_permission(inode, MAY_WRITE | MAY_EXEC);
}

int dir_may_delete(const struct path *dir, struct inode *victim)
{
    struct inode *inode = path_inode(dir);
    int err = path_may_write(dir) ?: inode_permission(inode, MAY_WRITE | MAY_EXEC);

    if (err || !(inode->mode & S_ISVTX) || cred_self()->fsuid == inode->uid)
        return err;
    return inode_check_owner(victim);
}

void create_args_init(struct create_args *args, struct inode *dir, mode_t mode)
{
    const struct cred *c = cred_self();

    args->mode = mode;
    args->uid = c->fsuid;
    args->gid = c->fsgid;
    if (dir->mode & S_ISGID) {
        args->gid = dir->gid;
        if (S_ISDIR(mode))
            args->mode |= S_ISGID;
        else if (mode & S_IXGRP && !cred_in_group(c, dir->gid) && !cred_capable(c, CAP_FSETID))
            args->mode &= ~S_ISGID;
    }
}

/* The last component */

void leaf_put(struct leaf *e)
{
    path_put(&e->dir);
    kfree(e->buffer);
}

int leaf_begin(const struct path *start, const char *name, enum purpose why, u32 flags,
               struct leaf *e)
{
    int err = path_parent(start, name, why, flags, e);

    if (err)
        return err;
    write_lock(&path_inode(&e->dir)->lock);
    err = dentry_lookup_locked(e->dir.dentry, &e->last, &e->dentry);
    if (err) {
        write_unlock(&path_inode(&e->dir)->lock);
        leaf_put(e);
    }
    return err;
}

void leaf_end(struct leaf *e)
{
    write_unlock(&path_inode(&e->dir)->lock);
    dentry_put(e->dentry);
    leaf_put(e);
}

/* New names */

int leaf_create(struct leaf *e, struct create_args *args)
{
    struct inode *dir = path_inode(&e->dir), *inode;
    int err = dir_may_create(&e->dir);

    if (err)
        return err;
    if (!dir->ops->create) // procfs: nothing but what is found there
        return -ENOENT;
    create_args_init(args, dir, args->mode);
    if (!S_ISLNK(args->mode))
        args->mode &= ~fs_umask();
    err = dir->ops->create(dir, &e->last, args, &inode);
    if (err)
        return err;
    dentry_make_positive(e->dentry, inode);
    notify_name(dir, &e->last, IN_CREATE, args->mode);
    return 0;
}

int vfs_create(const struct path *start, const char *name, struct create_args *args,
               struct path *made)
{
    struct leaf e;
    int err = leaf_begin(start, name, TO_CREATE, 0, &e);

    if (err)
        return err;
    if (e.dentry->inode)
        err = -EEXIST;
    else if (e.trailing_slash && !S_ISDIR(args->mode))
        err = -ENOENT;
    else
        err = leaf_create(&e, args);
    if (!err && made) {
        *made = (struct path){e.dir.mount, e.dentry};
        path_get(made);
    }
    leaf_end(&e);
    return err;
}

int vfs_mknod(const struct path *start, const char *name, mode_t mode, dev_t dev)
{
    struct create_args args = {.mode = mode, .rdev = dev};

    if (!(mode & S_IFMT))
        args.mode |= S_IFREG;
    if ((S_ISCHR(mode) || S_ISBLK(mode)) && !cred_capable(cred_self(), CAP_MKNOD))
        return -EPERM;
    return vfs_create(start, name, &args, NULL);
}

int vfs_mksock(const char *name, mode_t mode, struct path *out)
{
    struct create_args args = {.mode = S_IFSOCK | mode};

    return vfs_create(NULL, name, &args, out);
}

int vfs_mkdir(const struct path *start, const char *name, mode_t mode)
{
    struct create_args args = {.mode = S_IFDIR | (mode & (S_IRWXUGO | S_ISVTX))};

    return vfs_create(start, name, &args, NULL);
}

int vfs_symlink(const char *target, const struct path *start, const char *name)
{
    struct create_args args = {.mode = S_IFLNK | 0777, .target = target};

    if (!*target)
        return -ENOENT;
    return vfs_create(start, name, &args, NULL);
}

static int link_locked(struct leaf *e, const struct path *old)
{
    struct inode *dir = path_inode(&e->dir), *inode = path_inode(old);
    int err;

    if (e->dentry->inode)
        return -EEXIST;
    if (e->dir.mount != old->mount)
        return -EXDEV;
    err = dir_may_create(&e->dir);
    if (err)
        return err;
    if (e->trailing_slash)
        return -ENOENT;
    if (S_ISDIR(inode->mode) || !dir->ops->link)
        return -EPERM;
    write_lock_nested(&inode->lock);
    if (!inode->nlink && !inode->linkable)
        err = -ENOENT;
    else
        err = dir->ops->link(dir, &e->last, inode);
    if (!err) {
        inode->linkable = false;
        inode_get(inode);
        dentry_make_positive(e->dentry, inode);
    }
    write_unlock(&inode->lock);
    if (err)
        return err;
    notify_inode(inode, IN_ATTRIB);
    notify_name(dir, &e->last, IN_CREATE, inode->mode);
    return 0;
}

int vfs_link(const struct path *old, const struct path *start, const char *name)
{
    struct leaf e;
    int err = leaf_begin(start, name, TO_CREATE, 0, &e);

    if (err)
        return err;
    err = link_locked(&e, old);
    leaf_end(&e);
    return err;
}

/* Removal */

static int removal_check(struct leaf *e, bool directory)
{
    struct inode *victim = e->dentry->inode;
    int err;

    if (!victim)
        return -ENOENT;
    if (!directory && e->trailing_slash)
        return S_ISDIR(victim->mode) ? -EISDIR : -ENOTDIR;
    err = dir_may_delete(&e->dir, victim);
    if (err)
        return err;
    if (directory != S_ISDIR(victim->mode))
        return directory ? -ENOTDIR : -EISDIR;
    if (!path_inode(&e->dir)->ops->unlink)
        return -EPERM;
    return load_relaxed(&e->dentry->mounted) ? -EBUSY : 0;
}

static int remove_locked(struct leaf *e)
{
    struct inode *parent = path_inode(&e->dir), *victim = e->dentry->inode;
    int err;

    inode_get(victim);
    write_lock_nested(&victim->lock);
    err = parent->ops->unlink(parent, &e->last, victim);
    write_unlock(&victim->lock);
    if (!err) {
        if (!S_ISDIR(victim->mode))
            notify_inode(victim, IN_ATTRIB);
        dentry_unlinked(e->dentry);
        notify_name(parent, &e->last, IN_DELETE, victim->mode);
    }
    inode_put(victim);
    return err;
}

int vfs_unlink(const struct path *start, const char *name, bool directory)
{
    struct leaf e;
    int err = leaf_begin(start, name, directory ? TO_RMDIR : TO_UNLINK, 0, &e);

    if (err)
        return err;
    err = removal_check(&e, directory) ?: remove_locked(&e);
    leaf_end(&e);
    return err;
}

/* Of found files */

int vfs_readlink(const struct path *p, char *buf, size_t size)
{
    struct path to SCOPED(path_end) = {0};
    struct inode *inode = path_inode(p);

    if (!S_ISLNK(inode->mode))
        return -EINVAL;
    inode_touch_atime(p, inode);
    if (inode->ops->readlink)
        return inode->ops->readlink(inode, buf, size);
    return inode->ops->follow(inode, &to) ?: path_to_text(&to, buf, size);
}

int vfs_truncate(struct inode *inode, u64 size)
{
    struct attr attr = {.valid = ATTR_SIZE, .size = size};

    if (S_ISDIR(inode->mode))
        return -EISDIR;
    if (!S_ISREG(inode->mode) || (s64)size < 0)
        return -EINVAL;
    if (size > load_relaxed(&inode->size) && size > file_size_limit_hook())
        return -EFBIG;
    return inode_setattr(inode, &attr);
}
