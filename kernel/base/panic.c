// SPDX-License-Identifier: MIT
// The end of the machine on a broken invariant.
#include "base/panic.h"
#include "arch/irq.h"
#include "arch/sbi.h"
#include "arch/smp.h"
#include "arch/upcalls.h"
#include "base/log.h"
#include "lib/atomic.h"
#include "lib/format.h"

static u32 panicking; // (a) hart index + 1 of the hart that reports

static NORETURN void hart_halt(void)
{
    for (;;)
        irq_wait();
}

// Only the first hart reports; a second panic of the same hart ends at once.
static void panic_enter(void)
{
    u32 me = hart_index() + 1, none = 0;

    irq_disable();
    if (atomic_cas(&panicking, none, me)) {
        log_enter_panic();
        smp_stop_others();
        return;
    }
    if (load_relaxed(&panicking) == me)
        sbi_system_reset(false);
    hart_halt();
}

void up_panic(const struct trapframe *frame, const char *why)
{
    panic_enter();
    log_raw("panic: %s", why);
    log_raw("hart %lu thread %p", hart_index(), (void *)arch_self());
    if (frame) {
        arch_dump_registers(frame);
        arch_backtrace_frame(frame);
    } else {
        arch_backtrace();
    }
    sbi_system_reset(false);
}

void panic(const char *fmt, ...)
{
    char why[192];
    va_list args;

    va_start(args, fmt);
    vsnformat(why, sizeof(why), fmt, args);
    va_end(args);
    up_panic(NULL, why);
}

void panic_line(const char *fmt, ...)
{
    char why[192];
    va_list args;

    va_start(args, fmt);
    vsnformat(why, sizeof(why), fmt, args);
    va_end(args);
    panic_enter();
    log_raw("panic: %s", why);
    sbi_system_reset(false);
}

void assert_failed(const char *what, const char *file, int line)
{
    panic("assertion failed: %s (%s:%d)", what, file, line);
}
