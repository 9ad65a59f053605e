// SPDX-License-Identifier: MIT
// Bad pointers: every pointer of every system call, with an address of every bad kind, gives EFAULT
// and changes nothing.
#include "abi.h"

#include <sys/ioctl.h>
#include <sys/utsname.h>

#define ARGS 6
#define ROOM 4096

// What an argument is.
enum kind {
    C = 'c',   // a number
    I = 'i',   // read by the kernel, `value` bytes
    O = 'o',   // written by the kernel
    B = 'b',   // both
    S = 's',   // a string
    N = 0x100, // may be NULL, and is where another argument is tested
    Z = 0x200, // may be NULL, and then means something else
    R = 0x400, // what a read-only page holds means something else
};

struct argument {
    int kind;
    long value;
    const char *text; // of a valid string
};

struct call {
    long number;
    const char *name;
    struct argument args[ARGS];
    int partial; // 1: may do a part of its work, up to the bad address
};

#define NUM(v)     \
    {              \
        C, v, NULL \
    }
#define IN(n)      \
    {              \
        I, n, NULL \
    }
#define OUT(n)     \
    {              \
        O, n, NULL \
    }
#define BOTH(n)    \
    {              \
        B, n, NULL \
    }
#define STR(t)  \
    {           \
        S, 0, t \
    }
#define OPT     N |
#define ZERO_OK Z |
#define SET     N | R |

// Descriptors that main makes.
enum { ZERO = 20, FILE_RW, PIPE_IN, PIPE_OUT, DIRECTORY, FILE_OTHER };

#define AT   NUM(AT_FDCWD)
#define NAME STR("/tmp/abi.bad")

