// SPDX-License-Identifier: MIT
// The simulated harts: who runs next, interrupts, time, the firmware.
#include "arch/host/machine.h"
#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pagetable.h"
#include "arch/riscv/trap.h"
#include "arch/sbi.h"
#include "arch/smp.h"
#include "arch/timer.h"
#include "base/devicetree.h"

#include <stdio.h>
#include <unistd.h>

#define SIP_SOFTWARE (1UL << 1)
#define SIP_TIMER    (1UL << 5)
#define BLOCKS_MAX   20000000UL // per run: more is a loop without end

struct machine_hart {
    u64 csrs[CSR_COUNT];
    u64 timer;                // when SIP_TIMER is to be set
    struct arch_thread *self; // whose registers it holds
    struct arch_thread *prev; // what the latest switch on it left
    bool started;
    bool waiting; // in irq_wait
};

static struct machine_hart simulated[MAX_HARTS];
static unsigned count, running;
static bool turns; // harts take turns
static u64 state;
static u64 pace;   // mean number of basic blocks between two steps, different for each seed
static u64 budget; // basic blocks up to the next step
static u64 blocks; // basic blocks so far

struct arch_thread *machine_self;
u64 *machine_csrs;
u64 machine_now;

// What the image and the device tree are to the rest of arch/riscv and to base/.
paddr_t kernel_phys_base;
u64 boot_hart_id;
u8 boot_thread_storage[BOOT_THREAD_SIZE] ALIGNED(64);
pte_t kernel_root[MMU_TABLE_PTES] ALIGNED(4096);
struct machine machine;
const char *(*arch_thread_name)(const struct arch_thread *t);

/* Randomness */

u64 machine_random(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dUL;
}

u64 machine_below(u64 n)
{
    return (machine_random() >> 16) % n;
}

/* Turns */

static bool can_run(const struct machine_hart *h)
{
    return h->started && (!h->waiting || h->csrs[CSR_sip] & h->csrs[CSR_sie]);
}

static void hart_resume(unsigned index)
{
    struct arch_thread *from = machine_self;

    if (index == running)
        return;
    running = index;
    machine_csrs = simulated[index].csrs;
    machine_self = simulated[index].self;
    fiber_swap(from, machine_self);
}

// Another hart that can run, or this one if it is the only one; count if there is none.
static unsigned pick(void)
{
    unsigned start = machine_below(count), found = count;

    for (unsigned i = start; i < start + count; i++) {
        if (!can_run(&simulated[i % count]))
            continue;
        found = i % count;
        if (found != running)
            break;
    }
    return found;
}

static void time_pass(u64 ns)
{
    machine_now += ns;
    for (unsigned i = 0; i < count; i++)
        if (simulated[i].timer <= machine_now)
            simulated[i].csrs[CSR_sip] |= SIP_TIMER;
}

// Nothing runs before the next timer.
static void time_jump(void)
{
    u64 next = ~0UL;

    for (unsigned i = 0; i < count; i++)
        if (simulated[i].started)
            next = next < simulated[i].timer ? next : simulated[i].timer;
    if (next == ~0UL)
        machine_end("deadlock: every thread waits, and no timer runs");
    time_pass(next > machine_now ? next - machine_now : 0);
}

/* Interrupts */

// Interrupts are off; they are on afterwards, maybe on another hart.
static void preempt(void)
{
    if (!machine_self->preempt && machine_self->work & WORK_RESCHED)
        up_reschedule();
    csr_set(sstatus, SSTATUS_SIE);
}

static void interrupts_take(void)
{
    while (csr_read(sstatus) & SSTATUS_SIE && csr_read(sip) & csr_read(sie)) {
        struct arch_thread *self = machine_self;
        u32 lock_base = self->lock_base;

        irq_disable();
        self->lock_base = self->lock_depth;
        if (csr_read(sip) & SIP_SOFTWARE)
            smp_interrupt();
        else
            up_interrupt(INTERRUPT_TIMER_KERNEL);
        self->lock_base = lock_base;
        preempt();
    }
}

void irq_enable(void)
{
    csr_set(sstatus, SSTATUS_SIE);
    interrupts_take();
}

