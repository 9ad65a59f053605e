// SPDX-License-Identifier: MIT
// Boots the simulated machine for each run, in a process of its own, and judges how it ends.
#include "host.h"
#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "base/clock.h"
#include "base/log.h"
#include "mm/slab.h"
#include "sync/workqueue.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define HARTS_MAX  4
#define FAIL_MAX   5000
#define RUN_LIMIT  120 // seconds of real time: a loop in code that is not instrumented
#define FIRST_SEED 1000

enum { RUN_GOOD = 0, RUN_FAILED = 1, RUN_NO_FAILURE = 42 }; // exit statuses

// Leaks are counted by mm.c; memory of freed threads is not scanned.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=0";
}

/* Threads */

struct spawned {
    void (*fn)(void *);
    void *arg;
};

static u32 live; // (a) spawned threads that are not gone
static struct wait_queue live_queue = WAIT_QUEUE_INIT(live_queue);

static void spawned_main(void *arg)
{
    struct spawned s = *(struct spawned *)arg;

    kfree(arg);
    s.fn(s.arg);
    thread_exit();
}

// Threads of the kernel end too.
static void thread_gone(struct thread *t)
{
    if (t->start_fn != spawned_main)
        return;
    atomic_fetch_sub(&live, 1U);
    wake_all(&live_queue);
}

void host_spawn(const char *name, void (*fn)(void *), void *arg)
{
    struct spawned *s = host_alloc(sizeof(*s));
    u32 fail_nth = arch_self()->fail_nth;
    struct thread *t;

    *s = (struct spawned){fn, arg};
    arch_self()->fail_nth = 0;
    verify(!thread_create(&t, name, spawned_main, s));
    arch_self()->fail_nth = fail_nth;
    t->cred = thread_self()->cred;
    t->files = thread_self()->files;
    t->fs = thread_self()->fs;
    t->space = thread_self()->space;
    atomic_fetch_add(&live, 1U);
    thread_start(t);
}

void host_join(void)
{
    wait_event(&live_queue, !load_relaxed(&live), WAIT_UNINTERRUPTIBLE, NS_NEVER);
}

void host_pause(void)
{
    sched_yield();
}

void *host_alloc(size_t n)
{
    return kmalloc(n, ALLOC_ZERO | ALLOC_NOFAIL_TEST);
}

/* One run */

u64 host_seed;

static void boot(u64 seed)
{
    host_seed = seed;
    machine_init(seed, 1 + seed % HARTS_MAX);
    log_set_quiet(!getenv("LOG"));
    clock_init(NS_PER_SEC);
    slab_init();
    sched_init();
    workqueue_init();
    machine_start();
    for (unsigned i = 1; i < hart_count; i++)
        verify(!smp_hart_start(i, &sched_idle_thread(i)->arch));
    irq_enable();
}

static void free_old_threads(void)
{
    sleep_until(clock_monotonic() + 10000000, WAIT_UNINTERRUPTIBLE);
}

void host_begin(u64 seed)
{
    boot(seed);
    thread_hooks.release = thread_gone;
    host_setup();
    free_old_threads();
    host_leaks_mark();
}

void host_settle(void)
{
    host_join();
    free_old_threads();
    shrink_all();
    if (host_leaks_report())
        machine_end("the run leaves memory behind");
}

int host_run(host_scenario *scenario, u64 seed, u32 fail_nth)
{
    host_begin(seed);
    arch_self()->fail_nth = fail_nth;
    scenario();
    host_join();
    free_old_threads();
    if (fail_nth && arch_self()->fail_nth)
        return RUN_NO_FAILURE;
    arch_self()->fail_nth = 0;
    host_settle();
    return RUN_GOOD;
}

bool host_failed_yet(void)
{
    return !arch_self()->fail_nth;
}

// cmocka's handlers of these would jump back into the test, from any stack.
static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
static struct sigaction sanitizers[ARRAY_SIZE(crashes)];

__attribute__((constructor)) static void handlers_save(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++)
        sigaction(crashes[i], NULL, &sanitizers[i]);
}

static void handlers_restore(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++)
        sigaction(crashes[i], &sanitizers[i], NULL);
}

static int run_apart(host_scenario *scenario, u64 seed, u32 fail_nth)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        handlers_restore();
        alarm(RUN_LIMIT);
        status = host_run(scenario, seed, fail_nth);
        fflush(NULL);
        _exit(status);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        fprintf(stderr, "the run ends by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : RUN_FAILED;
}

static u64 variable(const char *name, u64 otherwise)
{
    const char *s = getenv(name);

    return s ? strtoul(s, NULL, 0) : otherwise;
}

/* Many runs */

bool host_repeats(void)
{
    return getenv("SEED");
}

void *host_shared(size_t n)
{
    return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void host_explore(host_scenario *scenario, unsigned runs)
{
    u64 first = variable("SEED", FIRST_SEED);
    u64 n = host_repeats() ? 1 : runs * variable("HOST_SCALE", 1);

    for (u64 seed = first; seed < first + n; seed++) {
        if (run_apart(scenario, seed, 0) == RUN_GOOD)
            continue;
        fprintf(stderr, "FAILED with SEED=%lu\n", seed);
        _fail(__FILE__, __LINE__);
    }
}

void host_fail_each(host_scenario *scenario)
{
    u64 seed = variable("SEED", FIRST_SEED);

    for (u32 nth = variable("FAIL_NTH", 1); nth < FAIL_MAX; nth++) {
        int result = run_apart(scenario, seed + nth, nth);

        if (result == RUN_NO_FAILURE)
            return;
        if (result == RUN_GOOD)
            continue;
        fprintf(stderr, "FAILED with SEED=%lu FAIL_NTH=%u\n", seed, nth);
        _fail(__FILE__, __LINE__);
    }
}

// Addresses are the same in each run: some orders (of hashes, of locks) depend on them.
__attribute__((constructor)) static void addresses_fix(int argc, char **argv)
{
    int old = personality(0xffffffff);

    if (getenv("TEST"))
        cmocka_set_test_filter(getenv("TEST"));
    if (old == -1 || old & ADDR_NO_RANDOMIZE)
        return;
    if (personality(old | ADDR_NO_RANDOMIZE) != -1)
        execv("/proc/self/exe", argv);
}
