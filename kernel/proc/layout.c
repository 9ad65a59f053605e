// SPDX-License-Identifier: MIT
// Where the parts of a program go: at places that nobody can foretell from another run.
//
// The stack and the vDSO above it move together and stay under one leaf table, and the heap starts
// under the leaf table in which the program's data ends: a table more would cost each fork a page.
// The kernel's random source decides, so under --icount every run has the same places.
#include "abi/personality.h"
#include "base/random.h"
#include "proc/proc_private.h"

#define LEAF_PAGES   512UL // that one leaf table maps
#define HEAP_PAGES   64    // to choose from at least
#define STACK_LEAVES 6     // bits: leaf tables that the stack may end under
#define STACK_PAGES  8     // bits: pages in the upper half of one
#define MAP_PAGES    17    // bits: 512 MiB
#define PIE_PAGES    18    // bits: 1 GiB

// Position-independent programs go above two thirds of user memory.
#define PIE_BASE (USER_TOP / 3 * 2 & PAGE_MASK)

u64 randomize_va_space = 2; // (a) 0: nothing moves, 1: all but the heap, 2: all

static u64 take_bits(u64 *from, unsigned bits)
{
    u64 taken = *from & (BIT(bits) - 1);

    *from >>= bits;
    return taken;
}

void layout_choose(struct layout *l, bool rights_change)
{
    u64 mode = load_relaxed(&randomize_va_space), bits;

    random_bytes(l, offsetof(struct layout, stack));
    bits = l->bits;
    if (!mode || (task_self()->personality & ADDR_NO_RANDOMIZE && !rights_change))
        bits = 0;
    l->stack = take_bits(&bits, STACK_LEAVES) * LEAF_PAGES << PAGE_SHIFT;
    l->stack += take_bits(&bits, STACK_PAGES) << PAGE_SHIFT;
    l->mappings = take_bits(&bits, MAP_PAGES) << PAGE_SHIFT;
    l->program = PIE_BASE + (take_bits(&bits, PIE_PAGES) << PAGE_SHIFT);
    l->bits = mode == 2 ? bits : 0;
}

void layout_heap(const struct layout *l, struct vm_space *space)
{
    u64 room = LEAF_PAGES - (space->brk_start >> PAGE_SHIFT) % LEAF_PAGES;

    if (room < HEAP_PAGES)
        room += LEAF_PAGES;
    space->brk_start += l->bits % room << PAGE_SHIFT;
    space->brk = space->brk_start;
}