void irq_wait(void)
{
    struct machine_hart *h = &simulated[running];

    h->waiting = true;
    while (!(h->csrs[CSR_sip] & h->csrs[CSR_sie])) {
        unsigned next = pick();

        if (next == count)
            time_jump();
        else
            hart_resume(next);
    }
    h->waiting = false;
}

void timer_arm(u64 when)
{
    simulated[running].timer = when;
    if (when > machine_now)
        csr_clear(sip, SIP_TIMER);
}

/* Steps */

static void step(void)
{
    budget = 1 + machine_below(2 * pace);
    blocks += budget;
    if (!turns)
        return;
    if (blocks > BLOCKS_MAX)
        machine_end("no end in sight: the run takes too long");
    time_pass(machine_below(4 * pace));
    if (machine_below(4))
        hart_resume(pick());
    interrupts_take();
    if (csr_read(sstatus) & SSTATUS_SIE && !machine_self->preempt && !machine_below(4)) {
        irq_disable();
        atomic_fetch_or(&machine_self->work, WORK_RESCHED);
        preempt();
    }
}

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (unlikely(--budget == 0))
        step();
}

/* Threads and harts */

struct arch_thread *arch_switch(struct arch_thread *from, struct arch_thread *to)
{
    to->hart = from->hart;
    simulated[running].prev = from;
    simulated[running].self = machine_self = to;
    fiber_swap(from, to);
    return simulated[running].prev;
}

static void hart_init_csrs(struct machine_hart *h)
{
    *h = (struct machine_hart){.timer = ~0UL, .csrs[CSR_sie] = SIP_SOFTWARE | SIP_TIMER};
}

static void hart_entry(void *unused)
{
    smp_hart_online();
    up_hart_main();
}

int sbi_hart_start(u64 hart, paddr_t entry, u64 arg)
{
    struct arch_thread *idle = (struct arch_thread *)arg;

    hart_init_csrs(&simulated[hart]);
    arch_thread_init(idle, (void *)(idle->kernel_sp + sizeof(struct trapframe)), hart_entry, NULL);
    idle->preempt = 1;
    simulated[hart].self = idle;
    simulated[hart].started = true;
    return 0;
}

bool sbi_hart_stopped(u64 hart)
{
    return !simulated[hart].started;
}

void sbi_send_ipi(u64 hart_mask, u64 base)
{
    for (; hart_mask; hart_mask &= hart_mask - 1)
        simulated[base + __builtin_ctzl(hart_mask)].csrs[CSR_sip] |= SIP_SOFTWARE;
}

void sbi_system_reset(bool reboot)
{
    machine_end("the kernel has stopped the machine");
}

void sbi_console_write(const char *s, size_t n)
{
    fwrite(s, 1, n, stderr);
}

void secondary_entry(void)
{
}

void kernelmap_copy(pte_t *root)
{
}

void kernelmap_clear(pte_t *root)
{
}

void machine_init(u64 seed, unsigned harts_wanted)
{
    static const u64 paces[] = {10, 40, 150, 600, 2500};
    u64 ids[MAX_HARTS];

    state = seed * 0x9e3779b97f4a7c15UL | 1;
    for (unsigned i = 0; i < 4; i++)
        machine_random();
    pace = paces[machine_below(ARRAY_SIZE(paces))];
    count = harts_wanted;
    budget = pace;
    hart_init_csrs(&simulated[0]);
    simulated[0].started = true;
    simulated[0].self = machine_self = (struct arch_thread *)boot_thread_storage;
    machine_csrs = simulated[0].csrs;
    for (unsigned i = 0; i < count; i++)
        ids[i] = i;
    smp_set_harts(ids, count);
    machine.hart_count = count;
    fibers_init();
    smp_hart_online();
}

void machine_start(void)
{
    turns = true;
}

void machine_end(const char *why)
{
    turns = false;
    fprintf(stderr, "%s (hart %u, time %lu ns, %lu basic blocks)\n", why, running, machine_now,
            blocks);
    fibers_dump();
    fflush(NULL);
    _exit(1);
}
