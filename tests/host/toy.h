// SPDX-License-Identifier: MIT
// A toy file system over the journal, and the model that says what each transaction leaves.
//
// It has a map block, and after it a pool of blocks, each of which is, as its entry in the map
// says, free; metadata, whose contents go through the journal; or data, written in place before the
// handle that makes the entry. Every TOY_PLAIN_EVERYth block of the pool is never journaled and has
// no promises. The model changes in the same step as the buffer: states are kept by transaction.
#pragma once
#include "buf/jbd.h"
#include "buf/journal.h"
#include "disk.h"
#include "host.h"

#define TOY_POOL        120
#define TOY_PLAIN_EVERY 8
#define TOY_LOG         480 // blocks of the log, usually at most
#define TOY_LOG_MOST    1024

struct toy_state { // at the end of transaction tid
    u32 tid;
    u64 map[TOY_POOL];  // kind << 32 | value of data
    u64 meta[TOY_POOL]; // values that metadata blocks hold
};

struct toy_place {
    u32 block_size;
    u64 map_block;         // the pool is behind it
    u64 log[TOY_LOG_MOST]; // where the log's blocks are
    u32 log_blocks;
    bool checksums;
};

extern struct toy_place toy;
extern struct toy_state toy_now;
extern struct journal *toy_journal;
extern struct buf_cache *toy_cache;
extern bool toy_faulty, toy_scarce; // requests of the disk fail; allocations do

// Writes an empty log of sequence toy_now.tid + 1, and a map, both of which toy_now is then.
void toy_make(u8 *image);
struct jbd_super *toy_log_super(u8 *image);
// What the log of an image leaves after the last transaction: its number.
u32 toy_recover(u8 *image);
const struct toy_state *toy_state_of(u32 tid);
void toy_check(const u8 *image, const struct toy_state *s); // panics at a difference
// toy_now becomes the state of tid; later ones never were.
void toy_go_back(u32 tid);

// Opens the journal of the disk, whose recovery leads to toy_now.
bool toy_open(struct disk *d);
bool toy_close(void); // true if all went well: then the image has been checked too
// Between these two: that many threads work.
void toy_live(struct disk *d, u64 threads, u64 steps);
// The last transaction that was reported to be durable when the disk had so many events.
u32 toy_durable(u64 event);
void toy_check_synced(const u8 *image, u64 event); // data that were synced by then
