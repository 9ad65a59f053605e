// SPDX-License-Identifier: MIT
// The mount tree: what covers what, attaching and detaching.
//
// A mount in the tree has one reference for the tree; every struct path has one more, so a mount
// whose count is 2 while its own root is being unmounted is used by nobody else, nor will be if it
// leaves the hash under the same tree_lock. mount_lock (sleeping) orders writers and protects the
// list; tree_lock (spinning) protects parent, point and the hash, which path walks read only where
// dentry->mounted says that there is something to find. A detached mount (MNT_DETACH) lives on
// until its last path is put.
#include "abi/mount.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define HASH_SIZE  64
#define TIME_FLAGS (MS_NOATIME | MS_NODIRATIME)
#define KEPT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | TIME_FLAGS)

struct rwlock mount_lock;
struct list mount_list = LIST_INIT(mount_list);
static struct hlist mount_hash[HASH_SIZE]; // (tree_lock)
static u32 next_id = 1;                    // (a)
struct path root_path;

void mount_init(void)
{
    rwlock_init(&mount_lock, RANK_MOUNT);
}

/* Paths */

void path_get(const struct path *p)
{
    ref_get(&p->mount->refs);
    dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
    dentry_put(p->dentry);
    mount_put(p->mount);
}

int path_may_write(const struct path *p)
{
    return (p->mount->flags | p->mount->sb->flags) & MS_RDONLY ? -EROFS : 0;
}

static struct hlist *hash_chain(const struct mount *parent, const struct dentry *point)
{
    return &mount_hash[hash_u64((u64)parent ^ (u64)point << 1) % HASH_SIZE];
}

// What is mounted right on *p, referenced, or NULL.
static struct mount *find_get(const struct path *p)
{
    struct mount *m, *found = NULL;

    if (likely(!load_relaxed(&p->dentry->mounted)))
        return NULL;
    spin_lock(&tree_lock);
    HLIST_FOR_EACH (m, hash_chain(p->mount, p->dentry), hash_node)
        if (m->parent == p->mount && m->point == p->dentry)
            found = m;
    if (found)
        ref_get(&found->refs);
    spin_unlock(&tree_lock);
    return found;
}

bool mount_cross(struct path *p)
{
    struct mount *m;
    bool moved = false;

    while ((m = find_get(p))) {
        dentry_get(m->root);
        path_put(p);
        *p = (struct path){m, m->root};
        moved = true;
    }
    return moved;
}

/* Life */

int mount_create(struct superblock *sb, struct dentry *root, const char *source, u32 flags,
                 struct mount **out)
{
    struct mount *m = kmalloc(sizeof(*m), ALLOC_ZERO);
    size_t n = strlen(source) + 1;

    if (!m)
        return -ENOMEM;
    m->source = kmalloc(n, 0);
    if (!m->source) {
        kfree(m);
        return -ENOMEM;
    }
    memcpy(m->source, source, n);
    ref_init(&m->refs, 1);
    m->sb = sb;
    m->root = root;
    dentry_get(root);
    m->flags = flags & KEPT_FLAGS;
    m->id = atomic_fetch_add(&next_id, 1);
    list_init(&m->link);
    *out = m;
    return 0;
}

void mount_put(struct mount *m)
{
    if (likely(!ref_put(&m->refs)))
        return;
    dentry_put(m->root);
    superblock_put(m->sb);
    kfree(m->source);
    kfree(m);
}

static int mount_create_root(struct superblock *sb, const char *source, u32 flags,
                             struct mount **out)
{
    struct dentry *root;

    return superblock_root(sb, &root) ?: mount_create(sb, root, source, flags, out);
}

void mount_join_locked(struct mount *m, const struct path *at)
{
    path_get(at);
    spin_lock(&tree_lock);
    m->parent = at->mount;
    m->point = at->dentry;
    at->dentry->mounted++;
    hlist_insert(hash_chain(at->mount, at->dentry), &m->hash_node);
    spin_unlock(&tree_lock);
}

// Takes it away unless it has more than `most` references. Walks enter under the same lock, so
// that none does after the count.
static bool leave_if_locked(struct mount *m, u32 most)
{
    struct path was = {m->parent, m->point};
    bool leaves;

    spin_lock(&tree_lock);
    leaves = ref_read(&m->refs) <= most;
    if (leaves) {
        hlist_remove(&m->hash_node);
        m->point->mounted--;
        m->parent = NULL;
        m->point = NULL;
    }
    spin_unlock(&tree_lock);
    if (leaves)
        path_put(&was);
    return leaves;
}

void mount_leave_locked(struct mount *m)
{
    leave_if_locked(m, ~0U);
}

int mount_root(struct superblock *sb, const char *source)
{
    struct mount *m;
    int err = mount_create_root(sb, source, 0, &m);

    if (err)
        return err;
    write_lock(&mount_lock);
    list_insert_tail(&mount_list, &m->link);
    write_unlock(&mount_lock);
    root_path = (struct path){m, m->root};
    path_get(&root_path);
    mount_tree_boot(m);
    return 0;
}

// The directory of d, referenced and locked: nobody moves d, nor removes it after a look at what is
// mounted.
static struct inode *directory_lock(struct dentry *d)
{
    for (;;) {
        struct inode *dir = dentry_parent_inode(d), *now;

        read_lock(&dir->lock);
        now = dentry_parent_inode(d);
        inode_put(now);
        if (now == dir)
            return dir;
        read_unlock(&dir->lock);
        inode_put(dir);
    }
}

