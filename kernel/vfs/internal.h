// SPDX-License-Identifier: MIT
// What the files of this folder share and nobody else uses.
#pragma once
#include "vfs/file.h"

// The running thread's credentials.
static inline const struct cred *cred_self(void)
{
    return thread_self()->cred;
}

/* dentry.c */

// RANK_DCACHE, outermost of its rank: parents and names of all dentries, and the mount hash.
extern struct spinlock tree_lock;

void dcache_init(void);
// A child without looking at the file system's own rules: cache first, then lookup; may sleep.
int dcache_child(struct dentry *dir, const struct name *name, struct dentry **out);
// A nameless dentry (parent itself), never found by lookup; takes the inode reference if it
// succeeds.
int dentry_create_root(struct superblock *sb, struct inode *inode, const char *name,
                       struct dentry **out);
// An unhashed child (O_TMPFILE); takes the inode reference if it succeeds.
int dentry_create_unnamed(struct dentry *dir, struct inode *inode, struct dentry **out);
// Drops all unused names of one superblock.
void dcache_shrink_superblock(struct superblock *sb);

static inline u32 name_hash_step(u32 hash, u8 c)
{
    return (hash ^ c) * 0x01000193U;
}
#define NAME_HASH_START 0x811c9dc5U

/* mount.c */

void mount_init(void);
void mount_put(struct mount *m);
// While something is mounted on *p goes to the root of that; true if it moved.
bool mount_cross(struct path *p);

/* file.c */

void files_init(void);
/* namei.c */

// Where a new name goes: the directory is locked for writing, dentry is the (maybe negative) child.
struct new_name {
    struct path dir;
    struct dentry *dentry;
    struct name last;
    bool trailing_slash;
};
int new_name_begin(const struct path *start, const char *name, struct new_name *n);
void new_name_end(struct new_name *n);
// Permission to add and to take away names; the directory is locked. `victim` is positive.
int dir_may_create(const struct path *dir);
int dir_may_delete(const struct path *dir, struct inode *victim);
void create_args_init(struct create_args *args, struct inode *dir, mode_t mode);
// Makes the file of a name that is free; the umask is applied.
int new_name_create(struct new_name *n, struct create_args *args);
