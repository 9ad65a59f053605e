// SPDX-License-Identifier: MIT
// Processes: threads that share an address space, files, signals; their tree, groups and sessions.
//
// struct process is the thread group; struct task is what a process keeps of one thread
// (thread->proc_thread). One spinlock, proctree_lock, orders the tree, groups, sessions and ids;
// each process's siglock orders its signals and the list of its threads.
//
//   alive --last thread exits--> zombie --parent waits (or ignores SIGCHLD)--> freed with last ref
#pragma once
#include "abi/resource.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "lib/hlist.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sync/mutex.h"
#include "vfs/file.h"
#include "vm/space.h"

struct tty;
struct process;
struct task;

// An id in use as a thread, process, group or session; freed when the last use ends.
struct pid {
    struct hnode node;       // (proctree) by id
    pid_t id;                // (c)
    u32 uses;                // (proctree) of the number, which is free after the last
    u32 refs;                // (proctree) of this: one while the number is in use
    struct task *task;       // (proctree) thread with this tid
    struct trace *trace;     // (proctree) of that thread, until its tracer knows of its end
    struct process *process; // (proctree) until reaped
    struct group *group;     // (proctree)
    struct session *session; // (proctree)
};

struct group {
    struct pid *pid;         // (c)
    struct ref refs;         // members and terminals
    struct session *session; // (c)
    struct list members;     // (proctree) process.group_node
    u32 outside;             // (proctree) members whose parent is in another group of the session
};

struct session {
    struct pid *pid;        // (c)
    struct ref refs;        // groups and terminals
    struct process *leader; // (proctree) NULL once it has exited
    struct tty *tty;        // (proctree) controlling terminal
    struct group *hung_up; // (proctree) referenced; the terminal's foreground when that was hung up
};

// Every kind of siginfo ends with si_stime at the latest, and only that part is kept in the kernel;
// what is behind is zero to programs.
struct siginfo_used {
    u64 words[(offsetof(struct siginfo, si_stime) + sizeof(s64)) / sizeof(u64)];
};

// Queued signals: at most one of each standard signal, any number of real-time ones.
struct sigpending {
    u64 set;                  // bit signal-1
    s32 first;                // the standard signal, if not 0, whose siginfo lies here
    struct siginfo_used info; // of `first`
    struct list queue;        // struct sigqueue of the others, in order of arrival
};

// Signals to many that came while a process was making a child.
struct birth_signals {
    struct hnode node; // (siglock) of the parent
    u64 missed;        // (siglock) and (proctree): read under either
};

// Handlers, shared by CLONE_SIGHAND.
struct sighand {
    struct ref refs;
    struct spinlock lock; // RANK_SIGNAL, inside siglock (nested)
    bool shared;          // (siglock) another process has had it, too
    u64 set;              // (l) bit signal-1: its slot counts; without, the action is the default
    struct k_sigaction action[64]; // (l); one word is read without, as is `set`
};

static inline const struct k_sigaction *sighand_action(const struct sighand *h, int sig)
{
    static const struct k_sigaction by_default;

    return load_acquire(&h->set) >> (sig - 1) & 1 ? &h->action[sig - 1] : &by_default;
}

enum dumpable { DUMPABLE_NONE, DUMPABLE_OWNER, DUMPABLE_ROOT }; // PR_GET_DUMPABLE

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE, PROCESS_DEAD };

struct itimer {
    ns_t next; // real: monotonic deadline; CPU kinds: CPU time; 0 = off
    ns_t interval;
};

struct process {
    struct ref refs;
    struct pid *pid;                 // (c)
    u32 state;                       // (proctree) enum process_state
    pid_t parent_pid;                // (a) what getppid returns
    struct process *parent;          // (proctree)
    struct list children;            // (proctree) by sibling; those with something to report first
    struct list all_node;            // (proctree) list of all processes, for ^P and the OOM choice
    struct group *group;             // (proctree); while it has threads, written under siglock,
                                     // too, and read under either
    struct list sibling, group_node; // (proctree)
    struct list tracees;             // (proctree) struct trace of the threads it traces
    u32 execs;                       // (proctree) programs begun; if any setpgid is refused
    u32 parent_execs;                // (proctree) the parent's at the fork
    s32 exit_signal;                 // (proctree) to the parent, usually SIGCHLD; 0 none
    s32 death_signal;                // (a) sent to it when its parent ends; 0 none
    bool subreaper;                  // (a) written under proctree_lock: children of descendants
                                     // that end become its
    s32 exit_status;                 // (proctree) wait status when a zombie
    s32 exit_code;                   // (siglock) what was given to exit, all 32 bits
    s32 event_status;             // (proctree) wait status of a stop or continue to report, 0: none
    struct wait_queue child_wait; // this process waits for children here

