// SPDX-License-Identifier: MIT
// The kernel command line: words, separated by blanks, of the form `name` or `name=value`.
#include "base/devicetree.h"
#include "lib/macro.h"
#include "lib/string.h"

bool bootarg_get(const char *name, char *buf, size_t n)
{
    const char *word = machine.bootargs;
    size_t length = strlen(name);

    while (*word) {
        const char *end = strchr(word, ' ');
        size_t size = end ? (size_t)(end - word) : strlen(word);

        if (size >= length && !memcmp(word, name, length) &&
            (size == length || word[length] == '=')) {
            const char *value = word + length + (size > length);

            strlcpy(buf, value, MIN(n, (size_t)(word + size - value) + 1));
            return true;
        }
        word += size;
        while (*word == ' ')
            word++;
    }
    return false;
}
