// SPDX-License-Identifier: MIT
// Operations that make and remove names: mknod, mkdir, symlink, link, unlink, rmdir.
//
// Each finds the directory (path_parent), locks it for writing, looks the last component up under
// the lock, checks, lets the file system act, and brings the dentry up to date.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "lib/string.h"
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
    }
}

/* New names */

int new_name_begin(const struct path *start, const char *name, struct new_name *n)
{
    enum last_kind kind;
    int err = path_parent(start, name, &n->dir, &n->last, &kind, &n->trailing_slash);

    if (err)
        return err;
    if (kind != LAST_NORMAL) {
        path_put(&n->dir);
        return -EEXIST;
    }
    write_lock(&path_inode(&n->dir)->lock);
    err = dentry_lookup_locked(n->dir.dentry, &n->last, &n->dentry);
    if (err) {
        write_unlock(&path_inode(&n->dir)->lock);
        path_put(&n->dir);
    }
    return err;
}

void new_name_end(struct new_name *n)
{
    write_unlock(&path_inode(&n->dir)->lock);
    dentry_put(n->dentry);
    path_put(&n->dir);
}

int new_name_create(struct new_name *n, struct create_args *args)
{
    struct inode *dir = path_inode(&n->dir), *inode;
    int err = dir_may_create(&n->dir);

    if (err)
        return err;
    if (!dir->ops->create)
        return -EPERM;
    create_args_init(args, dir, args->mode);
    if (!S_ISLNK(args->mode))
        args->mode &= ~fs_umask();
    err = dir->ops->create(dir, &n->last, args, &inode);
    if (!err)
        dentry_make_positive(n->dentry, inode);
    return err;
}

static int create_name(const struct path *start, const char *name, struct create_args *args)
{
    struct new_name n;
    int err = new_name_begin(start, name, &n);

    if (err)
        return err;
    if (n.dentry->inode)
        err = -EEXIST;
    else if (n.trailing_slash && !S_ISDIR(args->mode))
        err = -ENOENT;
    else
        err = new_name_create(&n, args);
    new_name_end(&n);
    return err;
}

int vfs_mknod(const struct path *start, const char *name, mode_t mode, dev_t dev)
{
    struct create_args args = {.mode = mode, .rdev = dev};

    if (!(mode & S_IFMT))
        args.mode |= S_IFREG;
    if (S_ISDIR(mode))
        return -EPERM;
    if (S_ISLNK(mode))
        return -EINVAL;
    if ((S_ISCHR(mode) || S_ISBLK(mode)) && !cred_capable(cred_self(), CAP_MKNOD))
        return -EPERM;
    return create_name(start, name, &args);
}

int vfs_mkdir(const struct path *start, const char *name, mode_t mode)
{
    struct create_args args = {.mode = S_IFDIR | (mode & (S_IRWXUGO | S_ISVTX))};

    return create_name(start, name, &args);
}

int vfs_symlink(const char *target, const struct path *start, const char *name)
{
    struct create_args args = {.mode = S_IFLNK | 0777, .target = target};

    if (!*target)
        return -ENOENT;
    return create_name(start, name, &args);
}

static int link_locked(struct new_name *n, const struct path *old)
{
    struct inode *dir = path_inode(&n->dir), *inode = path_inode(old);
    int err;

    if (n->dentry->inode)
        return -EEXIST;
    if (n->dir.mount != old->mount)
        return -EXDEV;
    err = dir_may_create(&n->dir);
    if (err)
        return err;
    if (n->trailing_slash)
        return -ENOENT;
    if (S_ISDIR(inode->mode) || !dir->ops->link)
        return -EPERM;
    write_lock_nested(&inode->lock);
    if (!inode->nlink && !inode->linkable)
        err = -ENOENT;
    else
        err = dir->ops->link(dir, &n->last, inode);
    if (!err) {
        inode->linkable = false;
        inode_get(inode);
        dentry_make_positive(n->dentry, inode);
    }
    write_unlock(&inode->lock);
    return err;
}

int vfs_link(const struct path *old, const struct path *start, const char *name)
{
    struct new_name n;
    int err = new_name_begin(start, name, &n);

    if (err)
        return err;
    err = link_locked(&n, old);
    new_name_end(&n);
    return err;
}

/* Removal */

static int removal_check(const struct path *dir, struct dentry *d, bool directory, bool slash)
{
    struct inode *victim = d->inode;
    int err;

    if (!victim)
        return -ENOENT;
    if (!directory && slash)
        return S_ISDIR(victim->mode) ? -EISDIR : -ENOTDIR;
    err = dir_may_delete(dir, victim);
    if (err)
        return err;
    if (directory && !S_ISDIR(victim->mode))
        return -ENOTDIR;
    if (!directory && S_ISDIR(victim->mode))
        return -EISDIR;
    if (!path_inode(dir)->ops->unlink)
        return -EPERM;
    return load_relaxed(&d->mounted) ? -EBUSY : 0;
}

static int remove_locked(const struct path *dir, const struct name *last, struct dentry *d)
{
    struct inode *parent = path_inode(dir), *victim = d->inode;
    int err;

    inode_get(victim);
    write_lock_nested(&victim->lock);
    err = parent->ops->unlink(parent, last, victim);
    write_unlock(&victim->lock);
    if (!err)
        dentry_unlinked(d);
    inode_put(victim);
    return err;
}

int vfs_unlink(const struct path *start, const char *name, bool directory)
{
    static const int rmdir_error[] = {
        [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY};
    struct path dir;
    struct name last;
    enum last_kind kind;
    struct dentry *d;
    bool slash;
    int err = path_parent(start, name, &dir, &last, &kind, &slash);

    if (err)
        return err;
    if (kind != LAST_NORMAL) {
        path_put(&dir);
        return directory ? rmdir_error[kind] : -EISDIR;
    }
    write_lock(&path_inode(&dir)->lock);
    err = dentry_lookup_locked(dir.dentry, &last, &d);
    if (!err) {
        err = removal_check(&dir, d, directory, slash) ?: remove_locked(&dir, &last, d);
        write_unlock(&path_inode(&dir)->lock);
        dentry_put(d);
    } else {
        write_unlock(&path_inode(&dir)->lock);
    }
    path_put(&dir);
    return err;
}

/* Of found files */

int vfs_readlink(const struct path *p, char *buf, size_t size)
{
    struct inode *inode = path_inode(p);
    struct path to;
    int err;

    if (!S_ISLNK(inode->mode))
        return -EINVAL;
    inode_touch_atime(inode);
    if (inode->ops->readlink)
        return inode->ops->readlink(inode, buf, size);
    err = inode->ops->follow(inode, &to);
    if (err)
        return err;
    err = path_to_text(&to, buf, size);
    path_put(&to);
    return err;
}

int vfs_truncate(struct inode *inode, u64 size)
{
    struct attr attr = {.valid = ATTR_SIZE, .size = size};

    if (S_ISDIR(inode->mode))
        return -EISDIR;
    if (!S_ISREG(inode->mode) || (s64)size < 0)
        return -EINVAL;
    return inode_setattr(inode, &attr);
}
