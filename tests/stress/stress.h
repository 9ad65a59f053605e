// SPDX-License-Identifier: MIT
// What the files of the stress program share: checks, child processes, and the kinds by name.
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c)) {                                                                                \
            dprintf(2, "%s:%d: %s (errno %d, pid %d)\n", __func__, __LINE__, #c, errno, getpid()); \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#define PAGE 4096UL

extern char self_path[256]; // of this program, for exec

uint32_t next_random(uint32_t *seed);
pid_t fork_checked(void);
void wait_ok(pid_t pid); // waits for a child that must end with 0
void thread_start(pthread_t *t, void *(*fn)(void *), void *arg);
// Runs fn(index, n) in `count` child processes; each must end with 0.
void in_children(int count, void (*fn)(int, int), int n);

// Threads that compute, and that nap, until storm_over; arg is a page to write to.
extern atomic_int storm_over;
void *signals_busy(void *arg);
void *signals_sleepy(void *arg);

// One kind each; n and m are its counts.
void pipes(int n, int m);
void signals(int n, int m);
void files(int n, int m);
void exits(int n, int m);
void fds(int n, int m);
void proc(int n, int m);
