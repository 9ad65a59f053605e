// SPDX-License-Identifier: MIT
// Calls that few programs make: old forms of others, and what glibc has no function for.
#include "abi.h"

#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>

static void test_limits(void)
{
    struct rlimit old, new = {100, 200}, now;

    EXPECT("getrlimit", syscall(SYS_getrlimit, RLIMIT_NOFILE, &old), 0);
    EXPECT("setrlimit", syscall(SYS_setrlimit, RLIMIT_NOFILE, &new), 0);
    EXPECT("what prlimit tells", prlimit(0, RLIMIT_NOFILE, NULL, &now), 0);
    CHECK("is what was set", now.rlim_cur == 100 && now.rlim_max == 200);
    EXPECT("back", syscall(SYS_setrlimit, RLIMIT_NOFILE, &old), 0);
    EXPECT_ERR("no such limit", syscall(SYS_getrlimit, 99, &now), EINVAL);
    EXPECT_ERR("a bad pointer", syscall(SYS_getrlimit, RLIMIT_NOFILE, 8), EFAULT);
    EXPECT_ERR("another", syscall(SYS_setrlimit, RLIMIT_NOFILE, 8), EFAULT);
}

static void as_nobody(void *unused)
{
    (void)unused;
    NEED(setresuid(1000, 1001, 1002) == 0);
    EXPECT("follows the effective id", setfsuid(-1), 1001);
    EXPECT("to the real one", setfsuid(1000), 1001);
    EXPECT("is that", setfsuid(1002), 1000);
    EXPECT("not to another's", setfsuid(0), 1002);
    EXPECT("stays", setfsuid(-1), 1002);
    EXPECT_ERR("the domain's name", setdomainname("x", 1), EPERM);
    EXPECT_ERR("the time", settimeofday(&(struct timeval){1, 0}, NULL), EPERM);
}

static void as_root(void *unused)
{
    (void)unused;
    file_write("secret", "x", 0600);
    EXPECT("group", setfsgid(7), 0);
    EXPECT("user", setfsuid(1000), 0);
    EXPECT("effective id stays", geteuid(), 0);
    EXPECT_ERR("files are another's", open("secret", O_RDONLY), EACCES);
    EXPECT("back", setfsuid(0), 1000);
    EXPECT_OK("files are ours", open("secret", O_RDONLY));
    EXPECT("group was kept", setfsgid(-1), 7);
}

static void test_ids(void)
{
    EXPECT("root", child_run(as_root, NULL), 0);
    EXPECT("nobody", child_run(as_nobody, NULL), 0);
}

static void test_names(void)
{
    struct utsname n;

    EXPECT("set", setdomainname("a.domain", 8), 0);
    EXPECT("uname", uname(&n), 0);
    EXPECT_STR("domain", n.domainname, "a.domain");
    EXPECT_ERR("too long", setdomainname("x", 65), EINVAL);
    EXPECT_ERR("a bad pointer", setdomainname((char *)8, 4), EFAULT);
    EXPECT("as it was", setdomainname("(none)", 6), 0);
}

static void test_time(void)
{
    struct timeval now, then;
    struct timezone zone = {-120, 0}, kept;

    NEED(gettimeofday(&now, NULL) == 0);
    then = now;
    then.tv_sec += 100000;
    EXPECT("set", syscall(SYS_settimeofday, &then, NULL), 0);
    NEED(gettimeofday(&then, NULL) == 0);
    CHECK("it is later", then.tv_sec - now.tv_sec >= 100000);
    EXPECT("back", syscall(SYS_settimeofday, &now, NULL), 0);
    EXPECT_ERR("microseconds", syscall(SYS_settimeofday, &(struct timeval){1, 1000000}, NULL),
               EINVAL);
    EXPECT_ERR("before the beginning", syscall(SYS_settimeofday, &(struct timeval){-1, 0}, NULL),
               EINVAL);
    EXPECT("zone", syscall(SYS_settimeofday, NULL, &zone), 0);
    EXPECT("ask for it", syscall(SYS_gettimeofday, NULL, &kept), 0);
    EXPECT("is kept", kept.tz_minuteswest, -120);
    zone.tz_minuteswest = 1000;
    EXPECT_ERR("no such zone", syscall(SYS_settimeofday, NULL, &zone), EINVAL);
    zone.tz_minuteswest = 0;
    EXPECT("without", syscall(SYS_settimeofday, NULL, &zone), 0);
}

