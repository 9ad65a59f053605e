// SPDX-License-Identifier: MIT
// sleep TICKS: waits that many tenths of a second.
#include "kernel/types.h"
#include "user/user.h"

static int is_number(const char *s)
{
    if (!*s)
        return 0;
    while (*s >= '0' && *s <= '9')
        s++;
    return !*s;
}

int main(int argc, char **argv)
{
    if (argc != 2 || !is_number(argv[1])) {
        fprintf(2, "usage: sleep TICKS\n");
        exit(1);
    }
    exit(sleep(atoi(argv[1])) < 0);
}
