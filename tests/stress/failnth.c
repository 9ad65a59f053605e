// SPDX-License-Identifier: MIT
// Every allocation of many small workloads fails once, by /proc/self/fail-nth of a debug kernel.
//
// Each workload runs with its 1st, 2nd, 3rd... allocation failing, until a run in which none was
// reached. Every run is a child of its own, which arms itself, runs, and must see success or an
// error that memory excuses; then it tidies up and runs the workload again, which must succeed.
// After each workload, caches dropped, as many pages are free as before.
//
//     failnth [-v] [WORKLOAD...]
//
// prints `ok NAME` or `FAIL NAME: ...` lines, and ends with 0 if nothing failed.
#include "failnth.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_MAX          2000 // a workload that allocates more often is itself an error
#define WORKLOADS_MAX  100
#define STARTUP_FAILED 127 // exit status of a C library that lacks memory

enum { NOT_INJECTED, INJECTED }; // exit status of PROGRAM --noop: what its fail-nth says

static unsigned failures;
static bool verbose;

/* Arming */

static int arm_open(const char *path)
{
    int fd = open(path, O_RDWR), high = dup2(fd, ARM_FD);

    if (fd < 0 || high < 0)
        return -1;
    close(fd);
    return high;
}

static void arm(int n)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%d", n);

    if (pwrite(ARM_FD, text, length, 0) != length)
        _exit(99);
}

// What is left of the count; 0: the failure happened.
static int arm_left(void)
{
    char text[16] = "";

    if (pread(ARM_FD, text, sizeof(text) - 1, 0) <= 0)
        _exit(98);
    return atoi(text);
}

/* The sweep */

