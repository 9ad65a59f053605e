// SPDX-License-Identifier: MIT
// The journal: groups of block changes that happen all or not at all (the jbd2 format).
//
// An operation opens a handle, reserving as many blocks as it may change, and closes it; many
// handles make one transaction. Three transactions may exist at once: running (handles join),
// committing (being written to the log), and those committed but not checkpointed (their blocks
// not yet written in place). A block belongs to at most one running and one committing transaction.
//
//     err = journal_begin(j, credits, &h);
//     err = journal_get_write(h, b);         // before the first change of b in this handle
//     buf_lock(b); change b->data; buf_unlock(b);
//     journal_dirty(h, b);
//     err = journal_end(h);
//
// Without a journal (j NULL: ext2, or has_journal absent) all of these work and only mark buffers
// dirty, so that a file system is written once.
//
// Handles nest: begin inside an open handle of the same thread returns the same one. A handle may
// not be held across anything that waits for a commit, nor while user memory is faulted in.
#pragma once
#include "buf/buf.h"

struct journal;
struct handle;

struct journal_config {
    struct buf_cache *cache; // (c) of the device that holds the log, the same as the file system's
    // Log block number -> device block: the journal inode's mapping. 0, -EIO.
    int (*map)(void *owner, u32 log_block, u64 *device_block);
    // The log failed, once: the file system acts on its errors= policy. May not sleep.
    void (*failed)(void *owner, int error);
    // After a transaction is durable: what it freed may be used again (tid says which). May sleep.
    void (*committed)(void *owner, u32 tid);
    void *owner;
    u32 log_blocks; // from the journal inode's size
};

// Reads the journal's superblock; replays what is committed and clears the log unless read_only
// (-EROFS if there is something to replay then). Counts what it did. -EUCLEAN: the log is not one;
// -EOPNOTSUPP: incompatible features; -EIO; -ENOMEM.
struct journal_recovery {
    u32 transactions, blocks, revoked;
};
int journal_open(const struct journal_config *config, bool read_only,
                 struct journal_recovery *recovery, struct journal **out);
// Commits, checkpoints everything, marks the log empty. The error of the last write.
int journal_close(struct journal *j);

// Sleeps until there is room. -EROFS once aborted, -ENOSPC if credits exceed a quarter of the log,
// -ENOMEM.
int journal_begin(struct journal *j, u32 credits, struct handle **out);
int journal_extend(struct handle *h, u32 credits); // -ENOSPC: restart instead. Does not sleep.
int journal_restart(struct handle *h,
                    u32 credits);            // ends and begins: the file system is consistent here
u32 journal_credits(const struct handle *h); // left
int journal_end(struct handle *h);           // -EIO if the journal aborted meanwhile

// b is going to change / is new and will be filled whole / has changed. 0, -ENOMEM, -EIO, -EROFS.
int journal_get_write(struct handle *h, struct buf *b);
int journal_get_create(struct handle *h, struct buf *b);
void journal_dirty(struct handle *h, struct buf *b);
// Blocks freed: `count` metadata blocks from `block` on leave the running transaction, and must not
// be replayed from older ones (revoke). Their buffers are forgotten when that is safe.
int journal_revoke(struct handle *h, u64 block, u64 count);

u32 journal_handle_tid(const struct handle *h); // the transaction it is in; 0 without journal
// Starts the commit of `tid` if it runs, and waits until it is durable. 0, -EIO.
int journal_commit_wait(struct journal *j, u32 tid);
int journal_sync(struct journal *j); // everything begun before
bool journal_is_durable(struct journal *j, u32 tid);
void journal_abort(struct journal *j, int error); // nothing reaches the log any more
int journal_error(struct journal *j);
int journal_flush(struct journal *j); // commit and checkpoint all: the log is empty
void journal_set_interval(struct journal *j, ns_t interval); // commit=N of mount
void journal_check(struct journal *j);
