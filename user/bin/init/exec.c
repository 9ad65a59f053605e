// SPDX-License-Identifier: MIT
// The guest's side of ./rv exec: runs the command that /rv.exec describes with its standard
// descriptors on channels to the host (or on the console), sends the status and the files asked
// for. docs/rv.md is the contract. A failure of the machinery is told on the console and sends
// no status: the host then takes the run as failed.
#include "abi/ioctl.h"
#include "init.h"
#include "lib/environ.h"
#include "lib/linux.h"

#define REQUEST_FILE   "/rv.exec"
#define NOT_FOUND      127
#define NOT_EXECUTABLE 126
#define SIGNALED       128

// Strings point into the file's text.
struct request {
    int argc, envc, getc;
    int uid;
    int rows, columns;
    char *cwd;
    char **argv, **env, **get; // zero-terminated
};

// ---- /rv.exec

static char *file_load(const char *path, long *size)
{
    struct linux_stat st;
    int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
    long used = 0, n = fd;

    if (fd < 0 || sys_fstat(fd, &st) < 0)
        return 0;
    char *text = malloc(st.st_size + 1);
    while (text && used < st.st_size && (n = sys_read(fd, text + used, st.st_size - used)) > 0)
        used += n;
    sys_close(fd);
    if (text)
        text[used] = 0;
    *size = used;
    return text;
}

struct cursor {
    char *at, *end;
    bool failed;
};

static char *next_string(struct cursor *c)
{
    char *s = c->at;

    if (s >= c->end) {
        c->failed = true;
        return "";
    }
    c->at += strlen(s) + 1;
    return s;
}

static int next_number(struct cursor *c)
{
    return atoi(next_string(c));
}

static char **next_strings(struct cursor *c, int count)
{
    char **list = count < 0 ? 0 : malloc((count + 1) * sizeof(*list));

    c->failed |= !list;
    if (!list)
        return 0;
    for (int i = 0; i < count; i++)
        list[i] = next_string(c);
    list[count] = 0;
    return list;
}

static bool request_read(struct request *r)
{
    long size;
    char *text = file_load(REQUEST_FILE, &size);
    struct cursor c = {.at = text, .end = text + size};

    if (!text)
        return false;
    r->argc = next_number(&c);
    r->envc = next_number(&c);
    r->getc = next_number(&c);
    r->uid = next_number(&c);
    r->rows = next_number(&c);
    r->columns = next_number(&c);
    r->cwd = next_string(&c);
    r->argv = next_strings(&c, r->argc);
    r->env = next_strings(&c, r->envc);
    r->get = next_strings(&c, r->getc);
    return !c.failed && r->argc >= 1;
}

// ---- The command. What follows runs in the child.

static void descriptor_open(const char *path, int flags, int to)
{
    int fd = sys_open(path, flags, 0);

    if (fd < 0) {
        fprintf(2, "init: %s: %s\n", path, error_text(fd));
        exit(NOT_EXECUTABLE);
    }
    if (fd != to) {
        sys_dup3(fd, to, 0);
        sys_close(fd);
    }
}

static void descriptors_set(const struct request *r, bool tty)
{
    struct winsize size = {.ws_row = r->rows, .ws_col = r->columns};

    if (tty) {
        console_own_session();
        if (r->rows > 0 && r->columns > 0)
            sys_ioctl(0, TIOCSWINSZ, &size);
        return;
    }
    sys_setsid();
    descriptor_open("/dev/rv/stdin", O_RDONLY, 0);
    descriptor_open("/dev/rv/stdout", O_WRONLY, 1);
    descriptor_open("/dev/rv/stderr", O_WRONLY, 2);
}

// Tries the directories of PATH one by one; an error other than absence outlives the search.
static int execute_search(char **argv)
{
    const char *dir = environ_find("PATH");
    int kept = -ENOENT;
    uint name_len = strlen(argv[0]);

    for (dir = dir ? dir : "/bin:/usr/bin"; *dir;) {
        const char *end = strchr(dir, ':');
        end = end ? end : dir + strlen(dir);
        char *path = malloc(end - dir + name_len + 2);
        if (!path)
            return -ENOMEM;
        memcpy(path, dir, end - dir);
        path[end - dir] = '/';
        strcpy(path + (end - dir) + 1, argv[0]);
        int error = sys_execve(path, argv, environ);
        if (error != -ENOENT && error != -ENOTDIR)
            kept = error;
        free(path);
        dir = *end ? end + 1 : end;
    }
    return kept;
}

static void child_run(const struct request *r, bool tty)
{
    int error;

    environ = r->env;
    descriptors_set(r, tty);
    if (r->uid != 0) {
        ecall2(SYS_setgroups, 0, 0);
        ecall1(SYS_setgid, r->uid);
        ecall1(SYS_setuid, r->uid);
    }
    error = sys_chdir(r->cwd);
    if (error < 0) {
        fprintf(2, "init: %s: %s\n", r->cwd, error_text(error));
        exit(NOT_EXECUTABLE);
    }
    if (strchr(r->argv[0], '/'))
        error = sys_execve(r->argv[0], r->argv, environ);
    else
        error = execute_search(r->argv);
    fprintf(2, "init: %s: %s\n", r->argv[0], error_text(error));
    exit(error == -ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

// ---- The answer.

static void status_send(int wait_status)
{
    int fd = sys_open("/dev/rv/status", O_WRONLY, 0);

    if (fd < 0) {
        fprintf(2, "init: /dev/rv/status: %s\n", error_text(fd));
        return;
    }
    if (WIFEXITED(wait_status))
        fprintf(fd, "%d\n", WEXITSTATUS(wait_status));
    else
        fprintf(fd, "%d\n", SIGNALED + WTERMSIG(wait_status));
    sys_close(fd);
}

void exec_mode(bool tty)
{
    struct request r;

    if (!request_read(&r)) {
        fprintf(2, "init: cannot read %s\n", REQUEST_FILE);
        return;
    }
    int pid = sys_fork();
    if (pid == 0)
        child_run(&r, tty);
    if (pid < 0) {
        fprintf(2, "init: cannot fork: %s\n", error_text(pid));
        return;
    }
    int wait_status = reap_until(pid);
    if (r.getc > 0)
        archive_send("/dev/rv/get", r.get);
    status_send(wait_status);
}
