// SPDX-License-Identifier: MIT
// NVM Express: what the controller sees (NVM Express Base Specification 1.4), and what the files of
// the driver share.
#pragma once
#include "base/spinlock.h"
#include "drivers/nvme/runs.h"
#include "drivers/pci/pci.h"
#include "lib/macro.h"
#include "sched/timer.h"
#include "sync/wait.h"
#include "sync/workqueue.h"

enum { // registers, section 3.1
    NVME_CAP = 0x00,
    NVME_CC = 0x14,
    NVME_CSTS = 0x1c,
    NVME_AQA = 0x24,
    NVME_ASQ = 0x28,
    NVME_ACQ = 0x30,
    NVME_DOORBELLS = 0x1000,
};

enum { // opcodes, figures 139 and 346
    ADMIN_CREATE_SQ = 0x01,
    ADMIN_CREATE_CQ = 0x05,
    ADMIN_IDENTIFY = 0x06,
    ADMIN_SET_FEATURES = 0x09,
    IO_FLUSH = 0x00,
    IO_WRITE = 0x01,
    IO_READ = 0x02,
    IO_ZERO = 0x08,
    IO_DATASET = 0x09,
};

struct nvme_command { // figure 105
    u8 opcode, flags;
    u16 id;
    u32 nsid;
    u32 reserved[2];
    u64 metadata;
    u64 prp1, prp2;
    u32 dw10, dw11, dw12, dw13, dw14, dw15;
};
static_assert(sizeof(struct nvme_command) == 64, "4.2");

struct nvme_completion { // figure 123
    u32 result, reserved;
    u16 sq_head, sq;
    u16 id;
    u16 status; // bit 0: the phase
};
static_assert(sizeof(struct nvme_completion) == 16, "4.6");

#define NVME_DEPTH      128 // entries of an I/O queue, if the controller has as many
#define NVME_LIST       (NVME_PAGE / 4 / sizeof(u64)) // addresses in a command's list
#define NVME_MAX_BYTES  (NVME_LIST * NVME_PAGE)       // of a transfer, so that the list is enough
#define NVME_NO_TIMEOUT 0xffff

// A command under way, or one whose transfer is. A transfer is one command or several; the slot of
// its first one leads.
struct nvme_slot {
    struct nvme_slot *leader; // NULL: the slot is free
    bool sent;                // the controller has the command
    u16 next_free;
    u16 pending, status;           // leader: commands under way; the first error
    u32 result;                    // leader
    struct block_request *request; // leader; NULL on the admin queue
    ns_t started;                  // leader
};

// A submission queue and its completion queue.
struct nvme_queue {
    struct spinlock lock;                // RANK_DEVICE
    struct nvme *nvme;                   // (c)
    u16 id, depth;                       // (c) one slot less than entries: so no queue is ever full
    struct nvme_command *commands;       // (l)
    struct nvme_completion *completions; // (c) the controller writes them
    u64 *lists;                          // (c) NVME_LIST addresses for each slot
    struct nvme_slot *slots;             // (l)
    u16 free, free_count;                // (l) slots
    u16 tail, head;                      // (l) of commands, of completions
    bool phase;                          // (l) of a new completion
};

struct nvme {
    char name[12];             // (c) "nvme0"
    struct pci_device *pci;    // (c)
    volatile u8 *regs;         // (c)
    u64 cap;                   // (c)
    u32 mapped;                // (c) bytes of registers
    bool stopped;              // (a) it broke the rules, or does not answer
    u32 max_bytes;             // (c) of a transfer
    bool cache, zero, discard; // (c) what it can do
    u32 namespaces;            // (c) found so far
    struct nvme_queue admin;
    bool admin_made;       // (a) interrupts look at it: others on the line raise them earlier
    struct nvme_queue *io; // (c)
    u32 io_count;          // (a) queues that interrupts look at
    struct wait_queue admin_wait;
    ns_t timeout;        // (c) of a command
    ns_t last_complaint; // (a) about a failed command
    struct timer timer;
    struct work watch;
    u32 watching; // (a) the timer runs
};

/* queue.c */

int nvme_queue_create(struct nvme_queue *q, struct nvme *n, u16 id, u16 depth); // -ENOMEM, -ENODEV
// A slot for a command of the transfer that `leader` leads (NULL: it leads itself), and the command
// to fill; queue's lock held, a slot is free.
struct nvme_slot *nvme_slot_take(struct nvme_queue *q, struct nvme_slot *leader,
                                 struct nvme_command **command);
void nvme_slot_put(struct nvme_queue *q, struct nvme_slot *s); // queue's lock held
// Tells the controller of the commands that were filled; queue's lock held.
void nvme_queue_ring(struct nvme_queue *q);
u64 *nvme_slot_list(struct nvme_queue *q, const struct nvme_slot *s);

struct nvme_done {
    struct block_request *request; // NULL: an admin command, whose slot is kept for who waits
    u16 status;
};
// Takes back what the controller has completed: the transfers in `done`, at most `max`. False: it
// had completed nothing.
bool nvme_queue_reap(struct nvme_queue *q, struct nvme_done *done, unsigned max, unsigned *count);
// Takes back a transfer of a controller that is stopped; NULL: there is none.
struct block_request *nvme_queue_fail(struct nvme_queue *q);
// When the oldest transfer was started; NS_NEVER: none is under way.
ns_t nvme_queue_oldest(struct nvme_queue *q);

/* admin.c */

// Runs one admin command with `data` (a page, or NULL) and waits: 0; -EIO, -ETIMEDOUT, with a line
// in the log.
int nvme_admin(struct nvme *n, struct nvme_command *command, void *data, u32 *result);
int nvme_start(struct nvme *n); // controller and queues
int nvme_find_namespaces(struct nvme *n);

/* disk.c */

int nvme_disk_create(struct nvme *n, u32 nsid, u64 blocks, u32 block_size, bool read_only);
void nvme_disk_complete(struct nvme *n, const struct nvme_done *done);

/* nvme.c */

// The controller is of no use any more: it touches memory no more, and what it had has failed. Any
// context, no lock held.
void nvme_stop(struct nvme *n, const char *why);
void nvme_watch(struct nvme *n); // a command was sent; queue's lock held
