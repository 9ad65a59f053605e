// SPDX-License-Identifier: MIT
// What each kind of interrupt does.
#include "sched/interrupt.h"
#include "arch/thread.h"
#include "arch/upcalls.h"
#include "base/panic.h"
#include "sched/sched.h"
#include "sched/timer.h"

static void (*external_handler)(void); // (c) after boot

void interrupt_set_external(void (*handler)(void))
{
    external_handler = handler;
}

void up_interrupt(enum interrupt which)
{
    struct arch_thread *t = arch_self();
    u32 fail_nth = t->fail_nth; // of what the thread asks for, not of what interrupts it

    if (DEBUG)
        t->fail_nth = 0;
    if (which == INTERRUPT_EXTERNAL) {
        verify(external_handler);
        external_handler();
    } else {
        timers_interrupt();
        sched_tick(which == INTERRUPT_TIMER_USER);
    }
    if (DEBUG)
        t->fail_nth = fail_nth;
}
