// SPDX-License-Identifier: MIT
// Timers: a callback at a deadline (base/clock.h), in interrupt context, on the hart that armed it.
#pragma once
#include "lib/rbtree.h"
#include "lib/types.h"

struct timer {
    struct rb_node node;        // (hart's timer lock)
    ns_t deadline;              // (hart's timer lock)
    void (*fn)(struct timer *); // (c) interrupts off; may re-arm the timer
    u32 hart;
    u32 armed; // (a)
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
void timer_start(struct timer *t, ns_t deadline); // (re)arms
// Disarms; true if it was armed. When it returns fn is not running (not from fn itself; interrupts
// may be off).
bool timer_cancel(struct timer *t);

void timers_clock_was_set(void); // harts look at their wall deadlines again; may sleep
void timers_interrupt(void);     // timer interrupt: run what is due, program the next
// The scheduler's next event on this hart.
void timers_set_tick(ns_t deadline);
