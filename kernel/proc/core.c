// SPDX-License-Identifier: MIT
// Core dumps: when, by whom, and to which file (core(5), docs/core.md).
//
// The thread that takes the signal sets process.core_dumps and, as execve does, exec_task: so all
// others are to end, and it is not. On their way they park here, their registers at rest. It waits
// for them, writes the file, and then ends the process as any signal would. SIGKILL meanwhile ends
// the process at once, and so every wait of the writer; other signals are dropped.

#include "proc/core.h"
#include "abi/errno.h"
#include "abi/wait.h"
#include "arch/thread.h"
#include "base/clock.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/utsname.h"

/* The file */

static char *exe_text(char *page)
{
    struct file *exe = thread_self()->space->exe;

    if (!exe || file_to_text(exe, page, PAGE_SIZE) <= 0)
        strlcpy(page, thread_self()->name, PAGE_SIZE);
    return page;
}

// `name` has a page, as `exe` for the time being.
static int core_name_make(const struct core *c, char *name, char *exe)
{
    const struct thread *self = thread_self();
    char pattern[CORE_PATTERN_SIZE];
    struct utsname names;
    struct core_facts f = {.pid = c->process->pid->id,
                           .tid = self->tid,
                           .uid = self->cred->uid,
                           .gid = self->cred->gid,
                           .sig = c->info->si_signo,
                           .dumpable = c->process->dumpable,
                           .limit = process_limit(RLIMIT_CORE),
                           .time = clock_realtime() / NS_PER_SEC,
                           .host = names.nodename,
                           .comm = self->name,
                           .exe = exe_text(exe)};

    utsname_get(&names);
    core_pattern_get(pattern);
    return core_name(name, PAGE_SIZE, pattern, load_relaxed(&core_uses_pid), &f);
}

// Nothing of this dump is to be had by who ran the program: the file is root's, at an absolute path
// as the first process sees it. The thread ends with these rights.
static int core_become_root(const char *name)
{
    struct thread *self = thread_self();
    struct cred *cred = *name == '/' ? cred_create(self->cred) : NULL;
    struct fs_context *fs, *old = self->fs;
    irqflags_t flags;

    if (!cred)
        return *name == '/' ? -ENOMEM : -EPERM;
    if (fs_context_create(&fs)) {
        cred_put(cred);
        return -ENOMEM;
    }
    cred->fsuid = 0;
    thread_cred_set(cred);
    flags = spin_lock_irqsave(&process_self()->siglock);
    self->fs = fs;
    spin_unlock_irqrestore(&process_self()->siglock, flags);
    fs_context_put(old);
    return 0;
}

// Only a plain file with this one name gives way, if the dumper may write to it.
static int core_make_room(const char *name)
{
    struct path p SCOPED(path_end) = {0};
    int err = path_lookup(NULL, name, 0, &p);
    struct inode *i;

    if (err)
        return err == -ENOENT ? 0 : err;
    i = path_inode(&p);
    if (!S_ISREG(i->mode) || i->nlink != 1)
        return -EPERM;
    return inode_permission(i, MAY_WRITE) ?: vfs_unlink(NULL, name, false);
}

// What could not be finished must not pass for a core dump, nor fill the disk.
static void core_remove(const char *name, const struct file *file)
{
    struct path p;

    (void)vfs_truncate(file->inode, 0);
    if (path_lookup(NULL, name, 0, &p))
        return;
    if (path_inode(&p) == file->inode)
        (void)vfs_unlink(NULL, name, false);
    path_put(&p);
}

static int core_write_to(const struct core *c, const char *name)
{
    bool as_root = c->process->dumpable == DUMPABLE_ROOT;
    struct file *file;
    int err = as_root ? core_become_root(name) : core_make_room(name);

    err = err ?: file_open(NULL, name, O_CREAT | O_EXCL | O_WRONLY | O_LARGEFILE, 0600, 0, &file);
    if (err)
        return err;
    err = core_image_write(c, file);
    if (err)
        core_remove(name, file);
    file_put(file);
    return err;
}

