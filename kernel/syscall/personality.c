// SPDX-License-Identifier: MIT
// personality(2): of all its flags only the one that keeps the places of a program.
#include "abi/personality.h"
#include "syscall/args.h"

s64 sys_personality(u64 persona)
{
    u32 *own = &task_self()->personality, old = *own;

    if ((u32)persona == PERSONALITY_QUERY)
        return old;
    if ((u32)persona & ~ADDR_NO_RANDOMIZE)
        return -EINVAL;
    *own = persona;
    return old;
}
