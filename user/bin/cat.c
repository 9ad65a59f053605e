// SPDX-License-Identifier: MIT
// cat [FILE...]: copies files, or its input, to its output.
#include "kernel/fcntl.h"
#include "user/user.h"

#define CHUNK 4096

static char buf[CHUNK];

static int write_all(int fd, const char *data, int n)
{
    while (n > 0) {
        int done = write(fd, data, n);
        if (done <= 0)
            return -1;
        data += done;
        n -= done;
    }
    return 0;
}

static int copy(int fd, const char *name)
{
    int n;

    while ((n = read(fd, buf, CHUNK)) > 0) {
        if (write_all(1, buf, n) < 0) {
            fprintf(2, "cat: write error\n");
            return 1;
        }
    }
    if (n < 0)
        fprintf(2, "cat: cannot read %s\n", name);
    return n < 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc < 2)
        return copy(0, "input");
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0) {
            fprintf(2, "cat: cannot open %s\n", argv[i]);
            failed = 1;
            continue;
        }
        failed |= copy(fd, argv[i]);
        close(fd);
    }
    return failed;
}
