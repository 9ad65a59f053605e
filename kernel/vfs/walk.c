// SPDX-License-Identifier: MIT
// The walk from a path's text to a mount and dentry.
//
// Iterative: `at` moves one component a step. A symbolic link replaces the rest of the text by its
// target plus the rest, in a buffer of the walk's own, so that links need no recursion and a
// trailing slash after a link means what it says. Each step asks for search permission, goes to
// the child (dcache, else the file system's lookup), follows a link, crosses mounts.
#include "abi/errno.h"
#include "abi/limits.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define WALK_SCOPED (WALK_BENEATH | WALK_IN_ROOT)

struct walk {
    struct path at;   // referenced
    struct path root; // referenced once known (mount not NULL)
    u32 flags;
    u32 links;     // followed so far
    char *buffer;  // text after a link, or NULL
    bool trailing; // the last component had a slash behind it
};

/* Places */

static void walk_know_root(struct walk *w)
{
    if (!w->root.mount)
        fs_root_get(&w->root);
}

static void walk_move(struct walk *w, const struct path *to)
{
    path_put(&w->at);
    w->at = *to;
}

static void walk_to_root(struct walk *w)
{
    path_get(&w->root);
    walk_move(w, &w->root);
}

static inline bool path_is(const struct path *p, const struct path *q)
{
    return p->dentry == q->dentry && p->mount == q->mount;
}

// To the parent, out of mounts; false: there is none, or it is past the root.
static bool path_up_locked(struct path *p, const struct path *root)
{
    while (!path_is(p, root) && p->dentry == p->mount->root && p->mount->parent)
        *p = (struct path){p->mount->parent, p->mount->point};
    if (path_is(p, root) || p->dentry == p->mount->root || p->dentry == p->dentry->parent)
        return false;
    p->dentry = p->dentry->parent;
    return true;
}

// False: a rename has taken it out of what its mount shows of the file system.
static bool path_is_connected_locked(const struct path *p)
{
    const struct dentry *root = p->mount->root;

    return root == p->mount->sb->root_dentry || dentry_is_below_locked(p->dentry, root);
}

static void walk_begin(struct walk *w, const struct path *start, const char *name)
{
    if (likely(*name == '/' && !(w->flags & WALK_IN_ROOT))) {
        fs_root_get(&w->at);
    } else if (start) {
        w->at = *start;
        path_get(start);
    } else {
        fs_cwd_get(&w->at);
    }
    if (unlikely(w->flags & WALK_SCOPED)) {
        w->root = w->at;
        path_get(&w->root);
    }
}

// Where one may have been moved to while one walked is not to be found: all is below the root.
static int walk_check_scope(const struct walk *w)
{
    struct path p = w->at;

    if (likely(!(w->flags & WALK_SCOPED)))
        return 0;
    spin_lock(&tree_lock);
    while (path_up_locked(&p, &w->root))
        ;
    spin_unlock(&tree_lock);
    return path_is(&p, &w->root) ? 0 : -EXDEV;
}

static void walk_end(struct walk *w)
{
    if (w->root.mount)
        path_put(&w->root);
    kfree(w->buffer);
}

static int walk_up(struct walk *w)
{
    struct path to = w->at;
    bool up, connected;

    walk_know_root(w);
    spin_lock(&tree_lock);
    up = path_up_locked(&to, &w->root);
    connected = !up || path_is_connected_locked(&to);
    path_get(&to);
    spin_unlock(&tree_lock);
    if (!connected || (!up && w->flags & WALK_BENEATH)) {
        path_put(&to);
        return connected ? -EXDEV : -ENOENT;
    }
    mount_cross(&to);
    if (unlikely(w->flags & WALK_NO_XDEV && to.mount != w->at.mount)) {
        path_put(&to);
        return -EXDEV;
    }
    walk_move(w, &to);
    return 0;
}

/* Links */

static int walk_magic(struct walk *w, struct inode *inode)
{
    struct path to;
    int err = w->flags & WALK_NO_MAGIC ? -ELOOP : inode->ops->follow(inode, &to);

    if (err)
        return err;
    if (unlikely(w->flags & WALK_SCOPED || (w->flags & WALK_NO_XDEV && to.mount != w->at.mount))) {
        path_put(&to);
        return -EXDEV;
    }
    walk_move(w, &to);
    return 0;
}

// From the root on, where a link says so.
static int walk_jump(struct walk *w)
{
    walk_know_root(w);
    if (unlikely(w->flags & WALK_BENEATH ||
                 (w->flags & WALK_NO_XDEV && w->root.mount != w->at.mount)))
        return -EXDEV;
    walk_to_root(w);
    return 0;
}

