// SPDX-License-Identifier: MIT
// Addresses that kill: below the text, the text itself for writes, the page under the stack, above
// the break, the kernel's, the top of user memory; and jumps and instructions that do.
#include "usertests.h"

static char data_begin[8] = "data";

static void killed(uint64 at)
{
    int read = touch_status((void *)at, false), write = touch_status((void *)at, true);

    if (read != -1 || write != -1)
        printf("at %p: status %d after reading, %d after writing\n", (void *)at, read, write);
    check(read == -1 && write == -1);
}

static void layout_kernel(void)
{
    for (uint64 at = KERNBASE; at < PHYSTOP; at += PHYSTOP / 32 / PGSIZE * PGSIZE)
        killed(at);
    killed(UART0);
    killed(PLIC);
    killed(CLINT);
    killed(VIRTIO0);
}

static void layout_top(void)
{
    killed(TRAMPOLINE);
    killed(TRAMPOLINE + PGSIZE - 1);
    killed(TRAPFRAME);
    killed(TRAPFRAME + 100);
    killed(USYSCALL - 1);
    expect(touch_status((void *)USYSCALL, false), 0);
    expect(touch_status((void *)USYSCALL, true), -1);
}

static uint64 hexadecimal(const char *s)
{
    uint64 n = 0;

    for (; *s != '-'; s++)
        n = n * 16 + (*s <= '9' ? *s - '0' : *s - 'a' + 10);
    return n;
}

// Real xv6 has no such list. Below the break lies the program.
static void layout_areas(void)
{
    char line[128];

    close(0);
    expect(open("/proc/self/maps", O_RDONLY), 0);
    while (*gets(line, sizeof(line))) {
        uint64 at = hexadecimal(line);
        if (at >= (uint64)sbrk(0) && at != USYSCALL)
            printf("%s", line);
        check(at < (uint64)sbrk(0) || at == USYSCALL);
    }
}

static void layout_beyond(void)
{
    for (uint64 at = MAXVA; at; at <<= 1)
        killed(at);
    killed(-1UL);
    killed(-4096UL);
    killed(MAXVA - PGSIZE / 2);
}

static void layout_zero(void)
{
    killed(0);
    killed(8);
    killed(PGSIZE - 1);
}

static void layout_text(void)
{
    expect(touch_status((void *)layout_text, false), 0);
    expect(touch_status((void *)layout_text, true), -1);
    expect(touch_status("constant", false), 0);
    expect(touch_status(data_begin, true), 0);
}

// One page of stack over a page that is not there, the heap above it.
static void layout_stack(void)
{
    uint64 page = PGROUNDDOWN(r_sp());

    for (int i = 0; i < PGSIZE; i += 256)
        expect(touch_status((void *)(page + i), true), 0);
    killed(page - 1);
    killed(page - PGSIZE);
    expect(touch_status((void *)(page + PGSIZE - 1), true), 0);
    check((uint64)sbrk(0) >= page + PGSIZE);
    check((uint64)data_begin < page - PGSIZE);
}

static int deep(int n)
{
    volatile char frame[128];

    frame[0] = n;
    return n > 1000000 ? frame[0] : deep(n + 1) + frame[0];
}

static void overflow(void)
{
    exit(deep(0));
}

static void layout_overflow(void)
{
    for (int i = 0; i < 5; i++)
        expect(child_status(overflow), -1);
}

static void (*target)(void);

static void jump(void)
{
    target();
}

static int jump_status(uint64 to)
{
    target = (void (*)(void))to;
    return child_status(jump);
}

static void layout_jump(void)
{
    static uint data_code[2] = {0x00008067, 0}; // ret

    expect(jump_status(0), -1);
    expect(jump_status(PGSIZE / 2), -1);
    expect(jump_status(KERNBASE), -1);
    expect(jump_status(TRAMPOLINE), -1);
    expect(jump_status(TRAPFRAME), -1);
    expect(jump_status(MAXVA), -1);
    expect(jump_status(-2UL), -1);
    expect(jump_status((uint64)data_code), -1);
    expect(jump_status((uint64)sbrk(PGSIZE)), -1);
}

static void illegal(void)
{
    asm volatile(".word 0");
}

static void privileged(void)
{
    asm volatile("csrr t0, sstatus" ::: "t0");
}

static void supervisor_return(void)
{
    asm volatile("sret");
}

static void breakpoint(void)
{
    asm volatile("ebreak");
}

static void tlb_flush(void)
{
    asm volatile("sfence.vma zero, zero");
}

static void layout_instructions(void)
{
    expect(child_status(illegal), -1);
    expect(child_status(privileged), -1);
    expect(child_status(supervisor_return), -1);
    expect(child_status(breakpoint), -1);
    expect(child_status(tlb_flush), -1);
}

// Headers and machine agree.
static void layout_constants(void)
{
    expect(MAXVA, 1L << 38);
    expect(TRAMPOLINE + PGSIZE, MAXVA);
    expect(PHYSTOP - KERNBASE, 128 << 20);
    expect(PGROUNDUP(PGSIZE + 1), 2 * PGSIZE);
    expect(PGROUNDDOWN(2 * PGSIZE - 1), PGSIZE);
    expect(MAXFILE, NDIRECT + NINDIRECT + NINDIRECT * NINDIRECT);
    expect(sizeof(struct dirent), 16);
    expect(sizeof(struct dinode), 64);
    check(memory_free() < PHYSTOP - KERNBASE);
}

const struct test layout_tests[] = {
    {"layout_kernel", layout_kernel, false},
    {"layout_top", layout_top, false},
    {"layout_areas", layout_areas, false},
    {"layout_beyond", layout_beyond, false},
    {"layout_zero", layout_zero, false},
    {"layout_text", layout_text, false},
    {"layout_stack", layout_stack, false},
    {"layout_overflow", layout_overflow, false},
    {"layout_jump", layout_jump, false},
    {"layout_instructions", layout_instructions, false},
    {"layout_constants", layout_constants, false},
    {0},
};
