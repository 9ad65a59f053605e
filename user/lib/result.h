// SPDX-License-Identifier: MIT
// From the kernel's way to report an error to xv6's.
#pragma once

static inline long xv6_result(long result)
{
    return result < 0 ? -1 : result;
}
