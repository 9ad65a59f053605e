// SPDX-License-Identifier: MIT
// inotify(7): what happens to files is told to who watches them. docs/inotify.md.
//
// The hooks are called after the change can be seen, where an inode may be evicted. They never
// fail: who misses an event for want of memory is told that.
#pragma once
#include "abi/inotify.h"
#include "vfs/file.h"

struct text;
struct leaf;

extern u32 inotify_watches; // (a) of all instances

void inotify_event(const struct path *p, struct inode *i, u32 mask);
void inotify_file(struct file *f, u32 mask);
void inotify_name(struct inode *dir, const struct name *name, u32 mask);
void inotify_moved(const struct leaf *from, const struct leaf *to, struct inode *moved,
                   struct inode *victim);
void inotify_deleted(struct inode *i);

/* Hooks */

// To the directory that the path leads through, and to the inode itself. No dentry: to that alone.
static inline void notify_at(const struct path *p, struct inode *i, u32 mask)
{
    if (unlikely(load_relaxed(&inotify_watches)))
        inotify_event(p, i, mask);
}

// The same for an open file; O_PATH files and those that failed to open are passed over.
static inline void notify_file(struct file *f, u32 mask)
{
    if (unlikely(load_relaxed(&inotify_watches)))
        inotify_file(f, mask);
}

static inline void notify_close(struct file *f)
{
    notify_file(f, f->mode & FILE_F_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

static inline void notify_inode(struct inode *i, u32 mask)
{
    if (unlikely(load_relaxed(&i->watched)))
        inotify_event(NULL, i, mask);
}

// To a directory: a name in it, of a file of this mode.
static inline void notify_name(struct inode *dir, const struct name *name, u32 mask, mode_t mode)
{
    if (unlikely(load_relaxed(&dir->watched)))
        inotify_name(dir, name, mask | (S_ISDIR(mode) ? IN_ISDIR : 0));
}

// A rename; `victim` lost the new name, or is NULL.
static inline void notify_moved(const struct leaf *from, const struct leaf *to, struct inode *moved,
                                struct inode *victim)
{
    if (unlikely(load_relaxed(&inotify_watches)))
        inotify_moved(from, to, moved, victim);
}

// As inode_setattr and vfs_truncate, and tell.
int inode_setattr_at(const struct path *p, struct inode *i, const struct attr *attr);
int vfs_truncate_at(const struct path *p, struct inode *i, u64 size);

// A dentry gives up its inode.
static inline void notify_put(struct inode *i)
{
    if (unlikely(load_relaxed(&i->watched)) && !i->nlink)
        inotify_deleted(i);
    inode_put(i);
}

// The superblock goes; nobody can reach its files any more.
void inotify_unmounted(struct superblock *sb);

/* Instances */

// flags: IN_NONBLOCK. -EMFILE: the user has too many. -ENOMEM.
int inotify_create(u32 flags, struct file **out);
bool file_is_inotify(const struct file *f);
// A watch descriptor, the one of a watch that is there. -EACCES, -EEXIST, -ENOSPC, -ENOMEM.
int inotify_add(struct file *f, struct inode *i, u32 mask);
int inotify_remove(struct file *f, int wd); // -EINVAL

// /proc/sys/fs/inotify: (a)
extern u64 inotify_max_events, inotify_max_instances, inotify_max_watches;
