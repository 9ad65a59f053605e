// SPDX-License-Identifier: MIT
// Whether changed pages outlive a shortage of memory.
#pragma once

enum kept_by { KEPT_BY_SYNC, KEPT_BY_EVICTION, KEPT_BY_UNMOUNT };

// With a file system mounted at /m: writes a file, and has it written back so. Allocations may fail
// (by sync: from the first write on). What was taken is there after unmount() and mount().
void kept_check(enum kept_by by, int (*mount)(void), void (*unmount)(void));
