// SPDX-License-Identifier: MIT
// The page before the vDSO's code: what its clock calls need, written by the kernel.
#pragma once

struct vdso_data {
    unsigned int sequence; // odd while the kernel writes
    unsigned int shift;
    unsigned long base; // monotonic ns = (ticks - base) * mult >> shift
    unsigned long mult;
    long realtime_offset; // realtime - monotonic, ns
};
