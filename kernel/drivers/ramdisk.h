// SPDX-License-Identifier: MIT
// The RAM disk.
#pragma once

// Makes /dev/ram0 as the boot argument `ramdisk=` says: a size (bytes, or with K, M or G), empty,
// its memory being taken as it is written; or the path of a file, which it takes the place of.
// After the root file system is there.
void ramdisk_init(void);