// Makes *rest the link's target and what follows the link.
static int walk_text_link(struct walk *w, struct inode *inode, const char **rest)
{
    size_t tail = strlen(*rest) + 1, room = inode->size ? inode->size : NAME_MAX;
    char *text = kmalloc(room + tail, 0);
    int n;

    if (!text)
        return -ENOMEM;
    n = inode->ops->readlink(inode, text, room);
    if (n <= 0) {
        kfree(text);
        return n ? n : -ENOENT;
    }
    memcpy(text + n, *rest, tail);
    kfree(w->buffer);
    w->buffer = text;
    *rest = text;
    return *text == '/' ? walk_jump(w) : 0;
}

static int walk_link(struct walk *w, struct inode *inode, const char **rest)
{
    if (++w->links > SYMLOOP_MAX || w->flags & WALK_NO_LINKS)
        return -ELOOP;
    if (w->flags & WALK_CACHED && !inode->ops->follow)
        return -EAGAIN; // its text may have to be read
    inode_touch_atime(&w->at, inode);
    return inode->ops->follow ? walk_magic(w, inode) : walk_text_link(w, inode, rest);
}

/* Steps */

static int walk_child(const struct walk *w, const struct name *n, struct dentry **out)
{
    if (likely(!(w->flags & WALK_CACHED)))
        return dcache_child(w->at.dentry, n, out);
    return dcache_known(w->at.dentry, n, out);
}

// One component; *rest is the text behind it and may be replaced.
static int walk_step(struct walk *w, const struct name *n, bool follow, const char **rest)
{
    struct dentry *d;
    struct inode *inode;
    int err;

    if (n->text[0] == '.') {
        if (n->length == 1)
            return 0;
        if (n->length == 2 && n->text[1] == '.')
            return walk_up(w);
    }
    err = walk_child(w, n, &d);
    if (unlikely(err))
        return err;
    inode = load_acquire(&d->inode);
    if (!inode || unlikely(follow && S_ISLNK(inode->mode))) {
        err = inode ? walk_link(w, inode, rest) : -ENOENT;
        dentry_put(d);
        return err;
    }
    dentry_put(w->at.dentry);
    w->at.dentry = d;
    if (unlikely(load_relaxed(&d->mounted)) && mount_cross(&w->at) && w->flags & WALK_NO_XDEV)
        return -EXDEV;
    return 0;
}

static bool is_dots(const struct name *n)
{
    return n->text[0] == '.' && (n->length == 1 || (n->length == 2 && n->text[1] == '.'));
}

// The last component, for who makes or removes it: 1, or 0 if it is a link that is followed.
static int walk_last(struct walk *w, const struct name *n, const char **rest)
{
    struct dentry *d;
    struct inode *inode;
    int err;

    if (!(w->flags & WALK_FOLLOW) || is_dots(n))
        return 1;
    err = dcache_child(w->at.dentry, n, &d);
    if (err)
        return err;
    inode = load_acquire(&d->inode);
    err = inode && S_ISLNK(inode->mode) ? walk_link(w, inode, rest) : 1;
    dentry_put(d);
    return err;
}

// Cuts the component at s; returns what follows it.
static inline const char *name_scan(const char *s, struct name *n)
{
    const char *end = s;
    u32 hash = NAME_HASH_START;

    for (; *end && *end != '/'; end++)
        hash = name_hash_step(hash, *end);
    *n = (struct name){.text = s, .length = end - s, .hash = hash};
    return end;
}

static inline const char *skip_slashes(const char *s)
{
    while (*s == '/')
        s++;
    return s;
}

static inline int walk_may_search(const struct walk *w, const struct name *n)
{
    struct inode *dir = w->at.dentry->inode;

    if (unlikely(!S_ISDIR(dir->mode)))
        return -ENOTDIR;
    if (unlikely(n->length > NAME_MAX))
        return -ENAMETOOLONG;
    if (likely((dir->mode & 0111) == 0111 && !dir->ops->permission))
        return 0;
    return inode_permission(dir, MAY_EXEC);
}

// Walks s; with `last` stops before the last component and stores it there (length 0: none).
static int walk_run(struct walk *w, const char *s, struct name *last)
{
    const char *end, *rest;
    struct name n;
    int err;

    for (s = skip_slashes(s); *s; s = skip_slashes(rest)) {
        bool is_last, follow;

        rest = end = name_scan(s, &n);
        err = walk_may_search(w, &n);
        if (unlikely(err))
            return err;
        is_last = !*skip_slashes(end);
        if (is_last)
            w->trailing = *end == '/';
        follow = !is_last || w->trailing || w->flags & WALK_FOLLOW;
        err = is_last && last ? walk_last(w, &n, &rest) : walk_step(w, &n, follow, &rest);
        if (unlikely(err)) {
            if (err > 0)
                *last = n;
            return MIN(err, 0);
        }
    }
    return 0;
}

int path_lookup(const struct path *start, const char *name, u32 flags, struct path *out)
{
    struct walk w = {.flags = flags};
    int err;

    if (unlikely(!*name && !(flags & WALK_EMPTY)))
        return -ENOENT;
    walk_begin(&w, start, name);
    err = walk_run(&w, name, NULL) ?: walk_check_scope(&w);
    if (likely(!err) && (w.trailing || flags & WALK_DIRECTORY) && !S_ISDIR(path_inode(&w.at)->mode))
        err = -ENOTDIR;
    walk_end(&w);
    if (unlikely(err))
        path_put(&w.at);
    else
        *out = w.at;
    return err;
}

