// SPDX-License-Identifier: MIT
// Bugs that the crash-state explorer must find: in the kernel there are none, in its test build one
// of them may be switched on.
#pragma once
#include "lib/types.h"

enum planted_bug {
    BUG_NONE,
    BUG_MISSING_FLUSH,        // the commit block may be durable before what it commits
    BUG_EARLY_CHECKPOINT,     // blocks are written in place before their commit
    BUG_LOST_REVOKE,          // freed blocks are not revoked
    BUG_COMMIT_BEFORE_DATA,   // metadata points at data that is not yet written
    BUG_WRONG_ESCAPE,         // a logged block loses its first word for good
    BUG_REUSED_BLOCK,         // a freed block is used again before the free is durable
    BUG_UNORDERED_SUPERBLOCK, // the log counts as empty before its blocks are in place
    BUG_SKIPPED_TAG,          // a block of a transaction is not logged
    BUG_COUNT
};

#ifdef PLANTED_BUGS
extern enum planted_bug planted_bug;

static inline bool planted(enum planted_bug bug)
{
    return planted_bug == bug;
}
#else
#define planted(bug) false
#endif
