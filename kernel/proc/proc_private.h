// SPDX-License-Identifier: MIT
// What the files of proc/ share among themselves.
#pragma once
#include "abi/wait.h"
#include "base/panic.h"
#include "proc/layout.h"
#include "proc/process.h"
#include "proc/signal.h"

void sigio_init(void);

// pid.c: all with proctree_lock held, but pid_alloc and pid_use_end which take it.
int pid_alloc(struct pid **out); // one use; -EAGAIN, -ENOMEM
pid_t pid_newest(void);          // the id given out last
void pid_use_begin_locked(struct pid *p);
void pid_use_end_locked(struct pid *p);
void pid_put_locked(struct pid *p); // processes and places of /proc keep it longer than the number
void pid_init(void);

// process.c
int process_create(struct process **out, struct pid *pid);
int task_create(struct task **out, struct process *p, struct pid *pid, struct thread *t);
void process_link(struct process *p, struct process *parent); // into tree and group; lock held
void child_insert_locked(struct process *child);      // where its state wants it among its siblings
void process_unlink_zombie_locked(struct process *p); // reaped: out of every list
// Whether all its user and group ids are these; false for a zombie.
bool process_is_of_locked(const struct process *p, uid_t uid, gid_t gid);
void tree_attach_locked(struct process *p); // counts p for its group's `outside`
bool tree_detach_locked(struct process *p); // true: its group lost the last of them
extern struct list process_list;            // (proctree)

// group.c
struct group *group_create(struct pid *pid, struct session *s); // NULL: no memory
struct group *session_create(struct process *leader);           // the group of a new session; NULL
void group_publish_locked(struct group *g, struct session *s);
// The group has just lost its last member with a parent outside: stopped members get HUP and CONT.
void group_orphaned_locked(struct group *g);

// fork.c: the parent of a vfork goes on.
void vfork_end(struct task *t);

// exit.c
// At the end or another program: robust locks and the id word, in the thread's own memory; then
// locks with priority inheritance.
void task_leave_memory(struct task *t, bool ends);
#define WAIT_CONTINUED 0xffff                                       // the wait status of a SIGCONT
void process_event_locked(struct process *p, int code, int status); // stop or continue to report
bool process_zombie_report_locked(struct process *p); // to the parent; true: nobody waits for it

// procfs.c: of a directory /proc/<pid>, referenced. -EBADF: it is none; -ESRCH.
struct file;
int procfs_process_get(const struct file *f, struct process **out);

// signal_action.c
bool on_altstack(const struct task *t, uaddr_t sp);
struct sighand *sighand_create(void); // all actions default; NULL
void sighand_take_shared_locked(struct sighand *h, int sig, struct k_sigaction *out);

static inline void sighand_take_own_locked(struct sighand *h, int sig, struct k_sigaction *out)
{
    *out = *sighand_action(h, sig);
    if (unlikely(out->flags & SA_RESETHAND) && out->handler != SIG_IGN)
        store_relaxed(&h->action[sig - 1].handler, (u64)SIG_DFL);
}

// What the signal does now; with SA_RESETHAND the handler is gone from then on. siglock held, which
// is enough while no other process shares the actions.
static inline void sighand_take_locked(struct process *p, int sig, struct k_sigaction *out)
{
    assert(lock_held(&p->siglock));
    if (unlikely(p->sighand->shared))
        sighand_take_shared_locked(p->sighand, sig, out);
    else
        sighand_take_own_locked(p->sighand, sig, out);
}

static inline struct siginfo_used *siginfo_used(const struct siginfo *info)
{
    return (struct siginfo_used *)info;
}

// signal_send.c
#define SIG_MASK_STOP (SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define SIG_MASK_IGNORED_BY_DEFAULT \
    (SIGMASK(SIGCHLD) | SIGMASK(SIGCONT) | SIGMASK(SIGURG) | SIGMASK(SIGWINCH))

