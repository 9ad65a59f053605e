// SPDX-License-Identifier: MIT
// Names for code addresses: a table sorted by address, as the build links it into the kernel.
#pragma once

#include "lib/types.h"

struct symtab_entry {
    u32 offset; // bytes from symtab.base
    u32 name;   // bytes from symtab.names
};

struct symtab {
    u64 base;                           // address that offsets count from
    u64 size;                           // bytes of code; addresses beyond have no name
    const struct symtab_entry *entries; // ascending by offset
    u32 count;
    u32 names_size;    // bytes at `names`, the last of which is 0
    const char *names; // zero-terminated strings
};

// The symbol at or before `addr`; *offset is addr minus its start. NULL if `addr` is outside the
// code or before the first symbol. O(log n); safe in any context.
const char *symtab_find(const struct symtab *t, u64 addr, u64 *offset);
