// SPDX-License-Identifier: MIT
// Integer types, units and the page size: the vocabulary of every other file.
//
// The widths are those of LP64 with 64-bit types as `long`, so that the same names agree with a C
// library's on the native test build, and %lu / %lx format every 64-bit value.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;

typedef s64 ssize_t;

typedef u64 paddr_t; // physical address, bytes
typedef u64 vaddr_t; // kernel virtual address, bytes
typedef u64 uaddr_t; // user virtual address, bytes: never dereferenced, only given to uaccess
typedef u64 pfn_t;   // physical frame number: paddr_t >> PAGE_SHIFT
typedef u64 ns_t;    // nanoseconds

typedef s64 loff_t; // byte offset in a file
typedef s32 pid_t;
typedef u32 uid_t;
typedef u32 gid_t;
typedef u32 mode_t; // file type and permission bits, as in stat
typedef u64 dev_t;
typedef u64 ino_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

_Static_assert(sizeof(u64) == 8 && sizeof(void *) == 8 && sizeof(size_t) == 8, "LP64 only");
