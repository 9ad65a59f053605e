// SPDX-License-Identifier: MIT
// Fibers: a native stack for each kernel thread, the switch between them, and where each one is.
//
// The context of a thread is its stack pointer alone; what context_swap saved lies there.
#include "arch/boot.h"
#include "arch/host/machine.h"
#include "arch/thread.h"
#include "arch/upcalls.h"
#include "mm/failnth.h"
#include "mm/kstack.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>

#define SAVED_REGISTERS 6 // by context_swap: r15 r14 r13 r12 rbx rbp, then the return address
#define SAVED_RBP       5
#define BACKTRACE_MAX   24

struct fiber {
    struct list link;
    void *stack; // KSTACK_SIZE bytes
    struct arch_thread *thread;
};

static struct list fibers = LIST_INIT(fibers);
static const void *boot_stack;
static size_t boot_stack_size;

void context_swap(u64 *save_sp, u64 load_sp);

/* Stacks */

void *kstack_alloc(void)
{
    struct fiber *f;

    if (alloc_fails(0))
        return NULL;
    f = calloc(1, sizeof(*f));
    f->stack = aligned_alloc(PAGE_SIZE, KSTACK_SIZE);
    list_insert_tail(&fibers, &f->link);
    return (char *)f->stack + KSTACK_SIZE;
}

static struct fiber *fiber_of(const void *top)
{
    struct fiber *f;

    LIST_FOR_EACH (f, &fibers, link)
        if ((char *)f->stack + KSTACK_SIZE == top)
            return f;
    abort();
}

void kstack_free(void *top)
{
    struct fiber *f = fiber_of(top);

    list_remove(&f->link);
    free(f->stack);
    free(f);
}

void kstack_shrink(void)
{
}

u64 kstack_cached_pages(void)
{
    return 0;
}

/* The switch */

static void fiber_main(void)
{
    struct arch_thread *self = arch_self();

    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    ((void (*)(void *))self->context.s[0])((void *)self->context.s[1]);
    abort();
}

void arch_thread_init(struct arch_thread *t, void *stack_top, void (*fn)(void *), void *arg)
{
    u64 *sp = stack_top;

    fiber_of(stack_top)->thread = t;
    t->kernel_sp = (u64)stack_top - sizeof(struct trapframe);
    sp -= sizeof(struct trapframe) / sizeof(*sp);
    *--sp = 0; // where fiber_main would return to: aligns the stack as a call does
    *--sp = (u64)fiber_main;
    for (unsigned i = 0; i < SAVED_REGISTERS; i++)
        *--sp = 0;
    t->context.sp = (u64)sp;
    t->context.s[0] = (u64)fn;
    t->context.s[1] = (u64)arg;
}

static bool is_boot(const struct arch_thread *t)
{
    return t == (struct arch_thread *)boot_thread_storage;
}

static const void *stack_of(const struct arch_thread *t, size_t *size)
{
    *size = is_boot(t) ? boot_stack_size : KSTACK_SIZE;
    return is_boot(t) ? boot_stack : (char *)t->kernel_sp + sizeof(struct trapframe) - KSTACK_SIZE;
}

void fiber_swap(struct arch_thread *from, struct arch_thread *to)
{
    void *fake_stack;
    size_t size;
    const void *stack = stack_of(to, &size);

    __sanitizer_start_switch_fiber(&fake_stack, stack, size);
    context_swap(&from->context.sp, to->context.sp);
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
}

void arch_fpu_drop(struct arch_thread *t)
{
}

void fibers_init(void)
{
    pthread_attr_t attr;
    void *stack;

    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &stack, &boot_stack_size);
    pthread_attr_destroy(&attr);
    boot_stack = stack;
}

/* Where threads are */

static void print_place(u64 pc)
{
    char text[256];

    __sanitizer_symbolize_pc((void *)(pc - 1), "%f %s:%l", text, sizeof(text));
    fprintf(stderr, "    %s\n", text);
}

__attribute__((no_sanitize_address)) static void backtrace(const struct arch_thread *t, u64 pc,
                                                           const u64 *frame)
{
    size_t size;
    u64 low = (u64)stack_of(t, &size);

    for (unsigned i = 0; pc && i < BACKTRACE_MAX; i++) {
        print_place(pc);
        if ((u64)frame < low || (u64)frame > low + size - 16 || (u64)frame % 8)
            return;
        pc = frame[1];
        frame = (const u64 *)frame[0];
    }
}

void arch_backtrace(void)
{
    const u64 *frame = __builtin_frame_address(0);

    backtrace(arch_self(), frame[1], (const u64 *)frame[0]);
}

void arch_backtrace_frame(const struct trapframe *frame)
{
    arch_backtrace();
}

void arch_dump_registers(const struct trapframe *frame)
{
}

__attribute__((no_sanitize_address)) static void thread_dump(const struct arch_thread *t)
{
    const u64 *sp = (const u64 *)t->context.sp;

    fprintf(stderr, "thread %s (%p), hart %u%s\n", arch_thread_name ? arch_thread_name(t) : "",
            (const void *)t, t->hart, t == arch_self() ? ", running" : "");
    if (t == arch_self())
        arch_backtrace();
    else
        backtrace(t, sp[SAVED_REGISTERS], (const u64 *)sp[SAVED_RBP]);
}

void fibers_dump(void)
{
    const struct fiber *f;

    thread_dump((const struct arch_thread *)boot_thread_storage);
    LIST_FOR_EACH (f, &fibers, link)
        if (f->thread)
            thread_dump(f->thread);
}
