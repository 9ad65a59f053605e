// SPDX-License-Identifier: MIT
// Directory entries as getdents64 returns them.
#pragma once

#include "abi/base.h"

#define DT_UNKNOWN 0
#define DT_FIFO    1
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8
#define DT_LNK     10
#define DT_SOCK    12
#define DT_WHT     14

struct linux_dirent64 {
    abi_u64 d_ino;
    abi_s64 d_off;    /* where the next entry is found; opaque */
    abi_u16 d_reclen; /* bytes to the next entry, a multiple of 8 */
    abi_u8 d_type;    /* DT_* */
    char d_name[];    /* ends with NUL */
};
_Static_assert(sizeof(struct linux_dirent64) == 24, "linux_dirent64");
_Static_assert(__builtin_offsetof(struct linux_dirent64, d_reclen) == 16, "d_reclen");
_Static_assert(__builtin_offsetof(struct linux_dirent64, d_name) == 19, "d_name");
