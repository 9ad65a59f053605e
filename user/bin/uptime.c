// SPDX-License-Identifier: MIT
// uptime: prints the time since boot in seconds.
#include "user/user.h"

int main(void)
{
    int ticks = uptime();

    printf("%d.%d\n", ticks / 10, ticks % 10);
    return ticks < 0;
}
