// SPDX-License-Identifier: MIT
// /proc: what programs read there, and in which form.
#include "abi.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static long field_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at ? strtol(at + strlen(name), NULL, 0) : -1;
}

static void test_meminfo(void)
{
    static const char *const names[] = {
        "MemTotal:", "\nMemFree:",   "\nMemAvailable:", "\nBuffers:",
        "\nCached:", "\nSwapTotal:", "\nSwapFree:",     "\nShmem:"};
    const char *text = file_text("/proc/meminfo");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(names[i] + (*names[i] == '\n'), field_of(text, names[i]) >= 0);
    CHECK("free is less than all", field_of(text, "\nMemFree:") < field_of(text, "MemTotal:"));
    unsigned long total;
    char unit[8];
    EXPECT("form", sscanf(text, "MemTotal: %lu %2s\n", &total, unit), 2);
    EXPECT_STR("unit", unit, "kB");
}

static void test_stat(void)
{
    int pid, ppid, pgrp, session;
    char state;
    unsigned long utime, threads, vsize, start;

    prctl(PR_SET_NAME, "a) b (c");
    pid = atoi(file_text("/proc/self/stat"));
    EXPECT("pid", pid, getpid());
    const char *rest = strrchr(file_text("/proc/self/stat"), ')');
    NEED(rest);
    int n = sscanf(
        rest + 2, "%c %d %d %d %*d %*d %*u %*u %*u %*u %*u %lu %*u %*d %*d %*d %*d %lu %*d %lu %lu",
        &state, &ppid, &pgrp, &session, &utime, &threads, &start, &vsize);
    EXPECT("fields", n, 8);
    EXPECT("state", state, 'R');
    EXPECT("parent", ppid, getppid());
    EXPECT("group", pgrp, getpgrp());
    EXPECT("session", session, getsid(0));
    EXPECT("threads", threads, 1);
    CHECK("size", vsize > 100000);
    int fields = 1;
    for (const char *p = rest + 2; *p; p++)
        fields += *p == ' ';
    CHECK("at least 44 fields", fields + 2 >= 44);
    CHECK("name", strstr(file_text("/proc/self/stat"), "(a) b (c)") != NULL);
}

static void test_status(void)
{
    const char *text = file_text("/proc/self/status");

    CHECK("Name", strncmp(text, "Name:\ta) b (c\n", 14) == 0);
    EXPECT("Pid", field_of(text, "\nPid:"), getpid());
    EXPECT("Tgid", field_of(text, "\nTgid:"), getpid());
    EXPECT("PPid", field_of(text, "\nPPid:"), getppid());
    EXPECT("Uid", field_of(text, "\nUid:"), getuid());
    EXPECT("Threads", field_of(text, "\nThreads:"), 1);
    CHECK("State", strstr(text, "\nState:\tR (running)\n") != NULL);
    CHECK("VmSize", field_of(text, "\nVmSize:") > 100);
    CHECK("VmRSS", field_of(text, "\nVmRSS:") > 10);
    CHECK("SigCgt", strstr(text, "\nSigCgt:\t") != NULL);
}

static void test_maps(void)
{
    static volatile char data[2 * PAGE];
    const char *text = file_text("/proc/self/maps"), *line = text;
    bool code = false, stack = false, ours = false, heap = false, ordered = true;
    unsigned long last = 0;

    data[0] = 1;
    while (*line) {
        unsigned long from, to, offset, inode;
        char flags[8], path[256] = "";
        unsigned major, minor;
        int n = sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %255[^\n]", &from, &to, flags, &offset,
                       &major, &minor, &inode, path);
        if (n < 7)
            break;
        ordered &= from >= last && to > from;
        last = to;
        code |= (uintptr_t)test_maps >= from && (uintptr_t)test_maps < to && flags[2] == 'x' &&
                flags[1] == '-' && strstr(path, "proc");
        ours |= (uintptr_t)data >= from && (uintptr_t)data < to && flags[1] == 'w';
        stack |= strcmp(path, "[stack]") == 0 && (uintptr_t)&line >= from && (uintptr_t)&line < to;
        heap |= strcmp(path, "[heap]") == 0;
        line = strchr(line, '\n');
        line = line ? line + 1 : "";
    }
    EXPECT("every line has the form", *line, 0);
    CHECK("in order, disjoint", ordered);
    CHECK("text", code);
    CHECK("data", ours);
    CHECK("[stack]", stack);
    CHECK("[heap]", heap);
    CHECK("[vdso]", strstr(text, "[vdso]") != NULL);
}

