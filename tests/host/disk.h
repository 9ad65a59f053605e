// SPDX-License-Identifier: MIT
// A disk of the simulated machine: requests complete in any order, in interrupts, after a random
// time; what was written sits in a volatile cache until flushed; and all of it is recorded.
//
// A write is durable if it completed before the submission of a flush that completed. A crash
// leaves what is durable, and of the rest anything: see disk_crash.
#pragma once
#include "block/block.h"
#include "sched/timer.h"

enum disk_event_kind { DISK_SUBMIT, DISK_COMPLETE, DISK_FLUSH_SUBMIT, DISK_FLUSH_COMPLETE };

// Of writes (discards and zeroes are writes of zeroes) and flushes.
struct disk_event {
    enum disk_event_kind kind;
    u64 other; // index of the same request's other event; 0: it is under way
    u32 flags; // BLOCK_FUA: durable when complete
    int error; // of DISK_COMPLETE and DISK_FLUSH_COMPLETE; of a failed write anything may be there
    u64 sector, sectors;
    u8 *data; // of DISK_SUBMIT: what the disk took, at submission or at completion
};

#define DISK_DEPTH 16 // requests that a disk takes at once

struct disk_flight { // a request that the disk has taken
    struct timer timer;
    struct disk *disk;
    struct block_request *request; // NULL: free
    u64 submit;                    // index of its event, if recording
    u8 *data;                      // of a write: what is to be on the disk
    bool late;                     // bytes move at completion, not at submission
};

struct disk {
    struct block_device block;
    u8 *image;   // as reads see it
    u8 *initial; // the image when recording began
    struct disk_event *events;
    u64 event_count, event_room;
    bool recording;
    u32 depth;               // at most DISK_DEPTH
    ns_t latency;            // of most requests at most; 0: all complete within submit
    u32 requests, flushes;   // taken so far
    u64 fail_nth;            // counts down over requests; the one that makes it 0 fails
    u64 bad_sector, bad_ops; // requests that touch it fail, if their op's bit is set; bit 0: reads
    u64 slow_sector;         // 0: none; a write of it takes a second
    struct disk_flight flights[DISK_DEPTH];
};

// Registers a disk of zeroes under the name; `block_size` 512..4096. It lives until the run ends.
struct disk *disk_create(const char *name, u64 sectors, u32 block_size);
void disk_record(struct disk *d); // starts, with what is on it now; no request is under way
bool disk_idle(const struct disk *d);

// What a crash after the first `events` of the record can leave, into image (of the disk's size):
// only what is durable; or that and a random part of the rest, sectors torn. `below` is the source
// of randomness, as machine_below.
void disk_durable(const struct disk *d, u64 events, u8 *image);
void disk_crash(const struct disk *d, u64 events, u64 (*below)(u64 n), u8 *image);
