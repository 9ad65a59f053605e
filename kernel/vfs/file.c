// SPDX-License-Identifier: MIT
// Opening files, and the life of struct file.
//
// A file with a path is held by its dentry, which pins the inode; only nameless files have an
// inode reference of their own. O_CREAT first tries to find the file; only if it is missing the
// directory is locked and the name made.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/mount.h"
#include "base/panic.h"
#include "mm/slab.h"
#include "vfs/flock.h"
#include "vfs/internal.h"
#include "vfs/registry.h"

#define STATUS_FLAGS                                                                           \
    (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_SYNC | \
     O_NOATIME | O_PATH | O_DIRECTORY | O_NOFOLLOW)
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

static struct slab_cache *file_cache; // (c)
struct mount *anon_mount;             // (c)
const struct file_ops *fifo_ops;      // (c)
void (*file_unwatch_hook)(struct file *f);
void (*file_sigio_end_hook)(struct file *f);
static struct inode anon_inode;
static const struct file_ops no_ops;
static const struct inode_ops anon_inode_ops;

static void anon_evict(struct inode *inode)
{
}

static void anon_init(void)
{
    static const struct fs_type type = {.name = "anon_inodefs"};
    static const struct superblock_ops ops = {.evict = anon_evict};
    static struct mount mount = {.source = "none"};
    struct superblock *sb;

    verify(!superblock_create(&sb, &type, &ops));
    sb->magic = ANON_INODE_FS_MAGIC;
    inode_init(&anon_inode, sb, 0600);
    anon_inode.ops = &anon_inode_ops;
    ref_init(&mount.refs, 1);
    mount.sb = sb;
    anon_mount = &mount;
}

void files_init(void)
{
    file_cache = slab_cache_create("file", sizeof(struct file), 8);
    anon_init();
}

int path_from_anon(struct inode *inode, const char *name, struct path *out)
{
    int err;

    inode_get(inode);
    err = dentry_create_lone(inode->sb, NULL, inode, name, &out->dentry);
    if (err) {
        inode_put(inode);
        return err;
    }
    out->mount = anon_mount;
    ref_get(&anon_mount->refs);
    return 0;
}

/* Life */

static u32 mode_of(u32 flags)
{
    u32 access = flags & O_ACCMODE;

    if (flags & O_PATH)
        return FILE_F_PATH;
    if (flags & FILE_OPEN_EXEC)
        return FILE_F_SEEKABLE;
    return (access != O_WRONLY ? FILE_F_READ : 0) | (access != O_RDONLY ? FILE_F_WRITE : 0);
}

// Its inode is the caller's to set.
static struct file *file_alloc(u32 flags, const struct file_ops *ops)
{
    struct file *f = slab_alloc(file_cache, 0);

    if (!f)
        return NULL;
    f->flags = flags & (STATUS_FLAGS | O_NOCTTY); // each member, as a memset would cost more
    f->mode = mode_of(flags);
    f->ops = ops;
    f->pos = 0;
    f->path = (struct path){0};
    f->private = NULL;
    f->sigio = NULL;
    f->error_seen = 0;
    f->watches.first = NULL;
    f->anon_name = NULL;
    ref_init(&f->refs, 1);
    mutex_init(&f->pos_lock, RANK_NONE);
    return f;
}

int file_create_anon(const struct file_ops *ops, const char *name, struct inode *inode, u32 flags,
                     void *private, struct file **out)
{
    struct file *f = file_alloc(flags, ops);

    if (!f)
        return -ENOMEM;
    if (!inode)
        inode_get(&anon_inode);
    f->inode = inode ? inode : &anon_inode;
    f->object = &f->inode->object;
    f->anon_name = name;
    f->private = private;
    *out = f;
    return 0;
}

static void file_release_claims(struct file *f)
{
    if (f->mode & FILE_F_WRITER) {
        inode_put_write(f->inode);
        atomic_fetch_sub(&f->inode->sb->writers, 1U);
    }
    if (f->mode & FILE_F_PROGRAM)
        inode_allow_write(f->inode);
}

