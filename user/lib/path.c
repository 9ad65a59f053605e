// SPDX-License-Identifier: MIT
#include "lib/path.h"

#include "kernel/fs.h"
#include "lib/probe.h"

#define TOO_LONG ((const char *)-1L)

bool path_limited;

const char *path_take(char copy[MAXPATH], const char *path)
{
    int used = 0, name = 0; // bytes of the copy, and of the name that ends it

    if (!path_limited || !probe_string(path))
        return path;
    for (int i = 0; i < MAXPATH; i++) {
        name = path[i] == '/' ? 0 : name + 1;
        if (!path[i] || name <= DIRSIZ)
            copy[used++] = path[i];
        if (!path[i])
            return copy;
    }
    return TOO_LONG;
}
