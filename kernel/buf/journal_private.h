// SPDX-License-Identifier: MIT
// What the files of the journal share. The invariants stand in docs/journal.md.
#pragma once
#include "buf/buf_private.h"
#include "buf/jbd.h"
#include "buf/journal.h"

enum slot_state { SLOT_WAITING, SLOT_LOGGING, SLOT_LOGGED }; // where its way to the log is

// A block's membership in a running or committing transaction.
struct journal_slot {
    struct list link;       // (journal->lock) transaction->members
    struct journal_buf *jb; // (c)
    struct transaction *in; // (journal->lock) NULL: unused
    void *frozen;           // (journal->lock) what is logged, if the buffer may have changed since
    enum slot_state state;  // (journal->lock)
    bool dirty;             // (a) changed: to be logged. Set in a handle.
    bool forgotten;         // (journal->lock) freed: not to be logged
};

// A block that the journal has to do with: buf.journal points here.
struct journal_buf {
    struct buf *buf;                // (c) referenced, BUF_JOURNAL
    struct journal_slot slot[2];    // by the parity of the transaction's number
    struct transaction *checkpoint; // (journal->lock) the last committed one with it, not in place
    struct list checkpoint_link;    // (journal->lock) its `unwritten`
    bool placing;                   // (journal->lock) being written in place
};

struct transaction {
    u32 tid;         // (c)
    u32 start;       // (c) from its switch on: first log block
    bool locked;     // (journal->lock) no handle may join any more
    bool flushed;    // (journal->lock) its commit block is on its way
    u32 updates;     // (journal->lock) open handles
    u32 reserved;    // (journal->lock) members not forgotten, and credits of open handles
    u32 revoke_more; // (journal->lock) blocks of `reserved` that are for revokes
    u32 log_left;    // (journal->lock) while it commits: log blocks it may still take
    ns_t started;    // (c)
    struct list
        members; // (journal->lock) of journal_slot.link; the commit's own from the switch on
    struct list unwritten; // (journal->lock) of journal_buf.checkpoint_link, when committed
    struct ranges revoked; // (journal->lock); the commit's own from the switch on
    struct list link;      // (journal->lock) journal->checkpoints, while there are unwritten ones
};

struct log_run { // contiguous blocks of the log on the device
    u32 log_block, count;
    u64 device_block;
};

struct journal {
    struct journal_config config;  // (c)
    struct buf_cache *cache;       // (c)
    struct jbd_log log;            // (c) but start and sequence: (super_lock) as on disk
    struct log_run *runs;          // (c) all blocks of the log, in order
    u32 run_count;                 // (c)
    u32 ring;                      // (c) blocks
    u32 max;                       // (c) blocks of one transaction
    u32 revoke_blocks, revokes;    // (c) of one transaction: blocks kept for revokes; these in them
    struct buf *super;             // (super_lock)
    struct mutex super_lock;       // RANK_NONE: writing the superblock
    struct mutex checkpoint_lock;  // RANK_NONE: one checkpoint at a time; before super_lock
    u8 *head_block, *escape_block; // the commit's

    struct spinlock lock;                     // RANK_JOURNAL
    struct transaction *running, *committing; // (l) NULL: none
    struct list checkpoints; // (l) committed ones with blocks not in place, oldest first
    u32 next_tid;            // (l)
    u32 durable, requested;  // (l) the last transactions that are so; see jbd_after
    u32 head, tail;          // (l) log blocks: next to be written, oldest in use
    u32 free;                // (l) log blocks not in use
    u64 records;             // (l) journal_bufs
    bool room_wanted;        // (l) until there is enough or nothing more to checkpoint
    int error;               // (a) 0, or why it is aborted
    ns_t interval;           // (a)
    bool stopping;           // (a)

    struct wait_queue begin_wait;      // handles to be let in; a commit to end
    struct wait_queue io_wait;         // SLOT_LOGGING or placing to end
    struct wait_queue done_wait;       // transactions to be durable
    struct wait_queue commit_wait;     // the commit thread: for work, and for handles to end
    struct wait_queue checkpoint_wait; // the checkpoint thread
    struct completion commit_gone, checkpoint_gone;
};

struct handle {
    struct journal *journal;         // (c) NULL: none
    struct transaction *transaction; // (h) NULL: restart failed
    struct handle *outer;            // (h) the thread's, of another journal
    u32 credits;                     // (journal->lock)
    u32 depth;                       // (h) begins
    bool changed;                    // (h) blocks, and what was changed is not undone
};

static inline struct journal_slot *slot_of(struct journal_buf *jb, u32 tid)
{
    return &jb->slot[tid & 1];
}
// A member with contents for the log.
static inline bool slot_logs(const struct journal_slot *s)
{
    return s->dirty && !s->forgotten;
}

/* journal.c */

u64 journal_sector(struct journal *j, u32 log_block);
// Writes the superblock with these values, to be durable at once. super_lock held.
int journal_write_super(struct journal *j, u32 start, u32 sequence);
void journal_fail(struct journal *j, int error); // an error of the device: aborts, tells the owner

/* handle.c */

// Log blocks that a transaction with `blocks` members may take.
u32 journal_log_blocks(const struct journal *j, u32 blocks);
// The log has room for so many more of the running transaction, or for a new one (NULL).
bool journal_has_room(const struct journal *j, const struct transaction *t, u32 credits);
int journal_extend_locked(struct handle *h, u32 credits);

/* transaction.c */

struct transaction *transaction_create(void);
void transaction_destroy(struct transaction *t);
// The block leaves its checkpoint, if it has one; so does a transaction its last block. j->lock
// held.
void journal_buf_uncheckpoint(struct journal_buf *jb);
// The record goes if nothing needs it. j->lock held.
void journal_buf_release(struct journal *j, struct journal_buf *jb);
// Until the buffer is neither being written to the log from its page nor in place.
void journal_wait_quiet(struct journal *j, struct buf *b);
void journal_forget_all(struct journal *j); // after an abort, when nobody else is there

/* commit.c, checkpoint.c */

void journal_commit_main(void *journal);
void journal_checkpoint_main(void *journal);
// Writes committed blocks in place until enough of the log is free, or all.
int journal_checkpoint(struct journal *j, bool all);
bool journal_wants_checkpoint(
    struct journal *j); // j->lock held: it is time for the thread to begin

/* recover.c */

// Replays the log, and empties it. -EROFS if it may not and there is something to replay.
int journal_recover(struct journal *j, bool read_only, struct journal_recovery *out);

extern const struct radix_mem journal_radix_mem;
