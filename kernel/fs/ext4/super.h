// SPDX-License-Identifier: MIT
// What the files about mounting share.
#pragma once
#include "abi/mount.h"
#include "base/clock.h"
#include "base/panic.h"
#include "block/block.h"
#include "fs/ext4/group.h"

#define EXT4_GROUPS_MAX (1U << 20)

struct ext4_options {
    int errors, data_mode; // -1: as the superblock says
    int noload;
    ns_t commit_interval; // 0: the journal's own
};

/* super.c */

void ext4_stop_writing(struct ext4 *fs, int error); // whatever errors= says. Any context
// Counts and errors go into the superblock, and that to the device at once: nothing of it is in a
// transaction.
int ext4_super_write(struct ext4 *fs);

int ext4_sync_all(struct ext4 *fs); // data of all files, and the journal

/* mmp.c: 0 without the feature; -EBUSY: another machine writes. Takes seconds */

int ext4_mmp_start(struct ext4 *fs);
void ext4_mmp_stop(struct ext4 *fs);
bool ext4_mmp_lost(const struct ext4 *fs); // another took it

/* options.c */

int ext4_options_parse(const char *text, struct ext4_options *out); // -EINVAL

/* check.c: superblock to struct ext4 */

// -EINVAL: not an ext file system, or one this kernel does not take; says why.
int ext4_super_load(struct ext4 *fs, const struct ext4_super *s, const char *type);
// What forbids writing: unknown features, a read-only device. Says which.
bool ext4_super_writable(const struct ext4 *fs, const struct ext4_super *s);

/* mount.c */

int ext4_remount(struct superblock *sb, u32 flags, const char *options);
// Unmounts, or takes back what a failed mount did: the inodes are gone.
void ext4_close(struct ext4 *fs);
