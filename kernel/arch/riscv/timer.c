// SPDX-License-Identifier: MIT
// The timer of this hart: the Sstc compare register, or the firmware's.
#include "arch/timer.h"
#include "arch/riscv/hart.h"
#include "arch/sbi.h"

bool timer_has_sstc;

void timer_arm(u64 when)
{
    if (timer_has_sstc)
        csr_write(0x14d, when); // stimecmp
    else
        sbi_set_timer(when);
}
