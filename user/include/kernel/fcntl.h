// SPDX-License-Identifier: MIT
// Flags of open(), in xv6's numbers; the library translates them for the kernel.
#pragma once

#define O_RDONLY   0x000
#define O_WRONLY   0x001
#define O_RDWR     0x002
#define O_NOFOLLOW 0x010
#define O_CREATE   0x200
#define O_TRUNC    0x400

// Of mmap().
#define PROT_NONE  0x0
#define PROT_READ  0x1
#define PROT_WRITE 0x2
#define PROT_EXEC  0x4

#define MAP_SHARED  0x01 // writes reach the file
#define MAP_PRIVATE 0x02 // they do not