// What a signal with this handler does once it is not blocked. Pid 1 has no default actions.
enum disposition { SIGNAL_IGNORED, SIGNAL_HANDLED, SIGNAL_STOPS, SIGNAL_ENDS };
static inline enum disposition signal_disposition(const struct process *p, int sig, u64 handler)
{
    if (handler != SIG_DFL)
        return handler == SIG_IGN ? SIGNAL_IGNORED : SIGNAL_HANDLED;
    if ((SIGMASK(sig) & SIG_MASK_IGNORED_BY_DEFAULT) || p == init_process)
        return SIGNAL_IGNORED;
    return SIGMASK(sig) & SIG_MASK_STOP ? SIGNAL_STOPS : SIGNAL_ENDS;
}
// `t` NULL: the whole process; siglock held; any context. The first thread to go on after a SIGCONT
// reports it.
int signal_send_locked(struct process *p, struct task *t, int sig, const struct siginfo *info);
void task_signal_wake(struct task *t, bool fatal);
// What a POSIX timer has queued and nobody has taken, as far as struct siginfo_used goes; NULL:
// none.
struct siginfo *signal_timer_locked(struct sigpending *pending, int sig, s32 timer);
// Of the signals to the whole process, these: a thread that was to take them does not; siglock
// held.
void signal_pass_on_locked(struct process *p, u64 set);
void siginfo_times(struct siginfo *info, ns_t user, ns_t system); // SIGCHLD: what was used
// With what p's end is told to its parent now.
int exit_signal_locked(const struct process *p);
// Of the main thread, also when that has ended.
void process_uids_locked(const struct process *p, uid_t *uid, uid_t *suid);
// kill(2) for one process, sig 0 too; proctree_lock held. -EPERM, -EAGAIN.
int signal_kill_one_locked(struct process *p, int sig, const struct siginfo *info);
static inline bool task_must_die(const struct task *t)
{
    const struct process *p = t->proc;

    return load_relaxed(&p->group_exit) || (load_relaxed(&p->exec_task) && p->exec_task != t) ||
           (load_relaxed(&t->pending.set) & SIGMASK(SIGKILL));
}

static inline bool task_has_pending(const struct task *t)
{
    u64 pending = load_relaxed(&t->pending.set) | load_relaxed(&t->proc->pending.set);

    return pending & (~load_relaxed(&t->blocked) | t->awaited);
}

static inline bool task_has_signal(const struct task *t)
{
    return task_has_pending(t) || load_relaxed(&t->stop_pending) || task_must_die(t);
}
// signal_deliver.c: the thread stops or leaves; true if the stop under way is complete with it,
// which the caller then reports without siglock.
bool task_stop_count_locked(struct task *t);
void process_report(struct process *p, bool stopped); // else continued
// siglock held
void process_kill_all_locked(struct process *p, int wait_status, struct task *except);
// 0: none; siglock held; fills the used part of *info.
int signal_dequeue_locked(struct task *t, u64 from, struct siginfo *info);
void signal_clear_locked(struct sigpending *pending, u64 set);

// core.c: core dumps (docs/core.md). Whether the end by `sig` comes with one; if so it begins, by
// t, the running thread, which joins it then; siglock held.
bool core_wanted(const struct process *p, int sig);
bool core_begin_locked(struct task *t, int sig);
// By each thread whom a signal ends, before it does: t waits for the end of a dump under way, if
// there is any, or writes it.
void core_join(struct task *t, const struct siginfo *info);
// The running thread ends by itself, and no dump is to wait for it.
void core_pass_by(struct task *t);
enum core_state { CORE_AWAITED, CORE_PARKED, CORE_PASSED_BY };
// What SIGCHLD says of an end with this wait status.
static inline int status_code(int status)
{
    return !WIFSIGNALED(status) ? CLD_EXITED : status & WCOREFLAG ? CLD_DUMPED : CLD_KILLED;
}

// signal_frame.c
int signal_frame_push(struct trapframe *frame, int sig, const struct siginfo *info,
                      const struct k_sigaction *action, u64 mask);

