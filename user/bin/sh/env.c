// SPDX-License-Identifier: MIT
// Changes the environment.
#include "lib/environ.h"
#include "sh.h"

bool is_name_char(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

static char **env_slot(const char *name, uint *count)
{
    uint len = strlen(name);
    char **found = 0;

    for (*count = 0; environ[*count]; (*count)++) {
        const char *entry = environ[*count];
        if (memcmp(entry, name, len) == 0 && entry[len] == '=')
            found = &environ[*count];
    }
    return found;
}

// Replaced strings and arrays are not freed: the first ones are part of the start-up block.
void env_set(const char *name, const char *value)
{
    uint count, name_len = strlen(name), value_len = strlen(value);
    char **slot = env_slot(name, &count);
    char *entry = malloc(name_len + value_len + 2);
    char **larger = slot ? 0 : malloc((count + 2) * sizeof(*larger));

    if (!entry || (!slot && !larger)) {
        fprintf(2, "sh: out of memory\n");
        return;
    }
    strcpy(entry, name);
    entry[name_len] = '=';
    strcpy(entry + name_len + 1, value);
    if (!slot) {
        memcpy(larger, environ, count * sizeof(*larger));
        larger[count + 1] = 0;
        environ = larger;
        slot = &larger[count];
    }
    *slot = entry;
}
