// SPDX-License-Identifier: MIT
// uthread: threads within one process. Each has a stack; uthread_switch.S changes between them
// where one says so. Checked: turns in order, registers and stacks kept, threads that end.
#include "check.h"
#include "kernel/types.h"
#include "user/user.h"

#define THREADS    4
#define TURNS      100
#define STACK_SIZE 8192
#define DEPTH      10

struct context {
    uint64 ra, sp, s[12];
    double fs[12];
};

struct thread {
    char stack[STACK_SIZE] __attribute__((aligned(16)));
    struct context context;
    int runnable;
};

void uthread_switch(struct context *from, struct context *to);
long uthread_registers(long seed, void (*yield)(void));

static struct thread threads[THREADS];
static struct context main_context;
static struct thread *current;
static int order[THREADS * TURNS], ran;

static struct thread *next_of(const struct thread *t)
{
    int at = t ? t - threads : THREADS - 1;

    for (int i = 1; i <= THREADS; i++)
        if (threads[(at + i) % THREADS].runnable)
            return &threads[(at + i) % THREADS];
    return 0;
}

// Gives way to the next thread, or to main() if there is none.
static void yield(void)
{
    struct thread *from = current, *to = next_of(current);

    current = to;
    if (from != to)
        uthread_switch(from ? &from->context : &main_context, to ? &to->context : &main_context);
}

static void thread_exit(void)
{
    current->runnable = 0;
    yield();
}

// Each level of the recursion has its own numbers, in registers or on the stack.
static long deep(int number, int level)
{
    double half = number + level / 2.0;
    long sum = number * 1000 + level;

    if (level == 0) {
        order[ran++] = number;
        check("registers changed", 0, uthread_registers(number * 100L, yield));
    } else {
        sum += deep(number, level - 1);
    }
    check("a double of an outer call", number * 2 + level, half * 2);
    return sum;
}

static int turns_of(int number)
{
    return TURNS - number;
}

static void work(void)
{
    int number = current - threads;

    for (int i = 0; i < turns_of(number); i++)
        check("the sum", number * 1000 * (DEPTH + 1) + DEPTH * (DEPTH + 1) / 2,
              deep(number, DEPTH));
    thread_exit();
}

static void thread_start(struct thread *t, void (*body)(void))
{
    t->context.ra = (uint64)body;
    t->context.sp = (uint64)(t->stack + STACK_SIZE);
    t->runnable = 1;
}

// Turns go round; thread n ends after its own number of them, so that the last ones are alone.
static void check_order(void)
{
    int turns[THREADS] = {0}, at = 0;

    for (int left = THREADS; left > 0;) {
        left = 0;
        for (int i = 0; i < THREADS; i++) {
            if (turns[i] == turns_of(i))
                continue;
            check("whose turn it is", i, order[at++]);
            turns[i]++;
            left++;
        }
    }
    check("turns", ran, at);
}

int main(void)
{
    for (int i = 0; i < THREADS; i++)
        thread_start(&threads[i], work);
    yield();
    check("threads left", 0, next_of(0) != 0);
    check_order();
    exit(check_end("uthread"));
}
