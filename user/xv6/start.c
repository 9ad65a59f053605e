// SPDX-License-Identifier: MIT
// Makes of a new Linux process what a program written for xv6 expects: its one page of stack with
// the arguments, sixteen descriptors, the page at USYSCALL, and nothing else that can be touched.
#include "abi/auxv.h"
#include "abi/mman.h"
#include "abi/resource.h"

#include "kernel/memlayout.h"
#include "kernel/param.h"
#include "lib/arguments.h"
#include "lib/environ.h"
#include "lib/fork.h"
#include "lib/linux.h"
#include "lib/path.h"
#include "lib/trace.h"
#include "user/user.h"

#define ENVIRON_SIZE 1024 // bytes of variables that are kept, for the programs started from here
#define ENVIRON_MAX  32
#define TOO_LARGE    126 // status of a program whose arguments do not fit
#define STACK_MAX    (8UL << 20)

extern char xv6_stack_top[]; // xv6.ld
char **environ;

static uint64 old_stack_end; // of the stack that the kernel made

int main(int argc, char **argv);
void xv6_enter(int argc, char **argv) __attribute__((noreturn));
void xv6_start(long *block) __attribute__((noreturn));
void xv6_run(int argc, char **argv) __attribute__((noreturn));

static void environ_keep(char **from)
{
    static char text[ENVIRON_SIZE], *list[ENVIRON_MAX + 1];
    int used = 0, kept = 0;

    for (; *from && kept < ENVIRON_MAX; from++) {
        int n = strlen(*from) + 1;
        if (used + n > ENVIRON_SIZE)
            continue;
        list[kept++] = memcpy(text + used, *from, n);
        used += n;
    }
    environ = list;
}

// The file's name is the last thing on that stack; what lies above is the vDSO.
static uint64 stack_end(const uint64 *auxv)
{
    for (; auxv[0] != AT_NULL; auxv += 2)
        if (auxv[0] == AT_EXECFN)
            return PGROUNDUP(auxv[1] + strlen((char *)auxv[1]) + 1);
    return 0;
}

static void usyscall_set(void)
{
    struct usyscall *page = (struct usyscall *)USYSCALL;

    ecall3(SYS_mprotect, USYSCALL, PGSIZE, PROT_READ | PROT_WRITE);
    page->pid = ecall1(SYS_getpid, 0);
    ecall3(SYS_mprotect, USYSCALL, PGSIZE, PROT_READ);
}

static void usyscall_map(void)
{
    ecall6(SYS_mmap, USYSCALL, PGSIZE, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    usyscall_set();
    fork_child_hook = usyscall_set;
}

static void descriptors_limit(void)
{
    struct rlimit64 limit;

    if (ecall4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit) < 0 || limit.rlim_cur <= NOFILE)
        return;
    limit.rlim_cur = NOFILE;
    ecall4(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&limit, 0);
}

// An alarm's function that calls exec() leaves the signal blocked, and perhaps one that waits: it
// goes when it is ignored.
static void alarm_reset(void)
{
    struct k_sigaction ignore = {.handler = SIG_IGN};
    uint64 set = 1UL << (SIGPROF - 1);

    sys_sigaction(SIGPROF, &ignore);
    ecall4(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&set, 0, sizeof(set));
}

void xv6_start(long *block)
{
    int argc = block[0];
    char **argv = (char **)(block + 1), **env = argv + argc + 1;

    environ_keep(env);
    while (*env)
        env++;
    old_stack_end = stack_end((uint64 *)(env + 1));
    if (arguments_size(argv) > PGSIZE) {
        fprintf(2, "%s: the arguments do not fit in a page\n", argv[0]);
        exit(TOO_LARGE);
    }
    xv6_enter(argc, arguments_place(xv6_stack_top, argc, argv));
}

void xv6_run(int argc, char **argv)
{
    struct k_sigaction ignore = {.handler = SIG_IGN};

    if (old_stack_end)
        ecall2(SYS_munmap, old_stack_end - STACK_MAX, TRAMPOLINE - (old_stack_end - STACK_MAX));
    usyscall_map();
    descriptors_limit();
    sys_sigaction(SIGPIPE, &ignore); // write() is to give -1
    alarm_reset();
    path_limited = true;
    trace_resume(argc);
    exit(main(argc, argv));
}
