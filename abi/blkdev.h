// SPDX-License-Identifier: MIT
// Ioctls of block devices.
#pragma once

#include "abi/base.h"

#define BLKROSET      0x125d
#define BLKROGET      0x125e
#define BLKRRPART     0x125f
#define BLKGETSIZE    0x1260
#define BLKFLSBUF     0x1261
#define BLKSSZGET     0x1268
#define BLKBSZGET     0x80081270U
#define BLKGETSIZE64  0x80081272U
#define BLKDISCARD    0x1277
#define BLKIOMIN      0x1278
#define BLKIOOPT      0x1279
#define BLKALIGNOFF   0x127a
#define BLKPBSZGET    0x127b
#define BLKROTATIONAL 0x127e
#define BLKZEROOUT    0x127f
