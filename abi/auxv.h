// SPDX-License-Identifier: MIT
// Types of the auxiliary vector that execve leaves above a program's environment.
#pragma once

#include "abi/base.h"

#define AT_NULL              0
#define AT_IGNORE            1
#define AT_EXECFD            2
#define AT_PHDR              3
#define AT_PHENT             4
#define AT_PHNUM             5
#define AT_PAGESZ            6
#define AT_BASE              7
#define AT_FLAGS             8
#define AT_ENTRY             9
#define AT_NOTELF            10
#define AT_UID               11
#define AT_EUID              12
#define AT_GID               13
#define AT_EGID              14
#define AT_PLATFORM          15
#define AT_HWCAP             16
#define AT_CLKTCK            17
#define AT_SECURE            23
#define AT_BASE_PLATFORM     24
#define AT_RANDOM            25
#define AT_HWCAP2            26
#define AT_EXECFN            31
#define AT_SYSINFO_EHDR      33
#define AT_L1I_CACHESIZE     40
#define AT_L1I_CACHEGEOMETRY 41
#define AT_L1D_CACHESIZE     42
#define AT_L1D_CACHEGEOMETRY 43
#define AT_L2_CACHESIZE      44
#define AT_L2_CACHEGEOMETRY  45
#define AT_L3_CACHESIZE      46
#define AT_L3_CACHEGEOMETRY  47
#define AT_MINSIGSTKSZ       51

/* AT_HWCAP: bit n is the single-letter extension 'A' + n. */
#define COMPAT_HWCAP_ISA_I 0x100
#define COMPAT_HWCAP_ISA_M 0x1000
#define COMPAT_HWCAP_ISA_A 0x1
#define COMPAT_HWCAP_ISA_F 0x20
#define COMPAT_HWCAP_ISA_D 0x8
#define COMPAT_HWCAP_ISA_C 0x4
#define COMPAT_HWCAP_ISA_V 0x200000

struct auxv_entry {
    abi_u64 a_type;
    abi_u64 a_val;
};
_Static_assert(sizeof(struct auxv_entry) == 16, "auxv_entry");
