// SPDX-License-Identifier: MIT
// A real-time thread that never sleeps leaves other threads of its hart some time. As root.
#include "abi.h"

static volatile int *reached;

static void pin(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    NEED(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static void hog(void *unused)
{
    struct sched_param first = {.sched_priority = 1};

    (void)unused;
    pin();
    NEED(sched_setscheduler(0, SCHED_FIFO, &first) == 0);
    reached[0] = 1;
    while (!reached[1])
        ;
}

static void other(void *unused)
{
    (void)unused;
    pin();
    while (!reached[0])
        sched_yield();
    reached[1] = 1;
}

int main(void)
{
    pid_t one, two;

    abi_begin();
    reached = shared_page();
    one = child_start(other, NULL);
    two = child_start(hog, NULL);
    EXPECT("the ordinary one gets there", child_end(one), 0);
    EXPECT("the real-time one is done then", child_end(two), 0);
    return abi_end();
}
