// SPDX-License-Identifier: MIT
// Checks the library's private copy of xv6's numbers and layouts against the public headers.
#include "lib/xv6.h"

#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/stat.h"
#include "kernel/syscall.h"

_Static_assert(XV6_O_ACCESS == (O_RDONLY | O_WRONLY | O_RDWR), "access mode");
_Static_assert(XV6_O_NOFOLLOW == O_NOFOLLOW, "O_NOFOLLOW");
_Static_assert(XV6_O_CREATE == O_CREATE, "O_CREATE");
_Static_assert(XV6_O_TRUNC == O_TRUNC, "O_TRUNC");
_Static_assert(sizeof(struct dirent) == 16, "directory entry");
_Static_assert(sizeof(struct stat) == 24, "stat");
_Static_assert(XV6_SYS_fork == SYS_fork && XV6_SYS_close == SYS_close, "the first calls");
_Static_assert(XV6_SYS_trace == SYS_trace && XV6_SYS_pgaccess == SYS_pgaccess, "later ones");
