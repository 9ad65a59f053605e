// SPDX-License-Identifier: MIT
// What the files of the buffer cache share.
#pragma once
#include "buf/buf.h"

extern const struct vm_object_ops buf_device_object_ops;

// Frees some buffers that nobody has used for a while, so that their pages can be reclaimed.
void buf_shrink(struct buf_cache *c);
