// SPDX-License-Identifier: MIT
// Split virtqueues (Virtual I/O Device 1.2, section 2.7): the driver's side of the ring, and no
// more.
//
// The caller locks, notifies the device and owns the memory. Nothing that the device writes is
// trusted: what is in flight is recorded in `slots`, which the device cannot reach.
#pragma once
#include "lib/types.h"

#define VIRTQ_MAX_SIZE 1024 // descriptors
#define VIRTQ_ALIGN    16   // of the memory

struct virtq_desc {
    u64 addr; // physical
    u32 len;
    u16 flags;
    u16 next;
};

struct virtq_avail {
    u16 flags;
    u16 idx;
    u16 ring[];
};

struct virtq_used_elem {
    u32 id;
    u32 len;
};

struct virtq_used {
    u16 flags;
    u16 idx;
    struct virtq_used_elem ring[];
};

// What the driver knows of a descriptor.
struct virtq_slot {
    void *token;  // of the request that this descriptor heads; NULL: heads none
    u32 writable; // bytes that the device may write to that request
    u16 count;    // descriptors of it
    u16 next;     // free list, or the rest of the chain
};

struct virtq {
    u16 size;                  // (c) descriptors, a power of two
    struct virtq_desc *desc;   // (c)
    struct virtq_avail *avail; // (c)
    struct virtq_used *used;   // (c)
    struct virtq_slot *slots;  // (c)
    u16 free_head;             // (caller's lock, as all below) first free descriptor
    u16 free_count;            // free descriptors
    u16 avail_idx;             // requests ever made available, modulo 2^16
    u16 used_idx;              // requests ever taken back
    bool broken;               // the device broke the rules: nothing more is exchanged
};

struct virtq_buf {
    paddr_t addr;
    u32 len; // bytes, not 0
};

// Bytes of ring memory, and of slots, for a queue of `size` descriptors.
size_t virtq_bytes(u16 size);
size_t virtq_slots_bytes(u16 size);

// `memory` is zeroed and aligned to VIRTQ_ALIGN; `size` is a power of two up to VIRTQ_MAX_SIZE.
void virtq_init(struct virtq *q, u16 size, void *memory, struct virtq_slot *slots);

// Makes a request of `out` buffers that the device reads, then `in` that it writes; token is not
// NULL. -ENOSPC when descriptors are short, -EIO when the queue is broken.
int virtq_add(struct virtq *q, const struct virtq_buf *bufs, unsigned out, unsigned in,
              void *token);

// Takes back one finished request: its token and the bytes that the device wrote. 1; 0: none is
// finished; -EIO: the device returned nonsense and the queue is broken from now on.
int virtq_take(struct virtq *q, void **token, u32 *len);

// The device wants to be told of what was added.
bool virtq_needs_notify(const struct virtq *q);
// Asks for interrupts, or not; after turning them on the caller looks once more. A hint only.
void virtq_set_interrupts(struct virtq *q, bool on);

static inline u16 virtq_in_flight(const struct virtq *q)
{
    return q->avail_idx - q->used_idx;
}