// elf_load.c, exec_stack.c
struct program {
    struct layout layout;  // the caller's choice
    uaddr_t entry;         // where to start
    uaddr_t phdr;          // AT_PHDR
    u32 phnum;             // AT_PHNUM
    uaddr_t base;          // AT_BASE: the interpreter's, or 0
    uaddr_t program_entry; // AT_ENTRY
    bool stack_exec;       // it wants its stack executable
};
int exec_file_open(const struct path *start, const char *name, u32 walk, struct file **out);
int elf_load(struct vm_space *space, struct file *file, const void *first_page, size_t n,
             struct program *out);

// A growing run of bytes in kernel pages.
struct stream {
    struct list chunks; // struct stream_chunk
    size_t length;
};
void stream_init(struct stream *s);
void stream_fini(struct stream *s);
int stream_append(struct stream *s, const void *data, size_t n); // -ENOMEM
// Appends the user string at src with its NUL; its length with NUL, -EFAULT, -E2BIG beyond max
// bytes.
ssize_t stream_append_user_string(struct stream *s, uaddr_t src, size_t max);
// Copies all of it to `to` in another space; -EFAULT.
int stream_write(const struct stream *s, struct vm_space *space, uaddr_t to);
// Of u64 offsets: adds `base` to each, but EXEC_END becomes 0.
void stream_relocate(struct stream *s, u64 base);

// A program's arguments and environment while the old space still holds them.
struct exec_strings {
    struct stream text;    // the strings with their NULs, in order
    struct stream offsets; // u64 each: where in `text`, or EXEC_END at the end of argv and of envp
    u32 argc;
    size_t limit; // bytes that text and offsets may take together
};
#define EXEC_END (~0UL)
void exec_strings_init(struct exec_strings *s);
void exec_strings_fini(struct exec_strings *s);
int exec_strings_add(struct exec_strings *s, const char *text); // -E2BIG, -ENOMEM
// NULL-ended array from entry `skip`
int exec_strings_add_user(struct exec_strings *s, uaddr_t vector, u32 skip);
int exec_strings_end(struct exec_strings *s);
// Lays strings, vectors and the auxiliary vector out on the new stack; *sp = where it starts.
int exec_stack_build(struct vm_space *space, struct exec_strings *s, const struct program *prog,
                     const char *name, const struct cred *cred, uaddr_t *sp);

// itimer.c, posix_timer.c
#define FAR_FUTURE     (NS_NEVER / 4) // longer times are as good as this
#define TIMER_STEP_MIN (20UL * 1000)  // ns between expiries at least, lest they take a whole hart

// Intervals after which the timer that was due at `next` is due again.
static inline u64 timer_steps(ns_t now, ns_t next, ns_t interval)
{
    ns_t soon = now + TIMER_STEP_MIN;

    return soon > next ? (soon - next) / interval + 1 : 1;
}

// vdso.c
int vdso_map(struct vm_space *space);
uaddr_t vdso_sigreturn(const struct vm_space *space);
void vdso_init(void);

// users, oom
#define THREADS_MIN 20    // for threads_max, as Linux has it
#define THREADS_MAX 32768 // ids there are
extern u64 threads_max;   // (a) threads and zombies there may be; sysctl kernel.threads-max
int user_charge(struct task *t, uid_t uid); // one more of uid; -EAGAIN at RLIMIT_NPROC
void user_uncharge(uid_t uid);              // but UID_NONE
bool user_is_beyond(uid_t uid); // has more processes than the running one's RLIMIT_NPROC; not root
u64 threads_count(void);        // and zombies
void oom_init(void);
#define OOM_ADJUST_MAX   1000
#define OOM_ADJUST_NEVER (-1000) // such a process is not chosen
// Pages that ending p would give back, with its adjustment; 0 if it must not or need not be chosen.
u64 oom_score(struct process *p);

void posix_timers_fini(struct process *p);
