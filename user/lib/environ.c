// SPDX-License-Identifier: MIT
// Looks names up in the environment.
#include "lib/environ.h"

#include "user/user.h"

char *environ_find(const char *name)
{
    uint len = strlen(name);

    for (char **e = environ; *e; e++)
        if (memcmp(*e, name, len) == 0 && (*e)[len] == '=')
            return *e + len + 1;
    return 0;
}
