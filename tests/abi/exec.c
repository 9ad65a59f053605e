// SPDX-License-Identifier: MIT
// execve: what a program finds on its stack, scripts, errors, descriptors, positions.
#include "abi.h"

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#define TOLD 40 // descriptors of a program that says that it is there, and waits
#define GO   41

static char self[256];

// The program this becomes, by its first argument: its exit status says what it found.
static int executed(int argc, char **argv, char **env)
{
    if (strcmp(argv[1], "--count") == 0)
        return argc;
    if (strcmp(argv[1], "--args") == 0)
        return argc == 5 && strcmp(argv[2], "") == 0 && strcmp(argv[3], "a b") == 0 &&
                       strcmp(argv[4], "\xff\n") == 0 && argv[5] == NULL &&
                       strcmp(env[0], "A=1") == 0 && strcmp(env[1], "B=") == 0 && env[2] == NULL
                   ? 0
                   : 1;
    if (strcmp(argv[1], "--wait") == 0)
        return write(TOLD, "t", 1) != 1 || read(GO, argv[1], 1) != 1;
    if (strcmp(argv[1], "--fds") == 0)
        return (fcntl(30, F_GETFD) == 0) + 2 * (fcntl(31, F_GETFD) != -1);
    return 99;
}

// A script's line: interpreter, its one argument, the script, the arguments.
static int scripted(int argc, char **argv)
{
    return argc == 5 && strcmp(argv[1], "--script one argument") == 0 &&
                   strcmp(argv[2], "./script") == 0 && strcmp(argv[3], "x") == 0 &&
                   strcmp(argv[4], "y") == 0
               ? 0
               : argc;
}

struct image {
    const char *path;
    char **argv, **env;
};

static void exec_main(void *image)
{
    struct image *i = image;

    execve(i->path, i->argv, i->env);
    _exit(200 + (errno == ENOEXEC) + 2 * (errno == EACCES) + 3 * (errno == ENOENT));
}

static int exec_run(const char *path, char **argv, char **env)
{
    struct image i = {path, argv, env};

    return child_run(exec_main, &i);
}

static char *no_env[] = {NULL};

static void test_arguments(void)
{
    char *argv[] = {"exec", "--args", "", "a b", "\xff\n", NULL}, *env[] = {"A=1", "B=", NULL};

    EXPECT("arguments and environment", exec_run(self, argv, env), EXITED(0));
    enum { MANY = 2000 };
    static char *many[MANY + 1], text[MANY][8];
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], 8, "%d", i);
        many[i] = text[i];
    }
    many[1] = "--count";
    EXPECT("2000 arguments", exec_run(self, many, no_env), EXITED(MANY & 0xff));
    static char big[PAGE * 31];
    memset(big, 'x', sizeof(big) - 1);
    char *one[] = {"exec", "--count", big, NULL};
    EXPECT("a long argument", exec_run(self, one, no_env), EXITED(3));
    static char bigger[PAGE * 33];
    memset(bigger, 'x', sizeof(bigger) - 1);
    one[2] = bigger;
    EXPECT_ERR("too long an argument", execve(self, one, no_env), E2BIG);
    static char *lots[100];
    for (int i = 0; i < 99; i++)
        lots[i] = big;
    EXPECT_ERR("too much", execve(self, lots, no_env), E2BIG);
}

static void test_auxv(void)
{
    char *name = (char *)getauxval(AT_EXECFN), *random = (char *)getauxval(AT_RANDOM);
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    bool load = false;

    EXPECT("AT_PAGESZ", getauxval(AT_PAGESZ), PAGE);
    EXPECT("AT_UID", getauxval(AT_UID), getuid());
    EXPECT("AT_EUID", getauxval(AT_EUID), geteuid());
    EXPECT("AT_GID", getauxval(AT_GID), getgid());
    EXPECT("AT_CLKTCK", getauxval(AT_CLKTCK), 100);
    EXPECT("AT_SECURE", getauxval(AT_SECURE), 0);
    CHECK("AT_EXECFN", name && strstr(name, "exec"));
    CHECK("AT_RANDOM", random && memcmp(random, random + 8, 8) != 0);
    EXPECT("AT_PHENT", getauxval(AT_PHENT), sizeof(Elf64_Phdr));
    for (unsigned long i = 0; ph && i < getauxval(AT_PHNUM); i++)
        load |= ph[i].p_type == PT_LOAD;
    CHECK("AT_PHDR", load);
    CHECK("AT_ENTRY", getauxval(AT_ENTRY) != 0);
    CHECK("AT_HWCAP", (getauxval(AT_HWCAP) & 0x112d) == 0x112d); // IMAFDC
    const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
    CHECK("AT_SYSINFO_EHDR", vdso && memcmp(vdso, ELFMAG, SELFMAG) == 0);
    CHECK("stack is aligned", ((uintptr_t)__builtin_frame_address(0) & 15) == 0);
}

static void exec_by_descriptor(void *argv)
{
    int fd = open("script", O_RDONLY);

    fexecve(fd, argv, no_env);
}

