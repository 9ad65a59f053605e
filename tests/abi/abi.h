// SPDX-License-Identifier: MIT
// What the ABI tests share: checks that count, children, faults, and waiting for conditions.
//
// A test prints `ok N name` or `FAIL name: details` for every check and ends with 0 if none failed.
// Checks also count when a child makes them. Names are unique within a program.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE        4096UL
#define KERNEL_ADDR 0xffffffc000000000UL // upper half: never a user's
#define UNMAPPED    0x3000000000UL       // a user address that nothing maps
#define ABI_DIR     "/tmp/abi.dir"       // scratch directory of a test

struct abi_counts {
    int checks, failed; // (a)
};

static struct abi_counts *abi_counts;

static inline void abi_begin(void)
{
    abi_counts = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (abi_counts == MAP_FAILED) {
        printf("FAIL begin: no shared memory\n");
        exit(1);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
}

static inline int abi_end(void)
{
    printf("%d checks, %d failed\n", abi_counts->checks, abi_counts->failed);
    return abi_counts->failed != 0 || abi_counts->checks == 0;
}

__attribute__((format(printf, 3, 4))) static inline void abi_report(bool good, const char *name,
                                                                    const char *format, ...)
{
    int number = __atomic_add_fetch(&abi_counts->checks, 1, __ATOMIC_RELAXED);
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (good) {
        printf("ok %d %s\n", number, name);
    } else {
        __atomic_add_fetch(&abi_counts->failed, 1, __ATOMIC_RELAXED);
        printf("FAIL %s: %s\n", name, line);
    }
    fflush(stdout);
}

#define CHECK(name, condition) \
    abi_report((condition), name, "%s:%d: not true: %s", __FILE__, __LINE__, #condition)

// `got` and `want` are compared as long.
#define EXPECT(name, got, want)                                                                \
    do {                                                                                       \
        errno = 0;                                                                             \
        long got_ = (long)(got), want_ = (long)(want);                                         \
        abi_report(got_ == want_, name, "%s:%d: %s is %ld (errno %d), expected %ld", __FILE__, \
                   __LINE__, #got, got_, errno, want_);                                        \
    } while (0)

// The call returns -1 with this errno.
#define EXPECT_ERR(name, call, error)                                                         \
    do {                                                                                      \
        errno = 0;                                                                            \
        long got_ = (long)(call);                                                             \
        int errno_ = errno;                                                                   \
        abi_report(got_ == -1 && errno_ == (error), name,                                     \
                   "%s:%d: %s is %ld with errno %d, expected -1 with %d", __FILE__, __LINE__, \
                   #call, got_, errno_, (error));                                             \
    } while (0)

// The call succeeds: not -1.
#define EXPECT_OK(name, call)                                                                     \
    do {                                                                                          \
        errno = 0;                                                                                \
        long got_ = (long)(call);                                                                 \
        abi_report(got_ != -1, name, "%s:%d: %s failed with errno %d", __FILE__, __LINE__, #call, \
                   errno);                                                                        \
    } while (0)

#define EXPECT_STR(name, got, want)                                                        \
    do {                                                                                   \
        const char *got_ = (got), *want_ = (want);                                         \
        abi_report(strcmp(got_, want_) == 0, name, "%s:%d: %s is \"%s\", expected \"%s\"", \
                   __FILE__, __LINE__, #got, got_, want_);                                 \
    } while (0)

// Ends the test at once, where nothing after could make sense.
#define NEED(condition)                                                                       \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            abi_report(false, "need", "%s:%d: %s (errno %d)", __FILE__, __LINE__, #condition, \
                       errno);                                                                \
            _exit(1);                                                                         \
        }                                                                                     \
    } while (0)

// A system call without errno: -errno on failure. For a process whose libc state is not to be
// touched, and for arguments that libc would use itself.
static inline long raw(long number, long a, long b, long c, long d, long e, long f)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    register long a5 __asm__("a5") = f;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return a0;
}

// Children.

static inline pid_t child_start(void (*main)(void *), void *argument)
{
    fflush(stdout);
    pid_t pid = fork();
    NEED(pid >= 0);
    if (pid == 0) {
        main(argument);
        _exit(0);
    }
    return pid;
}

// The wait status of a child that is a child of ours; -1 if it is not.
static inline int child_end(pid_t pid)
{
    int status;
    pid_t got;

    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    return got == pid ? status : -1;
}

static inline int child_run(void (*main)(void *), void *argument)
{
    return child_end(child_start(main, argument));
}

#define EXITED(code)     ((code) << 8)
#define SIGNALED(number) (number)

// The state letter of /proc/<pid>/stat, 0 if there is none.
static inline char process_state(pid_t pid)
{
    char path[64], text[512];

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    char *end = strrchr(text, ')');
    return end && end[1] ? end[2] : 0;
}

// Waits until a process is in one of these states.
static inline void process_await(pid_t pid, const char *states)
{
    char state;

    do {
        sched_yield();
        state = process_state(pid);
    } while (state == 0 || !strchr(states, state));
}

// A flag that crosses fork: one process posts, another waits.
struct gate {
    int fd[2];
};

static inline void gate_init(struct gate *g)
{
    NEED(pipe2(g->fd, O_CLOEXEC) == 0);
}

static inline void gate_fini(struct gate *g)
{
    close(g->fd[0]);
    close(g->fd[1]);
}

static inline void gate_post(struct gate *g)
{
    NEED(write(g->fd[1], "g", 1) == 1);
}

static inline void gate_wait(struct gate *g)
{
    char c;
    ssize_t n;

    do {
        n = read(g->fd[0], &c, 1);
    } while (n < 0 && errno == EINTR);
    NEED(n == 1);
}

static inline void *shared_page(void)
{
    void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    NEED(p != MAP_FAILED);
    return p;
}

// Faults.

static sigjmp_buf fault_return;
static siginfo_t fault_info;

static inline void fault_catch(int number, siginfo_t *info, void *context)
{
    (void)context;
    fault_info = *info;
    siglongjmp(fault_return, number);
}

// Runs the function; the signal it faults with, 0 for none. fault_info has the signal's details.
static inline int fault_of(void (*main)(void *), void *argument)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    struct sigaction old[5], action = {.sa_sigaction = fault_catch, .sa_flags = SA_SIGINFO};

    for (int i = 0; i < 5; i++)
        NEED(sigaction(signals[i], &action, &old[i]) == 0);
    int number = sigsetjmp(fault_return, 1);
    if (number == 0)
        main(argument);
    for (int i = 0; i < 5; i++)
        sigaction(signals[i], &old[i], NULL);
    return number;
}

