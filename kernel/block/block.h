// SPDX-License-Identifier: MIT
// Block devices: requests go down, completions come up.
//
// A request names sectors of 512 bytes and the kernel memory they go to or come from. It is
// submitted once, completes once, in any order with others, and is the submitter's again when
// `done` runs. A write is durable when a flush that was submitted after the write completed has
// itself completed, or at once with BLOCK_FUA. The queue sorts and merges what waits while the
// device is busy; the submitter may not count on any order.
//
// Typical use:
//     block_request_init(&r, BLOCK_WRITE, sector, &segment, 1, done, cookie);
//     block_submit(device, &r);          // any context
//     ...                                // later, interrupts off: done(&r), r.error is 0 or -EIO
#pragma once
#include "base/spinlock.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  512

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO };

enum {                  // block_request.flags
    BLOCK_FUA = 1,      // durable when complete
    BLOCK_PREFLUSH = 2, // what was complete before is durable before this write starts
};

struct block_segment {
    void *data; // direct-mapped kernel memory, sector-aligned length
    u32 length; // bytes, a multiple of SECTOR_SIZE
};

struct block_device;

struct block_request {
    enum block_op op;
    u32 flags;
    u64 sector;                           // on the device it was submitted to
    u64 sectors;                          // 0 for BLOCK_FLUSH
    const struct block_segment *segments; // the submitter's until done; none for the last three ops
    u32 segment_count;
    int error;                             // set before done: 0, -EIO, -ENOSPC, -EOPNOTSUPP
    void (*done)(struct block_request *r); // any context, interrupts off; must not sleep
    void *private;                         // submitter's
    struct block_device *device;           // the whole device, set by submit
    struct block_segment inline_segment;   // for requests of one segment
    struct list link;             // (device's lock) queue of the block layer, then the driver's
    struct rb_node node;          // (device's lock) by sector while it waits
    struct block_request *merged; // (device's lock) next in one transfer
};

struct block_device_ops {
    // Starts one request (with those in its `merged` chain, contiguous, same op) or answers -EBUSY
    // when the device has no room: it is offered again after the next completion. Called with no
    // lock of the block layer held; must not sleep; completes with block_complete.
    int (*submit)(struct block_device *d, struct block_request *r);
};

struct block_limits {
    u32 segments;        // of one transfer, merged ones together
    u32 sectors;         // of one transfer
    u32 block_size;      // logical: 512..4096; transfers are multiples of it
    u32 physical_size;   // reported only
    u64 discard_sectors; // of one discard; 0: not supported
    u64 zero_sectors; // of one BLOCK_ZERO; 0: not supported (-EOPNOTSUPP, the caller writes zeroes)
    bool volatile_cache; // false: flushes complete at once
    bool fua;            // else the layer flushes after such a write
};

// See block/queue.c for what else the layer keeps.
struct block_device {
    char name[16];                      // (c) "vda", "vda1"
    dev_t dev;                          // (c)
    u64 sectors;                        // (a)
    bool read_only;                     // (c)
    struct block_limits limits;         // (c)
    const struct block_device_ops *ops; // (c) of whole devices
    struct block_device *whole;         // (c) of a partition: its device; else itself
    u64 start;                          // (c) of a partition: first sector on the whole device
    void *private;                      // (c) driver's
    void *cache;                        // (c) buf/: the device's pages, made at first use
    struct block_queue *queue;          // (c) of whole devices
    struct list link;                   // (devices_lock)
};

// Registers a whole device (name, sectors, limits, ops set by the driver), gives it its number, and
// reads its partition table (MBR with extended ones, GPT): vda1 and so on. May sleep. -ENOMEM.
// `major` 0: the block layer chooses. Devices live for ever once registered.
int block_register(struct block_device *d, u32 major, u32 minor, u32 minors);
struct block_device *block_find(dev_t dev);             // NULL
struct block_device *block_find_name(const char *name); // "vda1"; NULL
void block_each(void (*fn)(struct block_device *d, void *arg), void *arg);
extern void (*block_added_hook)(struct block_device *d); // set by devfs

void block_request_init(struct block_request *r, enum block_op op, u64 sector,
                        const struct block_segment *segments, u32 count,
                        void (*done)(struct block_request *r), void *private);
// Any context. Out of range or misaligned: done runs with -EIO (writes past the end: -ENOSPC).
void block_submit(struct block_device *d, struct block_request *r);
// Holds requests of the running thread back, to be sorted and merged, until unplugged; nests not.
void block_plug(void);
void block_unplug(void);
// From drivers: the transfer that r heads ended.
void block_complete(struct block_request *r, int error);

// Synchronous: 0 or -errno; sleep uninterruptibly.
int block_transfer(struct block_device *d, enum block_op op, u64 sector, void *data, size_t bytes);
int block_flush(struct block_device *d);

struct block_stats { // /proc/diskstats, /sys/block/*/stat
    u64 reads, reads_merged, sectors_read, writes, writes_merged, sectors_written, flushes,
        discards;
    u32 in_flight;
};
void block_stats(struct block_device *d, struct block_stats *out);
