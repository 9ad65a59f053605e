// SPDX-License-Identifier: MIT
// Process 1 on Debian's kernel for `--on linux`: serves docs/rv.md's guest side there, so that the
// same tests and benchmarks run on both kernels. Static, glibc. Modules are that kernel's, in the
// order of /modules/list. With a disk for root (root=/dev/vda) what else the initramfs holds is
// copied there, as Rivulet does.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTS         5
#define PORT_WAIT_MS  10000 // for the ports to appear
#define FIRST_OPEN_MS 300   // for the host's first PORT_OPEN to arrive
#define SPEC_MAX      (1 << 20)

// What /rv.exec says.
struct spec {
    long argc, envc, getc, uid, rows, columns;
    char *cwd;
    char **argv, **env, **get;
};

static void die(const char *what)
{
    printf("panic: linux_init: %s: %s\n", what, strerror(errno));
    fflush(stdout);
    reboot(RB_POWER_OFF);
    _exit(1);
}

static char *next_string(char **p)
{
    char *s = *p;

    *p += strlen(s) + 1;
    return s;
}

static char **next_strings(char **p, long n)
{
    char **list = calloc(n + 1, sizeof(*list));

    if (!list)
        die("memory");
    for (long i = 0; i < n; i++)
        list[i] = next_string(p);
    return list;
}

static void spec_read(struct spec *s)
{
    static char text[SPEC_MAX];
    int fd = open("/rv.exec", O_RDONLY);
    char *p = text;

    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        die("/rv.exec");
    close(fd);
    s->argc = atol(next_string(&p));
    s->envc = atol(next_string(&p));
    s->getc = atol(next_string(&p));
    s->uid = atol(next_string(&p));
    s->rows = atol(next_string(&p));
    s->columns = atol(next_string(&p));
    s->cwd = next_string(&p);
    s->argv = next_strings(&p, s->argc);
    s->env = next_strings(&p, s->envc);
    s->get = next_strings(&p, s->getc);
}

// Links /dev/rv/<name> for every port that is named by now; returns their number.
static int ports_link(void)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    struct dirent *e;
    int found = 0;

    while (dir && (e = readdir(dir))) {
        char path[512], name[64] = "", target[300];
        snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);

        close(fd);
        name[n > 0 ? n : 0] = 0;
        name[strcspn(name, "\n")] = 0;
        if (strncmp(name, "rv.", 3) != 0)
            continue;
        snprintf(path, sizeof(path), "/dev/rv/%s", name + 3);
        snprintf(target, sizeof(target), "/dev/%.255s", e->d_name);
        if ((symlink(target, path) == 0 || errno == EEXIST) && access(target, F_OK) == 0)
            found++;
    }
    if (dir)
        closedir(dir);
    return found;
}

static void modules_load(void)
{
    char path[256];
    FILE *list = fopen("/modules/list", "r");

    while (list && fgets(path, sizeof(path), list)) {
        path[strcspn(path, "\n")] = 0;
        int module = open(path, O_RDONLY);
        if (module < 0 || syscall(SYS_finit_module, module, "", 0) != 0)
            die(path);
        close(module);
    }
    if (!list)
        die("/modules/list");
    fclose(list);
}