__attribute__((format(printf, 2, 3))) static void fail(const char *name, const char *format, ...)
{
    va_list arguments;

    failures++;
    printf("FAIL %s: ", name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void remove_below(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    struct dirent *e;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    while (d && (e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (unlinkat(fd, e->d_name, 0) < 0) {
            remove_below(fd, e->d_name);
            unlinkat(fd, e->d_name, AT_REMOVEDIR);
        }
    }
    if (d)
        closedir(d);
}

static void directory_empty(void)
{
    umount2(DIR_PATH "/mnt/directory", MNT_DETACH);
    umount2(DIR_PATH "/mnt", MNT_DETACH);
    umount2(DIR_PATH "/other", MNT_DETACH);
    if (chdir(DIR_PATH) < 0)
        _exit(97);
    remove_below(AT_FDCWD, ".");
}

static void caches_drop(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (write(fd, "3", 1) != 1)
        fail("drop_caches", "errno %d", errno);
}

static long free_now(void)
{
    static int fd = -1;
    static char text[4096];
    char *line;

    if (fd < 0)
        fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    caches_drop();
    text[pread(fd, text, sizeof(text) - 1, 0)] = 0;
    line = strstr(text, "MemFree:");
    return line ? atol(line + 8) / 4 : -1;
}

// Pages free, caches dropped; what the dead still hold is waited for if `want` is not reached.
static long free_pages(long want)
{
    long pages_free = free_now();

    for (int i = 0; pages_free != want && i < 50; i++) {
        usleep(2000);
        pages_free = free_now();
    }
    return pages_free;
}

// The same when nothing changes any more.
static long free_pages_settled(void)
{
    long last = -1, now = free_now();

    for (int equal = 0; equal < 5; last = now, now = free_now()) {
        equal = now == last ? equal + 1 : 0;
        usleep(5000);
    }
    return now;
}

static char slabs_before[16384], slabs_after[16384];

static void slabs_read(char *text)
{
    static int fd = -1;
    ssize_t n;

    if (fd < 0)
        fd = open("/proc/slabinfo", O_RDONLY | O_CLOEXEC);
    n = pread(fd, text, sizeof(slabs_before) - 1, 0);
    text[n < 0 ? 0 : n] = 0;
}

// The caches that changed, as before and as they are.
static void slabs_compare(void)
{
    char *a, *b, *old = strtok_r(slabs_before, "\n", &a), *new;

    slabs_read(slabs_after);
    new = strtok_r(slabs_after, "\n", &b);
    for (; old && new; old = strtok_r(NULL, "\n", &a), new = strtok_r(NULL, "\n", &b))
        if (strcmp(old, new))
            printf("  %.50s ->\n  %.50s\n", old, new);
}

static struct result {
    bool reported, injected;
    int error, again;
} * result; // shared with the children

static bool excused(int error)
{
    return error == ENOMEM || error == EAGAIN || error == ENFILE || error == ENOBUFS ||
           error == ENOLCK;
}

// In the child: one run with allocation n failing, none if n is 0.
static void run_child(const struct workload *w, int n)
{
    if (chdir(DIR_PATH) < 0 || arm_open("/proc/self/fail-nth") < 0)
        _exit(96);
    touch(buffer, sizeof(buffer) / PAGE);
    if (w->replaces && n)
        dup2(open("/dev/null", O_WRONLY), 2); // the program's start-up may complain
    arm(n);
    result->error = w->run();
    result->injected = n && arm_left() == 0;
    arm(0);
    result->reported = true;
    if (!(w->once)) {
        close_range(3, ARM_FD - 1, 0);
        close_range(ARM_FD + 1, ~0U, 0);
        directory_empty();
        result->again = w->run();
    }
    _exit(0);
}

static void check(const struct workload *w, int n, int status)
{
    bool injected = result->injected;

    if (result->reported) {
        if (status)
            fail(w->name, "N=%d: wait status 0x%x", n, status);
        else if (result->error && (!injected || !excused(result->error)))
            fail(w->name, "N=%d: error %d%s", n, result->error, injected ? "" : ", not injected");
        if (result->again)
            fail(w->name, "N=%d: afterwards: error %d", n, result->again);
    } else if (!(w->replaces)) {
        fail(w->name, "N=%d: wait status 0x%x", n, status);
    } else if (WIFSIGNALED(status)) {
        // Beyond the point of no return there is nothing to return to.
        result->injected = true;
        if (WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGSEGV)
            fail(w->name, "N=%d: signal %d", n, WTERMSIG(status));
    } else if (n && WEXITSTATUS(status) == STARTUP_FAILED) {
        result->injected = true;
    } else {
        result->injected = n && WEXITSTATUS(status) == INJECTED;
        if (WEXITSTATUS(status) > INJECTED)
            fail(w->name, "N=%d: wait status 0x%x", n, status);
    }
}

// One run; whether an allocation failed.
static bool run(const struct workload *w, int n)
{
    int status;
    pid_t pid;

    *result = (struct result){0};
    pid = fork();
    if (!pid)
        run_child(w, n);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        fail(w->name, "N=%d: no child, errno %d", n, errno);
        return false;
    }
    check(w, n, status);
    directory_empty();
    return result->injected;
}

static void sweep(const struct workload *w, long *total)
{
    unsigned before = failures;
    long pages_before = free_pages_settled(), pages_after;
    int n = 1;

    slabs_read(slabs_before);

    if (verbose)
        printf("%s...\n", w->name);
    for (; n < N_MAX && run(w, n); n++) {
        if (w->once)
            run(w, 0);
        caches_drop();
    }
    if (n == N_MAX)
        fail(w->name, "no end after %d failures", n);
    pages_after = free_pages(pages_before);
    if (pages_after != pages_before)
        fail(w->name, "%ld pages free, %ld before", pages_after, pages_before), slabs_compare();
    if (failures == before)
        printf("ok %s: %d\n", w->name, n - 1);
    *total += n - 1;
}

/* The interface itself */

static void expect(const char *what, bool good)
{
    if (!good)
        fail("interface", "%s (errno %d)", what, errno);
}

static void *interface_of_thread(void *argument)
{
    char path[64];
    int fd[2];

    snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", gettid());
    expect("a thread's file opens", arm_open(path) >= 0);
    arm(1);
    expect("a thread's allocation fails", pipe(fd) < 0 && (errno == ENOMEM || errno == ENFILE));
    expect("and then no more", arm_left() == 0 && pipe(fd) == 0);
    return argument;
}

static void interface_child(void)
{
    char text[8];
    pthread_t thread;
    int fd[2];
    pid_t pid;

    expect("fail-nth opens", arm_open("/proc/thread-self/fail-nth") >= 0);
    expect("is 0 at first", arm_left() == 0);
    arm(1);
    expect("says what was written", arm_left() == 1 && arm_left() == 1);
    expect("the first allocation fails", pipe(fd) < 0 && (errno == ENOMEM || errno == ENFILE));
    expect("is 0 then", arm_left() == 0);
    expect("the next one does not fail", pipe(fd) == 0);
    arm(1000);
    expect("nothing fails before", pipe(fd) == 0);
    expect("allocations are counted", arm_left() < 1000 && arm_left() > 900);
    pid = fork();
    if (!pid)
        _exit(arm_open("/proc/self/fail-nth") < 0 || arm_left() != 0);
    expect("a child does not inherit it", child_wait(pid) == 0);
    arm(0);
    expect("0 disarms", arm_left() == 0 && pipe(fd) == 0);
    expect("words are refused", pwrite(ARM_FD, "x", 1, 0) < 0 && errno == EINVAL);
    expect("so are negative numbers", pwrite(ARM_FD, "-1", 2, 0) < 0 && errno == EINVAL);
    expect("a line is taken", pwrite(ARM_FD, "7\n", 2, 0) == 2 &&
                                  pread(ARM_FD, text, sizeof(text), 0) == 2 && text[0] == '7');
    arm(0);
    if (pthread_create(&thread, NULL, interface_of_thread, NULL) || pthread_join(thread, NULL))
        expect("a thread", false);
    _exit(failures != 0);
}

static void interface(void)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        interface_child();
    } else if (child_wait(pid) < 0) {
        failures++;
    } else {
        printf("ok interface\n");
    }
}

