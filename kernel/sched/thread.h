// SPDX-License-Identifier: MIT
// Threads: what is scheduled, and the switch.
//
// A thread is created stopped; thread_start makes it runnable. It ends itself with thread_exit; its
// memory goes when the last reference is put. The opaque pointers belong to upper layers.
#pragma once
#include "arch/thread.h"
#include "base/cred.h"
#include "base/spinlock.h"
#include "lib/hlist.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

enum thread_state {
    THREAD_RUNNING,         // running or on a run queue
    THREAD_INTERRUPTIBLE,   // asleep; a signal wakes it
    THREAD_KILLABLE,        // asleep; only a fatal signal wakes it
    THREAD_UNINTERRUPTIBLE, // asleep; only its event wakes it
    THREAD_STOPPED,         // job control or ptrace stop; SIGCONT or SIGKILL wakes it
    THREAD_NEW,             // not started
    THREAD_DEAD,            // has switched away for the last time
};

// What a hart's time is spent on.
enum cpu_mode { CPU_USER, CPU_SYSTEM, CPU_IDLE, CPU_MODES };

// By the numbers that programs know.
enum sched_policy {
    SCHED_CLASS_FAIR,
    SCHED_CLASS_RT_FIFO,
    SCHED_CLASS_RT_RR,
    SCHED_CLASS_IDLE = 5
};

// thread.policy_flags: what a policy is besides; threads that it makes are as others.
enum { THREAD_BATCH = 1, THREAD_RESET_ON_FORK = 2 };

struct process;
struct fdtable;
struct fs_context;
struct vm_space;

struct thread {
    struct arch_thread arch; // first: tp points here

    // Scheduling; (q) = the run queue's lock of arch.hart
    u32 state;       // (q) enum thread_state; set by its own thread before sleeping
    bool queued;     // (q) on a run queue
    bool moving;     // (q) between two run queues, on neither
    bool restarts;   // (h) WORK_RSEQ tells it what it cannot see itself
    bool on_hart;    // (a) registers are live on a hart (set before switch-in, cleared after)
    u8 policy;       // (q) enum sched_policy
    s8 nice;         // (q) -20..19
    u8 rt_priority;  // (q) 1..99 for real-time policies, else 0; or what a waiter lends (inherit.h)
    u8 own_priority; // (donation) what rt_priority is without loans
    u8 policy_flags; // (donation) THREAD_BATCH, THREAD_RESET_ON_FORK
    bool turn_over;  // (q) its slice has ended: it queues behind its equals
    u8 mode;    // (q) enum cpu_mode, as the last tick found it: its time counts so until the next
    u32 weight; // (q) from nice
    ns_t deadline;           // (q) virtual deadline, by which fair threads queue
    ns_t vruntime;           // (q) weighted time received
    ns_t slice_left;         // (q)
    ns_t run_start;          // (q) when it was last switched in or charged
    struct rb_node run_node; // (q)
    u64 affinity;            // (q) bit per hart index

    // Priority inheritance; (donation) = donation_lock
    struct hlist donors;       // (donation) struct donation of those that wait for it
    struct donation *donation; // (donation) by which it waits itself, NULL: for nobody

    // Identity
    pid_t tid;     // (a) exec may change it
    char name[16]; // (a) NUL-terminated; a reader may see a torn or shorter one
    struct ref refs;
    void *stack;              // (c) top of the kernel stack
    void (*start_fn)(void *); // (c) what it runs
    void *start_arg;          // (c)

    // Accounting
    ns_t times[CPU_MODES];                          // (q) up to run_start; read with sched_times
    u64 minor_faults, switches, voluntary_switches; // (h)

    // Opaque to this layer: (c) or changed only by the thread itself, read by others through proc/
    struct process *proc;
    struct cred *cred;
    struct fdtable *files;
    struct fs_context *fs;
    struct vm_space *space;
    void *plug;         // (h) block requests held back
    bool ending;        // (a) no other thread is to wait for it any more
    bool no_write_back; // (h) others' write-back waits for it: it starts none for want of memory
    void *journal;      // (h) innermost open handle of a journal
    void *proc_thread;  // signal mask, pending set and the like: struct task of proc/

    // Deadline of the current sleep
    void *wait; // (h) innermost wait entry, for debuggers
};

static inline struct thread *thread_self(void)
{
    return (struct thread *)arch_self();
}

// Filled by upper layers before the first user thread.
struct thread_hooks {
    // A thread was switched in: make its address space current. Interrupts off, run-queue lock
    // held.
    void (*switch_space)(struct thread *next);
    // The running thread's process uses time: called at every tick. Interrupts off, no lock held.
    void (*tick)(void);
    // The last reference is gone; frees what upper layers hang on the thread. May not sleep.
    void (*release)(struct thread *t);
    // True if a sleep of this kind must end (signal pending, or fatal signal for THREAD_KILLABLE).
    bool (*interrupted)(struct thread *t, enum thread_state sleep);
    // The thread of a program with this id, referenced; NULL: there is none.
    struct thread *(*lookup)(pid_t tid);
};
extern struct thread_hooks thread_hooks;

// A stopped thread with a kernel stack, refs 1 (the thread's own, dropped after it has exited),
// policy/nice/affinity copied from the caller; -ENOMEM. fn(arg) runs on it with interrupts on and
// must end in thread_exit(). For a user thread fn is what prepares and calls arch_return_to_user.
int thread_create(struct thread **out, const char *name, void (*fn)(void *), void *arg);
// Frees one that was never started.
void thread_destroy(struct thread *t);
void thread_start(struct thread *t);
void thread_exit(void) NORETURN;
void thread_get(struct thread *t);
void thread_put(struct thread *t);
