// SPDX-License-Identifier: MIT
// Whole trees of mounts: mount namespaces, recursive binds, and moving one.
//
// A namespace is a tree of mounts with a root of its own; each fs_context has one. There is one
// hash, one list and one lock for all, as a mount knows its tree by the way up to its root. Whoever
// makes a namespace gets a copy of every mount of the old one, and root and working directory in
// the copies; the mounts go with the last context that has them.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/mount.h"
#include "mm/slab.h"
#include "vfs/internal.h"

struct mount_tree *boot_mounts;

void mount_tree_boot(struct mount *root)
{
    static struct mount_tree first;

    ref_init(&first.refs, 1); // for good
    first.root = root;
    boot_mounts = &first;
}

void mount_tree_put(struct mount_tree *t)
{
    if (likely(!ref_put(&t->refs)))
        return;
    write_lock(&mount_lock);
    mount_detach_tree_locked(t->root);
    write_unlock(&mount_lock);
    kfree(t);
}

static struct mount *top_locked(struct mount *m)
{
    while (m->parent)
        m = m->parent;
    return m;
}

bool mount_is_ours_locked(struct mount *m)
{
    const struct fs_context *fs = thread_self()->fs;

    return top_locked(m) == (fs ? fs->mounts : boot_mounts)->root;
}

/* Copies */

static bool is_below(const struct dentry *d, const struct dentry *root)
{
    return spin_read(&tree_lock, dentry_is_below_locked(d, root));
}

static int copy_one_locked(struct mount *m, struct dentry *root, struct mount **out)
{
    int err;

    superblock_get(m->sb);
    err = mount_create(m->sb, root, m->source, m->flags, out);
    if (err)
        superblock_put(m->sb);
    else
        list_insert_tail(&mount_list, &(*out)->link);
    return err;
}

// Copies what is mounted on m->copy's part of m, and on that; each but m->copy goes into its copied
// parent. Later mounts may be parents of earlier ones (MS_MOVE), so it goes round until nothing is
// left. On error some copies are made.
static int copy_children_locked(struct mount *from, struct mount *except)
{
    struct mount *m;
    bool more = true;
    int err = 0;

    while (more && !err) {
        more = false;
        LIST_FOR_EACH (m, &mount_list, link) {
            if (m == except || m->copy || !m->parent || !m->parent->copy ||
                (m->parent == from && !is_below(m->point, from->copy->root)))
                continue;
            err = copy_one_locked(m, m->root, &m->copy);
            if (err)
                break;
            mount_join_locked(m->copy, &(struct path){m->parent->copy, m->point});
            more = true;
        }
    }
    return err;
}

static void copies_forget_locked(void)
{
    struct mount *m;

    LIST_FOR_EACH (m, &mount_list, link)
        m->copy = NULL;
}

static int bind_locked(const struct path *from, const struct path *at, bool all)
{
    struct mount *m;
    int err = copy_one_locked(from->mount, from->dentry, &m);

    if (err)
        return err;
    err = mount_attach_locked(m, at);
    if (!err && all) {
        from->mount->copy = m;
        err = copy_children_locked(from->mount, m);
        copies_forget_locked();
    }
    if (err)
        mount_detach_tree_locked(m);
    return err;
}

static int move_locked(struct mount *m, const struct path *from, const struct path *at)
{
    struct path was = {m->parent, m->point};
    int err;

    if (from->dentry != m->root || !was.mount)
        return -EINVAL;
    for (struct mount *up = at->mount; up; up = up->parent)
        if (up == m)
            return -ELOOP;
    path_get(&was);
    mount_leave_locked(m);
    err = mount_attach_locked(m, at);
    if (err)
        mount_join_locked(m, &was);
    path_put(&was);
    return err == -ENOTDIR ? -EINVAL : err;
}

int mount_from(const char *source, const struct path *at, u32 flags)
{
    struct path from SCOPED(path_end) = {0};
    int err = path_lookup(NULL, source, WALK_FOLLOW, &from);

    if (err)
        return err;
    write_lock(&mount_lock);
    if (!mount_is_ours_locked(from.mount))
        err = -EINVAL;
    else if (flags & MS_MOVE)
        err = move_locked(from.mount, &from, at);
    else
        err = bind_locked(&from, at, flags & MS_REC);
    write_unlock(&mount_lock);
    return err;
}

