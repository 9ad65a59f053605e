// SPDX-License-Identifier: MIT
// Runs the commands of many test cases in one boot: a server on its descriptors 0 and 1 that the
// fixture `guest` drives over the ports of ./rv exec. Static, glibc; also runs under qemu-riscv64.
//
// All numbers are 32-bit little-endian. A request: the length of what follows; milliseconds that
// the command may take; argc; envc; the number of bytes of standard input; cwd, arguments and
// environment strings (added to the agent's own), each ending in NUL; standard input. The replies
// are frames of a type, a length and data: 'o' and 'e' carry standard output and error as they
// come, 's' ends: the status as wait(2) gives it, and 1 if the time was up and the command killed.
//
// A command is the leader of a process group that is killed when its time is up; before that, the
// console is shown the state of every process and where every hart is. What a command leaves
// running is not waited for: its output counts up to the end of the command.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK   65536
#define POLL_MS 20 // how late the end of a command may be seen that left its output open

struct request {
    uint32_t timeout_ms, argc, envc, input_size;
    char text[]; // strings, then input
};

struct command {
    pid_t pid;
    int in, out, err; // our ends; -1 when closed
    const char *input;
    size_t input_left;
    int64_t deadline; // milliseconds
    int status;
    int ended, timed_out;
};

// The console is the one place that a test shows when the machine is gone.
static void give_up(const char *what)
{
    int error = errno;

    dprintf(open("/dev/console", O_WRONLY), "agent: %s: %s\n", what, strerror(error));
    _exit(1);
}

static void read_all(void *to, size_t n)
{
    char *p = to;

    while (n > 0) {
        ssize_t got = read(0, p, n);
        if (got == 0)
            exit(0);
        if (got < 0 && errno != EINTR)
            give_up("read");
        if (got > 0) {
            p += got;
            n -= got;
        }
    }
}

static void write_all(const void *from, size_t n)
{
    const char *p = from;

    while (n > 0) {
        ssize_t put = write(1, p, n);
        if (put < 0 && errno != EINTR)
            give_up("write");
        if (put > 0) {
            p += put;
            n -= put;
        }
    }
}

static void frame_write(char type, const void *data, uint32_t size)
{
    char head[5] = {type};

    memcpy(head + 1, &size, sizeof(size));
    write_all(head, sizeof(head));
    write_all(data, size);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static char **strings_take(char **p, uint32_t n)
{
    char **list = calloc(n + 1, sizeof(*list));

    if (!list)
        give_up("memory for strings");
    for (uint32_t i = 0; i < n; i++, *p += strlen(*p) + 1)
        list[i] = *p;
    return list;
}

static void child_main(struct request *r, int in, int out, int err)
{
    char *p = r->text, *cwd = p;

    setpgid(0, 0);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    p += strlen(p) + 1;
    char **argv = strings_take(&p, r->argc);
    char **env = strings_take(&p, r->envc);
    while (*env)
        putenv(*env++);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(cwd) == 0)
        execvp(argv[0], argv);
    dprintf(2, "agent: %s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static const char *input_of(const struct request *r)
{
    const char *p = r->text;

    for (uint32_t i = 0; i < 1 + r->argc + r->envc; i++)
        p += strlen(p) + 1;
    return p;
}

static int command_start(struct command *c, struct request *r)
{
    int in[2], out[2], err[2];

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        return -1;
    c->pid = fork();
    if (c->pid == 0)
        child_main(r, in[0], out[1], err[1]);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    c->in = in[1];
    c->out = out[0];
    c->err = err[0];
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    fcntl(c->err, F_SETFL, O_NONBLOCK);
    c->input = input_of(r);
    c->input_left = r->input_size;
    c->deadline = now_ms() + r->timeout_ms;
    return c->pid < 0 ? -1 : 0;
}

static void fd_close(int *fd)
{
    close(*fd);
    *fd = -1;
}

static void input_push(struct command *c)
{
    ssize_t n = write(c->in, c->input, c->input_left);

    if (n > 0) {
        c->input += n;
        c->input_left -= n;
    }
    if (c->input_left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&c->in);
}

// Passes on what the pipe holds now, one chunk if the command still runs.
static void output_pull(struct command *c, int *fd, char type)
{
    static char chunk[CHUNK];
    ssize_t n;

    do {
        n = read(*fd, chunk, sizeof(chunk));
        if (n > 0)
            frame_write(type, chunk, n);
    } while (n > 0 && c->ended);
    if (n == 0)
        fd_close(fd);
}

static void file_to_console(int console, const char *path)
{
    char line[256];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line));

    if (n > 0)
        dprintf(console, "%.*s%s", (int)n, line, line[n - 1] == '\n' ? "" : "\n");
    close(fd);
}

// What the machine does when a command's time is up: each process, and where each hart is.
static void hang_show(void)
{
    int console = open("/dev/console", O_WRONLY), trigger = open("/proc/sysrq-trigger", O_WRONLY);
    DIR *proc = opendir("/proc");
    struct dirent *e;
    char path[64];

    while (proc && (e = readdir(proc)))
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9') {
            snprintf(path, sizeof(path), "/proc/%.16s/stat", e->d_name);
            file_to_console(console, path);
        }
    if (proc)
        closedir(proc);
    if (trigger >= 0 && write(trigger, "l", 1) < 0)
        dprintf(console, "agent: sysrq: %s\n", strerror(errno));
    close(trigger);
    close(console);
}

static void command_check(struct command *c)
{
    int both_closed = c->out < 0 && c->err < 0;

    if (!c->timed_out && now_ms() >= c->deadline) {
        c->timed_out = 1;
        if (getppid() == 1) // in a guest, whose init started it
            hang_show();
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
    }
    if (waitpid(c->pid, &c->status, WNOHANG) == c->pid)
        c->ended = 1;
    else if (both_closed)
        poll(NULL, 0, 1);
}

static void command_serve(struct command *c)
{
    while (!c->ended) {
        struct pollfd p[3] = {{c->in, POLLOUT, 0}, {c->out, POLLIN, 0}, {c->err, POLLIN, 0}};

        if (c->in >= 0 || c->out >= 0 || c->err >= 0)
            poll(p, 3, POLL_MS);
        command_check(c);
        if (c->in >= 0 && p[0].revents)
            input_push(c);
        if (c->out >= 0 && (p[1].revents || c->ended))
            output_pull(c, &c->out, 'o');
        if (c->err >= 0 && (p[2].revents || c->ended))
            output_pull(c, &c->err, 'e');
    }
    if (c->in >= 0)
        close(c->in);
    if (c->out >= 0)
        close(c->out);
    if (c->err >= 0)
        close(c->err);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct command c = {0};
        uint32_t size;

        read_all(&size, sizeof(size));
        struct request *r = malloc(size + 1);
        if (!r)
            return 1;
        read_all(r, size);
        if (command_start(&c, r) != 0) {
            frame_write('e', "agent: cannot start", 19);
            c.status = 126 << 8;
        } else {
            command_serve(&c);
        }
        uint32_t end[2] = {c.status, c.timed_out};
        frame_write('s', end, sizeof(end));
        free(r);
    }
}
