// SPDX-License-Identifier: MIT
// Capabilities beyond what identity changes need, and what a process hears of its parent's end
// (capabilities(7), prctl(2)). As root.
#include "abi.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

#define USER     1000
#define BIT(cap) (1UL << (cap))

struct caps {
    unsigned long effective, permitted, inheritable;
};

static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

static struct caps caps_get(void)
{
    struct __user_cap_data_struct d[2];

    NEED(raw(SYS_capget, (long)&header, (long)d, 0, 0, 0, 0) == 0);
    return (struct caps){d[0].effective | (unsigned long)d[1].effective << 32,
                         d[0].permitted | (unsigned long)d[1].permitted << 32,
                         d[0].inheritable | (unsigned long)d[1].inheritable << 32};
}

static long caps_set(unsigned long effective, unsigned long permitted, unsigned long inheritable)
{
    struct __user_cap_data_struct d[2] = {{effective, permitted, inheritable},
                                          {effective >> 32, permitted >> 32, inheritable >> 32}};

    return raw(SYS_capset, (long)&header, (long)d, 0, 0, 0, 0);
}

static long option(int op, long a1, long a2, long a3, long a4)
{
    return raw(SYS_prctl, op, a1, a2, a3, a4, 0);
}

static long bits_set(long bits)
{
    return option(PR_SET_SECUREBITS, bits, 0, 0, 0);
}

static long ambient(long act, long cap)
{
    return option(PR_CAP_AMBIENT, act, cap, 0, 0);
}

// What the status file of this program says then.
static unsigned long status_caps(const char *name)
{
    const char *line = strstr(file_text("/proc/self/status"), name);

    NEED(line);
    return strtoul(line + strlen(name), NULL, 16);
}

static void become_user(void)
{
    NEED(setresgid(USER, USER, USER) == 0 && setresuid(USER, USER, USER) == 0);
}

/* The bounding set */

static void bounding(void *unused)
{
    (void)unused;
    EXPECT("in it", option(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0), 1);
    EXPECT("no such one", option(PR_CAPBSET_READ, 64, 0, 0, 0), -EINVAL);
    EXPECT("drop", option(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0), 0);
    EXPECT("out of it", option(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0), 0);
    EXPECT("drop no such one", option(PR_CAPBSET_DROP, 64, 0, 0, 0), -EINVAL);
    EXPECT("still permitted", !!(caps_get().permitted & BIT(CAP_KILL)), 1);
    EXPECT("not to be inherited", caps_set(BIT(CAP_KILL), BIT(CAP_KILL), BIT(CAP_KILL)), -EPERM);
    EXPECT("drop without the right", caps_set(0, BIT(CAP_KILL), 0), 0);
    EXPECT("not to be dropped", option(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0), -EPERM);
    execl("/proc/self/exe", "capability", "--bounded", NULL);
}

static int bounded_main(void)
{
    EXPECT("a program of root has all but what is dropped",
           !!(caps_get().effective & BIT(CAP_KILL)), 0);
    EXPECT("all but that", !!(caps_get().effective & BIT(CAP_CHOWN)), 1);
    EXPECT("shown", !!(status_caps("CapBnd:") & BIT(CAP_KILL)), 0);
    return abi_counts->failed != 0;
}

/* capset */

static void sets(void *unused)
{
    unsigned long two = BIT(CAP_KILL) | BIT(CAP_CHOWN);

    (void)unused;
    EXPECT("fewer", caps_set(BIT(CAP_KILL), two, BIT(CAP_KILL)), 0);
    EXPECT("effective", caps_get().effective, BIT(CAP_KILL));
    EXPECT("permitted", caps_get().permitted, two);
    EXPECT("inheritable", caps_get().inheritable, BIT(CAP_KILL));
    EXPECT("permitted does not grow", caps_set(0, two | BIT(CAP_FOWNER), 0), -EPERM);
    EXPECT("effective is permitted", caps_set(BIT(CAP_FOWNER), two, 0), -EPERM);
    EXPECT("effective again", caps_set(two, two, 0), 0);
    EXPECT("inheritable is permitted", caps_set(two, two, BIT(CAP_FOWNER)), -EPERM);
    EXPECT("inheritable", caps_set(two, two, two), 0);
    EXPECT("inheritable stays", caps_set(0, 0, two), 0);
    EXPECT("none that does not exist", caps_set(BIT(63), BIT(63), BIT(63)), 0);
}

