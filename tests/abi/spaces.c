// SPDX-License-Identifier: MIT
// More address spaces at once than a hart has identifiers for (in a debug build, which checks their
// use): every process must go on seeing its own page at the address that all have in common.
#include "abi.h"

#define PROCESSES 24
#define ROUNDS    1500

static volatile long *own, *failed;

static void stay(void *number)
{
    long mine = (long)number << 32;

    for (long i = 0; i < ROUNDS; i++) {
        *own = mine + i;
        sched_yield();
        if (*own != mine + i)
            __atomic_add_fetch(failed, 1, __ATOMIC_RELAXED);
    }
}

int main(void)
{
    pid_t pids[PROCESSES];
    int bad = 0;

    abi_begin();
    failed = shared_page();
    own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(own != MAP_FAILED);
    for (long i = 0; i < PROCESSES; i++)
        pids[i] = child_start(stay, (void *)(i + 1));
    for (int i = 0; i < PROCESSES; i++)
        bad += child_end(pids[i]) != 0;
    EXPECT("all end well", bad, 0);
    EXPECT("none sees another's page", *failed, 0);
    return abi_end();
}
