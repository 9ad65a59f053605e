// SPDX-License-Identifier: MIT
// The tables of crc32c for every program that runs kernel code outside of the kernel: there before
// main(), so that no test has them among what it allocates. The memory is not clean, as the
// kernel's.
#include "lib/crc32.h"
#include "lib/string.h"

static u64 memory[CRC32C_TABLES][CRC32C_TABLE_SIZE / sizeof(u64)];

__attribute__((constructor)) static void sums_start(void)
{
    memset(memory, 0xa5, sizeof(memory));
    for (u32 k = 0; k < CRC32C_TABLES; k++)
        crc32c_give(memory[k]);
}