static inline void touch_read(void *p)
{
    *(volatile char *)p;
}

static inline void touch_write(void *p)
{
    *(volatile char *)p = 1;
}

static inline void touch_call(void *p)
{
    ((void (*)(void))p)();
}

#define EXPECT_FAULT(name, main, address, number, code)                                            \
    do {                                                                                           \
        void *address_ = (void *)(address);                                                        \
        int got_ = fault_of(main, address_);                                                       \
        abi_report(                                                                                \
            got_ == (number) &&                                                                    \
                (got_ == 0 || (fault_info.si_code == (code) && fault_info.si_addr == address_)),   \
            name, "%s:%d: signal %d code %d at %p, expected %d code %d at %p", __FILE__, __LINE__, \
            got_, fault_info.si_code, fault_info.si_addr, number, code, address_);                 \
    } while (0)

#define EXPECT_NO_FAULT(name, main, address) EXPECT(name, fault_of(main, (void *)(address)), 0)

// Files.

// A fresh, empty ABI_DIR as working directory.
static inline void scratch_enter(void)
{
    NEED(system("/usr/bin/busybox rm -rf " ABI_DIR) == 0 || 1);
    NEED(mkdir(ABI_DIR, 0755) == 0 || errno == EEXIST);
    NEED(chdir(ABI_DIR) == 0);
}

static inline void scratch_leave(void)
{
    NEED(chdir("/") == 0);
    NEED(system("/usr/bin/busybox rm -rf " ABI_DIR) == 0);
}

static inline void file_write(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    NEED(fd >= 0);
    NEED(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

// The whole of a small file as a string, in a buffer that the next call reuses; "" if none.
static inline const char *file_text(const char *path)
{
    static char text[65536];
    int fd = open(path, O_RDONLY);
    size_t used = 0;
    ssize_t n = 0;

    while (fd >= 0 && used < sizeof(text) - 1 &&
           (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
        used += n;
    text[used] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

// Waiting for what should come at once, and whether it ever does.

#define PATIENCE 20 // seconds

static inline bool patience_ends(time_t *began)
{
    struct timespec now;

    sched_yield();
    NEED(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    if (!*began)
        *began = now.tv_sec;
    return now.tv_sec - *began > PATIENCE;
}

// Whether it ever comes to that.
#define COMES(condition)                                \
    ({                                                  \
        time_t began_ = 0;                              \
        while (!(condition) && !patience_ends(&began_)) \
            ;                                           \
        (condition);                                    \
    })
