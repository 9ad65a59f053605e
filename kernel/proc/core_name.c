// SPDX-License-Identifier: MIT
// The name of a core dump's file, from its pattern ("Naming of core dump files" of core(5)).
//
// PURE. What a process can choose itself, its names, becomes one component of a path at most: a
// slash is shown as '!', and so is the first dot of "." and "..", and nothing at all.

#include "proc/core_name.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/string.h"

struct name_out {
    char *data;
    size_t size, length; // the length it would have
};

static void put_char(struct name_out *o, char c)
{
    if (o->length < o->size)
        o->data[o->length] = c;
    o->length++;
}

static void put_number(struct name_out *o, u64 n)
{
    char text[24];

    snformat(text, sizeof(text), "%lu", n);
    for (const char *s = text; *s; s++)
        put_char(o, *s);
}

static void put_word(struct name_out *o, const char *s)
{
    bool dots = !strcmp(s, ".") || !strcmp(s, "..");

    if (!*s || dots)
        put_char(o, '!');
    for (s += dots; *s; s++)
        put_char(o, *s == '/' ? '!' : *s);
}

// What stands behind a '%'; what means nothing is left out.
static void put_fact(struct name_out *o, char which, const struct core_facts *f)
{
    switch (which) {
    case '%':
        return put_char(o, '%');
    case 'c':
        return put_number(o, f->limit);
    case 'd':
        return put_number(o, f->dumpable);
    case 'e':
        return put_word(o, f->comm);
    case 'E':
        return put_word(o, f->exe);
    case 'g':
        return put_number(o, f->gid);
    case 'h':
        return put_word(o, f->host);
    case 'i':
    case 'I':
        return put_number(o, f->tid);
    case 'p':
    case 'P':
        return put_number(o, f->pid);
    case 's':
        return put_number(o, f->sig);
    case 't':
        return put_number(o, f->time);
    case 'u':
        return put_number(o, f->uid);
    default:
        return;
    }
}

int core_name(char *out, size_t size, const char *pattern, bool uses_pid,
              const struct core_facts *facts)
{
    struct name_out o = {out, size, 0};

    for (const char *s = pattern; *s; s++) {
        if (*s != '%') {
            put_char(&o, *s);
            continue;
        }
        if (!*++s)
            break;
        if (*s == 'p')
            uses_pid = false; // it is there
        put_fact(&o, *s, facts);
    }
    if (uses_pid) {
        put_char(&o, '.');
        put_number(&o, facts->pid);
    }
    put_char(&o, '\0');
    if (o.length > size)
        return -ENAMETOOLONG;
    return o.length > 1 ? (int)o.length - 1 : -ENOENT;
}
