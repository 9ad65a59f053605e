// SPDX-License-Identifier: MIT
// The RAM disk.
#pragma once

// Makes /dev/ram0 of the size that the boot argument `ramdisk=SIZE` gives (bytes, or with K, M or
// G), empty; its memory is taken as it is written.
void ramdisk_init(void);
