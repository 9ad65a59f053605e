// SPDX-License-Identifier: MIT
// The console, the reaping of children, the kernel's command line, and the power switch.
#include "abi/ioctl.h"
#include "abi/reboot.h"
#include "init.h"
#include "lib/linux.h"

#define CMDLINE_SIZE    4096
#define SYSCTL_SIZE     128
#define REAP_PAUSE_NS   10000000 // between looks at the children
#define REAP_TERM_TRIES 20       // pauses that processes get to end by themselves
#define REAP_TRIES      200      // pauses until init gives up on them

static bool descriptors_open(const char *path)
{
    int fd = sys_open(path, O_RDWR, 0);

    if (fd < 0)
        return false;
    for (int to = 0; to < 3; to++)
        if (fd != to)
            sys_dup3(fd, to, 0);
    if (fd > 2)
        sys_close(fd);
    return true;
}

bool console_open(void)
{
    return descriptors_open("/dev/console");
}

// A kernel may let a background process read /dev/console, but never its controlling terminal.
void console_own_session(void)
{
    sys_setsid();
    if (sys_ioctl(0, TIOCSCTTY, 0) == 0)
        descriptors_open("/dev/tty");
}

int reap_until(int pid)
{
    int status = 0, got;

    do {
        got = sys_wait4(-1, &status, 0);
    } while (got != pid && (got > 0 || got == -EINTR));
    return status;
}

// False when there is no child left.
static bool reap_ended(void)
{
    int status, got;

    do {
        got = sys_wait4(-1, &status, WNOHANG);
    } while (got > 0);
    return got == 0;
}

void reap_all(void)
{
    struct timespec pause = {.tv_nsec = REAP_PAUSE_NS};

    if (!reap_ended())
        return;
    sys_kill(-1, SIGTERM);
    sys_kill(-1, SIGCONT);
    for (int i = 0; i < REAP_TRIES && reap_ended(); i++) {
        if (i >= REAP_TERM_TRIES)
            sys_kill(-1, SIGKILL);
        sys_nanosleep(&pause);
    }
}

void power_off(void)
{
    ecall1(SYS_sync, 0);
    int error =
        ecall4(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0);
    fprintf(2, "init: cannot power off: %s\n", error_text(error));
    for (;;)
        sys_wait4(-1, 0, 0);
}

static void command_line(char *line, int size)
{
    int fd = sys_open("/proc/cmdline", O_RDONLY, 0);
    long n = fd < 0 ? 0 : sys_read(fd, line, size - 1);

    if (fd >= 0)
        sys_close(fd);
    line[n > 0 ? n : 0] = 0;
}

char *boot_value(const char *name)
{
    char line[CMDLINE_SIZE];
    uint len = strlen(name);

    command_line(line, sizeof(line));
    for (char *p = line; *p; p++) {
        bool starts = p == line || p[-1] == ' ';
        if (!starts || memcmp(p, name, len) != 0 || p[len] != '=')
            continue;
        char *value = p + len + 1;
        uint n = 0;
        while (value[n] && value[n] != ' ' && value[n] != '\n')
            n++;
        value[n] = 0;
        char *word = malloc(len + n + 2);
        return word ? strcpy(word, p) + len + 1 : 0;
    }
    return 0;
}

bool boot_option(const char *name)
{
    char *value = boot_value(name);
    bool on = value && strcmp(value, "1") == 0;

    if (value)
        free(value - strlen(name) - 1);
    return on;
}

static void sysctl_set(char *name, const char *value)
{
    char path[SYSCTL_SIZE] = "/proc/sys/";
    uint at = strlen(path);

    if (at + strlen(name) >= sizeof(path))
        return;
    for (; *name; name++)
        path[at++] = *name == '.' ? '/' : *name;
    int fd = sys_open(path, O_WRONLY, 0);
    int error = fd < 0 ? fd : sys_write(fd, value, strlen(value));
    if (error < 0)
        fprintf(2, "init: %s: %s\n", path, error_text(error));
    if (fd >= 0)
        sys_close(fd);
}

void boot_sysctls(void)
{
    static const char prefix[] = "sysctl.";
    char line[CMDLINE_SIZE], *next;

    command_line(line, sizeof(line));
    for (char *word = line; *word; word = next) {
        for (next = word; *next && *next != ' ' && *next != '\n';)
            next++;
        if (*next)
            *next++ = 0;
        char *value = strchr(word, '=');
        if (!value || memcmp(word, prefix, sizeof(prefix) - 1) != 0)
            continue;
        *value++ = 0;
        sysctl_set(word + sizeof(prefix) - 1, value);
    }
}
