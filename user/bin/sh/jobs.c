// SPDX-License-Identifier: MIT
// Jobs: a job is one pipeline, started in the foreground or in the background.
//
// With job control (an interactive shell on a terminal) each job is a process group of its own.
// The terminal belongs to the group in the foreground, so ^C and ^Z reach that job and nobody
// else; the shell takes the terminal back when the job has ended or stopped, and restores its
// modes if the job did not end by itself. Parent and child both move the child into its group
// and both hand over the terminal, because neither knows who runs first.
//
// Without job control everything stays in the shell's own group, and a background job reads
// /dev/null.
//
// One process is waited for at a time, whichever it is; job_note() finds whose it was. The jobs
// of a parent are not a child's: job_child_start() forgets them.
#include "abi/ioctl.h"
#include "lib/linux.h"
#include "sh.h"

#define STATUS_SIGNALED 128 // status of a killed or stopped job is this plus the signal

struct process {
    struct process *next;
    int pid;
    bool ended, stopped;
};

struct job {
    struct job *next; // newest first
    int number;
    int pgid;                  // the first process, with job control
    struct process *processes; // newest first: the last stage stands first
    int running;               // neither ended nor stopped
    int live;                  // not ended
    int wait_status;           // of the last stage
    bool background;
    bool changed; // stopped or ended and not yet reported
    bool has_modes;
    struct termios modes; // the terminal's when it stopped in the foreground
    char *text;
};

static struct job *jobs;
static struct termios shell_modes;

static void terminal_give(int pgid)
{
    sys_ioctl(shell.tty, TIOCSPGRP, &pgid);
}

// ---- The table.

static struct job *job_create(const struct node *n, bool background)
{
    struct job *j = malloc(sizeof(*j));
    uint len = n->begin ? n->end - n->begin : 0;
    char *text = malloc(len + 1);

    if (!j || !text) {
        fprintf(2, "sh: out of memory\n");
        free(j);
        free(text);
        return 0;
    }
    *j = (struct job){.next = jobs, .background = background, .text = text};
    memcpy(text, n->begin, len);
    text[len] = 0;
    j->number = jobs ? jobs->number + 1 : 1;
    jobs = j;
    return j;
}

static void job_destroy(struct job *j)
{
    struct job **link = &jobs;

    while (*link != j)
        link = &(*link)->next;
    *link = j->next;
    while (j->processes) {
        struct process *p = j->processes;
        j->processes = p->next;
        free(p);
    }
    free(j->text);
    free(j);
}

static void job_print(const struct job *j)
{
    const char *state = j->running ? "Running" : j->live ? "Stopped" : "Done";

    fprintf(2, "[%d] %-8s %s\n", j->number, state, j->text);
}

static int job_status(const struct job *j)
{
    if (WIFEXITED(j->wait_status))
        return WEXITSTATUS(j->wait_status);
    if (WIFSTOPPED(j->wait_status))
        return STATUS_SIGNALED + WSTOPSIG(j->wait_status);
    return STATUS_SIGNALED + WTERMSIG(j->wait_status);
}

// Records what wait4() said about a process.
static void job_note_process(struct job *j, struct process *p, int wait_status)
{
    if (!p->stopped)
        j->running--;
    p->stopped = WIFSTOPPED(wait_status);
    p->ended = !p->stopped;
    j->live -= p->ended;
    if (p == j->processes || p->stopped)
        j->wait_status = wait_status;
    j->changed |= j->running == 0;
}

static void job_note(int pid, int wait_status)
{
    for (struct job *j = jobs; j; j = j->next) {
        for (struct process *p = j->processes; p; p = p->next) {
            if (p->pid == pid && !p->ended) {
                job_note_process(j, p, wait_status);
                return;
            }
        }
    }
}

// Waits for one change of any child. Returns -errno or, with WNOHANG and no change, 0.
static int wait_any(int options)
{
    int wait_status, pid = sys_wait4(-1, &wait_status, options | WUNTRACED);

    if (pid > 0)
        job_note(pid, wait_status);
    return pid;
}

// ---- Starting.

static void set_job_signals(unsigned long handler)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    struct k_sigaction act = {.handler = handler};

    for (uint i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sys_sigaction(signals[i], &act);
}

static void background_detach(void)
{
    struct k_sigaction ignore = {.handler = SIG_IGN};
    int fd = sys_open("/dev/null", O_RDONLY, 0);

    sys_sigaction(SIGINT, &ignore);
    sys_sigaction(SIGQUIT, &ignore);
    if (fd > 0) {
        sys_dup3(fd, 0, 0);
        sys_close(fd);
    }
}

