// SPDX-License-Identifier: MIT
// Arguments of a program on xv6's stack: the strings from its end down, each at a multiple of 16,
// and below them argv.
#pragma once

#include "kernel/types.h"

// Bytes that `argv` takes on the stack; over a page if it has MAXARG strings or more.
uint arguments_size(char **argv);

// Copies them below `top`, a multiple of 16; their argv, where sp may begin.
char **arguments_place(char *top, int argc, char **argv);
