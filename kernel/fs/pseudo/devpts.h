// SPDX-License-Identifier: MIT
// devpts: the names of pseudo-terminals.
#pragma once
#include "vfs/path.h"

#define DEVPTS_MAX     (1U << 19) // numbers, as many as an idmap holds
#define PTMX_DEV       makedev(5, 2)
#define PTS_DEV(index) makedev(136, index)

extern u64 devpts_max;   // (a) pseudo-terminals at most, of all instances
extern u64 devpts_count; // (a) there are

void devpts_init(void); // registers "devpts"
// The root of the instance that a ptmx node belongs to, referenced: its own file system, or the one
// mounted on "pts" beside it. -ENODEV if that is none; -ENOENT, ...
int devpts_find(const struct path *ptmx, struct path *root);
// Takes the lowest free number and makes the node of it, which the running thread owns: opening it
// gets `ops`, and inode->private is `private`. -ENOSPC, -ENOMEM.
int devpts_add(struct superblock *sb, const struct file_ops *ops, void *private, u32 *index);
// The node goes, and its inode->private becomes NULL (under the inode's lock); the number stays.
void devpts_remove(struct superblock *sb, u32 index);
void devpts_release(struct superblock *sb, u32 index); // the number is free again
