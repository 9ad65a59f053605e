// SPDX-License-Identifier: MIT
// CRC-32 of IEEE 802.3 (reflected, polynomial 0xedb88320), as GPT headers and gzip have it.
#pragma once

#include "lib/types.h"

// `crc` is 0, or the result for the bytes before.
u32 crc32(u32 crc, const void *p, size_t n);