static int join_named_locked(struct mount *m, const struct path *top)
{
    struct inode *dir = directory_lock(top->dentry);
    int err = dentry_is_unlinked(top->dentry) ? -ENOENT : 0;

    if (!err)
        mount_join_locked(m, top);
    read_unlock(&dir->lock);
    inode_put(dir);
    return err;
}

int mount_attach_locked(struct mount *m, const struct path *at)
{
    struct path top = *at;
    int err;

    if (S_ISDIR(m->root->inode->mode) != S_ISDIR(path_inode(at)->mode))
        return -ENOTDIR;
    path_get(&top);
    mount_cross(&top);
    err = mount_is_ours_locked(top.mount) ? join_named_locked(m, &top) : -EINVAL;
    path_put(&top);
    return err;
}

static int attach(struct mount *m, const struct path *at)
{
    int err;

    write_lock(&mount_lock);
    err = mount_attach_locked(m, at);
    if (!err)
        list_insert_tail(&mount_list, &m->link);
    write_unlock(&mount_lock);
    return err;
}

int mount_attach(struct superblock *sb, const struct path *at, const char *source, u32 flags)
{
    struct mount *m;
    int err;

    write_lock(&mount_lock);
    err = mount_create_root(sb, source ? source : "none", flags, &m);
    write_unlock(&mount_lock);
    if (err)
        return err;
    err = attach(m, at);
    if (err) {
        superblock_get(sb); // the caller's again
        mount_put(m);
    }
    return err;
}

/* Detaching */

static struct mount *child_of(const struct mount *m)
{
    struct mount *child;

    LIST_FOR_EACH (child, &mount_list, link)
        if (child->parent == m)
            return child;
    return NULL;
}

void mount_detach_tree_locked(struct mount *m)
{
    struct mount *at, *child;

    do {
        for (at = m; (child = child_of(at)); at = child)
            ;
        if (at->parent)
            mount_leave_locked(at);
        list_remove(&at->link);
        mount_put(at);
    } while (at != m);
}

int mount_detach(struct path *at, int flags)
{
    struct mount *m;
    int err = 0;

    mount_cross(at); // "." may be under one, after pivot_root
    m = at->mount;
    if (!cred_capable(cred_self(), CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) || at->dentry != m->root)
        return -EINVAL;
    write_lock(&mount_lock);
    if (!mount_is_ours_locked(m))
        err = -EINVAL;
    else if (!m->parent || (!(flags & MNT_DETACH) && !leave_if_locked(m, 2)))
        err = -EBUSY;
    else
        mount_detach_tree_locked(m);
    write_unlock(&mount_lock);
    return err;
}

/* mount(2) */

static int remount(const struct path *at, u32 flags, const char *options)
{
    struct superblock *sb = at->mount->sb;
    int err = 0;

    if (at->dentry != at->mount->root)
        return -EINVAL;
    if ((flags & (MS_RDONLY | MS_BIND)) == MS_RDONLY && !(sb->flags & MS_RDONLY) &&
        load_relaxed(&sb->writers))
        return -EBUSY;
    if (sb->ops->remount && !(flags & MS_BIND))
        err = sb->ops->remount(sb, flags, options);
    if (err)
        return err;
    if (!(flags & (TIME_FLAGS | MS_RELATIME | MS_STRICTATIME))) // mount(2): then they stay
        flags |= at->mount->flags & TIME_FLAGS;
    store_relaxed(&at->mount->flags, flags & KEPT_FLAGS);
    return 0;
}

int vfs_mount(const char *source, const struct path *at, const char *type, u32 flags,
              const char *options)
{
    struct fs_type *fs;
    struct superblock *sb;
    int err;

    if (!cred_capable(cred_self(), CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & MS_REMOUNT)
        return remount(at, flags, options);
    if (flags & (MS_BIND | MS_MOVE))
        return source ? mount_from(source, at, flags) : -EINVAL;
    if (flags & (MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) // nothing is ever propagated
        return 0;
    if (flags & MS_SHARED || !type)
        return -EINVAL;
    fs = fs_find(type);
    if (!fs)
        return -ENODEV;
    err = fs->mount(fs, source, options, flags, &sb);
    if (err)
        return err;
    err = mount_attach(sb, at, source, flags);
    if (err)
        superblock_put(sb);
    return err;
}

void mount_each(void (*fn)(struct mount *m, void *arg), void *arg)
{
    struct mount *m;

    read_lock(&mount_lock);
    LIST_FOR_EACH (m, &mount_list, link)
        fn(m, arg);
    read_unlock(&mount_lock);
}

void mount_flags_text(u32 flags, char *buf, size_t size)
{
    snformat(buf, size, "%s%s%s%s%s%s%s", flags & MS_RDONLY ? "ro" : "rw",
             flags & MS_NOSUID ? ",nosuid" : "", flags & MS_NODEV ? ",nodev" : "",
             flags & MS_NOEXEC ? ",noexec" : "", flags & MS_NOATIME ? ",noatime" : "",
             flags & MS_NODIRATIME ? ",nodiratime" : "", flags & MS_NOATIME ? "" : ",relatime");
}
