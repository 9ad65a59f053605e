// SPDX-License-Identifier: MIT
// What the failure sweep and its workloads share.
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE     4096
#define DIR_PATH "/tmp/failnth.dir"    // working directory of every run, empty at its start
#define PROGRAM  "/tmp/failnth.self"   // a copy of this program
#define SCRIPT   "/tmp/failnth.script" // PROGRAM --noop interprets it
#define ARM_FD   100                   // /proc/<pid>/fail-nth of the child, also across execve

struct workload {
    const char *name; // NULL ends a table
    int (*run)(void); // 0 or an errno
    bool once;        // a process can run it only once
    bool replaces;    // ends in PROGRAM --noop if it succeeds
};

#define WORKLOAD(name)            \
    {                             \
#name, name, false, false \
    }
#define ONE_RUN(name)            \
    {                            \
#name, name, true, false \
    }
#define REPLACED(name)          \
    {                           \
#name, name, true, true \
    }

extern const struct workload workloads_of_files[], workloads_of_processes[];
extern char buffer[65536]; // present in memory before a run

// A workload ends with this call's errno if it fails.
#define TRY(call)             \
    do {                      \
        if ((long)(call) < 0) \
            return errno;     \
    } while (0)

// MAP_FAILED as -1.
#define MAPPED(p) ((p) == MAP_FAILED ? -1 : 0)

static inline void *pages(int n)
{
    return mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Writes to each of n pages.
static inline void touch(char *p, int n)
{
    for (int i = 0; i < n; i++)
        ((volatile char *)p)[i * PAGE] = i;
}

// Waits for a child that should end with status 0: 0, or -1 with errno.
static inline int child_wait(pid_t pid)
{
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    errno = EPROTO;
    return status ? -1 : 0;
}