static void test_links(const char *program)
{
    char text[256] = "", path[64];
    ssize_t n = readlink("/proc/self/exe", text, sizeof(text) - 1);

    CHECK("exe", n > 5 && strcmp(text + n - 5, "/proc") == 0);
    n = readlink("/proc/self", text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = 0;
    EXPECT("self", atoi(text), getpid());
    int fd = open("/tmp/abi.proc", O_RDWR | O_CREAT, 0600);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    n = readlink(path, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = 0;
    EXPECT_STR("fd", text, "/tmp/abi.proc");
    int again = open(path, O_RDONLY);
    struct stat a, b;
    fstat(fd, &a);
    fstat(again, &b);
    EXPECT("opening a descriptor's link", a.st_ino, b.st_ino);
    DIR *d = opendir("/proc/self/fd");
    bool seen = false;
    for (struct dirent *e; d && (e = readdir(d));)
        seen |= atoi(e->d_name) == fd && e->d_name[0] != '.';
    CHECK("fd is listed", seen);
    if (d)
        closedir(d);
    close(fd);
    close(again);
    unlink("/tmp/abi.proc");
    EXPECT_STR("cmdline", file_text("/proc/self/cmdline"), program);
    EXPECT_ERR("no such process", open("/proc/67108863/stat", O_RDONLY), ENOENT);
    EXPECT_ERR("nothing is made", open("/proc/new", O_RDWR | O_CREAT, 0644), ENOENT);
}

static void sleeper(void *unused)
{
    (void)unused;
    prctl(PR_SET_NAME, "sleeper");
    for (;;)
        pause();
}

static void test_others(void)
{
    char path[64], want[64];
    pid_t pid = child_start(sleeper, NULL);

    process_await(pid, "S");
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    snprintf(want, sizeof(want), "%d (sleeper) S %d ", pid, getpid());
    CHECK("another's stat", strncmp(file_text(path), want, strlen(want)) == 0);
    DIR *d = opendir("/proc");
    bool seen = false, one = false;
    for (struct dirent *e; d && (e = readdir(d));) {
        seen |= atoi(e->d_name) == pid;
        one |= strcmp(e->d_name, "1") == 0;
    }
    closedir(d);
    CHECK("processes are listed", seen && one);
    int fd = open(path, O_RDONLY);
    kill(pid, SIGKILL);
    process_await(pid, "Z");
    CHECK("a zombie's stat", strstr(file_text(path), ") Z ") != NULL);
    child_end(pid);
    char c;
    EXPECT_ERR("a stat kept open", read(fd, &c, 1), ESRCH);
    close(fd);
    EXPECT_ERR("gone", open(path, O_RDONLY), ENOENT);
}

static void test_system(void)
{
    double up, idle, a, b, c;
    int running, all, last;
    unsigned long user;

    EXPECT("uptime", sscanf(file_text("/proc/uptime"), "%lf %lf", &up, &idle), 2);
    CHECK("positive", up > 0);
    EXPECT("loadavg",
           sscanf(file_text("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &a, &b, &c, &running, &all,
                  &last),
           6);
    EXPECT("stat", sscanf(file_text("/proc/stat"), "cpu %lu", &user), 1);
    const char *stat = file_text("/proc/stat");
    CHECK("stat's lines", strstr(stat, "\ncpu0 ") && strstr(stat, "\nbtime ") &&
                              strstr(stat, "\nctxt ") && strstr(stat, "\nprocesses "));
    CHECK("cpuinfo", strstr(file_text("/proc/cpuinfo"), "isa\t\t: rv64imafdc") != NULL);
    CHECK("mounts", strstr(file_text("/proc/mounts"), " /proc proc ") != NULL);
    CHECK("version", strlen(file_text("/proc/version")) > 10);
    CHECK("filesystems", strstr(file_text("/proc/filesystems"), "tmpfs\n") != NULL);
}

// The line of mountinfo with this mount point: its mount's id and parent, or false.
static bool mountinfo(const char *path, const char *point, int *id, int *parent, char root[64])
{
    char at[64];

    for (const char *line = file_text(path); *line; line = strchr(line, '\n') + 1) {
        int n = sscanf(line, "%d %d %*u:%*u %63s %63s rw", id, parent, root, at);

        if (n == 4 && !strcmp(at, point) && strstr(line, " - "))
            return true;
    }
    return false;
}

static void chrooted(void *unused)
{
    int id, parent;
    char root[64];

    (void)unused;
    NEED(chroot("/tmp/root") == 0 && chdir("/") == 0 && mkdir("/proc", 0755) == 0);
    NEED(mount("proc", "/proc", "proc", 0, NULL) == 0);
    EXPECT_STR("what is above the root is not seen", file_text("/proc/self/mounts"),
               "proc /proc proc rw,relatime 0 0\n");
    CHECK("what is below is", mountinfo("/proc/self/mountinfo", "/proc", &id, &parent, root));
    NEED(umount("/proc") == 0);
}

static void test_mounts(void)
{
    int id, parent, other;
    char root[64];

    CHECK("proc", mountinfo("/proc/self/mountinfo", "/proc", &id, &parent, root));
    EXPECT_STR("whole", root, "/");
    CHECK("the root of all", mountinfo("/proc/self/mountinfo", "/", &other, &other, root));
    NEED(mkdir("/tmp/root", 0755) == 0 && mkdir("/tmp/what", 0755) == 0);
    NEED(mkdir("/tmp/what/a b", 0755) == 0);
    NEED(mount("/tmp/what/a b", "/tmp/root", NULL, MS_BIND, NULL) == 0);
    CHECK("bound", mountinfo("/proc/self/mountinfo", "/tmp/root", &id, &parent, root));
    CHECK("what is bound, with its blank", strstr(root, "what/a\\040b") != NULL);
    EXPECT("umount", umount("/tmp/root"), 0);
    CHECK("gone", !mountinfo("/proc/self/mountinfo", "/tmp/root", &id, &parent, root));
    EXPECT("in a chroot", child_end(child_start(chrooted, NULL)), 0);
}

static void test_more(void)
{
    char first[64], text[64];
    unsigned long value;
    int fd;

    strcpy(first, file_text("/proc/sys/kernel/random/boot_id"));
    EXPECT("length of an id", strlen(first), 37);
    EXPECT_STR("one for each boot", file_text("/proc/sys/kernel/random/boot_id"), first);
    strcpy(text, file_text("/proc/sys/kernel/random/uuid"));
    CHECK("a random one", text[8] == '-' && text[14] == '4' && strchr("89ab", text[19]));
    CHECK("another", strcmp(file_text("/proc/sys/kernel/random/uuid"), text) != 0);
    EXPECT("vmstat", sscanf(file_text("/proc/vmstat"), "nr_free_pages %lu", &value), 1);
    CHECK("swaps", strncmp(file_text("/proc/swaps"), "Filename\t", 9) == 0);
    EXPECT("capabilities", atoi(file_text("/proc/sys/kernel/cap_last_cap")), 40);
    EXPECT("harts", atoi(file_text("/sys/devices/system/cpu/cpu0/topology/core_id")), 0);
    snprintf(text, sizeof(text), "0-%ld\n", sysconf(_SC_NPROCESSORS_ONLN) - 1);
    EXPECT_STR("all of them", file_text("/sys/devices/system/cpu/online"),
               strcmp(text, "0-0\n") ? text : "0\n");
    EXPECT_ERR("beyond", open("/sys/devices/system/cpu/cpu99", O_RDONLY), ENOENT);
    fd = open("/sys/devices/system/cpu/online", O_RDONLY);
    EXPECT("no holes in what is made as it is read", lseek(fd, 0, SEEK_HOLE), 4096);
    close(fd);
}

static int adjust(const char *text)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY), n = write(fd, text, strlen(text));
    int error = errno;

    close(fd);
    errno = error;
    return n == (int)strlen(text) ? 0 : -1;
}

static void test_oom(void)
{
    EXPECT_STR("not adjusted", file_text("/proc/self/oom_score_adj"), "0\n");
    EXPECT("more", adjust("300"), 0);
    EXPECT_STR("is kept", file_text("/proc/self/oom_score_adj"), "300\n");
    CHECK("counts", atoi(file_text("/proc/self/oom_score")) >= 300);
    EXPECT_ERR("too much", adjust("1001"), EINVAL);
    EXPECT_ERR("no number", adjust("much"), EINVAL);
    EXPECT("never", adjust("-1000"), 0);
    EXPECT("score", atoi(file_text("/proc/self/oom_score")), 0);
    EXPECT("back", adjust("-5"), 0);
    pid_t pid = fork();
    if (!pid) {
        NEED(!strcmp(file_text("/proc/self/oom_score_adj"), "-5\n"));
        NEED(prctl(PR_SET_DUMPABLE, 1) == 0 && setuid(1000) == 0);
        NEED(prctl(PR_SET_DUMPABLE, 1) == 0);
        NEED(adjust("10") == 0 && adjust("-5") == 0);
        NEED(adjust("-6") == -1 && errno == EACCES);
        _exit(0);
    }
    EXPECT("a child without privilege", child_end(pid), 0);
}

/* Threads */

static struct gate *go;
static volatile pid_t worker;

static void *works(void *unused)
{
    struct rusage r;

    do {
        for (volatile int i = 0; i < 100000; i++)
            ;
        NEED(getrusage(RUSAGE_THREAD, &r) == 0);
    } while (r.ru_utime.tv_sec == 0 && r.ru_utime.tv_usec < 100000);
    worker = gettid();
    gate_wait(go);
    return unused;
}

// User and system time, in ticks.
static long time_of(const char *path)
{
    const char *after = strrchr(file_text(path), ')');
    long user = -1, system = -1;

    (void)!sscanf(after ? after : "", ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                  &user, &system);
    return user + system;
}

static void test_threads(void)
{
    char main_path[64], other_path[64], comm[64];
    struct gate gate;
    pthread_t t;

    gate_init(&gate);
    go = &gate;
    NEED(pthread_create(&t, NULL, works, NULL) == 0);
    while (!worker)
        sched_yield();
    snprintf(main_path, sizeof(main_path), "/proc/self/task/%d/stat", getpid());
    snprintf(other_path, sizeof(other_path), "/proc/self/task/%d/stat", worker);
    CHECK("a process's time is all of its threads'",
          time_of("/proc/self/stat") >= time_of(other_path));
    CHECK("a thread's is its own", time_of(main_path) < time_of("/proc/self/stat"));
    snprintf(comm, sizeof(comm), "/proc/self/task/%d/comm", worker);
    EXPECT("another thread's name", pthread_setname_np(t, "worker"), 0);
    EXPECT_STR("is set", file_text(comm), "worker\n");
    file_write(comm, "a name that is too long", 0);
    EXPECT_STR("cut", file_text(comm), "a name that is \n");
    int fd = open("/proc/1/comm", O_WRONLY);
    EXPECT_ERR("not of another process", write(fd, "x", 1), EINVAL);
    close(fd);
    gate_post(&gate);
    NEED(pthread_join(t, NULL) == 0);
    gate_fini(&gate);
}

/* A text that another program reads than the one that opened it */

static void opens_and_execs(void *out)
{
    int fd = open("/proc/self/maps", O_RDONLY);

    NEED(fd >= 0 && dup2(fd, 0) == 0 && dup2(*(int *)out, 1) == 1);
    execl("/usr/bin/busybox", "cat", NULL);
}

static void test_text_of_before(void)
{
    int fd[2];
    char c;

    NEED(pipe(fd) == 0);
    EXPECT("cat", child_run(opens_and_execs, &fd[1]), EXITED(0));
    close(fd[1]);
    EXPECT("a text is of the program that was there", read(fd[0], &c, 1), 0);
    close(fd[0]);
}

/* A name that changes while it is read */

static int renamer; // (a) its thread id; -1: it is to end

static void *rename_main(void *unused)
{
    (void)unused;
    __atomic_store_n(&renamer, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    while (__atomic_load_n(&renamer, __ATOMIC_RELAXED) != -1) {
        prctl(PR_SET_NAME, "a");
        prctl(PR_SET_NAME, "aaaaaaaaaaaaaaa");
    }
    return NULL;
}

static void test_renaming(void)
{
    char path[64], text[64];
    pthread_t thread;
    int beyond = 0;

    NEED(pthread_create(&thread, NULL, rename_main, NULL) == 0);
    while (!__atomic_load_n(&renamer, __ATOMIC_ACQUIRE))
        sched_yield();
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", renamer);
    for (int i = 0; i < 5000; i++) {
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof(text));
        char *end = n > 0 ? memchr(text, '\n', n) : NULL;

        NEED(n > 0);
        beyond += end && end != text + n - 1;
        close(fd);
    }
    __atomic_store_n(&renamer, -1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    EXPECT("nothing behind a name that became shorter", beyond, 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    abi_begin();
    test_meminfo();
    test_stat();
    test_status();
    test_maps();
    test_links(argv[0]);
    test_others();
    test_system();
    test_mounts();
    test_more();
    test_oom();
    test_threads();
    test_renaming();
    test_text_of_before();
    return abi_end();
}
