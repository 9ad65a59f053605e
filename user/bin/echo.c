// SPDX-License-Identifier: MIT
// echo [WORD...]: prints its arguments, a space between them, and a newline, in few writes.
#include "user/user.h"

#define BUFFER_SIZE 1024

static char buf[BUFFER_SIZE];
static int used;

static int flush(void)
{
    for (int done = 0; done < used;) {
        int n = write(1, buf + done, used - done);
        if (n <= 0)
            return -1;
        done += n;
    }
    used = 0;
    return 0;
}

static int put(const char *s, char end)
{
    for (; *s; s++) {
        if (used == BUFFER_SIZE && flush() < 0)
            return -1;
        buf[used++] = *s;
    }
    if (used == BUFFER_SIZE && flush() < 0)
        return -1;
    buf[used++] = end;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return write(1, "\n", 1) != 1;
    for (int i = 1; i < argc; i++)
        if (put(argv[i], i + 1 < argc ? ' ' : '\n') < 0)
            return 1;
    return flush() < 0;
}