static const struct call calls[] = {
    {SYS_read, "read", {NUM(ZERO), OUT(64), NUM(64)}, 1},
    {SYS_read, "read file", {NUM(FILE_RW), OUT(64), NUM(64)}, 1},
    {SYS_write, "write file", {NUM(FILE_OTHER), IN(64), NUM(64)}, 1},
    {SYS_write, "write pipe", {NUM(PIPE_OUT), IN(64), NUM(64)}, 1},
    {SYS_readv, "readv", {NUM(ZERO), IN(32), NUM(2)}, 0},
    {SYS_writev, "writev", {NUM(FILE_OTHER), IN(32), NUM(2)}, 0},
    {SYS_pread64, "pread", {NUM(FILE_RW), OUT(64), NUM(64), NUM(0)}, 1},
    {SYS_pwrite64, "pwrite", {NUM(FILE_OTHER), IN(64), NUM(64), NUM(0)}, 1},
    {SYS_openat, "openat", {AT, NAME, NUM(O_RDONLY)}, 0},
    {SYS_fstat, "fstat", {NUM(FILE_RW), OUT(128)}, 0},
    {SYS_newfstatat, "newfstatat", {AT, NAME, OUT(128), NUM(0)}, 0},
    {SYS_statx, "statx", {AT, NAME, NUM(0), NUM(0x7ff), OUT(256)}, 0},
    {SYS_readlinkat, "readlinkat", {AT, STR("/proc/self/exe"), OUT(8), NUM(8)}, 0},
    {SYS_faccessat, "faccessat", {AT, NAME, NUM(0)}, 0},
    {SYS_mkdirat, "mkdirat", {AT, NAME, NUM(0755)}, 0},
    {SYS_mknodat, "mknodat", {AT, NAME, NUM(S_IFREG | 0644), NUM(0)}, 0},
    {SYS_unlinkat, "unlinkat", {AT, STR("/tmp/abi.none"), NUM(0)}, 0},
    {SYS_symlinkat, "symlinkat", {NAME, AT, NAME}, 0},
    {SYS_linkat, "linkat", {AT, NAME, AT, NAME, NUM(0)}, 0},
    {SYS_renameat2, "renameat2", {AT, NAME, AT, NAME, NUM(0)}, 0},
    {SYS_fchmodat, "fchmodat", {AT, NAME, NUM(0644)}, 0},
    {SYS_fchownat, "fchownat", {AT, NAME, NUM(-1), NUM(-1), NUM(0)}, 0},
    {SYS_utimensat, "utimensat", {AT, STR("/tmp/abi.bad"), {OPT I, 32, NULL}, NUM(0)}, 0},
    {SYS_truncate, "truncate", {NAME, NUM(100)}, 0},
    {SYS_chdir, "chdir", {STR("/")}, 0},
    {SYS_chroot, "chroot", {STR("/")}, 0},
    {SYS_statfs, "statfs", {NAME, OUT(120)}, 0},
    {SYS_fstatfs, "fstatfs", {NUM(FILE_RW), OUT(120)}, 0},
    {SYS_getcwd, "getcwd", {OUT(2), NUM(256)}, 0},
    {SYS_execve, "execve", {STR("/proc/self/exe"), {OPT I, 8, NULL}, {OPT I, 8, NULL}}, 0},
    {SYS_pipe2, "pipe2", {OUT(8), NUM(0)}, 0},
    {SYS_getdents64, "getdents64", {NUM(DIRECTORY), OUT(512), NUM(512)}, 1},
    {SYS_sendfile, "sendfile", {NUM(FILE_OTHER), NUM(FILE_RW), {OPT B, 8, NULL}, NUM(1)}, 0},
    {SYS_copy_file_range,
     "copy_file_range",
     {NUM(FILE_RW), {SET B, 8, NULL}, NUM(FILE_OTHER), {SET B, 8, NULL}, NUM(1), NUM(0)},
     0},
    {SYS_ppoll, "ppoll", {BOTH(8), NUM(1), {ZERO_OK I, 16, NULL}, {OPT I, 8, NULL}, NUM(8)}, 0},
    {SYS_pselect6,
     "pselect6",
     {NUM(64),
      {SET B, 8, NULL},
      {SET B, 8, NULL},
      {SET B, 8, NULL},
      {ZERO_OK I, 16, NULL},
      {OPT I, 16, NULL}},
     0},
    {SYS_fcntl, "fcntl F_GETLK", {NUM(FILE_RW), NUM(F_GETLK), {R | B, 32, NULL}}, 0},
    {SYS_ioctl, "ioctl FIONREAD", {NUM(PIPE_IN), NUM(FIONREAD), OUT(4)}, 0},
    {SYS_clock_gettime, "clock_gettime", {NUM(0), OUT(16)}, 0},
    {SYS_clock_getres, "clock_getres", {NUM(0), {OPT O, 16, NULL}}, 0},
    {SYS_gettimeofday, "gettimeofday", {{OPT O, 16, NULL}, {OPT O, 8, NULL}}, 0},
    {SYS_nanosleep, "nanosleep", {IN(16), NUM(0)}, 0},
    {SYS_clock_nanosleep, "clock_nanosleep", {NUM(1), NUM(0), IN(16), NUM(0)}, 0},
    {SYS_getitimer, "getitimer", {NUM(0), OUT(32)}, 0},
    {SYS_setitimer, "setitimer", {NUM(0), {OPT I, 32, NULL}, {OPT O, 32, NULL}}, 0},
    {SYS_timer_create, "timer_create", {NUM(0), {OPT I, 64, NULL}, OUT(4)}, 0},
    {SYS_times, "times", {{OPT O, 32, NULL}}, 0},
    {SYS_sysinfo, "sysinfo", {OUT(112)}, 0},
    {SYS_uname, "uname", {OUT(sizeof(struct utsname))}, 0},
    {SYS_prlimit64, "prlimit64", {NUM(0), NUM(7), NUM(0), {OPT O, 16, NULL}}, 0},
    {SYS_prlimit64, "prlimit64, new", {NUM(0), NUM(7), {OPT I, 16, NULL}, NUM(0)}, 0},
    {SYS_getrusage, "getrusage", {NUM(0), OUT(144)}, 0},
    {SYS_sched_getaffinity, "sched_getaffinity", {NUM(0), NUM(128), OUT(8)}, 0},
    {SYS_sched_setaffinity, "sched_setaffinity", {NUM(0), NUM(8), IN(8)}, 0},
    {SYS_sched_getparam, "sched_getparam", {NUM(0), {ZERO_OK O, 4, NULL}}, 0},
    {SYS_rt_sigaction, "rt_sigaction", {NUM(10), {OPT I, 24, NULL}, {OPT O, 24, NULL}, NUM(8)}, 0},
    {SYS_rt_sigprocmask, "rt_sigprocmask", {NUM(0), {OPT I, 8, NULL}, {OPT O, 8, NULL}, NUM(8)}, 0},
    {SYS_rt_sigpending, "rt_sigpending", {OUT(8), NUM(8)}, 0},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", {IN(8), NUM(0), {ZERO_OK I, 16, NULL}, NUM(8)}, 0},
    {SYS_rt_sigsuspend, "rt_sigsuspend", {IN(8), NUM(8)}, 0},
    {SYS_rt_sigqueueinfo, "rt_sigqueueinfo", {NUM(0x3ffffff), NUM(10), IN(128)}, 0},
    {SYS_sigaltstack, "sigaltstack", {{OPT I, 24, NULL}, {OPT O, 24, NULL}}, 0},
    {SYS_futex, "futex", {IN(1), NUM(0), NUM(1)}, 0},
    {SYS_futex, "futex, time", {IN(1), NUM(0), NUM(1), {OPT I, 16, NULL}}, 0},
    {SYS_setgroups, "setgroups", {NUM(1), IN(4)}, 0},
    {SYS_getresuid, "getresuid", {OUT(4), OUT(4), OUT(4)}, 0},
    {SYS_getresgid, "getresgid", {OUT(4), OUT(4), OUT(4)}, 0},
    {SYS_prctl, "prctl PR_GET_NAME", {NUM(16), OUT(16)}, 0},
    {SYS_getrandom, "getrandom", {OUT(64), NUM(64), NUM(0)}, 1},
    {SYS_getcpu, "getcpu", {{OPT O, 4, NULL}, {OPT O, 4, NULL}, NUM(0)}, 0},
    {SYS_clone3, "clone3", {IN(88), NUM(88)}, 0},
    {SYS_mincore, "mincore", {NUM(0x10000), NUM(4096), OUT(1)}, 0},
    {SYS_sethostname, "sethostname", {IN(8), NUM(8)}, 0},
    {SYS_mount,
     "mount",
     {{ZERO_OK S, 0, "none"}, STR("/tmp/abi.none"), {ZERO_OK S, 0, "tmpfs"}, NUM(0), NUM(0)},
     0},
    {SYS_umount2, "umount2", {STR("/tmp/abi.none"), NUM(0)}, 0},
};