// The child's side of its start: group, terminal, signals, and no jobs.
static void job_child_start(const struct job *j, bool first_stage)
{
    bool background = j->background;

    if (shell.job_control) {
        sys_setpgid(0, j->pgid);
        if (!background)
            terminal_give(j->pgid ? j->pgid : getpid());
        sys_close(shell.tty);
        set_job_signals((unsigned long)SIG_DFL);
    } else if (background && first_stage) {
        background_detach();
    }
    shell.job_control = false;
    jobs = 0;
}

static void job_add(struct job *j, struct process *p, int pid)
{
    p->pid = pid;
    p->next = j->processes;
    j->processes = p;
    j->running++;
    j->live++;
    if (!shell.job_control)
        return;
    if (!j->pgid) {
        j->pgid = pid;
        if (!j->background)
            terminal_give(pid);
    }
    sys_setpgid(pid, j->pgid);
}

// Starts one stage with `in` as its input (0: the shell's) and `fds[1]` (if not 0) as its output;
// fds[0] is for the next stage. Closes `in` and fds[1] here.
static bool stage_start(struct job *j, const struct node *stage, int in, int *fds)
{
    struct process *p = malloc(sizeof(*p));
    int pid = p ? sys_fork() : -ENOMEM;

    if (pid == 0) {
        job_child_start(j, in == 0);
        if (in) {
            sys_dup3(in, 0, 0);
            sys_close(in);
        }
        if (fds[1]) {
            sys_close(fds[0]);
            sys_dup3(fds[1], 1, 0);
            sys_close(fds[1]);
        }
        run_stage(stage);
    }
    if (in)
        sys_close(in);
    if (fds[1])
        sys_close(fds[1]);
    if (pid < 0) {
        fprintf(2, "sh: cannot fork: %s\n", error_text(pid));
        free(p);
        return false;
    }
    *p = (struct process){};
    job_add(j, p, pid);
    return true;
}

static bool stages_start(struct job *j, const struct node *n)
{
    int in = 0, fds[2];

    for (; n->kind == NODE_PIPE; n = n->right) {
        int error = sys_pipe2(fds, 0);
        if (error < 0) {
            fprintf(2, "sh: cannot make a pipe: %s\n", error_text(error));
            goto fail;
        }
        bool started = stage_start(j, n->left, in, fds);
        in = fds[0];
        if (!started)
            goto fail;
    }
    fds[1] = 0;
    return stage_start(j, n, in, fds);
fail:
    if (in)
        sys_close(in);
    return false;
}

// ---- Waiting.

static void report_signal(const struct job *j)
{
    int signal = WIFSIGNALED(j->wait_status) ? WTERMSIG(j->wait_status) : 0;

    if (shell.job_control && signal == SIGINT)
        shell.interrupted = true;
    if (signal == SIGINT && shell.job_control)
        fprintf(2, "\n");
    else if (signal == SIGSEGV || signal == SIGBUS)
        fprintf(2, "sh: %s: bad memory access\n", j->text);
    else if (signal == SIGKILL)
        fprintf(2, "sh: %s: killed\n", j->text);
    else if (signal && signal != SIGPIPE && signal != SIGINT)
        fprintf(2, "sh: %s: ended by signal %d\n", j->text, signal);
}

static void terminal_take_back(struct job *j)
{
    terminal_give(shell.pgid);
    if (j->live)
        j->has_modes = sys_ioctl(shell.tty, TCGETS, &j->modes) == 0;
    if (j->live || WIFSIGNALED(j->wait_status))
        sys_ioctl(shell.tty, TCSETSW, &shell_modes);
    else
        sys_ioctl(shell.tty, TCGETS, &shell_modes);
}

// Waits until the job has ended or stopped.
static int job_wait(struct job *j)
{
    while (j->running > 0) {
        int result = wait_any(0);
        if (result < 0 && result != -EINTR)
            break;
    }
    int status = job_status(j);
    if (shell.job_control && !j->background)
        terminal_take_back(j);
    j->changed = false;
    if (j->live) {
        j->background = true;
        fprintf(2, "\n");
        job_print(j);
        return status;
    }
    report_signal(j);
    job_destroy(j);
    return status;
}

