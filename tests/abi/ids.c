// SPDX-License-Identifier: MIT
// Users, groups, capabilities as far as identity changes need them, and resource limits. As root.
#include "abi.h"

#include <grp.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

#define MOVED_UP   40 // descriptors of the program that is told when to look where it is
#define MOVED_DOWN 41

static void ids_expect(const char *name, uid_t real, uid_t effective, uid_t saved)
{
    uid_t r, e, s;

    getresuid(&r, &e, &s);
    abi_report(r == real && e == effective && s == saved, name, "uids %u %u %u, not %u %u %u", r, e,
               s, real, effective, saved);
}

static void setuid_root(void *unused)
{
    (void)unused;
    EXPECT("setuid by root", setuid(1000), 0);
    ids_expect("sets all three", 1000, 1000, 1000);
    EXPECT_ERR("no way back", setuid(0), EPERM);
    EXPECT_ERR("nor by seteuid", seteuid(0), EPERM);
    EXPECT_ERR("setgid", setgid(5), EPERM);
    EXPECT_ERR("setgroups", setgroups(0, NULL), EPERM);
    EXPECT("to what one is", setuid(1000), 0);
}

static void seteuid_back(void *unused)
{
    (void)unused;
    EXPECT("seteuid", seteuid(1000), 0);
    ids_expect("effective only", 0, 1000, 0);
    EXPECT_ERR("without power", setgid(77), EPERM);
    int fd = open("/tmp/abi.ids", O_CREAT | O_RDWR, 0600);
    struct stat st;
    fstat(fd, &st);
    EXPECT("files belong to the effective user", st.st_uid, 1000);
    close(fd);
    unlink("/tmp/abi.ids");
    EXPECT("back", seteuid(0), 0);
    ids_expect("root again", 0, 0, 0);
}

static void file_ids(void *unused)
{
    (void)unused;
    setfsuid(1000);
    NEED(setresgid(-1, 1000, -1) == 0);
    EXPECT("a new group leaves the file system's user", setfsuid(-1), 1000);
    setfsgid(77);
    NEED(setresuid(-1, 1000, -1) == 0);
    EXPECT("a new user leaves the file system's group", setfsgid(-1), 77);
}

static void setresuid_rules(void *unused)
{
    (void)unused;
    EXPECT("setresuid", setresuid(1, 2, 3), 0);
    ids_expect("each", 1, 2, 3);
    EXPECT("among them", setresuid(-1, 3, 1), 0);
    ids_expect("swapped", 1, 3, 1);
    EXPECT_ERR("not another", setresuid(4, -1, -1), EPERM);
    EXPECT_ERR("dropped 2", setresuid(-1, 2, -1), EPERM);
    EXPECT("setreuid", setreuid(3, 1), 0);
    ids_expect("saved follows", 3, 1, 1);
}

static void groups(void *unused)
{
    gid_t list[] = {10, 20, 30}, got[8];
    gid_t r, e, s;

    (void)unused;
    EXPECT("setgroups", setgroups(3, list), 0);
    EXPECT("how many", getgroups(0, NULL), 3);
    EXPECT("getgroups", getgroups(8, got), 3);
    CHECK("which", got[0] == 10 && got[1] == 20 && got[2] == 30);
    EXPECT_ERR("no room", getgroups(2, got), EINVAL);
    EXPECT("setresgid", setresgid(5, 6, 7), 0);
    getresgid(&r, &e, &s);
    CHECK("each gid", r == 5 && e == 6 && s == 7);
    EXPECT("setregid", setregid(-1, 5), 0);
    EXPECT("effective gid", getegid(), 5);
    int fd = open("/tmp/abi.group", O_CREAT | O_RDWR | O_TRUNC, 0640);
    fchown(fd, 0, 20);
    NEED(setresuid(1000, 1000, 1000) == 0);
    EXPECT_OK("supplementary group opens", close(open("/tmp/abi.group", O_RDONLY)));
    EXPECT_ERR("but does not write", open("/tmp/abi.group", O_WRONLY), EACCES);
    EXPECT("fork keeps groups", getgroups(0, NULL), 3);
}

#define MANY 65536

static gid_t many[MANY + 1], many_got[MANY];

// Even ones, each twice: 2, 2, 4, 4, ...
static gid_t many_at(int i)
{
    return 2 + i / 2 * 2;
}

static void many_make(void)
{
    for (unsigned i = 0; i < MANY; i++)
        many[i * 40503 % MANY] = many_at(i); // odd, so each place once
}

static bool many_there(void)
{
    for (int i = 0; i < MANY; i++)
        if (many_got[i] != many_at(i))
            return false;
    return true;
}

// Whether a file of this group may be read.
static bool group_opens(int fd, gid_t group)
{
    int one;

    NEED(seteuid(0) == 0 && fchown(fd, 0, group) == 0 && seteuid(1000) == 0);
    one = open("/tmp/abi.group", O_RDONLY);
    if (one >= 0)
        close(one);
    return one >= 0;
}

