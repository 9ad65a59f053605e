// SPDX-License-Identifier: MIT
// Futexes with priority inheritance: what their tests share. Workers do one system call at a time,
// as they are told.
#pragma once
#include "abi.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static inline long futex(void *word, int op, uint32_t value, const void *timeout, void *word2,
                         uint32_t value3)
{
    return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static inline long lock_pi(uint32_t *word)
{
    return futex(word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static inline long unlock_pi(uint32_t *word)
{
    return futex(word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static inline uint32_t load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static inline void store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static inline uint32_t self(void)
{
    return syscall(SYS_gettid);
}

// Between two looks at a condition; a real-time thread lets all others run.
static inline void nap(void)
{
    nanosleep(&(struct timespec){0, 200000}, NULL);
}

/* Threads, and what /proc says of them */

// State letter and priority of a thread: 20 + nice, or -1 - real-time priority.
static inline char thread_stat(pid_t process, pid_t tid, int *priority)
{
    char path[64], text[512], state = 0;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process, tid);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    sscanf(strrchr(text, ')') ?: ") ?",
           ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &state, priority);
    return state;
}

static inline int priority_of(pid_t tid)
{
    int priority = 0;

    thread_stat(getpid(), tid, &priority);
    return priority;
}

static inline void await_sleep(pid_t tid)
{
    int unused;

    while (thread_stat(getpid(), tid, &unused) != 'S')
        nap();
}

static inline void set_fifo(pid_t tid, int priority)
{
    struct sched_param p = {.sched_priority = priority};

    NEED(sched_setscheduler(tid, priority ? SCHED_FIFO : SCHED_OTHER, &p) == 0);
}

// A thread that does what it is told: one system call at a time.
struct worker {
    pthread_t thread;
    uint32_t tid;      // (a)
    uint32_t calls;    // (a) to be done, in all
    uint32_t returned; // (a)
    long args[7];      // number and arguments
    long result;       // -errno
    uint32_t ended;    // (a) it is to end
};

static inline void word_await(uint32_t *word, uint32_t from)
{
    while (load(word) == from)
        futex(word, FUTEX_WAIT, from, NULL, NULL, 0);
}

static inline void word_post(uint32_t *word, uint32_t value)
{
    store(word, value);
    futex(word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static inline void *worker_main(void *argument)
{
    struct worker *w = argument;

    word_post(&w->tid, self());
    for (uint32_t done = 0;; done++) {
        word_await(&w->calls, done);
        if (w->ended)
            return NULL;
        w->result =
            raw(w->args[0], w->args[1], w->args[2], w->args[3], w->args[4], w->args[5], w->args[6]);
        word_post(&w->returned, done + 1);
    }
}

static inline void worker_start(struct worker *w, int priority)
{
    memset(w, 0, sizeof(*w));
    NEED(pthread_create(&w->thread, NULL, worker_main, w) == 0);
    word_await(&w->tid, 0);
    if (priority)
        set_fifo(w->tid, priority);
}

static inline void worker_tell(struct worker *w, long number, long a, long b, long c, long d,
                               long e, long f)
{
    long args[7] = {number, a, b, c, d, e, f};

    memcpy(w->args, args, sizeof(args));
    word_post(&w->calls, w->calls + 1);
}

static inline long worker_result(struct worker *w)
{
    while (load(&w->returned) != w->calls)
        futex(&w->returned, FUTEX_WAIT, load(&w->calls) - 1, NULL, NULL, 0);
    return w->result;
}

static inline bool worker_is_back(struct worker *w)
{
    return load(&w->returned) == load(&w->calls);
}

static inline void worker_end(struct worker *w)
{
    w->ended = 1;
    word_post(&w->calls, w->calls + 1);
    NEED(pthread_join(w->thread, NULL) == 0);
}

static inline void tell_futex(struct worker *w, uint32_t *word, int op, uint32_t value,
                              const void *timeout, uint32_t *word2)
{
    worker_tell(w, SYS_futex, (long)word, op, value, (long)timeout, (long)word2, 0);
}

static inline void tell_lock(struct worker *w, uint32_t *word)
{
    tell_futex(w, word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL);
}

// The worker waits in the kernel for the lock.
static inline void tell_wait(struct worker *w, uint32_t *word)
{
    tell_lock(w, word);
    await_sleep(w->tid);
}

static inline long do_lock(struct worker *w, uint32_t *word)
{
    tell_lock(w, word);
    return worker_result(w);
}

static inline long do_unlock(struct worker *w, uint32_t *word)
{
    tell_futex(w, word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL);
    return worker_result(w);
}

static inline struct timespec after(clockid_t clock, long ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}
