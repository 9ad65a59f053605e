// SPDX-License-Identifier: MIT
// Many pieces of one device, read or written together, and waited for once.
//
//     block_batch_begin(&batch, device, BLOCK_WRITE, 0);
//     block_batch_add(&batch, sector, data, bytes);    // as often as wanted; may sleep
//     err = block_batch_wait(&batch);                  // the first error of any
//
// Pieces that follow each other on the device become one request. A caller that adds them in
// another order plugs first; waiting unplugs. With memory out it only goes slower: each piece is
// then waited for.
#pragma once
#include "block/block.h"
#include "sync/mutex.h"

struct batch_request;

struct block_batch {
    struct block_device *device; // (c)
    enum block_op op;            // (c)
    u32 flags;                   // (c) BLOCK_*
    struct batch_request *open;  // the one being filled, or NULL
    struct batch_request *sent;  // all others, freed by wait
    u32 in_flight;               // (a) requests, and 1 until the batch is waited for
    int error;                   // (a) the first
    struct completion done;      // in_flight is 0
};

void block_batch_begin(struct block_batch *b, struct block_device *d, enum block_op op, u32 flags);
// `bytes` is a multiple of the device's block size, at most 64 KiB; `data` as in block_segment.
void block_batch_add(struct block_batch *b, u64 sector, void *data, u32 bytes);
int block_batch_wait(struct block_batch *b);