static void many_open(void)
{
    int fd = open("/tmp/abi.group", O_CREAT | O_RDWR | O_TRUNC, 0040);
    bool all = true, none = false;

    for (gid_t group = 2; group <= MANY; group += 2 * 1023) {
        all = all && group_opens(fd, group);
        none = none || group_opens(fd, group + 1);
    }
    CHECK("the first of many opens", group_opens(fd, 2));
    CHECK("as the last does", group_opens(fd, MANY));
    CHECK("and those between", all);
    CHECK("but no other", !none && !group_opens(fd, MANY + 2) && !group_opens(fd, 1));
    NEED(seteuid(0) == 0);
    close(fd);
}

// Of /proc/self/status: how many, and whether they are those of many_got.
static int groups_told(bool *same)
{
    static char text[MANY * 11 + 4096];
    int fd = open("/proc/self/status", O_RDONLY), count = 0;
    size_t used = 0;
    ssize_t n;
    char *at;

    while ((n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
        used += n;
    close(fd);
    text[used] = 0;
    at = strstr(text, "\nGroups:\t");
    NEED(at);
    at = strtok(at + 9, "\n");
    *same = at[strlen(at) - 1] == ' ';
    for (at = strtok(at, " "); at; at = strtok(NULL, " "), count++)
        *same = *same && count < MANY && (gid_t)atoi(at) == many_got[count];
    return count;
}

static void *other_thread(void *unused)
{
    EXPECT("thread has them", getgroups(0, NULL), 3);
    return unused;
}

static void many_groups(void *unused)
{
    gid_t few[] = {30, 10, 20};
    pthread_t thread;
    bool same;

    (void)unused;
    NEED(setgroups(0, NULL) == 0);
    EXPECT("status of none", groups_told(&same), 0);
    CHECK("a space", same);
    many_make();
    EXPECT_ERR("too many", syscall(SYS_setgroups, MANY + 1, many), EINVAL);
    EXPECT_ERR("less than none", syscall(SYS_setgroups, -1, many), EINVAL);
    EXPECT_ERR("nowhere", syscall(SYS_setgroups, 3, 8), EFAULT);
    EXPECT("many", syscall(SYS_setgroups, MANY, many), 0);
    EXPECT("how many", getgroups(0, NULL), MANY);
    EXPECT_ERR("no room", getgroups(MANY - 1, many_got), EINVAL);
    EXPECT_ERR("no place", syscall(SYS_getgroups, MANY, 8), EFAULT);
    EXPECT("which", getgroups(MANY, many_got), MANY);
    CHECK("in order, each of them", many_there());
    EXPECT("status of many", groups_told(&same), MANY);
    CHECK("in order there", same);
    many_open();
    few[1] = -1;
    EXPECT_ERR("-1 is none", syscall(SYS_setgroups, 3, few), EINVAL);
    few[1] = 10;
    EXPECT("stay", getgroups(0, NULL), MANY);
    EXPECT("few", syscall(SYS_setgroups, 3, few), 0);
    EXPECT("which", getgroups(3, many_got), 3);
    CHECK("sorted", many_got[0] == 10 && many_got[1] == 20 && many_got[2] == 30);
    EXPECT("status of few", groups_told(&same), 3);
    CHECK("in order there", same);
    NEED(pthread_create(&thread, NULL, other_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
    EXPECT("a limit", atoi(file_text("/proc/sys/kernel/ngroups_max")), MANY);
}

static void *thread_limits(void *unused)
{
    struct rlimit l = {0};

    EXPECT("prlimit of a thread", prlimit(gettid(), RLIMIT_NOFILE, NULL, &l), 0);
    CHECK("is its process's", l.rlim_cur == 100);
    return unused;
}

static void limits(void *unused)
{
    struct rlimit l;

    (void)unused;
    for (int i = 0; i < 16; i++)
        EXPECT("getrlimit", getrlimit(i, &l), 0);
    EXPECT_ERR("no such limit", getrlimit(16, &l), EINVAL);
    l = (struct rlimit){10, 5};
    EXPECT_ERR("soft above hard", setrlimit(RLIMIT_CORE, &l), EINVAL);
    l = (struct rlimit){100, 200};
    EXPECT("set", setrlimit(RLIMIT_NOFILE, &l), 0);
    struct rlimit old = {0}, all = {RLIM_INFINITY, RLIM_INFINITY};
    EXPECT_ERR("more than nr_open", setrlimit(RLIMIT_NOFILE, &all), EPERM);
    pthread_t thread;
    NEED(pthread_create(&thread, NULL, thread_limits, NULL) == 0);
    pthread_join(thread, NULL);
    EXPECT("prlimit of oneself", prlimit(getpid(), RLIMIT_NOFILE, NULL, &old), 0);
    CHECK("reads back", old.rlim_cur == 100 && old.rlim_max == 200);
    EXPECT("sysconf sees it", sysconf(_SC_OPEN_MAX), 100);
    EXPECT_ERR("of nobody", prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &old), ESRCH);
}

static void priorities(void *unused)
{
    (void)unused;
    EXPECT("getpriority", getpriority(PRIO_PROCESS, 0), 0);
    EXPECT("setpriority", setpriority(PRIO_PROCESS, 0, 5), 0);
    EXPECT("reads back", getpriority(PRIO_PROCESS, 0), 5);
    EXPECT("clamped", setpriority(PRIO_PROCESS, 0, 100), 0);
    EXPECT("to 19", getpriority(PRIO_PROCESS, 0), 19);
    NEED(setuid(1000) == 0);
    EXPECT_ERR("no way up", setpriority(PRIO_PROCESS, 0, 3), EACCES);
    EXPECT_ERR("not of others", setpriority(PRIO_PROCESS, 1, 10), EPERM);
    EXPECT_ERR("of nobody", setpriority(PRIO_PROCESS, 0x3ffffff, 10), ESRCH);
}

static void sleep_on(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

// Of somebody else's processes, by whatever name.
static void priorities_of_others(void *victim)
{
    pid_t pid = *(pid_t *)victim;

    NEED(setuid(1000) == 0);
    EXPECT_ERR("not of another process", setpriority(PRIO_PROCESS, pid, 7), EPERM);
    EXPECT_ERR("not of another's group", setpriority(PRIO_PGRP, pid, 7), EPERM);
    EXPECT_ERR("not of another user", setpriority(PRIO_USER, 77, 7), EPERM);
    EXPECT("but to be read", getpriority(PRIO_PGRP, pid), 0);
}

static void be_another(void *unused)
{
    NEED(setpgid(0, 0) == 0 && setuid(77) == 0);
    kill(getpid(), SIGSTOP);
    sleep_on(unused);
}

static void test_priorities_of_others(void)
{
    pid_t pid = child_start(be_another, NULL);
    int status;

    NEED(waitpid(pid, &status, WUNTRACED) == pid);
    EXPECT("others' priorities", child_run(priorities_of_others, &pid), 0);
    EXPECT("unchanged", getpriority(PRIO_PROCESS, pid), 0);
    kill(pid, SIGKILL);
    child_end(pid);
}

static void set_id_exec(void *unused)
{
    char *argv[] = {"ids", "--who", NULL}, *env[] = {NULL};

    (void)unused;
    NEED(setgid(1000) == 0 && setuid(1000) == 0);
    execve("/tmp/abi.setuid", argv, env);
}

// Runs the program with working directory "/" in a child that shares it, moves it, and lets the
// program look. That may see the move, or have other rights, but not both.
static void test_set_id_shared(void)
{
    char *argv[] = {"ids", "--moved", NULL}, *env[] = {NULL}, c;
    int up[2], down[2];

    NEED(chdir("/") == 0 && pipe(up) == 0 && pipe(down) == 0);
    fflush(stdout);
    pid_t pid = raw(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0, 0);
    NEED(pid >= 0);
    if (pid == 0) {
        NEED(dup2(up[1], MOVED_UP) >= 0 && dup2(down[0], MOVED_DOWN) >= 0);
        NEED(setgid(1000) == 0 && setuid(1000) == 0);
        execve("/tmp/abi.setuid", argv, env);
        _exit(99);
    }
    NEED(read(up[0], &c, 1) == 1 && chdir("/tmp") == 0 && write(down[1], &c, 1) == 1);
    EXPECT("a set-id program that shares directories", child_end(pid), EXITED(0));
    NEED(chdir("/") == 0);
}

static int moved(void)
{
    char cwd[256] = "", c = 'g';

    if (write(MOVED_UP, &c, 1) != 1 || read(MOVED_DOWN, &c, 1) != 1 || !getcwd(cwd, sizeof(cwd)))
        return 1;
    return geteuid() != getuid() && strcmp(cwd, "/") != 0 ? 2 : 0;
}

static void test_set_id(void)
{
    char self[256] = "", command[600];
    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(command, sizeof(command), "/usr/bin/busybox cp %s /tmp/abi.setuid", self);
    NEED(system(command) == 0);
    chown("/tmp/abi.setuid", 55, 66);
    chmod("/tmp/abi.setuid", 06755);
    EXPECT("set-id program", child_run(set_id_exec, NULL), EXITED(11));
    test_set_id_shared();
    unlink("/tmp/abi.setuid");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--moved") == 0)
        return moved();
    if (argc > 1) {
        uid_t r, e, s;
        getresuid(&r, &e, &s);
        return r == 1000 && e == 55 && s == 55 && getegid() == 66 ? 11 : 12;
    }
    abi_begin();
    if (getuid() != 0) {
        printf("not root\n");
        return 1;
    }
    setpgid(0, 0);
    umask(022);
    EXPECT("setuid", child_run(setuid_root, NULL), 0);
    EXPECT("seteuid", child_run(seteuid_back, NULL), 0);
    EXPECT("setresuid", child_run(file_ids, NULL), 0);
    EXPECT("setresuid", child_run(setresuid_rules, NULL), 0);
    EXPECT("groups", child_run(groups, NULL), 0);
    EXPECT("many groups", child_run(many_groups, NULL), 0);
    unlink("/tmp/abi.group");
    EXPECT("limits", child_run(limits, NULL), 0);
    EXPECT("priorities", child_run(priorities, NULL), 0);
    test_priorities_of_others();
    test_set_id();
    return abi_end();
}