// Programs of old know fewer capabilities.
static void versions(void *unused)
{
    struct __user_cap_header_struct old = {_LINUX_CAPABILITY_VERSION_1, 0};
    struct __user_cap_data_struct d[2];

    (void)unused;
    memset(d, 0xff, sizeof(d));
    EXPECT("the first version", raw(SYS_capget, (long)&old, (long)d, 0, 0, 0, 0), 0);
    EXPECT("half of them", d[0].permitted, (uint32_t)caps_get().permitted);
    EXPECT("no more", d[1].permitted, (uint32_t)-1);
    EXPECT("set by it", raw(SYS_capset, (long)&old, (long)d, 0, 0, 0, 0), 0);
    EXPECT("the others are lost", caps_get().permitted, d[0].permitted);
    old.version = _LINUX_CAPABILITY_VERSION_2;
    EXPECT("the second version", raw(SYS_capget, (long)&old, (long)d, 0, 0, 0, 0), 0);
    EXPECT("both halves", d[1].permitted, 0);
    EXPECT("set by that", raw(SYS_capset, (long)&old, (long)d, 0, 0, 0, 0), 0);
    old.version = 1;
    EXPECT("no version", raw(SYS_capget, (long)&old, (long)d, 0, 0, 0, 0), -EINVAL);
    EXPECT("the newest", old.version, _LINUX_CAPABILITY_VERSION_3);
}

/* Leaving user 0 */