void file_flags_change(struct file *f, u32 clear, u32 set)
{
    u32 old;

    do {
        old = load_relaxed(&f->flags);
    } while (!atomic_cas(&f->flags, old, (old & ~clear) | set));
}

void file_destroy(struct file *f)
{
    notify_close(f);
    if (!list_empty(&f->inode->locks))
        file_locks_release(f);
    if (f->watches.first)
        file_unwatch_hook(f);
    if (f->sigio)
        file_sigio_end_hook(f);
    if (f->ops->release)
        f->ops->release(f);
    file_release_claims(f);
    if (f->path.mount)
        path_put(&f->path);
    else
        inode_put(f->inode);
    slab_free(file_cache, f);
}

/* Opening what was found */

static int check_type(const struct path *p, u32 flags)
{
    struct inode *i = path_inode(p);
    bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;

    if (flags & FILE_OPEN_EXEC && !S_ISREG(i->mode) && !S_ISLNK(i->mode))
        return -EACCES;
    switch (i->mode & S_IFMT) {
    case S_IFLNK:
        return -ELOOP;
    case S_IFDIR:
        return writes || flags & O_CREAT ? -EISDIR : 0;
    case S_IFSOCK:
        return -ENXIO;
    case S_IFCHR:
    case S_IFBLK:
        return p->mount->flags & MS_NODEV ? -EACCES : 0;
    case S_IFIFO:
        return 0;
    default:
        return writes ? path_may_write(p) : 0;
    }
}

static int check_access(const struct path *p, u32 flags)
{
    u32 access = flags & O_ACCMODE, mask;
    struct inode *i = path_inode(p);
    int err;

    if (flags & FILE_OPEN_EXEC)
        mask = MAY_EXEC;
    else
        mask = (access != O_WRONLY ? MAY_READ : 0) |
               (access != O_RDONLY || flags & O_TRUNC ? MAY_WRITE : 0);
    err = inode_permission(i, mask);
    if (!err && flags & O_NOATIME)
        err = inode_check_owner(i);
    return err;
}

// The operations for an inode; a device's also say what file->private is.
static int find_ops(struct inode *i, struct file *f)
{
    struct device *d;

    switch (i->mode & S_IFMT) {
    case S_IFCHR:
    case S_IFBLK:
        f->ops = i->fops; // of a device that is its file system's own
        if (f->ops)
            return 0;
        d = device_find(i->rdev, S_ISBLK(i->mode));
        if (!d)
            return -ENXIO;
        f->ops = d->ops;
        f->private = d->data;
        return 0;
    case S_IFIFO:
        f->ops = fifo_ops;
        return fifo_ops ? 0 : -ENXIO;
    default:
        f->mode |= FILE_F_SEEKABLE;
        f->ops = i->fops;
        return f->ops ? 0 : -ENXIO;
    }
}

static int claim_writer(struct file *f, u32 flags)
{
    int err = 0;

    if (!S_ISREG(f->inode->mode))
        return 0;
    if (flags & FILE_OPEN_EXEC) {
        err = inode_deny_write(f->inode);
        f->mode |= err ? 0 : FILE_F_PROGRAM;
    } else if (f->mode & FILE_F_WRITE) {
        err = inode_get_write(f->inode);
        f->mode |= err ? 0 : FILE_F_WRITER;
        if (!err)
            atomic_fetch_add(&f->inode->sb->writers, 1U);
    }
    return err;
}

// O_TRUNC with O_RDONLY truncates too, but no file that runs.
static int open_truncate(struct file *f)
{
    int err = inode_get_write(f->inode);

    if (err)
        return err;
    err = vfs_truncate_at(&f->path, f->inode, 0);
    inode_put_write(f->inode);
    return err;
}

// Takes over the references of *p in any case, and `f`, if there is one already.
static int open_taken(const struct path *p, u32 flags, bool created, struct file *f,
                      struct file **out)
{
    int err = 0;

