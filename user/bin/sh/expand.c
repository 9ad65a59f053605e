// SPDX-License-Identifier: MIT
// From quoted words to arguments: quotes removed, variables replaced, results of unquoted
// variables split at blanks. $NAME ${NAME} $? $$ $! $# $0..$9 are known.
#include "lib/environ.h"
#include "sh.h"

struct expansion {
    struct text field;
    bool started; // there is a field, even if it is empty
    bool split;   // unquoted variables may end a field
    char **args;
    uint count, size;
};

static void field_char(struct expansion *e, char c)
{
    text_add(&e->field, &c, 1);
    e->started = true;
}

static void args_add(struct expansion *e, char *arg)
{
    if (e->count + 1 >= e->size) {
        uint size = e->size ? e->size * 2 : 16;
        char **args = arena_alloc(size * sizeof(*args));
        memcpy(args, e->args, e->count * sizeof(*args));
        e->args = args;
        e->size = size;
    }
    e->args[e->count++] = arg;
    e->args[e->count] = 0;
}

static void field_end(struct expansion *e)
{
    if (e->started)
        args_add(e, arena_copy(e->field.data, e->field.used));
    text_clear(&e->field);
    e->started = false;
}

static void field_value(struct expansion *e, const char *value, bool quoted)
{
    for (; *value; value++) {
        if (!quoted && e->split && strchr(" \t\n", *value))
            field_end(e);
        else
            field_char(e, *value);
    }
}

static void field_number(struct expansion *e, int value)
{
    char digits[12];
    int at = sizeof(digits) - 1;

    digits[at] = 0;
    do {
        digits[--at] = '0' + value % 10;
        value /= 10;
    } while (value);
    field_value(e, digits + at, true);
}

static int args_count(void)
{
    int n = 0;

    while (shell.args[n])
        n++;
    return n - 1;
}

// $? and the like. Returns the text after it, or 0 if the character is not special.
static const char *expand_special(struct expansion *e, const char *p, bool quoted)
{
    if (*p == '?')
        field_number(e, shell.status);
    else if (*p == '$')
        field_number(e, getpid());
    else if (*p == '!')
        field_number(e, shell.background_pid);
    else if (*p == '#')
        field_number(e, args_count());
    else if (*p < '0' || *p > '9')
        return 0;
    else if (*p - '0' <= args_count())
        field_value(e, shell.args[*p - '0'], quoted);
    return p + 1;
}

// `p` is after the dollar sign. Returns the text after the variable.
static const char *expand_variable(struct expansion *e, const char *p, bool quoted)
{
    const char *after = expand_special(e, p, quoted);
    bool braces = *p == '{';
    const char *name = p + braces, *end = name;

    if (after)
        return after;
    while (is_name_char(*end, end == name))
        end++;
    if (end == name || (braces && *end != '}')) {
        field_char(e, '$');
        return p;
    }
    const char *value = environ_find(arena_copy(name, end - name));
    if (value)
        field_value(e, value, quoted);
    return end + braces;
}

static const char *expand_double_quoted(struct expansion *e, const char *p)
{
    e->started = true;
    while (*p && *p != '"') {
        if (*p == '$') {
            p = expand_variable(e, p + 1, true);
            continue;
        }
        if (*p == '\\' && p[1] == '\n') {
            p += 2;
            continue;
        }
        if (*p == '\\' && p[1] && strchr("$`\"\\", p[1]))
            p++;
        field_char(e, *p++);
    }
    return *p ? p + 1 : p;
}

static const char *expand_single_quoted(struct expansion *e, const char *p)
{
    e->started = true;
    while (*p && *p != '\'')
        field_char(e, *p++);
    return *p ? p + 1 : p;
}

static void expand_word(struct expansion *e, const char *p)
{
    while (*p) {
        if (*p == '\'') {
            p = expand_single_quoted(e, p + 1);
        } else if (*p == '"') {
            p = expand_double_quoted(e, p + 1);
        } else if (*p == '$') {
            p = expand_variable(e, p + 1, false);
        } else if (*p == '\\' && p[1] == '\n') {
            p += 2;
        } else {
            p += *p == '\\' && p[1];
            field_char(e, *p++);
        }
    }
}

char **expand_words(const struct word *words)
{
    struct expansion e = {.split = true};

    e.args = arena_alloc(sizeof(*e.args)); // no words: an empty list
    for (; words; words = words->next) {
        expand_word(&e, words->text);
        field_end(&e);
    }
    free(e.field.data);
    return e.args;
}

char *expand_single(const char *word)
{
    struct expansion e = {.started = true};

    expand_word(&e, word);
    e.started = true;
    text_add(&e.field, "", 0);
    field_end(&e);
    free(e.field.data);
    return e.args[0];
}