    struct spinlock siglock;     // RANK_SIGNAL
    struct list tasks;           // (siglock) by task.link
    u32 task_count;              // (siglock) not yet exited
    struct sigpending pending;   // (siglock) for the whole process
    struct sighand *sighand;     // (c) but exec unshares it
    bool group_exit;             // (siglock) all threads must end with group_exit_status
    s32 group_exit_status;       // (siglock) wait status
    struct task *exec_task;      // (siglock), read without; it execs or dumps core: others end
    bool killed;                 // (siglock) SIGKILL came after group_exit
    bool stopped;                // (siglock) job-control stop in effect
    bool continued;              // (siglock) SIGCONT ended a stop: to be reported
    s32 stop_signal;             // (siglock)
    u32 stop_count;              // (siglock) threads still to stop
    struct wait_queue exit_wait; // exec waits for the other threads here
    struct {
        struct cred *cred; // referenced, or NULL
        char name[16];
    } ended; // (proctree) what the main thread had when it ended

    struct hlist signalfds; // (siglock) those to wake
    struct hlist births;    // (siglock) struct birth_signals

    struct timer real_timer;              // ITIMER_REAL
    struct itimer itimers[3];             // (siglock)
    ns_t cpu_due;                         // (siglock) CPU timers, limit: none is met before this
    u64 cpu_due_limit;                    // (siglock) if RLIMIT_CPU is this; both read without
    struct list posix_timers;             // (siglock)
    u32 next_timer_id, posix_timer_count; // (siglock)
    uid_t uid;                            // (a) real user; of a zombie: charged for it

    struct rlimit64 limits[RLIM_NLIMITS]; // (siglock)
    struct vm_space *space; // (c) but exec replaces it under siglock; NULL once exited
    u8 dumpable;            // (a) enum dumpable
    bool no_new_privs;      // (a)
    bool core_dumps;        // (siglock) exec_task writes a core dump, the others wait for its end
    u32 coredump_filter;    // (a) CORE_*
    u32 gains_rights;       // (proctree) calls of exec under way that have it do so
    s16 oom_adjust, oom_adjust_least; // (a) thousandths of memory to count besides; the lowest it
                                      // may set itself
    struct sem_undos *sem_undos;      // (a) semop(2): what to undo at the end, NULL
    ns_t start_time;                  // (c) monotonic
    ns_t dead_user, dead_system;      // (siglock) of threads that have exited, as the next line
    u64 minor_faults, switches, voluntary_switches;
    ns_t child_user, child_system; // (proctree) of reaped children
    u64 child_minor_faults;        // (proctree)
    u64 peak_rss, child_peak_rss;  // (siglock), (proctree) KiB; the first of ended threads' spaces
};

// Why a thread is to stop: job control; its tracer (PTRACE_INTERRUPT and the like); to tell its
// tracer of job control.
enum { STOP_GROUP = 1, STOP_TRAP = 2, STOP_NEWS = 4 };

#define UID_NONE ((uid_t)-1)

struct task {
    struct thread *thread;                  // (c)
    struct process *proc;                   // (c) referenced
    struct pid *pid;                        // (proctree) and (siglock): exec may change it
    struct list link;                       // (siglock)
    u64 blocked;                            // (h), its tracer's in a stop; written under siglock
    u64 awaited;                            // (siglock) blocked, but sigtimedwait sleeps for them
    u64 saved_mask;                         // (h), its tracer's in a stop; for WORK_RESTORE
    struct sigpending pending;              // (siglock)
    struct sigstack altstack;               // (h)
    uaddr_t clear_child_tid, set_child_tid; // (h)
    uaddr_t robust_list;                    // (a) written by its own thread
    struct {
        uaddr_t area; // 0: none
        u32 length, signature;
    } rseq; // (h) what rseq(2) registered
    struct {
        ns_t used, seen;       // without ever blocking; its time of CPU at the last look
        u64 blocked;           // how often it had blocked then
    } rt;                      // (h) what RLIMIT_RTTIME counts
    u32 personality;           // (h) what personality(2) set
    struct vfork *vfork;       // (h) the parent waits for exec or exit, or NULL
    uid_t charged_uid;         // (h) user whose count of processes holds this one, or UID_NONE
    bool beyond_limit;         // (h) changed to a user with too many processes: no exec with them
    u8 core_state;             // (siglock) enum core_state
    u8 stop_pending;           // (siglock) STOP_*: must stop at the next way out
    bool trace_stopped;        // (proctree) in a stop that its tracer is to end; read without, too
    bool trace_listens;        // (proctree) ... or SIGCONT, PTRACE_INTERRUPT
    s32 resume_signal;         // (proctree) with which it goes on
    struct siginfo *stop_info; // (proctree) of that stop, on its stack, or NULL
    struct trace *trace;       // (proctree) and (siglock); NULL: nobody traces it
    // restart_syscall(2): what to call again, and until when
    s64 (*restart)(struct task *task);
    ns_t restart_deadline;
    u64 restart_args[4];
};

extern struct spinlock proctree_lock;
extern u64 suid_dumpable;            // (a) enum dumpable of who changes its ids; proc(5)
extern struct process *init_process; // pid 1