/* Start */

// Copies ourselves to PROGRAM, and makes a script that PROGRAM interprets.
static void prepare(void)
{
    int in = open("/proc/self/exe", O_RDONLY), out = open(PROGRAM, O_WRONLY | O_CREAT, 0755);
    static const char script[] = "#!" PROGRAM " --noop\n";

    while (sendfile(out, in, NULL, 1 << 20) > 0)
        ;
    fchmod(out, 04755);
    close(in);
    close(out);
    out = open(SCRIPT, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    write(out, script, sizeof(script) - 1);
    close(out);
    if (mkdir(DIR_PATH, 0755) < 0 && errno != EEXIST)
        exit(1);
    directory_empty();
    result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static bool chosen(const struct workload *w, char **names_given)
{
    if (!*names_given)
        return true;
    for (; *names_given; names_given++)
        if (!strcmp(*names_given, w->name))
            return true;
    return false;
}

// The workloads that are named, all if none is; how many.
static unsigned workloads_choose(const struct workload **out, char **names_given)
{
    const struct workload *tables[] = {workloads_of_files, workloads_of_processes};
    unsigned n = 0;

    for (int i = 0; i < 2; i++)
        for (const struct workload *w = tables[i]; w->name && n < WORKLOADS_MAX; w++)
            if (chosen(w, names_given))
                out[n++] = w;
    return n;
}

int main(int argc, char **argv)
{
    const struct workload *all[WORKLOADS_MAX];
    long total = 0, before, after;
    unsigned count;

    if (argc > 1 && !strcmp(argv[1], "--noop"))
        return arm_left() ? NOT_INJECTED : INJECTED;
    if (argc > 1 && !strcmp(argv[1], "--true"))
        return 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    verbose = argc > 1 && !strcmp(argv[1], "-v");
    count = workloads_choose(all, argv + 1 + verbose);
    prepare();
    interface();
    for (unsigned i = 0; i < count; i++) // what is made once is there then
        run(all[i], 0);
    slabs_read(slabs_before); // whose open files then have their buffers
    before = free_pages_settled();
    for (unsigned i = 0; i < count; i++)
        sweep(all[i], &total);
    after = free_pages(before);
    if (after != before)
        fail("memory", "%ld pages free, %ld before", after, before);
    printf("%u workloads, %ld failures injected, %u failed\n", count, total, failures);
    return failures != 0;
}