static void leaves(void *unused)
{
    (void)unused;
    EXPECT("keep", option(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
    EXPECT("kept", option(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
    EXPECT("as a bit", option(PR_GET_SECUREBITS, 0, 0, 0, 0), SECBIT_KEEP_CAPS);
    EXPECT("keep what", option(PR_SET_KEEPCAPS, 2, 0, 0, 0), -EINVAL);
    unsigned long all = caps_get().permitted;
    become_user();
    EXPECT("permitted is kept", caps_get().permitted, all);
    EXPECT("effective is not", caps_get().effective, 0);
    EXPECT_ERR("no right", setuid(0), EPERM);
    EXPECT("take it", caps_set(BIT(CAP_SETUID), all, 0), 0);
    EXPECT("back", setuid(0), 0);
    EXPECT("all are effective again", caps_get().effective, all);
    execl("/proc/self/exe", "capability", "--kept", NULL);
}

static int kept_main(void)
{
    EXPECT("not after exec", option(PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
    become_user();
    EXPECT("nothing is kept", caps_get().permitted, 0);
    return abi_counts->failed != 0;
}

/* The ambient set */

static void ambients(void *unused)
{
    unsigned long all = caps_get().permitted;

    (void)unused;
    EXPECT("not inheritable", ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), -EPERM);
    NEED(caps_set(all, all, BIT(CAP_KILL) | BIT(CAP_CHOWN)) == 0);
    EXPECT("raise", ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), 0);
    EXPECT("raise another", ambient(PR_CAP_AMBIENT_RAISE, CAP_CHOWN), 0);
    EXPECT("is set", ambient(PR_CAP_AMBIENT_IS_SET, CAP_KILL), 1);
    EXPECT("is not set", ambient(PR_CAP_AMBIENT_IS_SET, CAP_FOWNER), 0);
    EXPECT("no such one", ambient(PR_CAP_AMBIENT_RAISE, 64), -EINVAL);
    EXPECT("no such act", ambient(9, CAP_KILL), -EINVAL);
    EXPECT("too many arguments", option(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 1, 0), -EINVAL);
    EXPECT("lower", ambient(PR_CAP_AMBIENT_LOWER, CAP_KILL), 0);
    EXPECT("lowered", status_caps("CapAmb:"), BIT(CAP_CHOWN));
    EXPECT("goes with the inheritable one", caps_set(all, all, 0), 0);
    EXPECT("gone", status_caps("CapAmb:"), 0);
    NEED(caps_set(all, all, BIT(CAP_KILL)) == 0);
    NEED(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0);
    EXPECT("clear what", ambient(PR_CAP_AMBIENT_CLEAR_ALL, CAP_KILL), -EINVAL);
    EXPECT("clear", ambient(PR_CAP_AMBIENT_CLEAR_ALL, 0), 0);
    EXPECT("cleared", status_caps("CapAmb:"), 0);
    EXPECT("forbid", bits_set(SECBIT_NO_CAP_AMBIENT_RAISE), 0);
    EXPECT("forbidden", ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL), -EPERM);
    NEED(bits_set(SECBIT_KEEP_CAPS) == 0);
    become_user();
    NEED(caps_set(all, all, BIT(CAP_KILL)) == 0);
    NEED(ambient(PR_CAP_AMBIENT_RAISE, CAP_KILL) == 0);
    execl("/proc/self/exe", "capability", "--ambient", NULL);
}

static int ambient_main(void)
{
    EXPECT("a user's program has it", caps_get().effective, BIT(CAP_KILL));
    EXPECT("and no more", caps_get().permitted, BIT(CAP_KILL));
    return abi_counts->failed != 0;
}

/* Bits */

static void bits(void *unused)
{
    (void)unused;
    EXPECT("no such bit", bits_set(0x100), -EPERM);
    EXPECT("lock without its bit", bits_set(SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT), 0);
    EXPECT("locked", option(PR_SET_KEEPCAPS, 1, 0, 0, 0), -EPERM);
    EXPECT("by its bit, too", bits_set(SECBIT_KEEP_CAPS_LOCKED | SECBIT_KEEP_CAPS), -EPERM);
    EXPECT("the lock stays", bits_set(SECBIT_NOROOT), -EPERM);
    EXPECT("others change",
           bits_set(SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP), 0);
    unsigned long all = caps_get().permitted;
    NEED(seteuid(USER) == 0);
    EXPECT("no fixup", caps_get().effective, all);
    NEED(setfsuid(0) == USER && setfsuid(USER) == 0);
    EXPECT("nor by the file system's id", caps_get().effective, all);
    NEED(seteuid(0) == 0 && caps_set(all & ~BIT(CAP_SETPCAP), all, 0) == 0);
    EXPECT("without the right", bits_set(SECBIT_KEEP_CAPS_LOCKED), -EPERM);
    execl("/proc/self/exe", "capability", "--noroot", NULL);
}

static int noroot_main(void)
{
    EXPECT("root has nothing", caps_get().permitted, 0);
    EXPECT("nothing of effect", caps_get().effective, 0);
    return abi_counts->failed != 0;
}

/* The end of a parent */

struct family {
    volatile pid_t parent, child, told;
    volatile int signal, reaped_as;
    struct gate gate;
};

static struct family *family;

static void told(int sig)
{
    family->told = getpid();
    family->signal = sig;
}

static void child_of_ending(void)
{
    struct sigaction act = {.sa_handler = told};
    int sig = -1;

    EXPECT("not inherited", option(PR_GET_PDEATHSIG, (long)&sig, 0, 0, 0), 0);
    EXPECT("none", sig, 0);
    EXPECT("no such signal", option(PR_SET_PDEATHSIG, 65, 0, 0, 0), -EINVAL);
    EXPECT("set", option(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0), 0);
    EXPECT("get", option(PR_GET_PDEATHSIG, (long)&sig, 0, 0, 0), 0);
    EXPECT("as set", sig, SIGUSR1);
    sigaction(SIGUSR1, &act, NULL);
    family->child = getpid();
    gate_post(&family->gate);
    CHECK("told of the end", COMES(family->told));
    EXPECT("the signal", family->signal, SIGUSR1);
    CHECK("another parent", getppid() != family->parent);
    family->parent = getppid();
    _exit(7);
}

static void ending_parent(void *unused)
{
    (void)unused;
    family->parent = getpid();
    NEED(option(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0) == 0);
    pid_t pid = fork();

    NEED(pid >= 0);
    if (!pid)
        child_of_ending();
    gate_wait(&family->gate);
    _exit(0);
}

// One whose children are not awaited takes orphans all the same.
static void test_reaper(bool waits)
{
    int value = -1, status = 0;

    memset(family, 0, sizeof(*family));
    gate_init(&family->gate);
    EXPECT("become reaper", option(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    EXPECT("ask", option(PR_GET_CHILD_SUBREAPER, (long)&value, 0, 0, 0), 0);
    EXPECT("is one", value, 1);
    if (!waits)
        signal(SIGCHLD, SIG_IGN);
    pid_t pid = child_start(ending_parent, NULL);

    if (waits) {
        EXPECT("the parent's end", child_end(pid), EXITED(0));
        EXPECT("the orphan's", waitpid(-1, &status, 0), family->child);
        EXPECT("its status", status, EXITED(7));
    }
    EXPECT_ERR("nobody is left", waitpid(-1, &status, 0), ECHILD);
    EXPECT("its parent was the reaper", family->parent, getpid());
    signal(SIGCHLD, SIG_DFL);
    EXPECT("no longer", option(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void not_inherited(void *unused)
{
    int value = -1;

    (void)unused;
    NEED(option(PR_GET_CHILD_SUBREAPER, (long)&value, 0, 0, 0) == 0);
    EXPECT("fork does not inherit it", value, 0);
}

static void clears_death_signal(void *unused)
{
    int sig = -1;

    (void)unused;
    NEED(option(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) == 0);
    become_user();
    NEED(option(PR_GET_PDEATHSIG, (long)&sig, 0, 0, 0) == 0);
    EXPECT("other ids clear it", sig, 0);
}

// access(2) asks for the real user, who is another than the one whose rights the process has.
static void access_clears_nothing(void *unused)
{
    int sig = -1;

    (void)unused;
    NEED(setresuid(1000, 0, 0) == 0);
    NEED(option(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) == 0);
    NEED(option(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    EXPECT("a secret of root's", raw(SYS_faccessat, AT_FDCWD, (long)"/root/.none", R_OK, 0, 0, 0),
           -EACCES);
    EXPECT("root's is open", raw(SYS_faccessat, AT_FDCWD, (long)"/", X_OK, 0, 0, 0), 0);
    EXPECT("the effective id stays", geteuid(), 0);
    NEED(option(PR_GET_PDEATHSIG, (long)&sig, 0, 0, 0) == 0);
    EXPECT("access keeps the signal", sig, SIGUSR1);
    EXPECT("and the flag", option(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
}

static int again(const char *word)
{
    if (!strcmp(word, "--bounded"))
        return bounded_main();
    if (!strcmp(word, "--kept"))
        return kept_main();
    return strcmp(word, "--ambient") ? noroot_main() : ambient_main();
}

int main(int count, char **words)
{
    abi_begin();
    if (count > 1)
        return again(words[1]);
    EXPECT("bounding", child_run(bounding, NULL), EXITED(0));
    EXPECT("capset", child_run(sets, NULL), EXITED(0));
    EXPECT("versions", child_run(versions, NULL), EXITED(0));
    EXPECT("keep", child_run(leaves, NULL), EXITED(0));
    EXPECT("ambient", child_run(ambients, NULL), EXITED(0));
    EXPECT("securebits", child_run(bits, NULL), EXITED(0));
    family = shared_page();
    test_reaper(true);
    test_reaper(false);
    NEED(option(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    child_run(not_inherited, NULL);
    child_run(clears_death_signal, NULL);
    child_run(access_clears_nothing, NULL);
    return abi_end();
}
