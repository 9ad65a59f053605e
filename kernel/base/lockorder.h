// SPDX-License-Identifier: MIT
// The lock order of the whole kernel: a thread may take a lock only below all it holds.
//
// Read as a tree: an indented lock may be taken while holding the ones above it at smaller
// indents. Ranks rise downwards; debug builds check each acquire (same rank only where noted).
//
//  sleeping locks (mutex, rwlock)
//      RANK_EPOLL         which epolls watch what (an epoll's own: not checked, outer before
//                         inner); who gets a file's SIGIO
//      RANK_TTY           terminal state (line discipline input, modes)
//      RANK_MOUNT         mount tree writers
//      RANK_RENAME        renames between or of directories, whole file system
//        RANK_SPACE       address space areas                       (parent before child at fork)
//          RANK_INODE     inode contents; ancestors before descendants, else (two of them
//                         directories: under RANK_RENAME) by address
//            RANK_PIPE    pipe buffer; what connects Unix sockets
//            RANK_IPC     tables of System V objects
//            RANK_PIPE    pipe buffer, System V object
//            RANK_WRITEBACK  memory object: writing its changed pages, or truncating them
//              RANK_OBJECT   memory object: filling its pages
//                RANK_MAP    a file's block map
//                  RANK_GROUP   a block group's bitmaps and counts
//                    RANK_SUPER a file system's superblock, its orphans
//                      RANK_BUFFER  a block's contents
//                        RANK_DEVICE_WRITE  as RANK_WRITEBACK, of a device's own object
//                          RANK_DEVICE_FILL as RANK_OBJECT, of a device's own object
//  spinlocks
//    RANK_PROCTREE        parents, children, groups, sessions, pid table
//      RANK_SIGNAL        signal state of one process (handlers, pending, timers)
//      RANK_FUTEX         futex bucket                              (two: by address)
//      RANK_FDTABLE       descriptor table
//      RANK_FS            root, working directory, umask; lists of semaphore undos; counts
//                         of users (in interrupts, too)
//      RANK_BLOCKS        a file system's sets of block ranges
//      RANK_JOURNAL       a journal's transactions
//      RANK_BUFFERS       buffer cache: hash buckets, lists
//      RANK_DCACHE        names: tree_lock, hash buckets
//      RANK_PAGETABLE     entries of one space
//        RANK_PAGES       page tree of one memory object
//        RANK_CACHES      lists of objects with changed or cached pages
//      RANK_DEVICE        driver state, rings
//      RANK_WAIT          wait queues, work queues                  (epoll nests: by depth)
//        RANK_TIMER       a hart's timer tree
//        RANK_DONATION    who waits for whom (priority inheritance)
//        RANK_RUNQ        run queues                                (two: by hart index)
//          RANK_SLAB      slab caches
//            RANK_FRAMES  frame allocator zones
//          RANK_LOG       kernel log and console output
#pragma once
#include "lib/types.h"

enum lock_rank {
    RANK_NONE, // not checked
    RANK_EPOLL,
    RANK_TTY,
    RANK_MOUNT,
    RANK_RENAME,
    RANK_SPACE,
    RANK_INODE,
    RANK_IPC,
    RANK_PIPE,
    RANK_WRITEBACK,
    RANK_OBJECT,
    RANK_MAP,
    RANK_GROUP,
    RANK_SUPER,
    RANK_BUFFER,
    RANK_DEVICE_WRITE,
    RANK_DEVICE_FILL,
    RANK_PROCTREE,
    RANK_SIGNAL,
    RANK_FUTEX,
    RANK_FDTABLE,
    RANK_FS,
    RANK_BLOCKS,
    RANK_JOURNAL,
    RANK_BUFFERS,
    RANK_DCACHE,
    RANK_PAGETABLE,
    RANK_PAGES,
    RANK_CACHES,
    RANK_DEVICE,
    RANK_WAIT,
    RANK_TIMER,
    RANK_DONATION,
    RANK_RUNQ,
    RANK_SLAB,
    RANK_FRAMES,
    RANK_LOG,
    RANK_COUNT
};

const char *lockorder_name(enum lock_rank rank);

// Debug builds: note and check an acquire or release by the running thread or interrupt.
// `nested` allows an equal rank. They do nothing in release builds.
void lockorder_acquire(enum lock_rank rank, const void *lock, bool nested);
void lockorder_release(enum lock_rank rank, const void *lock);
// The running thread is about to sleep: it must hold no spinlock.
void lockorder_may_sleep(void);