/* pivot_root(2) */

static bool path_is_mount(const struct path *p)
{
    return p->dentry == p->mount->root;
}

// From p one comes to `top` by going up.
static bool path_reaches_locked(const struct path *p, const struct path *top)
{
    struct path at = *p;

    while (at.mount != top->mount && at.mount->parent)
        at = (struct path){at.mount->parent, at.mount->point};
    return at.mount == top->mount && is_below(at.dentry, top->dentry);
}

static int pivot_check_locked(const struct path *root, const struct path *new,
                              const struct path *old)
{
    if (!mount_is_ours_locked(root->mount) || !mount_is_ours_locked(new->mount) ||
        !mount_is_ours_locked(old->mount))
        return -EINVAL;
    if (dentry_is_unlinked(new->dentry) || dentry_is_unlinked(old->dentry))
        return -ENOENT;
    if (new->mount == root->mount || old->mount == root->mount)
        return -EBUSY;
    if (!path_is_mount(root) || !path_is_mount(new) || !path_reaches_locked(old, new) ||
        !path_reaches_locked(new, root))
        return -EINVAL;
    return 0;
}

// The mount at `root` goes to `old`, that at `new` to where it was; the root of a tree, too.
static void pivot_locked(struct mount_tree *t, const struct path *root, const struct path *new,
                         const struct path *old)
{
    struct path was = {root->mount->parent, root->mount->point};

    mount_leave_locked(new->mount);
    if (was.mount) {
        path_get(&was);
        mount_leave_locked(root->mount);
        mount_join_locked(new->mount, &was);
        path_put(&was);
    } else {
        t->root = new->mount;
    }
    mount_join_locked(root->mount, old);
}

int mount_pivot(const struct path *new, const struct path *put_old)
{
    struct fs_context *fs = thread_self()->fs;
    struct path old = *put_old, root SCOPED(path_end), cwd SCOPED(path_end);
    int err;

    fs_root_get(&root);
    fs_cwd_get(&cwd);
    path_get(&old);
    write_lock(&mount_lock);
    mount_cross(&old);
    err = pivot_check_locked(&root, new, &old);
    if (!err) {
        pivot_locked(fs->mounts, &root, new, &old);
        fs_context_set_root(fs, new);
        if (cwd.mount == root.mount && cwd.dentry == root.dentry)
            fs_context_set_cwd(fs, new);
    }
    write_unlock(&mount_lock);
    path_put(&old);
    return err;
}

/* Namespaces */

static int own_mounts_locked(struct fs_context *fs, struct mount_tree *t)
{
    struct mount *old = fs->mounts->root;
    int err = copy_one_locked(old, old->root, &t->root);

    if (err)
        return err;
    old->copy = t->root;
    err = copy_children_locked(old, NULL);
    if (!err && fs->root.mount->copy)
        fs_context_set_root(fs, &(struct path){fs->root.mount->copy, fs->root.dentry});
    if (!err && fs->cwd.mount->copy)
        fs_context_set_cwd(fs, &(struct path){fs->cwd.mount->copy, fs->cwd.dentry});
    copies_forget_locked();
    if (err)
        mount_detach_tree_locked(t->root);
    return err;
}

int fs_context_own_mounts(struct fs_context *fs)
{
    struct mount_tree *t;
    int err;

    if (!cred_capable(cred_self(), CAP_SYS_ADMIN))
        return -EPERM;
    t = kmalloc(sizeof(*t), 0);
    if (!t)
        return -ENOMEM;
    ref_init(&t->refs, 1);
    write_lock(&mount_lock);
    err = own_mounts_locked(fs, t);
    write_unlock(&mount_lock);
    if (err) {
        kfree(t);
        return err;
    }
    mount_tree_put(fs->mounts);
    fs->mounts = t;
    return 0;
}
