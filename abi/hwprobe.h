// SPDX-License-Identifier: MIT
// Keys and values of riscv_hwprobe.
#pragma once

#include "abi/base.h"

#define RISCV_HWPROBE_KEY_MVENDORID            0
#define RISCV_HWPROBE_KEY_MARCHID              1
#define RISCV_HWPROBE_KEY_MIMPID               2
#define RISCV_HWPROBE_KEY_BASE_BEHAVIOR        3
#define RISCV_HWPROBE_BASE_BEHAVIOR_IMA        0x1
#define RISCV_HWPROBE_KEY_IMA_EXT_0            4
#define RISCV_HWPROBE_IMA_FD                   0x1
#define RISCV_HWPROBE_IMA_C                    0x2
#define RISCV_HWPROBE_IMA_V                    0x4
#define RISCV_HWPROBE_EXT_ZBA                  0x8
#define RISCV_HWPROBE_EXT_ZBB                  0x10
#define RISCV_HWPROBE_EXT_ZBS                  0x20
#define RISCV_HWPROBE_EXT_ZICBOZ               0x40
#define RISCV_HWPROBE_KEY_CPUPERF_0            5
#define RISCV_HWPROBE_MISALIGNED_UNKNOWN       0
#define RISCV_HWPROBE_MISALIGNED_EMULATED      1
#define RISCV_HWPROBE_MISALIGNED_SLOW          2
#define RISCV_HWPROBE_MISALIGNED_FAST          3
#define RISCV_HWPROBE_MISALIGNED_UNSUPPORTED   4
#define RISCV_HWPROBE_MISALIGNED_MASK          7
#define RISCV_HWPROBE_KEY_ZICBOZ_BLOCK_SIZE    6
#define RISCV_HWPROBE_KEY_HIGHEST_VIRT_ADDRESS 7
#define RISCV_HWPROBE_KEY_TIME_CSR_FREQ        8
#define RISCV_HWPROBE_WHICH_CPUS               0x1

struct riscv_hwprobe {
    abi_s64 key; /* set to -1 where unknown */
    abi_u64 value;
};
_Static_assert(sizeof(struct riscv_hwprobe) == 16, "riscv_hwprobe");

/* riscv_flush_icache: only this thread needs to see the new code. */
#define SYS_RISCV_FLUSH_ICACHE_LOCAL 1
