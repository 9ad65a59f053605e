// SPDX-License-Identifier: MIT
// xv6's open flags and file types under names that can stand beside Linux's. xv6.c checks them
// against kernel/fcntl.h and kernel/stat.h.
#pragma once

#define XV6_O_ACCESS   0x003
#define XV6_O_NOFOLLOW 0x010
#define XV6_O_CREATE   0x200
#define XV6_O_TRUNC    0x400