static char valid[ARGS][ROOM];
static char *edge;     // a page with nothing behind it
static char *readonly; // a page of 0x3c bytes

struct bad {
    const char *name;
    uintptr_t address; // for this argument
};

static int bad_addresses(const struct argument *a, struct bad *out)
{
    long size = a->value;
    int kind = a->kind & 0xff, n = 0;

    if (!(a->kind & (N | Z)))
        out[n++] = (struct bad){"NULL", 0};
    out[n++] = (struct bad){"kernel", KERNEL_ADDR};
    out[n++] = (struct bad){"kernel image", 0xffffffff80200000UL};
    out[n++] = (struct bad){"unmapped", UNMAPPED};
    out[n++] = (struct bad){"not canonical", 0x4000000000000000UL};
    out[n++] = (struct bad){"end of user space", 0x4000000000UL};
    if ((kind == O || kind == B) && !(a->kind & R))
        out[n++] = (struct bad){"read-only", (uintptr_t)readonly};
    if (size > 1) {
        long half = size >= 16 ? 8 : size >= 8 ? 4 : size / 2;
        out[n++] = (struct bad){"straddling", (uintptr_t)edge + PAGE - half};
        out[n++] = (struct bad){"wrapping", -(uintptr_t)half};
    }
    if (kind == S)
        out[n++] = (struct bad){"without an end", (uintptr_t)edge + PAGE - 8};
    return n;
}

static long call_with(const struct call *c, int at, uintptr_t bad)
{
    long v[ARGS];

    for (int i = 0; i < ARGS; i++) {
        int kind = c->args[i].kind & 0xff;
        memset(valid[i], 0, ROOM);
        v[i] = kind == 0 || kind == C ? c->args[i].value
               : kind == S            ? (long)c->args[i].text
                                      : (long)valid[i];
        if (c->args[i].kind & N)
            v[i] = 0;
        if (i == at)
            v[i] = bad;
    }
    return raw(c->number, v[0], v[1], v[2], v[3], v[4], v[5]);
}

