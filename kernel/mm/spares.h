// SPDX-License-Identifier: MIT
// Batches of single frames that harts keep between their stacks (frame.c) and the zone. Callers
// have interrupts off.
#pragma once
#include "mm/frame.h"

#define SPARE_FRAMES 32 // of a batch

// Memory for all harts' batches, aligned to 64 bytes.
size_t spares_size(void);
void spares_init(void *memory);

// Moves a batch of this hart, or of any, to `batch`; how many frames that are, or 0.
unsigned spares_take(struct frame **batch);
unsigned spares_steal(struct frame **batch);
// Moves the batch at the beginning of `frames`, of which there are *count; false: no room.
bool spares_put(struct frame **frames, u64 *count);
u64 spares_frames(void); // of all harts
