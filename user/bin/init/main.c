// SPDX-License-Identifier: MIT
// init: process 1. The kernel has mounted the root, /dev and /proc. Starts a shell on the console,
// or with rv.exec=1 on the kernel's command line the command that ./rv exec asks for; reaps
// orphans; and powers the machine off when it ends.
#include "init.h"

#include "lib/environ.h"
#include "lib/linux.h"

// What the kernel's command line may know better.
static void environment_set(void)
{
    static const struct {
        const char *name;
        char *usual;
    } variables[] = {
        {"PATH", "PATH=/bin:/usr/bin:/sbin:/usr/sbin"},
        {"HOME", "HOME=/root"},
        {"USER", "USER=root"},
        {"TERM", "TERM=linux"},
    };
    static char *environment[sizeof(variables) / sizeof(*variables) + 1];

    for (uint i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        char *value = boot_value(variables[i].name);
        environment[i] = value ? value - strlen(variables[i].name) - 1 : variables[i].usual;
    }
    environ = environment;
}

// What a login shell is called: its file's name behind a `-`.
static char *login_name(const char *path)
{
    const char *name = path;
    char *login = malloc(strlen(path) + 2);

    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    if (login) {
        login[0] = '-';
        strcpy(login + 1, name);
    }
    return login;
}

// SHELL of the kernel's command line, as a login shell, or /bin/sh.
static int shell_start(void)
{
    const char *shell = boot_value("SHELL");
    char *argv[] = {shell ? login_name(shell) : "sh", 0};
    int pid = sys_fork();

    if (pid != 0)
        return pid;
    console_own_session();
    int error = sys_execve(shell ? shell : "/bin/sh", argv, environ);
    if (error == -ENOENT)
        error = sys_execve("/sh", argv, environ); // where xv6 has it
    fprintf(2, "init: cannot start %s: %s\n", shell ? shell : "/bin/sh", error_text(error));
    exit(1);
}

static void shell_mode(void)
{
    int pid = shell_start();

    if (pid < 0)
        fprintf(2, "init: cannot fork: %s\n", error_text(pid));
    else
        reap_until(pid);
}

int main(void)
{
    environment_set();
    console_open();
    sys_chdir("/");
    boot_sysctls();
    if (boot_option("rv.exec"))
        exec_mode(boot_option("rv.tty"));
    else
        shell_mode();
    reap_all();
    power_off();
}
