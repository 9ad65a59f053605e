// SPDX-License-Identifier: MIT
// The kernel command line: words, separated by blanks, of the form `name` or `name=value`.
#include "base/devicetree.h"
#include "lib/macro.h"
#include "lib/string.h"

bool bootarg_get(const char *name, char *buf, size_t n)
{
    size_t length = strlen(name);
    bool found = false;
    const char *end;

    for (const char *word = machine.bootargs; *word; word = *end ? end + 1 : end) {
        const char *value = word + length;

        end = strchr(word, ' ') ?: word + strlen(word);
        if (end < value || memcmp(word, name, length) || (value < end && *value != '='))
            continue;
        value += value < end;
        strlcpy(buf, value, MIN(n, (size_t)(end - value) + 1));
        found = true;
    }
    return found;
}
