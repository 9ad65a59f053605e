// SPDX-License-Identifier: MIT
// The names of message queues: a file system with one directory, the same wherever it is mounted.
//
// Names and inodes are tmpfs's; only what a file is differs. mq_open(2) and mq_unlink(2) are
// lookups in the root, by a path that is mounted nowhere. The file system is made when somebody
// first asks for it, and stays.
#include "abi/errno.h"
#include "fs/mqueue/internal.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"

#define FILE_SIZE 80 // as stat(2) tells it

static struct superblock *mqueue_sb; // (mqueue_sb_lock)
static struct mutex mqueue_sb_lock = MUTEX_INIT(mqueue_sb_lock, RANK_SUPER);

/* The directory */

static int root_create(struct inode *dir, const struct name *name, const struct create_args *args,
                       struct inode **out)
{
    static const struct inode_ops file_inode_ops;
    struct mqueue *q;
    int err = S_ISREG(args->mode) ? mqueue_create(args->more, &q) : -EPERM;

    if (err)
        return err;
    err = tmpfs_make(dir, name, args, out);
    if (err) {
        mqueue_destroy(q);
        return err;
    }
    (*out)->ops = &file_inode_ops;
    (*out)->fops = &mqueue_file_ops;
    (*out)->size = FILE_SIZE;
    (*out)->private = q;
    return 0;
}

static void mqueue_evict(struct inode *i)
{
    if (S_ISREG(i->mode))
        mqueue_destroy(i->private);
    tmpfs_evict(i);
}

/* The file system */

static int superblock_make_locked(void)
{
    static const struct superblock_ops ops = {.evict = mqueue_evict};
    static const struct inode_ops root_ops = {
        .lookup = tmpfs_lookup, .create = root_create, .unlink = tmpfs_unlink};
    struct superblock *sb;
    struct dentry *root;
    int err = tmpfs_create("size=0,nr_inodes=0,mode=1777", &sb);

    if (err)
        return err;
    err = superblock_root(sb, &root);
    if (err) {
        superblock_destroy(sb);
        return err;
    }
    sb->type = "mqueue";
    sb->magic = MQUEUE_MAGIC;
    sb->ops = &ops;
    sb->root->ops = &root_ops;
    mqueue_sb = sb;
    return 0;
}

static int superblock_have(struct superblock **out)
{
    int err;

    mutex_lock(&mqueue_sb_lock);
    err = mqueue_sb ? 0 : superblock_make_locked();
    *out = mqueue_sb;
    mutex_unlock(&mqueue_sb_lock);
    return err;
}

static int mqueue_mount(const struct fs_type *type, const char *source, const char *options,
                        u32 flags, struct superblock **out)
{
    int err = options && *options ? -EINVAL : superblock_have(out);

    if (!err)
        superblock_get(*out);
    return err;
}

void mqueue_init(void)
{
    static struct fs_type type = {.name = "mqueue", .mount = mqueue_mount};

    fs_register(&type);
}

/* mq_open, mq_unlink */

// Where the names are, which never goes; the name is one of a file there.
static int root_path_of(const char *name, struct path *out)
{
    struct superblock *sb;
    int err;

    if (!strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
        return -EACCES;
    err = superblock_have(&sb);
    if (!err)
        *out = (struct path){anon_mount, sb->root_dentry};
    return err;
}

static int open_new(const struct path *root, const char *name, u32 flags, mode_t mode,
                    const struct mq_attr *attr, struct file **out)
{
    struct create_args args = {.mode = S_IFREG | (mode & S_IALLUGO), .more = attr};
    struct path p;

    return vfs_create(root, name, &args, &p) ?: file_open_path(&p, flags, out);
}

static int open_old(const struct path *root, const char *name, u32 flags, struct file **out)
{
    int err = file_open(root, name, flags, 0, 0, out);

    if (!err && (flags & O_ACCMODE) == O_ACCMODE) {
        file_put(*out);
        err = -EINVAL;
    }
    return err;
}

int mqueue_open(const char *name, u32 flags, mode_t mode, const struct mq_attr *attr,
                struct file **out)
{
    u32 kept = flags & (O_ACCMODE | O_NONBLOCK);
    struct path root;
    int err = root_path_of(name, &root);

    while (!err) {
        err = flags & O_CREAT ? open_new(&root, name, kept, mode, attr, out) : -EEXIST;
        if (err != -EEXIST || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
            break;
        err = open_old(&root, name, kept, out);
        if (err != -ENOENT || !(flags & O_CREAT))
            break;
        err = 0; // unlinked meanwhile
    }
    return err;
}

int mqueue_unlink(const char *name)
{
    struct path root;

    return root_path_of(name, &root) ?: vfs_unlink(&root, name, false);
}
