// SPDX-License-Identifier: MIT
#include "lib/arguments.h"

#include "kernel/param.h"
#include "kernel/riscv.h"
#include "user/user.h"

#define ROUND_UP(n) (((n) + 15) & ~15UL)

uint arguments_size(char **argv)
{
    uint size = 0;
    int argc = 0;

    for (; argv[argc]; argc++) {
        size += ROUND_UP(strlen(argv[argc]) + 1);
        if (argc + 1 >= MAXARG || size > PGSIZE)
            return PGSIZE + 1;
    }
    return size + ROUND_UP((argc + 1) * sizeof(*argv));
}

char **arguments_place(char *top, int argc, char **argv)
{
    char *strings = top;
    for (int i = 0; i < argc; i++)
        strings -= ROUND_UP(strlen(argv[i]) + 1);

    char **placed = (char **)(strings - ROUND_UP((argc + 1) * sizeof(*argv)));
    for (int i = 0; i < argc; i++) {
        placed[i] = strcpy(strings, argv[i]);
        strings += ROUND_UP(strlen(argv[i]) + 1);
    }
    placed[argc] = 0;
    return placed;
}
