// SPDX-License-Identifier: MIT
// Block devices: requests go down, completions come up.
//
// A request names sectors of 512 bytes and the kernel memory they go to or come from. It is
// submitted once, completes once, in any order with others, and is the submitter's again when
// `done` runs. A write is durable when a flush that was submitted after the write completed has
// itself completed, or at once with BLOCK_FUA. What waits while the device is busy is sorted and
// merged; the submitter may not count on any order.
//
// Typical use:
//     block_request_init(&r, BLOCK_WRITE, sector, &segment, 1, done, cookie);
//     block_submit(device, &r);          // any context
//     ...                                // later: done(&r), r.error is 0 or -errno
#pragma once
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

#define SECTOR_SHIFT 9
#define SECTOR_SIZE  512

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO, BLOCK_OPS };

enum {                  // block_request.flags, of writes
    BLOCK_FUA = 1,      // durable when complete
    BLOCK_PREFLUSH = 2, // what was complete before is durable before this write starts
};

struct block_segment {
    void *data; // direct-mapped kernel memory: not on a stack, not static
    u32 length; // bytes, a multiple of the device's block size
};

struct block_device;

struct block_request {
    enum block_op op;
    u32 flags;
    u64 sector;                           // on the device; submit makes it the whole device's
    u64 sectors;                          // of discards and zeroes set after init; 0 for a flush
    const struct block_segment *segments; // the submitter's until done; a single one is copied
    u32 segment_count;
    int error;                             // set before done
    void (*done)(struct block_request *r); // any context; must not sleep
    void *private;                         // submitter's
    struct block_device *device;           // submitted to
    struct block_segment inline_segment;
    // The block layer's. A transfer is its first request, which has the totals, and those merged.
    u8 stage;                     // enum of queue.c
    bool alone;                   // is tried again after a merged transfer failed
    u32 total_segments;           // of the transfer
    u64 total_sectors;            // of the transfer
    struct block_request *merged; // next in the transfer
    struct block_request *last;   // of the transfer
    struct list link;    // (queue's lock) by arrival; the driver's once it has the transfer
    struct rb_node node; // (queue's lock) by sector while it waits
    ns_t started;
};

struct block_device_ops {
    // Starts the transfer that r heads (those in its `merged` chain follow r on the disk) or
    // answers -EBUSY when there is no room: it is offered again after the next completion. Other
    // errors end the transfer. Called with no lock of the block layer held, maybe with interrupts
    // off; must not sleep. Ends in one block_complete, maybe before it returns.
    int (*submit)(struct block_device *d, struct block_request *r);
    // An ioctl that not all devices have, through a file that may write or not; may sleep. A device
    // with this can be opened without a medium. NULL: -ENOTTY.
    s64 (*ioctl)(struct block_device *d, u32 cmd, u64 arg, bool may_write);
    // A user is gone; may sleep. NULL: nothing.
    void (*closed)(struct block_device *whole);
};

struct block_limits {    // a request that exceeds them is -EINVAL
    u32 segments;        // of a transfer
    u32 sectors;         // of a transfer
    u32 block_size;      // logical: 512..4096; transfers are multiples of it
    u32 physical_size;   // reported only
    u64 discard_sectors; // of one discard; 0: not supported
    u64 zero_sectors;    // of one BLOCK_ZERO; 0: not supported
    bool volatile_cache; // false: flushes complete at once
    bool fua;            // else the layer flushes after such a write
};

struct block_stats { // (a) /proc/diskstats
    struct {
        u64 count, merged, sectors; // count: of transfers
        ns_t time;
    } op[BLOCK_OPS];
    u64 in_flight;
    ns_t busy_since, busy;
};

// The fields of /proc/diskstats and of sysfs's stat, in their order (admin-guide/iostats.rst of
// Linux): counts, merges, sectors and milliseconds of reads and of writes; requests under way, busy
// and weighted time; the four of discards; count and time of flushes.
#define BLOCK_STAT_FIELDS          17
#define BLOCK_STAT_SECTORS_READ    2
#define BLOCK_STAT_SECTORS_WRITTEN 6
void block_stats_read(const struct block_device *d, u64 out[BLOCK_STAT_FIELDS]);

struct block_device {
    char name[16];                      // (c) "vda", "vda1"
    dev_t dev;                          // (c)
    u64 sectors;                        // (a) 0: no medium, or a partition that is gone
    bool read_only;                     // (c) but of loops, while they have no sectors
    struct block_limits limits;         // (the same) the partition's are its device's
    const struct block_device_ops *ops; // (c) of whole devices
    struct block_device *whole;         // (c) of a partition: its device; else itself
    u64 start;                          // (a) of a partition: first sector on the whole device
    u32 number;                         // (c) of a partition; 0: a whole device
    u32 minors;                         // (c) but of loops; of a whole device: see block_register
    u32 opens;                          // (a) block_open
    u32 scanning;                       // (a) partitions are being read
    void *private;                      // (c) driver's
    void *cache;                        // (c) the device's pages, made at first use
    struct block_queue *queue;          // (c) of whole devices
    struct block_stats stats;
    struct list link; // (devices_lock)
};

// Registers a whole device (name, sectors, limits, ops set by the driver) as major:minor (major 0:
// the block layer chooses) and its partitions, which have the next `minors` - 1 numbers and then
// any; `minors` 0: it never has partitions. May sleep. -ENOMEM. Devices live for ever.
int block_register(struct block_device *d, u32 major, u32 minor, u32 minors);
// Reads the partition table (MBR with extended ones, GPT) again. -EBUSY: a partition is open,
// or it is being read; -EINVAL: it never has partitions; -EIO, -ENOMEM.
int block_rescan(struct block_device *d);
struct block_device *block_find(dev_t dev);             // NULL
struct block_device *block_find_name(const char *name); // "vda1"; NULL
void block_each(void (*fn)(struct block_device *d, void *arg), void *arg);
extern void (*block_added_hook)(struct block_device *d); // set by who makes nodes

// A user of the device: keeps its partition from changing. -ENXIO: no medium.
int block_open(struct block_device *d);
void block_close(struct block_device *d);
u32 block_users(struct block_device *whole); // of it and its partitions

void block_request_init(struct block_request *r, enum block_op op, u64 sector,
                        const struct block_segment *segments, u32 count,
                        void (*done)(struct block_request *r), void *private);
// Any context. Errors come through done: -EIO out of range (writes: -ENOSPC), -EINVAL misaligned or
// above the limits, -EROFS, -EOPNOTSUPP, and what the device says: -EIO.
void block_submit(struct block_device *d, struct block_request *r);
// Holds requests of the running thread back, to be sorted and merged, until unplugged; nests not.
// The thread must not wait for one of them meanwhile: the calls below unplug first.
void block_plug(void);
void block_unplug(void);
// From drivers: the transfer that r heads ended. No lock that submit takes is held.
void block_complete(struct block_request *r, int error);

// Synchronous, of any length; sleep uninterruptibly. 0 or the first error.
int block_transfer(struct block_device *d, enum block_op op, u64 sector, void *data, size_t bytes);
int block_flush(struct block_device *d);
int block_discard(struct block_device *d, u64 sector, u64 sectors); // -EOPNOTSUPP
int block_zero(struct block_device *d, u64 sector, u64 sectors);    // by writes if need be