static siginfo_t seen;

static void see(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    seen = *info;
}

static long queue(pid_t group, pid_t thread, int sig, siginfo_t *info)
{
    return syscall(SYS_rt_tgsigqueueinfo, group, thread, sig, info);
}

static void test_signals(void)
{
    struct sigaction act = {.sa_sigaction = see, .sa_flags = SA_SIGINFO};
    siginfo_t info = {.si_code = SI_QUEUE};
    pid_t self = getpid();

    info.si_value.sival_int = 42;
    NEED(sigaction(SIGUSR1, &act, NULL) == 0);
    EXPECT("queue", queue(self, gettid(), SIGUSR1, &info), 0);
    EXPECT("value", seen.si_value.sival_int, 42);
    EXPECT("signal", seen.si_signo, SIGUSR1);
    EXPECT("code", seen.si_code, SI_QUEUE);
    EXPECT_ERR("not of that process", queue(getppid(), gettid(), SIGUSR1, &info), ESRCH);
    EXPECT_ERR("no process", queue(0, gettid(), SIGUSR1, &info), EINVAL);
    EXPECT_ERR("no thread", queue(self, 0, SIGUSR1, &info), EINVAL);
    EXPECT_ERR("no signal", queue(self, gettid(), 65, &info), EINVAL);
    EXPECT_ERR("a bad pointer", queue(self, gettid(), SIGUSR1, (void *)8), EFAULT);
    info.si_code = SI_TKILL;
    EXPECT_ERR("posing as another call", queue(getppid(), getppid(), SIGUSR1, &info), EPERM);
}

// What poses as kill(2) is for the thread that makes it, even as the signal of a process.
static void *poses(void *first)
{
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
    pid_t self = getpid();
    int fd = (int)syscall(SYS_pidfd_open, self, 0);

    EXPECT("to itself", queue(self, gettid(), SIGUSR1, &info), 0);
    EXPECT_ERR("to another thread", queue(self, (pid_t)(long)first, SIGUSR1, &info), EPERM);
    EXPECT_ERR("to its process", syscall(SYS_rt_sigqueueinfo, self, SIGUSR1, &info), EPERM);
    EXPECT_ERR("by a pidfd", syscall(SYS_pidfd_send_signal, fd, SIGUSR1, &info, 0), EPERM);
    EXPECT_ERR("a bad id first", queue(self, -1, SIGUSR1, &info), EINVAL);
    info.si_code = SI_QUEUE;
    EXPECT("what does not pose", queue(self, (pid_t)(long)first, SIGUSR1, &info), 0);
    close(fd);
    return NULL;
}

static void test_posing(void)
{
    siginfo_t info = {.si_code = SI_USER};
    pthread_t thread;

    EXPECT("the first thread to its process",
           syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info), 0);
    NEED(pthread_create(&thread, NULL, poses, (void *)(long)gettid()) == 0);
    pthread_join(thread, NULL);
}

#define DUPFD_QUERY 1027 // F_DUPFD_QUERY, which older headers do not have

static void test_same_file(void)
{
    int first = open("/", O_PATH), same = dup(first), other = open("/", O_PATH);

    NEED(first >= 0 && same >= 0 && other >= 0);
    EXPECT("itself", fcntl(first, DUPFD_QUERY, first), 1);
    EXPECT("a copy", fcntl(first, DUPFD_QUERY, same), 1);
    EXPECT("opened again", fcntl(first, DUPFD_QUERY, other), 0);
    close(first);
    close(same);
    close(other);
}

static volatile sig_atomic_t too_long;

static void see_too_long(int sig)
{
    (void)sig;
    too_long++;
}

