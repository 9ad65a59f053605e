// SPDX-License-Identifier: MIT
// What a process may keep, see and change of what is another's: across exec, in /proc, in files,
// and how many it may be. As root.
#include "abi.h"

#include <grp.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define USER 1234

static void become_user(void)
{
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
}

/* Exec */

static void saved_id_exec(void *unused)
{
    char *argv[] = {"rights", "--ids", NULL};

    (void)unused;
    NEED(setresuid(USER, USER, 0) == 0);
    execv("/proc/self/exe", argv);
}

// The program of saved_id_exec and secure_exec: its exit code says what it was given.
static int ids_main(void)
{
    uid_t real, effective, saved;

    NEED(getresuid(&real, &effective, &saved) == 0);
    if (saved != effective || (real && seteuid(0) == 0 && getuid() != 0))
        return 1;
    return getauxval(AT_SECURE) ? 3 : 2;
}

static void secure_exec(void *path)
{
    char *argv[] = {"rights", "--ids", NULL};

    become_user();
    execv(path, argv);
}

static void test_exec(void)
{
    char self[256] = "", command[600];

    EXPECT("exec gives up the saved id", child_run(saved_id_exec, NULL), EXITED(2));
    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(command, sizeof(command), "/usr/bin/busybox cp %s /tmp/abi.secure", self);
    NEED(system(command) == 0);
    NEED(chown("/tmp/abi.secure", 77, 77) == 0 && chmod("/tmp/abi.secure", 04755) == 0);
    EXPECT("a set-id program is told so", child_run(secure_exec, "/tmp/abi.secure"), EXITED(3));
    NEED(chmod("/tmp/abi.secure", 02745) == 0);
    EXPECT("set-gid without group execute is no set-gid", child_run(secure_exec, "/tmp/abi.secure"),
           EXITED(2));
    unlink("/tmp/abi.secure");
}

/* /proc */

static void look(void *pid)
{
    char path[64], text[64];

    become_user();
    snprintf(path, sizeof(path), "/proc/%d/cwd/passwd", *(pid_t *)pid);
    EXPECT_ERR("another's directory", open(path, O_RDONLY), EACCES);
    snprintf(path, sizeof(path), "/proc/%d/exe", *(pid_t *)pid);
    EXPECT_ERR("another's program", readlink(path, text, sizeof(text)), EACCES);
    snprintf(path, sizeof(path), "/proc/%d/maps", *(pid_t *)pid);
    EXPECT_ERR("not to be opened for others", open(path, O_RDONLY), EACCES);
    EXPECT_OK("one's own", readlink("/proc/self/exe", text, sizeof(text)));
}

static void test_proc(void)
{
    pid_t pid = getpid();

    child_run(look, &pid);
}

/* How many */

static void *thread_main(void *unused)
{
    pause();
    return unused;
}

static void count_threads(void *unused)
{
    struct rlimit limit = {8, 8};
    pthread_attr_t attr;
    pthread_t thread;
    int made = 0;

    (void)unused;
    NEED(setrlimit(RLIMIT_NPROC, &limit) == 0);
    become_user();
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    while (made < 20 && pthread_create(&thread, &attr, thread_main, NULL) == 0)
        made++;
    EXPECT("threads count", made, 7);
    _exit(0);
}

