// SPDX-License-Identifier: MIT
// Core dumps (core(5), docs/core.md).
#pragma once
#include "abi/core.h"
#include "proc/core_name.h"
#include "proc/ptrace.h"

// /proc/<pid>/coredump_filter, by bit.
enum {
    CORE_ANON_PRIVATE = 1,
    CORE_ANON_SHARED = 2,
    CORE_MAPPED_PRIVATE = 4,
    CORE_MAPPED_SHARED = 8,
    CORE_ELF_HEADERS = 16,
    CORE_FILTER_DEFAULT = 0x33, // with huge pages, which are none of their own
    CORE_FILTER_ALL = 0x1ff,
};

/* procfs_core.c */

extern u64 core_uses_pid;                               // (a) /proc/sys/kernel/core_uses_pid
void core_pattern_get(char pattern[CORE_PATTERN_SIZE]); // /proc/sys/kernel/core_pattern

/* core_image.c */

// What the dump is of; all other threads of `parked` have stopped.
struct core {
    struct process *process;
    const struct siginfo *info; // of the signal that ends it
    struct task **parked;       // the thread that had the signal first
    unsigned parked_count;
    u64 limit; // bytes of the file
};
// Writes the file, which is empty, or its beginning: 0, -ENOMEM, -EINTR, or as write(2).
int core_image_write(const struct core *c, struct file *file);
