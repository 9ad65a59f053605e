// SPDX-License-Identifier: MIT
// What the files of this folder share and nobody else uses.
#pragma once
#include "vfs/inotify.h"

// The running thread's credentials.
static inline const struct cred *cred_self(void)
{
    return thread_self()->cred;
}

/* dentry.c */

// RANK_DCACHE, outermost of its rank: parents and names of all dentries, and the mount hash.
extern struct spinlock tree_lock;

void dcache_init(void);
int inode_cache_create(struct superblock *sb); // 0 or -ENOMEM; kfree(sb->inodes) ends it
// A child without looking at the file system's own rules: cache first, then lookup; may sleep.
int dcache_child(struct dentry *dir, const struct name *name, struct dentry **out);
// The same of the cache alone; -EAGAIN.
int dcache_known(struct dentry *dir, const struct name *name, struct dentry **out);
// A dentry that lookups never find: a root (parent NULL: itself), or an O_TMPFILE. Takes the inode
// reference if it succeeds.
int dentry_create_lone(struct superblock *sb, struct dentry *parent, struct inode *inode,
                       const char *text, struct dentry **out);
// Drops all unused names of one superblock, which nobody makes any more.
void dcache_shrink_superblock(struct superblock *sb);
// d is `above` or below it; tree_lock is held.
bool dentry_is_below_locked(const struct dentry *d, const struct dentry *above);

static inline u32 name_hash_step(u32 hash, u8 c)
{
    return (hash ^ c) * 0x01000193U;
}
#define NAME_HASH_START 0x811c9dc5U

/* mount.c */

extern struct rwlock mount_lock; // RANK_MOUNT, taken to write by who changes the tree
extern struct list mount_list;   // (mount_lock)
void mount_init(void);
// A mount nowhere yet; takes over the superblock reference if it succeeds. -ENOMEM.
int mount_create(struct superblock *sb, struct dentry *root, const char *source, u32 flags,
                 struct mount **out);
void mount_put(struct mount *m);
void mount_join_locked(struct mount *m, const struct path *at); // puts m right there
void mount_leave_locked(struct mount *m);                       // takes it away
// Joins m on top of what is mounted on *at; -ENOTDIR -EINVAL (not of ours) -ENOENT (unlinked).
int mount_attach_locked(struct mount *m, const struct path *at);
// Detaches m and all below it, deepest first, with the tree's references; the caller has its own.
void mount_detach_tree_locked(struct mount *m);
// While something is mounted on *p goes to the root of that; true if it moved.
bool mount_cross(struct path *p);

/* mount_tree.c */

void mount_tree_boot(struct mount *root); // the first tree
// m is in the tree that the running thread sees (so it is not detached).
bool mount_is_ours_locked(struct mount *m);
// mount(2) with MS_BIND (and MS_REC) or MS_MOVE.
int mount_from(const char *source, const struct path *at, u32 flags);

/* file.c */

void files_init(void);

/* walk.c */

// Finds dir and last; no dentry yet. "/", "." and ".." are errors that depend on the purpose.
// WALK_FOLLOW: of a symbolic link in the last component, what it leads to. leaf_put() ends it.
enum purpose { TO_CREATE, TO_UNLINK, TO_RMDIR, TO_RENAME };
struct leaf;
int path_parent(const struct path *start, const char *name, enum purpose why, u32 flags,
                struct leaf *e);

/* namei.c */

// The last component of a path and the directory it is in.
struct leaf {
    struct path dir;
    struct name last;      // points into the path's text, or a link's
    char *buffer;          // that link's text, or NULL
    bool trailing_slash;   // behind it
    struct dentry *dentry; // the (maybe negative) child, while the directory is locked
};
int leaf_begin(const struct path *start, const char *name, enum purpose why, u32 flags,
               struct leaf *e);
void leaf_end(struct leaf *e);
void leaf_put(struct leaf *e);
// Permission to add and to take away names; the directory is locked. `victim` is positive.
int dir_may_create(const struct path *dir);
int dir_may_delete(const struct path *dir, struct inode *victim);
void create_args_init(struct create_args *args, struct inode *dir, mode_t mode);
// Makes the file of a name that is free; the umask is applied.
int leaf_create(struct leaf *e, struct create_args *args);