static void sleeps_as_user(void *unused)
{
    (void)unused;
    become_user();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static void count_zombies(void *unused)
{
    struct rlimit limit = {8, 8};
    pid_t pid = 0;
    int made = 0;

    (void)unused;
    NEED(setrlimit(RLIMIT_NPROC, &limit) == 0);
    become_user();
    for (; made < 20 && (pid = fork()) >= 0; made++) {
        if (pid == 0)
            _exit(0);
        process_await(pid, "Z");
    }
    EXPECT("zombies count", made, 7);
    while (wait(NULL) > 0)
        ;
    pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK("but not when reaped", pid > 0 && wait(NULL) == pid);
}

// set*id may make too many; a new program these must not be. With `more`, they may.
static void execs_beyond(void *more)
{
    struct rlimit limit = {1, 8};
    char *argv[] = {"rights", "--ids", NULL};

    for (int i = 0; i < 2; i++)
        process_await(child_start(sleeps_as_user, NULL), "S");
    NEED(setrlimit(RLIMIT_NPROC, &limit) == 0);
    become_user();
    limit.rlim_cur = more ? 8 : 1;
    NEED(setrlimit(RLIMIT_NPROC, &limit) == 0);
    execv("/proc/self/exe", argv);
    _exit(errno == EAGAIN ? 9 : 8);
}

static int lowers_limit(void *unused)
{
    struct rlimit little = {1 << 20, 1 << 20};

    (void)unused;
    return setrlimit(RLIMIT_AS, &little) != 0;
}

// Limits are a process's own, also if another shares its memory.
static void test_own_limits(void)
{
    static char stack[16384] __attribute__((aligned(16)));
    pid_t pid = clone(lowers_limit, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    void *p;

    NEED(pid > 0);
    EXPECT("lowers its own limit", child_end(pid), EXITED(0));
    p = mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK("not that of who shares its memory", p != MAP_FAILED);
    munmap(p, 64 << 20);
}

/* The signal of a child's end */

static void exec_with_child(void *unused)
{
    struct gate gate;

    (void)unused;
    gate_init(&gate);
    if (syscall(SYS_clone, SIGKILL, 0, 0, 0, 0) == 0) {
        char c;

        close(gate.fd[1]);
        (void)!read(gate.fd[0], &c, 1); // until the exec closes the other end
        _exit(0);
    }
    execl("/usr/bin/busybox", "sleep", "0.3", NULL);
}

/* Files */

static void files_user(void *unused)
{
    struct stat st;
    int fd;

    (void)unused;
    become_user();
    umask(0);
    fd = open(ABI_DIR "/made", O_CREAT | O_RDWR, 02775);
    NEED(fd >= 0 && fstat(fd, &st) == 0);
    EXPECT("the directory's group", st.st_gid, 500);
    EXPECT("but not set-gid to it", st.st_mode & 07777, 0775);
    close(fd);
    fd = open(ABI_DIR "/own", O_RDWR);
    NEED(fd >= 0 && ftruncate(fd, 1) == 0 && fstat(fd, &st) == 0);
    EXPECT("truncation takes the bits", st.st_mode & 07777, 0755);
    close(fd);
}

static void test_files(void)
{
    int fd;

    NEED(mkdir(ABI_DIR, 0777) == 0);
    fd = open(ABI_DIR "/own", O_CREAT | O_RDWR, 0755);
    NEED(fd >= 0 && write(fd, "abc", 3) == 3);
    NEED(fchown(fd, USER, USER) == 0 && fchmod(fd, 06755) == 0);
    close(fd);
    NEED(chown(ABI_DIR, 0, 500) == 0 && chmod(ABI_DIR, 02777) == 0);
    child_run(files_user, NULL);
    unlink(ABI_DIR "/made");
    unlink(ABI_DIR "/own");
    rmdir(ABI_DIR);
    EXPECT_ERR("no truncation of what runs", open("/proc/self/exe", O_RDONLY | O_TRUNC), ETXTBSY);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return ids_main();
    abi_begin();
    if (getuid() != 0) {
        printf("not root\n");
        return 1;
    }
    test_exec();
    test_proc();
    EXPECT("limits", child_run(count_threads, NULL), 0);
    EXPECT("limits", child_run(count_zombies, NULL), 0);
    EXPECT("no program of a user with too many processes", child_run(execs_beyond, NULL),
           EXITED(9));
    EXPECT("but when it may have them", child_run(execs_beyond, "more"), EXITED(2));
    test_own_limits();
    EXPECT("no such signal for a new program", child_run(exec_with_child, NULL), EXITED(0));
    test_files();
    return abi_end();
}