    if (!(flags & O_PATH)) {
        err = check_type(p, flags);
        if (!err && !created)
            err = check_access(p, flags);
    }
    if (!err && !f && !(f = file_alloc(flags, &no_ops)))
        err = -ENOMEM;
    if (err) {
        path_put(p);
        slab_free(file_cache, f);
        return err;
    }
    f->path = *p;
    f->inode = path_inode(p);
    f->object = &f->inode->object;
    if (!(flags & O_PATH))
        err = find_ops(f->inode, f) ?: claim_writer(f, flags);
    if (!err && f->ops->open)
        err = f->ops->open(f->inode, f);
    f->flags &= ~O_NOCTTY; // for open alone
    f->error_seen = write_errors_told(&f->object->errors);
    f->sb_error_seen = write_errors_told(&f->inode->sb->errors);
    if (err) {
        f->ops = &no_ops; // nothing to release
        f->mode |= FILE_F_PATH;
        file_put(f);
        return err;
    }
    notify_file(f, IN_OPEN);
    if (flags & O_TRUNC && !created && S_ISREG(f->inode->mode))
        err = open_truncate(f);
    if (err)
        file_put(f);
    else
        *out = f;
    return err;
}

/* Creating */

// Makes the missing file, where a dangling link leads to if it is one; -EAGAIN: it is there now.
static int create_file(const struct path *start, const char *name, u32 flags, mode_t mode, u32 walk,
                       struct path *found)
{
    struct create_args args = {.mode = S_IFREG | (mode & S_IALLUGO)};
    struct leaf e;
    int err = leaf_begin(start, name, TO_CREATE, walk, &e);

    if (err)
        return err == -EEXIST && !(flags & O_EXCL) ? -EISDIR : err;
    if (e.dentry->inode && flags & O_EXCL)
        err = -EEXIST;
    else if (e.trailing_slash)
        err = -EISDIR;
    else
        err = e.dentry->inode ? -EAGAIN : leaf_create(&e, &args);
    if (!err) {
        *found = (struct path){e.dir.mount, e.dentry};
        path_get(found);
    }
    leaf_end(&e);
    return err;
}

static int open_tmpfile(const struct path *dir, u32 flags, mode_t mode, struct file **out)
{
    struct inode *d = path_inode(dir), *inode;
    struct create_args args;
    struct path p = *dir;
    int err = dir_may_create(dir) ?: d->ops->tmpfile ? 0 : -EOPNOTSUPP;

    if (err)
        return err;
    create_args_init(&args, d, S_IFREG | (mode & S_IALLUGO & ~fs_umask()));
    err = d->ops->tmpfile(d, &args, &inode);
    if (err)
        return err;
    inode->linkable = !(flags & O_EXCL);
    err = dentry_create_lone(d->sb, dir->dentry, inode, "#tmpfile", &p.dentry);
    if (err) {
        inode_put(inode);
        return err;
    }
    ref_get(&p.mount->refs);
    return open_taken(&p, flags & ~O_DIRECTORY, true, NULL, out);
}

static u32 walk_flags_of(u32 flags, u32 walk)
{
    if (flags & O_NOFOLLOW || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        walk &= ~WALK_FOLLOW;
    else if (!(flags & FILE_OPEN_EXEC))
        walk |= WALK_FOLLOW;
    return flags & O_DIRECTORY ? walk | WALK_DIRECTORY : walk;
}

int file_open_path(const struct path *p, u32 flags, struct file **out)
{
    return open_taken(p, flags, true, NULL, out);
}

int file_open(const struct path *start, const char *name, u32 flags, mode_t mode, u32 walk_flags,
              struct file **out)
{
    u32 walk = walk_flags_of(flags, walk_flags);
    struct file *f;
    struct path p;
    int err;

    do {
        err = path_lookup(start, name, walk, &p);
        if (!err && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
            path_put(&p);
            return -EEXIST;
        }
        if (err != -ENOENT || !(flags & O_CREAT))
            break;
        f = file_alloc(flags, &no_ops); // before the name is there
        err = f ? create_file(start, name, flags, mode, walk, &p) : -ENOMEM;
        if (!err)
            return open_taken(&p, flags, true, f, out);
        slab_free(file_cache, f);
    } while (err == -EAGAIN);
    if (err)
        return err;
    if (!(flags & TMPFILE_BIT))
        return open_taken(&p, flags, false, NULL, out);
    err = open_tmpfile(&p, flags, mode, out);
    path_put(&p);
    return err;
}
