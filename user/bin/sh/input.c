// SPDX-License-Identifier: MIT
// Lines for the shell from a script, a pipe or a terminal.
#include "sh.h"

static bool input_char(struct input *in, char *c)
{
    if (in->at == in->used) {
        int n = read(in->fd, in->buf, in->chunk);
        if (n <= 0)
            return false;
        in->at = 0;
        in->used = n;
    }
    *c = in->buf[in->at++];
    return true;
}

bool input_line(struct input *in, const char *prompt, struct text *line)
{
    uint before = line->used;
    char c;

    if (in->tty)
        return edit_line(prompt, line);
    while (input_char(in, &c)) {
        text_add(line, &c, 1);
        if (c == '\n')
            return true;
    }
    return line->used > before; // a last line without a newline counts
}