int job_run(const struct node *pipeline, bool background)
{
    struct job *j = job_create(pipeline, background);

    if (!j)
        return 1;
    bool started = stages_start(j, pipeline);
    if (!j->processes) {
        job_destroy(j);
        return 1;
    }
    if (background) {
        shell.background_pid = j->processes->pid;
        if (shell.job_control)
            fprintf(2, "[%d] %d\n", j->number, shell.background_pid);
        return !started;
    }
    int status = job_wait(j);
    return started ? status : 1;
}

void jobs_report(void)
{
    struct job *next;

    while (wait_any(WNOHANG) > 0)
        ;
    for (struct job *j = jobs; j; j = next) {
        next = j->next;
        if (j->changed && shell.job_control)
            job_print(j);
        j->changed = false;
        if (!j->live)
            job_destroy(j);
    }
}

// ---- Built-in commands.

// The job that `name` (%3 or 3; 0: the newest) means, or 0.
static struct job *job_find(const char *name)
{
    struct job *j = jobs;

    if (!name)
        return j;
    int number = atoi(name + (*name == '%'));
    while (j && j->number != number)
        j = j->next;
    return j;
}

static struct job *job_find_or_complain(char **argv)
{
    struct job *j = job_find(argv[1]);

    if (!j)
        fprintf(2, "%s: no such job\n", argv[0]);
    return j;
}

static void job_continue(struct job *j)
{
    for (struct process *p = j->processes; p; p = p->next) {
        j->running += p->stopped;
        p->stopped = false;
    }
    j->changed = false;
    sys_kill(-j->pgid, SIGCONT);
}

int builtin_fg(char **argv)
{
    struct job *j = job_find_or_complain(argv);

    if (!j || !shell.job_control)
        return 1;
    fprintf(2, "%s\n", j->text);
    j->background = false;
    if (!j->running && j->has_modes)
        sys_ioctl(shell.tty, TCSETSW, &j->modes);
    terminal_give(j->pgid);
    job_continue(j);
    return job_wait(j);
}

int builtin_bg(char **argv)
{
    struct job *j = job_find_or_complain(argv);

    if (!j || !shell.job_control)
        return 1;
    job_continue(j);
    job_print(j);
    return 0;
}

int builtin_jobs(char **argv)
{
    while (wait_any(WNOHANG) > 0)
        ;
    for (struct job *j = jobs; j; j = j->next) {
        job_print(j);
        j->changed = false;
    }
    return 0;
}

static struct job *job_find_pid(int pid)
{
    for (struct job *j = jobs; j; j = j->next)
        if (j->processes->pid == pid)
            return j;
    return 0;
}

static bool any_running(void)
{
    for (struct job *j = jobs; j; j = j->next)
        if (j->running)
            return true;
    return false;
}

// wait: for all; wait PID, wait %JOB: for that one, with its status. ^C ends the waiting.
int builtin_wait(char **argv)
{
    struct job *j = argv[1] ? *argv[1] == '%' ? job_find(argv[1]) : job_find_pid(atoi(argv[1])) : 0;

    if (argv[1] && !j)
        return 127;
    while (j ? j->running > 0 : any_running()) {
        int result = wait_any(0);
        if (result == -EINTR)
            return STATUS_SIGNALED + SIGINT;
        if (result < 0)
            break;
    }
    return j ? job_status(j) : 0;
}

// ---- Job control.

static void note_interrupt(int signal)
{
    shell.interrupted = true;
}

// The shell stays alive when its terminal's keys send signals; ^C only ends what it waits for.
void job_control_start(void)
{
    struct k_sigaction interrupt = {.handler = (unsigned long)note_interrupt};
    int foreground;

    shell.tty = sys_fcntl(0, F_DUPFD_CLOEXEC, 10);
    if (shell.tty < 0 || sys_ioctl(shell.tty, TIOCGPGRP, &foreground) < 0)
        return; // not the controlling terminal
    while (foreground != sys_getpgid(0)) {
        sys_kill(0, SIGTTIN); // started in the background: wait to be brought forward
        if (sys_ioctl(shell.tty, TIOCGPGRP, &foreground) < 0)
            return;
    }
    set_job_signals((unsigned long)SIG_IGN);
    sys_sigaction(SIGINT, &interrupt);
    sys_setpgid(0, 0); // fails harmlessly in a session leader, which has its own group
    shell.pgid = sys_getpgid(0);
    terminal_give(shell.pgid);
    sys_ioctl(shell.tty, TCGETS, &shell_modes);
    shell.job_control = true;
}