static void test_scripts(void)
{
    char text[512], *argv[] = {"zero", "x", "y", NULL};

    snprintf(text, sizeof(text), "#! %s --script one argument  \nrest\n", self);
    file_write("script", text, 0755);
    EXPECT("script", exec_run("./script", argv, no_env), EXITED(0));
    EXPECT("script by its descriptor", child_run(exec_by_descriptor, argv), EXITED(5));
    file_write("plain", "echo hi\n", 0755);
    EXPECT_ERR("no #!", execve("plain", argv, no_env), ENOEXEC);
    file_write("nowhere", "#!/no/such/interpreter\n", 0755);
    EXPECT_ERR("no interpreter", execve("nowhere", argv, no_env), ENOENT);
    file_write("forbidden", text, 0644);
    EXPECT_ERR("no x", execve("forbidden", argv, no_env), EACCES);
    file_write("by_data", "#!forbidden\n", 0755);
    EXPECT_ERR("interpreter without x", execve("by_data", argv, no_env), EACCES);
    file_write("empty", "", 0755);
    EXPECT_ERR("empty", execve("empty", argv, no_env), ENOEXEC);
    file_write("blank", "#!   \n", 0755);
    EXPECT_ERR("no name", execve("blank", argv, no_env), ENOEXEC);
    file_write("self", "#!self\n", 0755);
    EXPECT_ERR("interprets itself", execve("self", argv, no_env), ELOOP);
    char *name[] = {"n0", "n1", "n2", "n3", "n4"};
    snprintf(text, sizeof(text), "#!%s --count\n", self);
    file_write("n0", text, 0755);
    for (int i = 1; i < 5; i++) {
        snprintf(text, sizeof(text), "#!%s\n", name[i - 1]);
        file_write(name[i], text, 0755);
    }
    char *none[] = {"n", NULL};
    EXPECT("scripts of scripts", exec_run("n4", none, no_env), EXITED(7));
    char *ended[] = {NULL, "behind", "the end", NULL};
    EXPECT("a script without argv[0]", exec_run("n0", ended, no_env), EXITED(3));
}

static void test_errors(void)
{
    char *argv[] = {"exec", "--count", NULL};

    EXPECT_ERR("no file", execve("none", argv, no_env), ENOENT);
    EXPECT_ERR("directory", execve("/tmp", argv, no_env), EACCES);
    EXPECT_ERR("device", execve("/dev/null", argv, no_env), EACCES);
    EXPECT_ERR("not a directory", execve("script/x", argv, no_env), ENOTDIR);
    EXPECT_ERR("empty name", execve("", argv, no_env), ENOENT);
    symlink("loop", "loop");
    EXPECT_ERR("loop", execve("loop", argv, no_env), ELOOP);
    file_write("busy", "#!/bin/x\n", 0755);
    int fd = open("busy", O_WRONLY);
    EXPECT_ERR("open for writing", execve("busy", argv, no_env), ETXTBSY);
    close(fd);
    EXPECT_ERR("a running program is not written", open(self, O_WRONLY), ETXTBSY);
    EXPECT_ERR("nor cut", truncate(self, 0), ETXTBSY);
    file_write("elf32", "\177ELF\1\1\1", 0755);
    EXPECT_ERR("not for this machine", execve("elf32", argv, no_env), ENOEXEC);
}

static void test_descriptors(void)
{
    char *argv[] = {"exec", "--fds", NULL};

    dup3(0, 30, 0);
    dup3(0, 31, O_CLOEXEC);
    EXPECT("close-on-exec", exec_run(self, argv, no_env), EXITED(1));
    EXPECT("here both are open", (fcntl(30, F_GETFD) == 0) + 2 * (fcntl(31, F_GETFD) == 1), 3);
    close(30);
    close(31);
    int fd = open(self, O_PATH | O_CLOEXEC);
    char *count[] = {"exec", "--count", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", count, no_env, AT_EMPTY_PATH);
        _exit(1);
    }
    EXPECT("execveat", child_end(pid), EXITED(2));
    close(fd);
}

static void *thread_waits(void *argument)
{
    pause();
    return argument;
}

struct holder {
    int told[2], go[2]; // pipes
};

// Takes a record lock and becomes a program that tells, and waits; another thread is there until
// then.
static void exec_with_lock(void *argument)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *argv[] = {"exec", "--wait", NULL};
    struct holder *h = argument;
    int fd = open("locked", O_RDWR);
    pthread_t thread;

    NEED(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);
    NEED(dup2(h->told[1], TOLD) >= 0 && dup2(h->go[0], GO) >= 0);
    NEED(pthread_create(&thread, NULL, thread_waits, NULL) == 0);
    execve(self, argv, no_env);
}

static void test_locks(void)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    struct holder h;
    char c;

    NEED(pipe(h.told) == 0 && pipe(h.go) == 0);
    file_write("locked", "x", 0644);
    int fd = open("locked", O_RDWR);
    pid_t pid = child_start(exec_with_lock, &h);
    NEED(read(h.told[0], &c, 1) == 1);
    EXPECT("look for a lock", fcntl(fd, F_GETLK, &lock), 0);
    EXPECT("exec with threads keeps it", lock.l_pid, pid);
    NEED(write(h.go[1], &c, 1) == 1);
    EXPECT("the holder", child_end(pid), EXITED(0));
    close(fd);
}

static void test_pie(void)
{
    char path[300], *argv[] = {"pie", NULL};

    snprintf(path, sizeof(path), "%s_pie", self);
    EXPECT("static position-independent program", exec_run(path, argv, no_env), EXITED(0));
}

int main(int argc, char **argv, char **env)
{
    if (argc > 1 && strcmp(argv[1], "--script one argument") == 0)
        return scripted(argc, argv);
    if (argc > 1)
        return executed(argc, argv, env);
    abi_begin();
    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    scratch_enter();
    test_arguments();
    test_auxv();
    test_scripts();
    test_errors();
    test_descriptors();
    test_locks();
    test_pie();
    scratch_leave();
    return abi_end();
}
