// SPDX-License-Identifier: MIT
// sh [-c COMMAND [NAME ARG...] | FILE ARG...]: the shell. See sh.h for its parts.
#include "lib/linux.h"
#include "sh.h"

#define SYNTAX_ERROR 2
#define NOT_FOUND    127

struct shell shell;

// Reads and parses until a command is complete. False at the end of input.
static bool command_read(struct input *in, struct text *text, struct node **tree)
{
    const char *prompt = "$ ";
    enum parse_result result;

    text_clear(text);
    do {
        if (!input_line(in, prompt, text)) {
            if (text->used > 0 && !in->tty)
                fprintf(2, "sh: input ends in the middle of a command\n");
            shell.status = text->used > 0 && !in->tty ? SYNTAX_ERROR : shell.status;
            return false;
        }
        prompt = "> ";
        result = parse(text->data, tree);
    } while (result == PARSE_MORE);
    if (result == PARSE_ERROR) {
        fprintf(2, "sh: syntax error\n");
        shell.status = SYNTAX_ERROR;
        *tree = 0;
        return in->tty;
    }
    return true;
}

static int run_input(struct input *in)
{
    struct text text = {};
    struct node *tree;

    while (command_read(in, &text, &tree)) {
        shell.interrupted = false;
        if (tree)
            run(tree, false);
        jobs_report();
        arena_reset();
    }
    return shell.status;
}

static int run_string(const char *command)
{
    struct node *tree;

    if (parse(command, &tree) != PARSE_OK) {
        fprintf(2, "sh: syntax error\n");
        return SYNTAX_ERROR;
    }
    return tree ? run(tree, true) : 0;
}

static int run_file(const char *path)
{
    static struct input in;
    int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);

    if (fd < 0) {
        fprintf(2, "sh: %s: %s\n", path, error_text(fd));
        return NOT_FOUND;
    }
    in.fd = fd;
    in.chunk = sizeof(in.buf);
    return run_input(&in);
}

static int run_standard_input(void)
{
    static struct input in;

    in.chunk = 1;
    in.tty = edit_possible();
    if (in.tty)
        job_control_start();
    return run_input(&in);
}

int main(int argc, char **argv)
{
    shell.args = argv;
    if (argc < 2)
        return run_standard_input();
    if (strcmp(argv[1], "-c") == 0) {
        // C libraries put "--" before the command, which may begin with "-".
        int at = argc > 2 && strcmp(argv[2], "--") == 0 ? 3 : 2;
        if (argc <= at) {
            fprintf(2, "sh: -c needs a command\n");
            return SYNTAX_ERROR;
        }
        const char *command = argv[at];
        if (argc > at + 1)
            shell.args = argv + at + 1;
        else
            shell.args[1] = 0; // only $0
        return run_string(command);
    }
    shell.args = argv + 1;
    return run_file(argv[1]);
}