static inline struct task *task_self(void)
{
    return thread_self()->proc_thread;
}

// NULL in a kernel thread.
static inline struct process *process_self(void)
{
    return thread_self()->proc;
}

static inline struct timeval ns_timeval(ns_t ns)
{
    return (struct timeval){ns / NS_PER_SEC, ns % NS_PER_SEC / 1000};
}

// Lookups by id; *_find need proctree_lock held, *_get return a reference (NULL: none).
struct pid *pid_find(pid_t id);
struct process *process_find(pid_t id);
struct process *process_find_any(pid_t id); // by the id of any of its threads
struct group *group_find(pid_t id);
struct process *process_get(pid_t id);
struct process *process_next(pid_t *id); // first id >= *id, referenced
struct task *task_find(pid_t tid);
void process_put(struct process *p);
// What the main thread has, or had at its end.
const struct cred *process_cred_locked(const struct process *p);
const char *process_name_locked(const struct process *p);
// ptrace(2), "Ptrace access mode checking": by the caller's file system ids, or its real ones.
bool process_may_access_locked(const struct process *p, bool fs_ids);
struct vm_space *process_space_get(struct process *p); // with a reference; NULL: none
static inline void process_ref(struct process *p)
{
    ref_get(&p->refs);
}
u64 process_count(void);     // alive and zombies
u64 process_forks(void);     // threads and processes made since the boot
void process_dump_all(void); // ^P

// clone(2)/clone3(2)/fork: the child's pid. `frame` is the caller's full frame.
s64 process_clone(const struct clone_args *args, const struct trapframe *frame);

// execve(2): on success the frame of the running thread is the new program's.
// `shown` is what the program is told of its own name.
int process_exec(const struct path *start, const char *name, const char *shown, uaddr_t argv,
                 uaddr_t envp, u32 flags);
int files_unshare(void); // the running thread's descriptor table becomes its own; -ENOMEM
int process_unshare(u64 flags);
void process_subreaper_set(bool on); // prctl(2), PR_SET_CHILD_SUBREAPER
// The first program, from kmain: never returns on success.
int process_start_init(const char *path);

// Set by syscall/: whether the calls of a program, named by its last path component, are to be
// traced.
extern bool (*exec_trace_hook)(const char *program);

// exit_group(2), exit(2): the code does not count if all threads are ending already.
void process_exit_group(s32 code) NORETURN;
void task_exit(s32 code) NORETURN;

// waitid(2)/wait4(2).
struct wait_args {
    int type; // P_ALL P_PID P_PGID
    pid_t id;
    u32 options; // WNOHANG WUNTRACED/WSTOPPED WEXITED WCONTINUED WNOWAIT __WALL...
    const struct process *process; // of P_PID: only this one, referenced; NULL: any
};
struct wait_result {
    pid_t pid;
    uid_t uid;
    s32 status;    // wait status
    s32 code;      // CLD_*
    s32 exit_code; // CLD_EXITED: all 32 bits, as xv6 and waitid(2) want it
    struct rusage usage;
};
// 1 found, 0 WNOHANG, -ECHILD, -EINTR
int process_wait(const struct wait_args *args, struct wait_result *out);

// Groups and sessions; -ESRCH -EPERM -EACCES -EINVAL.
int process_setpgid(pid_t pid, pid_t pgid);
s64 process_getpgid(pid_t pid);
s64 process_getsid(pid_t pid);
s64 process_setsid(void);
static inline void group_get(struct group *g)
{
    ref_get(&g->refs);
}
void group_put_locked(struct group *g); // proctree_lock held, as for the next
void session_put_locked(struct session *s);
bool group_is_orphaned_locked(const struct group *g);
// Set by tty/: the session leader exits; hang up its terminal. proctree_lock held.
extern void (*session_leader_exit_hook)(struct session *s);
// Set by tty/: device number and foreground group of the session's terminal (0 and -1: none);
// proctree_lock held.
extern void (*session_tty_hook)(struct session *s, u32 *device, pid_t *foreground);

// The running process's real user changed: it counts for the new one.
void process_user_changed(uid_t to);
// A new cred with these values, whose groups it shares; NULL: no memory.
struct cred *cred_create(const struct cred *values);
void cred_put(struct cred *c);
void cred_groups_put(struct cred_groups *g); // NULL is allowed
// The running thread's credentials become c, whose reference it takes. Others read them under
// proctree_lock.
void thread_cred_set(struct cred *c);
u64 process_limit(unsigned resource); // rlim_cur of the running process
int process_prlimit(pid_t pid, unsigned resource, const struct rlimit64 *new, struct rlimit64 *old);

// CPU time of the whole group so far.
void process_times(struct process *p, ns_t *user, ns_t *system);
void process_rusage(struct process *p, int who, struct rusage *out);

void proc_init(void);   // caches, hooks
void procfs_init(void); // registers "proc"
