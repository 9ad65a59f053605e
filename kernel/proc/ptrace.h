// SPDX-License-Identifier: MIT
// ptrace(2): a process, the tracer, stops threads of others, looks into them and has them go on.
//
// docs/ptrace.md tells the whole. A stopped tracee sets and leaves its stop under proctree_lock:
// whoever holds that and finds task.trace_stopped may touch its registers and its siginfo.
#pragma once
#include "abi/ptrace.h"
#include "proc/proc_private.h"

// What a tracer has of one thread, from attaching until it is detached, or its end was told.
struct trace {
    struct list link;       // (proctree) process.tracees; those with something to report first
    struct process *tracer; // (proctree) NULL before and after
    struct task *task;      // (proctree) NULL once it has ended
    struct process *proc;   // (c) its process, referenced
    struct pid *pid;        // (proctree) its id, which stays in use
    u32 options;            // (proctree) PTRACE_O_*, TRACE_SEIZED
    bool capable;           // (c) the tracer had CAP_SYS_PTRACE when it attached
    bool ready;             // (proctree) `status` is to be reported
    bool dead;              // (proctree) the thread has ended
    bool reaped;            // (proctree) the process has no other use: its tree's reference goes
    uid_t charged_uid;      // (proctree) holds the ended thread's charge; or UID_NONE
    s32 status;             // (proctree) wait status
    u64 message;            // (proctree) PTRACE_GETEVENTMSG
};
#define TRACE_OPTIONS 0x1000ff // those of PTRACE_O_* that there are
#define TRACE_SEIZED  BIT(31)  // besides them

// PTRACE_GETEVENTMSG of a stop at a system call.
enum { TRACE_MESSAGE_ENTRY = 1, TRACE_MESSAGE_EXIT = 2 };

static inline bool task_is_traced(const struct task *t)
{
    return unlikely(load_relaxed(&t->trace) != NULL);
}

/* ptrace_request.c */

struct regset {
    union {
        u64 word[33];
        struct user_regs_struct general;
        struct riscv_d_state fp;
    };
};
// NT_PRSTATUS or NT_PRFPREG of a thread that is in a stop, or waits for a core dump.
void regset_read(const struct task *t, u64 type, struct regset *set);

/* ptrace_files.c */

#define AUXV_WORDS 64 // more than the vector takes
// The space's auxiliary vector: its bytes.
size_t auxv_copy(struct vm_space *space, u64 words[AUXV_WORDS]);

/* ptrace.c: by the tracee */

// The signal to be delivered instead of sig; 0: none. *info goes with it.
int trace_signal(struct task *t, int sig, struct siginfo *info);
void trace_trap(struct task *t);          // a group stop, or what PTRACE_INTERRUPT asked for
void trace_event(int event, u64 message); // PTRACE_EVENT_*; stops if the option is set
void trace_exec(pid_t old_tid);

/* ptrace_link.c: who traces whom */

void trace_free(struct trace *tr); // NULL or not linked; takes proctree_lock
// The tracee goes on by itself; proctree_lock held.
void trace_unlink_locked(struct trace *tr);
int trace_attach(pid_t tid, bool seize, u64 options); // -ESRCH -EPERM -EIO -EINVAL -ENOMEM
int trace_me(void);                                   // -EPERM -ENOMEM
// Of a new thread, before and when it is published: traced as its maker, if that wants it; else
// *out is NULL, or the second false.
int trace_birth(const struct clone_args *args, struct trace **out);
bool trace_birth_locked(struct trace *tr, struct task *child);
int trace_birth_event(const struct clone_args *args);
void trace_report_locked(struct trace *tr, int code, int status);

// The ends: of a tracee's thread, with what is to be freed; of a process, before it is a zombie;
// when it is, true if the tracer is to know before the parent; of a tracer.
struct trace *trace_task_ends_locked(struct task *t, int status);
void trace_process_ends(struct process *p);
bool trace_holds_zombie_locked(struct process *p);
void trace_tracer_ends(struct process *p);
// execve is to give the program other rights: not under a tracer without rights over all (false).
// Nobody else becomes the tracer until the end.
bool trace_gain_begin(void);
void trace_gain_end(bool *begun);
// exec by a thread that takes the main thread's id.
void trace_move_locked(struct task *t, struct pid *to, struct trace **out);

// wait(2): the tracee with something to report; *status 0 if there is any at all.
struct trace *trace_wait_find_locked(struct process *p, const struct wait_args *a, int *status);
// True: unlinked, to be freed without the lock.
bool trace_wait_consume_locked(struct trace *tr);

pid_t trace_tracer_pid(const struct task *t); // proctree_lock held; 0: none
