// SPDX-License-Identifier: MIT
// Where the parts of a program go (docs/processes.md).
#pragma once
#include "vm/space.h"

struct layout {
    u8 seed[16]; // AT_RANDOM
    u64 bits;    // undecided yet: for the heap
    // What layout_choose() makes of the bits; random are only the fields above.
    u64 stack;       // bytes that the stack ends below the highest place
    u64 mappings;    // bytes that mappings go further down
    uaddr_t program; // of a position-independent program
};

extern u64 randomize_va_space; // (a) as in proc(5)
// For an exec of the running thread; one that `rights_change` is not foretold to the old program.
void layout_choose(struct layout *l, bool rights_change);
void layout_heap(const struct layout *l, struct vm_space *space); // moves the break