static void test_call(const struct call *c)
{
    for (int i = 0; i < ARGS; i++) {
        struct bad list[16];
        int kind = c->args[i].kind & 0xff;
        int n = kind == 0 || kind == C ? 0 : bad_addresses(&c->args[i], list);
        for (int k = 0; k < n; k++) {
            char name[128];
            bool straddles = strcmp(list[k].name, "straddling") == 0;
            memset(edge, 'e', PAGE);
            lseek(FILE_RW, 0, SEEK_SET);
            lseek(DIRECTORY, 0, SEEK_SET);
            long got = call_with(c, i, list[k].address);
            bool good = got == -EFAULT;
            if (c->partial == 1 && straddles)
                good |= got > 0 && got < c->args[i].value;
            snprintf(name, sizeof(name), "%s, argument %d %s", c->name, i, list[k].name);
            abi_report(good, name, "%s:%d: result %ld, expected %d", __FILE__, __LINE__, got,
                       -EFAULT);
        }
    }
}

static int free_descriptor(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static void setup(void)
{
    int p[2];

    edge = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    readonly = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(edge != MAP_FAILED && readonly != MAP_FAILED);
    munmap(edge + PAGE, PAGE);
    memset(readonly, 0x3c, PAGE);
    mprotect(readonly, PAGE, PROT_READ);
    dup2(open("/dev/zero", O_RDONLY), ZERO);
    file_write("/tmp/abi.bad",
               "some bytes that are read, and a few more so that there are enough "
               "of them for every reader",
               0644);
    dup2(open("/tmp/abi.bad", O_RDWR), FILE_RW);
    dup2(open("/tmp/abi.other", O_RDWR | O_CREAT | O_TRUNC, 0644), FILE_OTHER);
    NEED(pipe2(p, O_NONBLOCK) == 0);
    dup2(p[0], PIPE_IN);
    dup2(p[1], PIPE_OUT);
    dup2(open("/tmp", O_RDONLY), DIRECTORY);
}

static void test_vector_elements(void)
{
    struct {
        void *base;
        size_t size;
    } v[2] = {{valid[0], 16}, {(void *)UNMAPPED, 16}};

    EXPECT("readv, bad second part", raw(SYS_readv, ZERO, (long)v, 2, 0, 0, 0), 16);
    v[0].base = (void *)KERNEL_ADDR;
    EXPECT("readv, bad first part", raw(SYS_readv, ZERO, (long)v, 2, 0, 0, 0), -EFAULT);
    EXPECT("writev, bad first part", raw(SYS_writev, PIPE_OUT, (long)v, 2, 0, 0, 0), -EFAULT);
}

static void test_strings_of_exec(void)
{
    char *argv[] = {"x", (char *)KERNEL_ADDR, NULL}, *env[] = {(char *)UNMAPPED, NULL};
    char *none[] = {NULL};

    EXPECT("execve, bad argument",
           raw(SYS_execve, (long)"/proc/self/exe", (long)argv, (long)none, 0, 0, 0), -EFAULT);
    EXPECT("execve, bad environment",
           raw(SYS_execve, (long)"/proc/self/exe", (long)none, (long)env, 0, 0, 0), -EFAULT);
    char **last = (char **)(edge + PAGE) - 1;
    *last = "x";
    EXPECT("execve, arguments without an end",
           raw(SYS_execve, (long)"/proc/self/exe", (long)last, (long)none, 0, 0, 0), -EFAULT);
}

static void test_wait(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(3);
    EXPECT("wait4, bad status", raw(SYS_wait4, pid, (long)UNMAPPED, 0, 0, 0, 0), -EFAULT);
    pid = fork();
    if (pid == 0)
        _exit(3);
    EXPECT("waitid, bad info", raw(SYS_waitid, P_PID, pid, (long)UNMAPPED, WEXITED, 0, 0), -EFAULT);
    while (wait(NULL) > 0)
        ;
}

int main(int argc, char **argv)
{
    if (argc < 1 || !strstr(argv[0], "badptr"))
        return 99; // an execve that was to fail
    abi_begin();
    setup();
    int before = free_descriptor();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        test_call(&calls[i]);
    test_vector_elements();
    test_strings_of_exec();
    test_wait();
    EXPECT("no descriptor is left open", free_descriptor(), before);
    int damaged = 0;
    for (size_t i = 0; i < PAGE; i++)
        damaged += readonly[i] != 0x3c;
    EXPECT("the read-only page is whole", damaged, 0);
    unlink("/tmp/abi.bad");
    unlink("/tmp/abi.other");
    return abi_end();
}
