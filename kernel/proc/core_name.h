// SPDX-License-Identifier: MIT
// The name of a core dump's file (core(5), "Naming of core dump files").
#pragma once
#include "lib/types.h"

#define CORE_PATTERN_SIZE 128 // with the NUL

// What a pattern may tell of a dump.
struct core_facts {
    pid_t pid, tid;
    uid_t uid;
    gid_t gid;
    int sig;
    u32 dumpable;
    u64 limit; // bytes
    u64 time;  // seconds since 1970
    const char *host, *comm, *exe;
};
// The file's name by core(5): its length; -ENAMETOOLONG, -ENOENT (it is empty).
int core_name(char *out, size_t size, const char *pattern, bool uses_pid,
              const struct core_facts *facts);
