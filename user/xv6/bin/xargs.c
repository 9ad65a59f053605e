// SPDX-License-Identifier: MIT
// xargs CMD...: runs the command once for each line of input, with the line's words behind its own
// arguments. Input is read byte by byte: what follows a line is there for the command to read.
#include "kernel/param.h"
#include "kernel/types.h"
#include "user/user.h"

#define LINE_MAX  512
#define NOT_FOUND 127

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Cuts a line into words at argv[n] and behind; the number of arguments, or -1 if there are more
// than exec() takes.
static int words_add(char *line, char **argv, int n)
{
    for (;;) {
        while (is_blank(*line))
            *line++ = 0;
        if (!*line)
            break;
        if (n + 1 >= MAXARG)
            return -1;
        argv[n++] = line;
        while (*line && !is_blank(*line))
            line++;
    }
    argv[n] = 0;
    return n;
}

static int run(char **argv)
{
    int status = 1, pid = fork();

    if (pid == 0) {
        exec(argv[0], argv);
        fprintf(2, "xargs: cannot run %s\n", argv[0]);
        exit(NOT_FOUND);
    }
    if (pid < 0)
        fprintf(2, "xargs: cannot fork\n");
    else
        wait(&status);
    return status != 0;
}

static int complain(const char *what)
{
    fprintf(2, "xargs: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    static char line[LINE_MAX];
    char *all[MAXARG];
    int failed = 0;

    if (argc < 2 || argc > MAXARG)
        exit(complain("usage: xargs CMD..."));
    memmove(all, argv + 1, (argc - 1) * sizeof(*argv));
    while (*gets(line, LINE_MAX)) {
        if (strlen(line) == LINE_MAX - 1 && !strchr(line, '\n'))
            exit(complain("a line is too long"));
        int n = words_add(line, all, argc - 1);
        if (n < 0)
            failed = complain("a line has too many words");
        else if (n > argc - 1)
            failed |= run(all);
    }
    exit(failed);
}
