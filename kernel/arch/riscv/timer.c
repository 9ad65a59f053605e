// SPDX-License-Identifier: MIT
// The timer of this hart: the Sstc compare register, or the firmware's.
//
// "Never" masks the interrupt and leaves the compare value alone: QEMU 7.2 turns a value that is
// hundreds of years away into one in the past, and under -icount an idle machine jumps to any
// deadline there is: a few far ones and its clock is at the end of its range. So what is more than
// 325 days away (at 10 MHz) counts as never, until another timer has the hart look again.
#include "arch/timer.h"
#include "arch/riscv/hart.h"
#include "arch/sbi.h"

#define SIE_TIMER (1UL << 5)
#define FAR_AWAY  (1UL << 48) // counts

bool timer_has_sstc;

void timer_arm(u64 when)
{
    u64 now = timer_ticks();

    if (when > now && when - now >= FAR_AWAY) {
        csr_clear(sie, SIE_TIMER);
        return;
    }
    if (timer_has_sstc)
        csr_write(0x14d, when); // stimecmp
    else
        sbi_set_timer(when);
    csr_set(sie, SIE_TIMER);
}