static int child_wait(pid_t pid)
{
    int status = 0;
    pid_t got;

    do {
        got = wait(&status);
    } while (got != pid && (got > 0 || errno == EINTR));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int option(const char *word)
{
    static char line[4096];
    int fd = open("/proc/cmdline", O_RDONLY);
    ssize_t n = read(fd, line, sizeof(line) - 1);

    close(fd);
    line[n > 0 ? n : 0] = 0;
    return strstr(line, word) != NULL;
}

// The disk's own busybox copies all but directories, and what is only for this program.
static void root_change(void)
{
    static const char copy[] =
        "busybox=/disk/usr/bin/busybox; cd /; "
        "$busybox find . -xdev ! -type d ! -path './modules/*' ! -path './disk/*' ! -path ./init | "
        "$busybox cpio -o -H newc 2>/dev/null | (cd /disk && $busybox cpio -idmu 2>/dev/null)";
    pid_t pid;

    mkdir("/disk", 0755);
    for (int waited = 0; mount("/dev/vda", "/disk", "ext4", 0, NULL) != 0; waited++) {
        if (waited > PORT_WAIT_MS)
            die("/dev/vda");
        usleep(1000);
    }
    pid = fork();
    if (pid == 0) {
        execl("/disk/usr/bin/busybox", "busybox", "sh", "-c", copy, NULL);
        _exit(127);
    }
    if (child_wait(pid) != 0)
        die("copy to /disk");
    if (mount("/proc", "/disk/proc", NULL, MS_MOVE, NULL) ||
        mount("/sys", "/disk/sys", NULL, MS_MOVE, NULL) ||
        mount("/dev", "/disk/dev", NULL, MS_MOVE, NULL) || chdir("/disk") ||
        mount("/disk", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
        die("/disk");
}

static void system_setup(void)
{
    mkdir("/proc", 0555);
    mkdir("/sys", 0555);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    modules_load();
    if (option("root=/dev/vda"))
        root_change();
    else
        mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
    symlink("/proc/self/fd", "/dev/fd");
    mkdir("/dev/rv", 0755);
    mkdir("/dev/pts", 0755);
    mkdir("/dev/shm", 0755);
    mount("devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
    mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
    for (int waited = 0; ports_link() < PORTS; waited++) {
        if (waited > PORT_WAIT_MS)
            die("ports");
        usleep(1000);
    }
}

static int port_open(const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/dev/rv/%s", name);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        die(path);
    return fd;
}

// Linux reads an end of input from a port whose first PORT_OPEN has not come yet.
static void port_wait_connected(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (int i = 0; i < FIRST_OPEN_MS && poll(&p, 1, 0) >= 0 && (p.revents & POLLHUP); i++)
        usleep(1000);
}

static void streams_open(const struct spec *s, int tty)
{
    if (tty) {
        struct winsize size = {.ws_row = s->rows, .ws_col = s->columns};
        int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

        if (fd < 0)
            die("/dev/ttyS0");
        setsid();
        ioctl(fd, TIOCSCTTY, 0);
        ioctl(fd, TIOCSWINSZ, &size);
        for (int to = 0; to < 3; to++)
            dup2(fd, to);
        return;
    }
    int in = port_open("stdin", O_RDONLY);
    port_wait_connected(in);
    dup2(in, 0);
    dup2(port_open("stdout", O_WRONLY), 1);
    dup2(port_open("stderr", O_WRONLY), 2);
}

static void child_main(const struct spec *s, int tty)
{
    streams_open(s, tty);
    if (s->uid && (setgroups(0, NULL) || setgid(s->uid) || setuid(s->uid)))
        _exit(126);
    environ = s->env;
    if (chdir(s->cwd) == 0)
        execvp(s->argv[0], s->argv);
    dprintf(2, "init: %s: %s\n", s->argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static void files_send(const struct spec *s)
{
    pid_t pid = fork();

    if (pid == 0) {
        dup2(port_open("get", O_WRONLY), 1);
        chdir("/");
        setenv("PATH", "/usr/bin", 1);
        for (char **get = s->get; *get; get++)
            *get += strspn(*get, "/");
        char *argv[s->getc + 5];
        argv[0] = "busybox";
        argv[1] = "sh";
        argv[2] = "-c";
        argv[3] = "find \"$0\" \"$@\" 2>/dev/null | cpio -o -H newc 2>/dev/null";
        memcpy(&argv[4], s->get, (s->getc + 1) * sizeof(char *));
        execv("/usr/bin/busybox", argv);
        _exit(127);
    }
    child_wait(pid);
}

int main(void)
{
    struct spec s;

    system_setup();
    spec_read(&s);
    pid_t pid = fork();
    if (pid == 0)
        child_main(&s, option("rv.tty=1"));
    int status = child_wait(pid);
    if (s.getc > 0)
        files_send(&s);
    sync();
    dprintf(port_open("status", O_WRONLY), "%d\n", status);
    reboot(RB_POWER_OFF);
    return 0;
}
