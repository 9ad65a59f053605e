// SPDX-License-Identifier: MIT
// The timer of this hart: the Sstc compare register, or the firmware's.
//
// "Never" masks the interrupt and leaves the compare value alone: QEMU 7.2 turns a value that is
// hundreds of years away into one in the past, and under -icount an idle machine jumps to any
// deadline there is, however far.
#include "arch/timer.h"
#include "arch/riscv/hart.h"
#include "arch/sbi.h"

#define SIE_TIMER (1UL << 5)
#define FAR_AWAY  (1UL << 56) // counts; in nanoseconds still a positive 64-bit number

bool timer_has_sstc;

void timer_arm(u64 when)
{
    if (when >= FAR_AWAY) {
        csr_clear(sie, SIE_TIMER);
        return;
    }
    if (timer_has_sstc)
        csr_write(0x14d, when); // stimecmp
    else
        sbi_set_timer(when);
    csr_set(sie, SIE_TIMER);
}
