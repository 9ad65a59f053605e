// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli; RFC 3720 appendix B.4), as ext4 and iSCSI use it.
#pragma once

#include "lib/types.h"

// The bare register: neither the start value nor the result is inverted, so calls chain. The usual
// checksum of a whole message is ~crc32c(~0U, p, n).
u32 crc32c(u32 crc, const void *p, size_t n);
