// SPDX-License-Identifier: MIT
// wc [FILE...]: counts lines, words and bytes of each file, or of its input.
#include <stdbool.h>

#include "kernel/fcntl.h"
#include "user/user.h"

#define CHUNK 4096

struct count {
    uint64 lines, words, bytes;
};

static char buf[CHUNK];

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int count_file(int fd, struct count *count)
{
    bool in_word = false;
    int n;

    while ((n = read(fd, buf, CHUNK)) > 0) {
        count->bytes += n;
        for (int i = 0; i < n; i++) {
            bool word = !is_space(buf[i]);
            count->lines += buf[i] == '\n';
            count->words += word && !in_word;
            in_word = word;
        }
    }
    return n;
}

static int report(int fd, const char *name)
{
    struct count count = {};

    if (count_file(fd, &count) < 0) {
        fprintf(2, "wc: cannot read %s\n", name);
        return 1;
    }
    printf("%lu %lu %lu %s\n", count.lines, count.words, count.bytes, name);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc < 2)
        return report(0, "");
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0) {
            fprintf(2, "wc: cannot open %s\n", argv[i]);
            failed = 1;
            continue;
        }
        failed |= report(fd, argv[i]);
        close(fd);
    }
    return failed;
}
