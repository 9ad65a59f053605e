// SPDX-License-Identifier: MIT
// Structures of tmpfs, shared by its files.
#pragma once
#include "fs/tmpfs/tmpfs.h"
#include "lib/rbtree.h"
#include "vfs/file.h"

struct tmpfs_entry {
    struct rb_node by_name;   // (directory's lock) by hash, then text
    struct rb_node by_cookie; // (directory's lock)
    u64 cookie;               // (c) position of readdir; never given out twice in a directory
    struct inode *inode;      // (directory's lock) referenced
    u32 hash;                 // (c)
    u32 length;               // (c)
    char text[];              // (c)
};

struct tmpfs_inode {
    struct inode inode;
    struct list xattrs; // (inode lock)
    union {
        struct { // directories (inode lock)
            struct rb_root by_name, by_cookie;
            u64 next_cookie;
        };
        char *target; // (c) symbolic links
        u64 charged;  // (a) regular files: pages counted in tmpfs.pages
    };
};

struct tmpfs {
    u64 page_limit, space_limit; // (c)
    u64 pages;                   // (a) in use, of files and long symbolic links
    u64 space;                   // (a) bytes: of inodes, names after the first, and attributes
};

#define TMPFS_INODE_SPACE 1024 // of struct tmpfs.space: an inode with its name, or a further name
#define TMPFS_ENTRY_SIZE  20   // what a name adds to a directory's size

static inline struct tmpfs_inode *tmpfs_inode(struct inode *i)
{
    return (struct tmpfs_inode *)i;
}

static inline struct tmpfs *tmpfs_of(const struct inode *i)
{
    return i->sb->private;
}

/* dir.c */
extern const struct inode_ops tmpfs_dir_inode_ops;
extern const struct file_ops tmpfs_dir_ops;
void tmpfs_dir_init(struct tmpfs_inode *t);
void tmpfs_dir_fini(struct tmpfs_inode *t);

/* xattr.c */
extern const struct xattr_ops tmpfs_xattr_ops;
void tmpfs_xattrs_fini(struct tmpfs_inode *t);

/* memfd.c: whether seals let a file have this size, be written to, be stored to through a mapping,
 * have these rights; -EPERM */
int tmpfs_seals_size(const struct inode *i, u64 size);
int tmpfs_seals_write(const struct inode *i);
int tmpfs_seals_store(const struct inode *i);
int tmpfs_seals_mode(const struct inode *i, mode_t mode);

/* tmpfs.c */
// Takes n bytes of struct tmpfs.space, or gives them back; -ENOSPC.
int tmpfs_space_take(struct tmpfs *fs, u64 n);
void tmpfs_space_give(struct tmpfs *fs, u64 n);
int tmpfs_fsync(struct file *f, bool data_only); // 0: nothing is elsewhere
// A new inode of any type; -ENOMEM, -ENOSPC.
int tmpfs_inode_create(struct superblock *sb, const struct create_args *args, struct inode **out);