// RLIMIT_FSIZE is about files that grow.
static void limited(void *unused)
{
    struct rlimit limit = {4, RLIM_INFINITY};
    int fd;

    (void)unused;
    file_write("long", "0123456789", 0644);
    fd = open("long", O_RDWR);
    NEED(fd >= 0 && signal(SIGXFSZ, see_too_long) != SIG_ERR);
    NEED(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    EXPECT("within the file", fallocate(fd, 0, 0, 10), 0);
    EXPECT("no signal", too_long, 0);
    EXPECT_ERR("behind it", fallocate(fd, 0, 0, 11), EFBIG);
    EXPECT("a signal", too_long, 1);
    close(fd);
}

static void test_allocation(void)
{
    int fd;

    scratch_enter();
    EXPECT("limited", child_run(limited, NULL), 0);
    fd = open("long", O_RDONLY);
    NEED(fd >= 0);
    EXPECT_ERR("of no file", fallocate(-1, 0, -1, 0), EBADF);
    EXPECT_ERR("of a negative length", fallocate(fd, 0, 0, -1), EINVAL);
    EXPECT_ERR("of a file to read", fallocate(fd, 0, 0, 1), EBADF);
    close(fd);
    scratch_leave();
}

static void test_interval(void)
{
    struct sched_param p = {.sched_priority = 1};
    struct timespec t;

    EXPECT("fair", sched_rr_get_interval(0, &t), 0);
    CHECK("less than a second", t.tv_sec == 0);
    NEED(sched_setscheduler(0, SCHED_RR, &p) == 0);
    EXPECT("round robin", sched_rr_get_interval(0, &t), 0);
    EXPECT("slice", t.tv_nsec, 100000000);
    NEED(sched_setscheduler(0, SCHED_FIFO, &p) == 0);
    EXPECT("first in, first out", sched_rr_get_interval(getpid(), &t), 0);
    EXPECT("without end", t.tv_nsec, 0);
    p.sched_priority = 0;
    NEED(sched_setscheduler(0, SCHED_OTHER, &p) == 0);
    EXPECT_ERR("nobody", sched_rr_get_interval(999999, &t), ESRCH);
    EXPECT_ERR("no id", sched_rr_get_interval(-1, &t), EINVAL);
    EXPECT_ERR("a bad pointer", sched_rr_get_interval(0, (void *)8), EFAULT);
}

static int stat_policy(void)
{
    char text[1024] = "", *s;
    int fd = open("/proc/self/stat", O_RDONLY), policy = -1;

    read(fd, text, sizeof(text) - 1);
    close(fd);
    s = strrchr(text, ')'); // before the third field; the policy is the 41st
    for (int i = 2; s && i < 41; i++)
        s = strchr(s + 1, ' ');
    sscanf(s ? s : "", "%d", &policy);
    return policy;
}

static void test_policies(void)
{
    static const int policies[] = {SCHED_BATCH, SCHED_IDLE, SCHED_RR, SCHED_FIFO, SCHED_OTHER};
    struct sched_param p, got;
    char name[40];

    for (unsigned i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
        p.sched_priority = sched_get_priority_min(policies[i]);
        snprintf(name, sizeof(name), "policy %d", policies[i]);
        EXPECT(name, sched_setscheduler(0, policies[i], &p), 0);
        snprintf(name, sizeof(name), "policy %d is got", policies[i]);
        EXPECT(name, sched_getscheduler(0), policies[i]);
        snprintf(name, sizeof(name), "policy %d is shown", policies[i]);
        EXPECT(name, stat_policy(), policies[i]);
        snprintf(name, sizeof(name), "policy %d stays", policies[i]);
        EXPECT(name, sched_setparam(0, &p) ?: sched_getparam(0, &got) ?: sched_getscheduler(0),
               policies[i]);
    }
    EXPECT_ERR("no policy", sched_setscheduler(0, 4, &p), EINVAL);
}

int main(void)
{
    abi_begin();
    test_limits();
    test_ids();
    test_names();
    test_time();
    test_signals();
    test_posing();
    test_same_file();
    test_allocation();
    test_interval();
    test_policies();
    return abi_end();
}
