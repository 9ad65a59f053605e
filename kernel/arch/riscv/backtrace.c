// SPDX-License-Identifier: MIT
// Return addresses by the frame-pointer chain, with names from the linked symbol table.
//
// With -fno-omit-frame-pointer s0 points behind a function's saved ra (at -8) and s0 (at -16). The
// chain is followed only within one kernel stack slot and upwards, so garbage ends it.
#include "arch/boot.h"
#include "arch/riscv/hart.h"
#include "lib/symtab.h"

#define BACKTRACE_MAX 32

// From the build's second link; absent in kernels linked once.
extern const struct symtab_entry ksym_table[] __attribute__((weak));
extern const u32 ksym_count __attribute__((weak));
extern const u32 ksym_names_size __attribute__((weak));
extern const char ksym_names[] __attribute__((weak));

static const char *symbol_find(u64 pc, u64 *offset)
{
    struct symtab table = {
        .base = (u64)kernel_start,
        .size = (u64)kernel_text_end - (u64)kernel_start,
        .entries = ksym_table,
        .names = ksym_names,
    };

    if (!&ksym_count || !&ksym_names_size)
        return NULL;
    table.count = ksym_count;
    table.names_size = ksym_names_size;
    return symtab_find(&table, pc, offset);
}

// A return address may lie behind its function's last instruction: looked up `back` before it.
static void print_address(u64 pc, u64 back)
{
    u64 offset;
    const char *name = symbol_find(pc - back, &offset);

    if (name)
        up_print("  %lx %s+0x%lx", pc, name, offset + back);
    else
        up_print("  %lx", pc);
}

static void print_chain(u64 fp)
{
    u64 slot = (fp - 16) & ~(2 * KSTACK_SIZE - 1);

    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        u64 next, ra;

        if (fp % 16 || fp < slot + KSTACK_SIZE + 16 || fp > slot + 2 * KSTACK_SIZE)
            return;
        ra = ((const u64 *)fp)[-1];
        next = ((const u64 *)fp)[-2];
        if (ra < (u64)kernel_start || ra >= (u64)kernel_text_end)
            return;
        print_address(ra, 1);
        if (next <= fp)
            return;
        fp = next;
    }
}

// An address whose slot may be read: a mapped stack of this thread, or the boot stack.
static bool on_stack(u64 fp)
{
    return (fp >= KSTACK_BASE && fp < KSTACK_END) ||
           (fp >= (u64)kernel_start && fp < (u64)kernel_end);
}

void arch_backtrace(void)
{
    u64 fp = (u64)__builtin_frame_address(0);

    up_print("backtrace:");
    if (on_stack(fp - 16))
        print_chain(fp);
}

void arch_backtrace_frame(const struct trapframe *frame)
{
    u64 fp = frame->x[8 - 1];

    up_print("backtrace:");
    print_address(frame->pc, 0);
    print_address(frame->x[FRAME_RA], 1);
    // The slot of fp is only known to be mapped if it is the interrupted stack's.
    if (on_stack(fp - 16) && ((fp - 16) ^ frame->x[FRAME_SP]) < 2 * KSTACK_SIZE)
        print_chain(fp);
}

void arch_dump_registers(const struct trapframe *frame)
{
    static const char names[31][4] = {
        "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0", "a1",
        "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5", "s6",
        "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    };

    up_print("pc  %016lx status %lx cause %lx tval %lx", frame->pc, frame->status, frame->cause,
             frame->tval);
    for (unsigned i = 0; i < 30; i += 3)
        up_print("%-3s %016lx %-3s %016lx %-3s %016lx", names[i], frame->x[i], names[i + 1],
                 frame->x[i + 1], names[i + 2], frame->x[i + 2]);
    up_print("%-3s %016lx", names[30], frame->x[30]);
}

/* From outside */

#define GUESSES_MAX 32

// Whether the instruction before it is a call.
static bool is_return_address(u64 ra)
{
    const u16 *after = (const u16 *)ra;
    u32 word;

    if (ra < (u64)kernel_start + sizeof(word) || ra >= (u64)kernel_text_end || ra & 1)
        return false;
    word = after[-2] | (u32)after[-1] << 16;
    return (word & 0xfff) == 0xef || (word & 0x7fff) == 0xe7 ||   // jal ra; jalr ra
           ((after[-1] & 0xf07f) == 0x9002 && after[-1] & 0xf80); // c.jalr
}

void arch_backtrace_of(const struct arch_thread *t)
{
    const u64 *bottom = (const u64 *)ALIGN_DOWN(t->kernel_sp, KSTACK_SIZE);
    unsigned n = 0;

    up_print("stack, oldest call first:");
    for (const u64 *p = (const u64 *)t->kernel_sp; p-- > bottom && n < GUESSES_MAX;)
        if (is_return_address(READ_ONCE(*p))) {
            print_address(READ_ONCE(*p), 1);
            n++;
        }
}
