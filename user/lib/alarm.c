// SPDX-License-Identifier: MIT
// sigalarm(): a timer of the CPU time the process uses, whose signal runs the function on a stack
// of its own, as xv6's one page may be full. Until sigreturn() the signal is blocked, so that the
// function is not entered again; what came meanwhile is forgotten, or a function slower than its
// period would leave the program no time.
#include "abi/time.h"

#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

#define USEC_PER_TICK 100000
#define STACK_SIZE    8192

extern char alarm_entry[]; // alarm_entry.S
void (*alarm_function)(void);
void alarm_forget(void);
static struct k_sigaction alarm_action;

// From sigreturn(): a signal that waits goes when it is ignored.
void alarm_forget(void)
{
    struct k_sigaction ignore = {.handler = SIG_IGN};

    sys_sigaction(SIGPROF, &ignore);
    sys_sigaction(SIGPROF, &alarm_action);
    xv6_result(XV6_SYS_sigreturn, 0);
}

int sigalarm(int ticks, void (*fn)(void))
{
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    long usec = (long)ticks * USEC_PER_TICK;
    struct timeval period = {usec / 1000000, usec % 1000000};
    struct itimerval timer = {period, period};
    struct sigstack on = {.ss_sp = (long)stack, .ss_size = sizeof(stack)};
    long result = -EINVAL;

    if (ticks >= 0) {
        if (ticks) // a tick may still come before the signal is ignored
            alarm_function = fn;
        result = ecall2(SYS_sigaltstack, (long)&on, 0);
        if (result == -EPERM) // the function itself calls: it is on that stack
            result = 0;
        alarm_action = (struct k_sigaction){.handler = ticks ? (long)alarm_entry : SIG_IGN,
                                            .flags = SA_ONSTACK | SA_RESTART};
        if (result == 0)
            result = sys_sigaction(SIGPROF, &alarm_action);
        if (result == 0)
            result = ecall3(SYS_setitimer, ITIMER_PROF, (long)&timer, 0);
    }
    return xv6_result(XV6_SYS_sigalarm, result);
}
