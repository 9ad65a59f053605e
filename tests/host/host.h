// SPDX-License-Identifier: MIT
// HOSTED tests: kernel code on the simulated machine of kernel/arch/host, many seeds, one process
// for each run.
//
// A scenario is a function that runs as a kernel thread after host_setup(). It and the threads it
// spawns call the kernel and compare with a model. What the compiler does not instrument (all of
// tests/host) is one step for the other threads, so a model needs no locks; but between two calls
// of the kernel, and within each, anything may happen. A failed verify() or assert(), a sanitizer's
// report, a deadlock, and memory that is not back at the end each fail the run, whose seed is then
// printed: SEED=n repeats that run, LOG=1 says more (and changes what happens),
// TEST=pattern chooses tests.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef assert_false // both cmocka's
#undef fail

#include "abi/errno.h"
#include "arch/host/machine.h"
#include "base/panic.h"
#include "sched/sched.h"
#include "sync/mutex.h"

// Each test program defines it: initialises the parts of the kernel under test. The machine,
// memory, scheduler and work queues are up.
void host_setup(void);

typedef void host_scenario(void);

// Runs the scenario with `runs` seeds (times HOST_SCALE of the environment).
void host_explore(host_scenario *scenario, unsigned runs);
// Runs it again and again: the 1st, the 2nd, ... allocation of the scenario's own thread fails,
// until a run asks for fewer. It must then report -ENOMEM (or cope) and leave nothing behind.
void host_fail_each(host_scenario *scenario);
// One run, in this process, which ends soon after: its exit status.
int host_run(host_scenario *scenario, u64 seed, u32 fail_nth);
extern u64 host_seed;    // of this run
bool host_repeats(void); // just one, that SEED says
// Memory that all runs share, for what they count; zeroes.
void *host_shared(size_t n);
// Its parts, for programs that do more in one process: boots, and calls host_setup(); then, as
// often as needed, waits for the threads, and ends the process if memory is missing since it began.
void host_begin(u64 seed);
void host_settle(void);
// True in a run of host_fail_each from the failure on.
bool host_failed_yet(void);

// A thread, as the scenario's with root's credentials; host_join waits for all that were spawned.
void host_spawn(const char *name, void (*fn)(void *), void *arg);
void host_join(void);

// A chance for any other thread.
void host_pause(void);

// Memory of the test itself, which is never short.
void *host_alloc(size_t n);

// Fails with both values if they differ.
#define host_expect(got, want)                                                         \
    do {                                                                               \
        s64 got_ = (s64)(got), want_ = (s64)(want);                                    \
        if (got_ != want_)                                                             \
            panic("%s:%d: %s is %ld, not %ld", __FILE__, __LINE__, #got, got_, want_); \
    } while (0)

// A cmocka test of NAME_scenario.
#define HOST_TEST(name, runs)                \
    static void test_##name(void **unused)   \
    {                                        \
        host_explore(name##_scenario, runs); \
    }
#define HOST_FAIL_TEST(name)               \
    static void test_##name(void **unused) \
    {                                      \
        host_fail_each(name##_scenario);   \
    }

/* mm.c */

void host_leaks_mark(void);
bool host_leaks_report(void); // true: there are some
extern u64
    host_fail_any; // counts down over all threads' allocations; the one that makes it 0 fails