static int core_write(const struct core *c)
{
    char *name = kmalloc(PAGE_SIZE, 0), *exe = kmalloc(PAGE_SIZE, 0);
    int err = name && exe ? core_name_make(c, name, exe) : -ENOMEM;

    kfree(exe);
    if (err > 0)
        err = core_write_to(c, name);
    kfree(name);
    return err;
}

/* The threads */

// RLIMIT_FSIZE holds as well.
static u64 core_limit(const struct process *p)
{
    return MIN(load_relaxed(&p->limits[RLIMIT_CORE].rlim_cur),
               load_relaxed(&p->limits[RLIMIT_FSIZE].rlim_cur));
}

bool core_wanted(const struct process *p, int sig)
{
    const u64 with_core = SIGMASK(SIGQUIT) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGABRT) |
                          SIGMASK(SIGBUS) | SIGMASK(SIGFPE) | SIGMASK(SIGSEGV) | SIGMASK(SIGSYS) |
                          SIGMASK(SIGXCPU) | SIGMASK(SIGXFSZ);

    return with_core & SIGMASK(sig) && core_limit(p) >= PAGE_SIZE && load_relaxed(&p->dumpable);
}

bool core_begin_locked(struct task *t, int sig)
{
    struct process *p = t->proc;

    assert(lock_held(&p->siglock) && !p->exec_task);
    if (!core_wanted(p, sig))
        return false;
    p->core_dumps = true;
    store_release(&p->exec_task, t);
    process_kill_all_locked(p, 0, t);
    return true;
}

void core_pass_by(struct task *t)
{
    irqflags_t flags = spin_lock_irqsave(&t->proc->siglock);

    t->core_state = CORE_PASSED_BY;
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    wake_all(&t->proc->exit_wait);
}

// How many are at rest; 0: some are still to come.
static unsigned parked_count(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    unsigned count = 0;
    bool all = true;
    struct task *t;

    LIST_FOR_EACH (t, &p->tasks, link) {
        all = all && t->core_state != CORE_AWAITED;
        count += t->core_state == CORE_PARKED;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return all ? count : 0;
}

// Those at rest stay until core_dumps is false; `self` comes first.
static void parked_list(struct core *c, struct task *self)
{
    struct process *p = c->process;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    unsigned room = c->parked_count;
    struct task *t;

    c->parked[0] = self;
    c->parked_count = 1;
    LIST_FOR_EACH (t, &p->tasks, link)
        if (t != self && t->core_state == CORE_PARKED && c->parked_count < room)
            c->parked[c->parked_count++] = t;
    spin_unlock_irqrestore(&p->siglock, flags);
}

// True: there is a core dump.
static bool core_dump(struct task *t, const struct siginfo *info)
{
    struct process *p = t->proc;
    struct core c = {.process = p, .info = info, .limit = core_limit(p)};
    int err = -ENOMEM;

    wait_event(&p->exit_wait, (c.parked_count = parked_count(p)), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    c.parked = kmalloc(c.parked_count * sizeof(t), 0);
    if (c.parked) {
        parked_list(&c, t);
        err = signal_fatal_pending() ? -EINTR : core_write(&c);
    }
    kfree(c.parked);
    return !err;
}

static void core_finish(struct process *p, int status)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    process_kill_all_locked(p, status, NULL); // unless it was killed
    store_release(&p->exec_task, NULL);
    store_release(&p->core_dumps, false);
    spin_unlock_irqrestore(&p->siglock, flags);
    wake_all(&p->exit_wait);
}

void core_join(struct task *t, const struct siginfo *info)
{
    struct process *p = t->proc;
    irqflags_t flags;
    bool dumps;

    arch_fpu_save(&t->thread->arch);
    flags = spin_lock_irqsave(&p->siglock);
    dumps = p->core_dumps;
    t->core_state = CORE_PARKED;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!dumps)
        return;
    if (p->exec_task == t) {
        core_finish(p, info->si_signo | (core_dump(t, info) ? WCOREFLAG : 0));
    } else {
        wake_all(&p->exit_wait);
        wait_event(&p->exit_wait, !load_acquire(&p->core_dumps), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    }
}
