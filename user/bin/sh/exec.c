// SPDX-License-Identifier: MIT
// Runs the tree. Pipelines become jobs; built-in commands run in the shell itself; a process that
// has nothing left to do afterwards becomes its last program without another fork.
#include "lib/environ.h"
#include "lib/linux.h"
#include "sh.h"

#define DEFAULT_PATH   "/bin:/usr/bin"
#define NOT_FOUND      127
#define NOT_EXECUTABLE 126

// A text file without #! is a script for the shell.
static int exec_script(const char *path, char **argv)
{
    uint n = 0;

    while (argv[n])
        n++;
    char **args = arena_alloc((n + 2) * sizeof(*args));
    args[0] = "sh";
    memcpy(args + 1, argv, n * sizeof(*args));
    args[1] = (char *)path;
    return sys_execve("/bin/sh", args, environ);
}

static int exec_path(const char *path, char **argv)
{
    int error = sys_execve(path, argv, environ);

    return error == -ENOEXEC ? exec_script(path, argv) : error;
}

// Tries each directory of PATH; an error that is not about absence outlives the search.
static int exec_search(char **argv)
{
    const char *dir = environ_find("PATH");
    int kept = -ENOENT;
    struct text path = {};

    for (dir = dir ? dir : DEFAULT_PATH; *dir;) {
        const char *end = strchr(dir, ':');
        end = end ? end : dir + strlen(dir);
        text_clear(&path);
        text_add(&path, dir, end - dir);
        text_add(&path, end == dir ? "./" : "/", end == dir ? 2 : 1);
        text_add(&path, argv[0], strlen(argv[0]));
        int error = exec_path(path.data, argv);
        if (error != -ENOENT && error != -ENOTDIR)
            kept = error;
        dir = *end ? end + 1 : end;
    }
    return kept;
}

int program_exec(char **argv)
{
    bool has_slash = strchr(argv[0], '/');
    int error = has_slash ? exec_path(argv[0], argv) : exec_search(argv);

    if (error == -ENOENT && !has_slash)
        fprintf(2, "sh: %s: not found\n", argv[0]);
    else
        fprintf(2, "sh: %s: %s\n", argv[0], error_text(error));
    return error == -ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

// The first word decides; only a plain word can name a built-in command.
static builtin_fn *command_builtin(const struct node *n)
{
    return n->words ? builtin_find(n->words->text) : 0;
}

static int run_builtin(const struct node *n)
{
    struct saved_fd *saved = 0;
    builtin_fn *fn = command_builtin(n);
    int status = 1;

    if (redirect_apply(n->redirects, &saved))
        status = fn ? fn(expand_words(n->words)) : 0;
    redirect_undo(saved);
    return status;
}

// In a process of its own: ends with the status or becomes the program.
static void run_command_here(const struct node *n)
{
    builtin_fn *fn = command_builtin(n);

    if (!redirect_apply(n->redirects, 0))
        exit(1);
    char **argv = expand_words(n->words);
    if (!argv[0])
        exit(0);
    exit(fn ? fn(argv) : program_exec(argv));
}

void run_stage(const struct node *n)
{
    if (n->kind == NODE_COMMAND)
        run_command_here(n);
    if (n->kind == NODE_SUBSHELL) {
        if (!redirect_apply(n->redirects, 0))
            exit(1);
        n = n->left;
    }
    exit(run(n, true));
}

static int run_simple(const struct node *n, bool last)
{
    if (n->kind == NODE_COMMAND && (!n->words || command_builtin(n)))
        return run_builtin(n);
    if (last && !shell.job_control)
        run_stage(n);
    return job_run(n, false);
}

int run(const struct node *n, bool last)
{
    for (; n->kind == NODE_SEQUENCE; n = n->right) {
        shell.status = run(n->left, false);
        if (shell.interrupted)
            return shell.status;
    }
    switch (n->kind) {
    case NODE_AND:
    case NODE_OR:
        shell.status = run(n->left, false);
        if (!shell.interrupted && (shell.status == 0) == (n->kind == NODE_AND))
            shell.status = run(n->right, last);
        break;
    case NODE_BACKGROUND:
        shell.status = job_run(n->left, true);
        break;
    case NODE_PIPE:
        shell.status = job_run(n, false);
        break;
    default:
        shell.status = run_simple(n, last);
    }
    return shell.status;
}