int path_beside(const struct path *p, const char *name, struct path *out)
{
    struct walk w = {.at = *p};
    int err;

    path_get(p);
    walk_up(&w);
    err = path_lookup(&w.at, name, 0, out);
    walk_end(&w);
    path_put(&w.at);
    return err;
}

int path_child(const struct path *dir, const char *name, struct path *out)
{
    struct name n;
    int err;

    name_scan(name, &n);
    out->mount = dir->mount;
    err = dcache_child(dir->dentry, &n, &out->dentry);
    if (!err && !out->dentry->inode) {
        dentry_put(out->dentry);
        err = -ENOENT;
    }
    if (!err)
        ref_get(&out->mount->refs);
    return err;
}

// What the call says to a last component that is no name: "/" (length 0), "." or "..".
static int special_error(const struct name *last, enum purpose why)
{
    static const int errors[] = {
        [TO_CREATE] = -EEXIST, [TO_UNLINK] = -EISDIR, [TO_RENAME] = -EBUSY};

    if (last->length && !is_dots(last))
        return 0;
    if (why != TO_RMDIR)
        return errors[why];
    return last->length == 1 ? -EINVAL : last->length ? -ENOTEMPTY : -EBUSY;
}

int path_parent(const struct path *start, const char *name, enum purpose why, u32 flags,
                struct leaf *e)
{
    struct walk w = {.flags = flags};
    int err;

    if (!*name)
        return -ENOENT;
    e->last = (struct name){.text = name};
    walk_begin(&w, start, name);
    err = walk_run(&w, name, &e->last) ?: walk_check_scope(&w) ?: special_error(&e->last, why);
    e->trailing_slash = w.trailing;
    e->buffer = w.buffer;
    e->dir = w.at;
    w.buffer = NULL;
    walk_end(&w);
    if (err)
        leaf_put(e);
    return err;
}

/* Back to text */

struct text_back {
    char *buf;
    size_t at; // the text begins here
};

static bool prepend(struct text_back *t, const char *s, size_t n)
{
    if (n > t->at)
        return false;
    t->at -= n;
    memcpy(t->buf + t->at, s, n);
    return true;
}

// Prepends the names from p up to root; false when the buffer is full.
static bool prepend_path_locked(struct text_back *t, struct path p, const struct path *root)
{
    while (p.dentry != root->dentry || p.mount != root->mount) {
        struct dentry *d = p.dentry;

        if (d == p.mount->root && p.mount->parent) {
            p = (struct path){p.mount->parent, p.mount->point};
            continue;
        }
        if (d == d->parent && d->name.length)
            return prepend(t, d->name.text, d->name.length);
        if (p.mount == anon_mount && d == d->parent) // of a file system that is mounted nowhere
            break;
        if (d == d->parent || d == p.mount->root)
            return prepend(t, "(unreachable)/", t->buf[t->at] == '/' ? 13 : 14);
        if (!prepend(t, d->name.text, d->name.length) || !prepend(t, "/", 1))
            return false;
        p.dentry = d->parent;
    }
    return t->buf[t->at] == '/' || prepend(t, "/", 1);
}

ssize_t path_to_text_from(const struct path *root, const struct path *p, char *buf, size_t size)
{
    struct text_back t = {buf, size};
    bool fits;

    spin_lock(&tree_lock);
    fits = prepend(&t, "", 1);
    if (fits && dentry_is_unlinked(p->dentry))
        fits = prepend(&t, " (deleted)", 10);
    fits = fits && prepend_path_locked(&t, *p, root);
    spin_unlock(&tree_lock);
    if (!fits)
        return -ENAMETOOLONG;
    memmove(buf, buf + t.at, size - t.at);
    return size - t.at - 1;
}

ssize_t path_to_text(const struct path *p, char *buf, size_t size)
{
    struct path root SCOPED(path_end);

    fs_root_get(&root);
    return path_to_text_from(&root, p, buf, size);
}

ssize_t mount_root_text(const struct mount *m, char *buf, size_t size)
{
    struct mount whole = {.root = m->sb->root_dentry}; // the file system, mounted nowhere

    return path_to_text_from(&(struct path){&whole, whole.root}, &(struct path){&whole, m->root},
                             buf, size);
}

ssize_t file_to_text(struct file *f, char *buf, size_t size)
{
    int n;

    if (f->path.mount)
        return path_to_text(&f->path, buf, size);
    if (strchr(f->anon_name, ':'))
        n = snformat(buf, size, "%s", f->anon_name);
    else
        n = snformat(buf, size, "%s:[%lu]", f->anon_name, f->inode->ino);
    return n < size ? n : -ENAMETOOLONG;
}
