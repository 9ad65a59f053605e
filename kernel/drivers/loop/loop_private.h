// SPDX-License-Identifier: MIT
// What the parts of the loop driver share.
#pragma once
#include "abi/loop.h"
#include "block/block.h"
#include "buf/buf.h"
#include "vfs/file.h"

#define LOOP_FLAGS_SETTABLE (LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN)

struct loop {
    struct block_device block;
    u32 number;             // (c)
    struct spinlock lock;   // RANK_DEVICE
    struct list transfers;  // (l) that wait for the thread
    struct mutex changing;  // RANK_NONE
    struct file *file;      // (l, changed with changing and loops_lock) NULL: none
    u64 offset;             // (l, changed with changing) of the device in the file, bytes
    u64 limit;              // (changing) of its size; 0: none
    u32 flags;              // (changing) LO_FLAGS_*
    u8 name[64];            // (changing) the file's, as its owner says
    bool has_thread;        // (changing)
    struct wait_queue wait; // the thread's
    struct wait_queue idle; // for the thread to have nothing to do
};

extern struct mutex loops_lock; // loop_file.c
extern const struct block_device_ops loop_ops;

/* loop_serve.c */

int loop_submit(struct block_device *d, struct block_request *r);
int loop_start_thread(struct loop *l); // unless it runs; -ENOMEM

/* loop_file.c; changing is held */

u64 loop_file_sectors(const struct loop *l);
// Where the device begins in its file, bytes.
void loop_set_offset(struct loop *l, u64 offset);
// -EINVAL: a file of another kind. -EBADF: not open for reading, or in the end the device itself.
int loop_attach(struct loop *l, struct file *f);
struct file *loop_detach(struct loop *l); // the caller puts it

/* loop_change.c */

// -EBADF, -EBUSY, -EINVAL, -EOVERFLOW, -ENOMEM.
int loop_bind(struct loop *l, const struct loop_config *c, bool may_write);
// At once if this is the only user, else when there is none any more. -ENXIO.
int loop_clear(struct loop *l);
void loop_closed(struct block_device *d);
// -EAGAIN: it is in use. -ENXIO, -EINVAL, -EOVERFLOW, what writing its pages met.
int loop_set_status(struct loop *l, const struct loop_info64 *info);
int loop_set_block_size(struct loop *l, u32 size);
int loop_set_capacity(struct loop *l);
