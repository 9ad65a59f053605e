// SPDX-License-Identifier: MIT
// Partition tables: MBR with extended partitions, GPT (UEFI Specification 2.10, chapter 5). PURE.
#pragma once
#include "lib/types.h"

#define PARTITIONS_MAX 256 // that a disk may have

// All numbers are logical blocks of the disk.
struct partition_source {
    int (*read)(struct partition_source *s, u64 lba); // one block into `block`: 0, -EIO
    // In the order of numbers; the range lies on the disk and is not empty. 0, or an error, which
    // ends the scan.
    int (*found)(struct partition_source *s, u32 number, u64 start, u64 blocks);
    void *block;    // of block_size bytes, 8-aligned
    u32 block_size; // 512..4096
    u64 blocks;     // of the disk
};

// Finds the partitions. Whatever is on the disk: a damaged table has fewer, or none. 0, or what a
// callback answered.
int partition_scan(struct partition_source *s);
