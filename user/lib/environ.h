// SPDX-License-Identifier: MIT
// The environment: a zero-terminated array of NAME=value strings, passed on by exec().
#pragma once

extern char **environ;

// The value of `name`, or 0.
char *environ_find(const char *name);
