// SPDX-License-Identifier: MIT
// Does to a file system, which may be damaged, whatever can be done to one.
#pragma once
#include "lib/types.h"

// Mounts the device at /m, looks at all there is, changes some of it (but for a read-only mount),
// syncs, unmounts. `below` decides. The mount's error. A program's errors are no concern of this;
// running out of memory, and strange results, are failures.
int ext4_visit(const char *source, const char *options, u32 flags, u64 (*below)(u64 n));

// Everything that a file system can have, made in one that is mounted at /m.
void ext4_visit_fill(u64 (*below)(u64 n));
int ext4_visit_mount(const char *source, const char *options, u32 flags);
