// SPDX-License-Identifier: MIT
// Reads one line from descriptor 0, byte by byte: whoever reads next gets the rest.
#include "user/user.h"

char *gets(char *buf, int max)
{
    int n = 0;
    char c;

    while (n + 1 < max && read(0, &c, 1) == 1) {
        buf[n++] = c;
        if (c == '\n' || c == '\r')
            break;
    }
    buf[n] = 0;
    return buf;
}
