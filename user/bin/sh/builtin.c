// SPDX-License-Identifier: MIT
// Commands that must run in the shell itself. fg, bg, jobs and wait stand beside the job table.
#include "lib/environ.h"
#include "lib/linux.h"
#include "sh.h"

#define PATH_SIZE 4096

static int builtin_cd(char **argv)
{
    const char *path = argv[1] ? argv[1] : environ_find("HOME");
    int error = sys_chdir(path ? path : "/");

    if (error < 0)
        fprintf(2, "cd: %s: %s\n", path ? path : "/", error_text(error));
    return error < 0;
}

static int builtin_pwd(char **argv)
{
    char path[PATH_SIZE];
    int error = ecall2(SYS_getcwd, (long)path, sizeof(path));

    if (error < 0)
        fprintf(2, "pwd: %s\n", error_text(error));
    else
        printf("%s\n", path);
    return error < 0;
}

static int builtin_exit(char **argv)
{
    exit(argv[1] ? atoi(argv[1]) : shell.status);
}

static int builtin_export(char **argv)
{
    while (*++argv) {
        char *equals = strchr(*argv, '=');
        if (!equals || !is_name_char(**argv, true)) {
            fprintf(2, "export: %s: not NAME=value\n", *argv);
            return 1;
        }
        *equals = 0;
        env_set(*argv, equals + 1);
    }
    return 0;
}

static const struct {
    const char *name;
    builtin_fn *fn;
} builtins[] = {
    {"cd", builtin_cd},         {"pwd", builtin_pwd},   {"exit", builtin_exit},
    {"export", builtin_export}, {"wait", builtin_wait}, {"jobs", builtin_jobs},
    {"fg", builtin_fg},         {"bg", builtin_bg},
};

builtin_fn *builtin_find(const char *name)
{
    for (uint i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].fn;
    return 0;
}
