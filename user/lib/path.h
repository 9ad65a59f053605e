// SPDX-License-Identifier: MIT
// xv6's limits of names: MAXPATH bytes of a path, DIRSIZ of each name in it, which are all that
// counts of a longer one. Programs of xv6's layout have them; native ones have the kernel's.
#pragma once

#include <stdbool.h>

#include "kernel/param.h"

extern bool path_limited;

// What to give the kernel for `path`: itself, or `copy` with its names cut, or, if it is too long,
// what no call can read.
const char *path_take(char copy[MAXPATH], const char *path);
