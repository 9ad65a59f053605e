// SPDX-License-Identifier: MIT
// execve(2): a new program in the same process.
//
// Until the point of no return everything is built aside: strings, the new space, copies of shared
// tables; any failure leaves the caller unharmed. Then the other threads end, and the pieces are
// swapped in one after the other, with nothing left that can fail.
//
// A program with other rights also gets root, working directory and umask of its own: who shares
// them by CLONE_FS would move them in mid-run. (Linux has it run without the rights then.)

#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "arch/uaccess.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/ptrace.h"

#define SCRIPT_DEPTH 5             // nested #! interpreters
#define SCRIPT_LINE  256           // bytes of a #! line that count
#define EXEC_STACK   (128UL << 10) // mapped at the start; grows on demand

struct exec {
    struct exec_strings strings;
    struct file *file;
    char *head; // first page of the file
    ssize_t head_size;
    char *prefix[2 * SCRIPT_DEPTH + 1]; // words that #! lines put before argv, outermost first
    unsigned prefix_count;
    struct vm_space *space;
    struct program prog;
    struct cred *cred; // NULL: as before
    bool gains_rights; // so it says of the process, for the time being
    // Instead of what others have too, each may be NULL:
    struct fdtable *files;
    struct fs_context *fs;
    struct sighand *sighand;
    uaddr_t sp;
    const char *name;
};

bool (*exec_trace_hook)(const char *program);

int exec_file_open(const struct path *start, const char *name, u32 walk, struct file **out)
{
    struct file *f;
    int err = file_open(start, name, FILE_OPEN_EXEC, 0, walk, &f);

    if (err)
        return err;
    if (!S_ISREG(f->inode->mode) || (f->path.mount && (f->path.mount->flags & MS_NOEXEC))) {
        file_put(f);
        return -EACCES;
    }
    *out = f;
    return 0;
}

static int exec_open(struct exec *x, const struct path *start, const char *name, u32 walk)
{
    int err = exec_file_open(start, name, walk, &x->file);

    if (err)
        return err;
    x->head_size = file_read_kernel(x->file, x->head, PAGE_SIZE - 1, 0);
    return x->head_size < 0 ? (int)x->head_size : 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// Cuts the next word of a #! line; NULL at its end.
static char *script_word(char **at, bool rest)
{
    char *s = *at, *end;

    while (is_blank(*s))
        s++;
    if (!*s)
        return NULL;
    for (end = s; *end && (rest || !is_blank(*end)); end++)
        ;
    while (rest && is_blank(end[-1]))
        end--;
    *at = *end ? end + 1 : end;
    *end = '\0';
    return s;
}

static int prefix_insert(struct exec *x, const char *word)
{
    size_t n = strlen(word) + 1;
    char *copy = kmalloc(n, 0);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, word, n);
    memmove(x->prefix + 1, x->prefix, x->prefix_count++ * sizeof(x->prefix[0]));
    x->prefix[0] = copy;
    return 0;
}

// "#! interpreter [argument]": argv becomes interpreter, argument, script, old argv[1..].
static int script_open(struct exec *x)
{
    char *line = x->head + 2, *interpreter, *argument;
    int err = 0;

    x->head[MIN(x->head_size, SCRIPT_LINE)] = '\0';
    if (!strchr(line, '\n') && x->head_size >= SCRIPT_LINE)
        return -ENOEXEC;
    if (strchr(line, '\n'))
        *strchr(line, '\n') = '\0';
    interpreter = script_word(&line, false);
    if (!interpreter)
        return -ENOEXEC;
    argument = script_word(&line, true);
    if (x->prefix_count == 0)
        err = prefix_insert(x, x->name);
    if (!err && argument)
        err = prefix_insert(x, argument);
    err = err ?: prefix_insert(x, interpreter);
    if (err)
        return err;
    file_put(x->file);
    x->file = NULL;
    return exec_open(x, NULL, x->prefix[0], WALK_FOLLOW);
}

static int exec_resolve(struct exec *x, const struct path *start, const char *name, u32 walk)
{
    int err = exec_open(x, start, name, walk);

    for (int depth = 0; !err; depth++) {
        if (x->head_size < 2 || x->head[0] != '#' || x->head[1] != '!')
            return 0;
        if (depth == SCRIPT_DEPTH)
            return -ELOOP;
        err = script_open(x);
    }
    return err;
}

static int exec_collect(struct exec *x, uaddr_t argv, uaddr_t envp)
{
    struct exec_strings *s = &x->strings;
    u32 skip = x->prefix_count ? 1 : 0;
    int err = 0;

    for (unsigned i = 0; !err && i < x->prefix_count; i++)
        err = exec_strings_add(s, x->prefix[i]);
    if (!err)
        err = exec_strings_add_user(s, argv, skip);
    if (!err && !s->text.length) // a program always finds argv[0]
        err = exec_strings_add(s, thread_self()->space ? "" : x->name);
    s->argc = s->offsets.length / sizeof(u64);
    if (!err)
        err = exec_strings_end(s);
    x->space->arg_end = s->text.length; // relative, until the stack is placed
    if (!err)
        err = exec_strings_add_user(s, envp, 0);
    return err ? err : exec_strings_end(s);
}

// Whether it runs with other rights than its caller.
static bool exec_changes_id(const struct exec *x)
{
    const struct cred *old = thread_self()->cred;

    return x->cred && (x->cred->euid != old->euid || x->cred->egid != old->egid);
}

static int exec_build(struct exec *x)
{
    struct vm_space *space = x->space;
    uaddr_t arg_bytes = space->arg_end;
    const struct layout *l = &x->prog.layout;
    int err;

    layout_choose(&x->prog.layout, exec_changes_id(x));
    err = vm_map_stack(space, space->stack_top - l->stack,
                       ALIGN_UP(x->strings.text.length + x->strings.offsets.length, PAGE_SIZE) +
                           EXEC_STACK,
                       PROT_READ | PROT_WRITE);
    space->mmap_top -= l->mappings;
    if (!err)
        err = elf_load(space, x->file, x->head, x->head_size, &x->prog) ?: vdso_map(space);
    layout_heap(l, space);
    if (!err && x->prog.stack_exec)
        err = vm_protect(space, space->stack_top - PAGE_SIZE, PAGE_SIZE,
                         PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
    if (!err)
        err = exec_stack_build(space, &x->strings, &x->prog, x->name,
                               x->cred ?: thread_self()->cred, &x->sp);
    space->arg_end = space->env_start = space->arg_start + arg_bytes;
    return err;
}

// Under the lock a new owner and the end of the bits are one change.
static void set_ids(struct inode *inode, struct cred *c)
{
    read_lock(&inode->lock);
    if (inode->mode & S_ISUID)
        c->euid = inode->uid;
    if (inode->mode & S_ISGID && inode->mode & S_IXGRP)
        c->egid = inode->gid;
    read_unlock(&inode->lock);
}

// execve(2), capabilities(7): set-user-id and set-group-id bits unless the mount or the process
// forbids them, saved ids, capabilities.
static struct cred exec_cred(const struct exec *x, bool may_gain)
{
    const struct cred *old = thread_self()->cred;
    struct inode *inode = x->file->inode;
    const struct mount *mount = x->file->path.mount;
    struct cred c = *old;
    bool as_root;

    may_gain = may_gain && !process_self()->no_new_privs;
    if (may_gain && mount && !(mount->flags & MS_NOSUID) && inode->mode & (S_ISUID | S_ISGID))
        set_ids(inode, &c);
    if (c.euid != old->euid || c.egid != old->egid)
        c.cap_ambient = 0;
    c.suid = c.fsuid = c.euid;
    c.sgid = c.fsgid = c.egid;
    c.securebits &= ~(u64)SECBIT_KEEP_CAPS;
    as_root = !(c.securebits & SECBIT_NOROOT);
    c.cap_permitted = c.cap_ambient;
    if (as_root && (!c.uid || !c.euid))
        c.cap_permitted |= c.cap_inheritable | c.cap_bounding;
    if (!may_gain)
        c.cap_permitted &= old->cap_permitted;
    c.cap_effective = as_root && !c.euid ? c.cap_permitted : c.cap_ambient;
    return c;
}

static int exec_credentials(struct exec *x)
{
    const struct cred *old = thread_self()->cred;
    struct cred c = exec_cred(x, true);

    if (!memcmp(&c, old, sizeof(c)))
        return 0;
    x->gains_rights = trace_gain_begin();
    if (!x->gains_rights)
        c = exec_cred(x, false);
    x->cred = cred_create(&c);
    return x->cred ? 0 : -ENOMEM;
}

// Ends all other threads; the caller takes the process's own id if it was not the main thread.
static int exec_alone(struct process *p)
{
    struct task *self = task_self();
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    struct pid *own = self->pid;
    struct trace *trace;

    if (p->group_exit || p->exec_task) {
        spin_unlock_irqrestore(&p->siglock, flags);
        return -EAGAIN;
    }
    if (p->task_count > 1) {
        store_release(&p->exec_task, self);
        process_kill_all_locked(p, 0, self);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    wait_event(&p->exit_wait, load_acquire(&p->task_count) == 1, WAIT_UNINTERRUPTIBLE, NS_NEVER);
    flags = spin_lock_irqsave(&p->siglock);
    store_release(&p->exec_task, NULL);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (own == p->pid)
        return 0;
    // The main thread clears its place just after it left the count.
    wait_event(&p->exit_wait, !load_acquire(&p->pid->task), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    spin_lock(&proctree_lock);
    trace_move_locked(self, p->pid, &trace);
    own->task = NULL;
    pid_use_begin_locked(p->pid);
    p->pid->task = self;
    flags = spin_lock_irqsave(&p->siglock);
    self->pid = p->pid;
    self->thread->tid = p->pid->id;
    spin_unlock_irqrestore(&p->siglock, flags);
    pid_use_end_locked(own);
    spin_unlock(&proctree_lock);
    trace_free(trace);
    return 0;
}

static void exec_swap_space(struct exec *x)
{
    struct thread *thread = thread_self();
    struct vm_space *old = thread->space;
    struct process *p = process_self();
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    if (old) // getrusage(2) tells the most of all programs
        p->peak_rss = MAX(p->peak_rss, load_relaxed(&old->peak_pages) * 4);
    p->space = x->space;
    thread->space = x->space;
    mmu_space_switch(&x->space->mmu);
    spin_unlock_irqrestore(&p->siglock, flags);
    x->space = NULL;
    vfork_end(task_self());
    if (old)
        vm_space_put(old);
}

// Copies of what other processes have too, or may have until the other threads have ended.
static int exec_copy_shared(struct exec *x)
{
    struct thread *thread = thread_self();
    struct process *p = process_self();
    int err = 0;

    if (!ref_is_last(&thread->files->refs))
        err = fdtable_copy(thread->files, &x->files);
    if (!err && exec_changes_id(x))
        err = fs_context_copy(thread->fs, &x->fs);
    if (!err && (!ref_is_last(&p->sighand->refs) || load_relaxed(&p->task_count) > 1)) {
        x->sighand = sighand_create();
        err = x->sighand ? 0 : -ENOMEM;
    }
    return err;
}

// Descriptors that only the threads shared stay: their table owns the record locks.
static void exec_swap_shared(struct exec *x)
{
    struct thread *thread = thread_self();
    struct fdtable *files = thread->files;
    struct fs_context *fs = thread->fs;
    irqflags_t flags = spin_lock_irqsave(&process_self()->siglock);

    if (x->files && !ref_is_last(&files->refs)) {
        thread->files = x->files;
        x->files = files;
    }
    if (x->fs) {
        thread->fs = x->fs;
        x->fs = fs;
    }
    spin_unlock_irqrestore(&process_self()->siglock, flags);
}

static void exec_rename_thread(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    u32 *work = &arch_self()->work;

    strlcpy(thread_self()->name, name, sizeof(thread_self()->name));
    if (exec_trace_hook && exec_trace_hook(name))
        atomic_fetch_or(work, WORK_TRACE);
    else if (load_relaxed(work) & WORK_TRACE)
        atomic_fetch_and(work, ~(u32)WORK_TRACE);
}

static void exec_enter(struct exec *x)
{
    struct thread *thread = thread_self();
    struct trapframe *frame = arch_frame(&thread->arch);
    struct process *p = process_self();

    memset(frame, 0, sizeof(*frame));
    frame->pc = x->prog.entry;
    frame->x[FRAME_SP] = x->sp;
    thread->arch.in_syscall = 0;
    arch_fpu_reset(&thread->arch);
    spin_lock(&proctree_lock);
    p->execs++;
    p->exit_signal = SIGCHLD;
    spin_unlock(&proctree_lock);
    posix_timers_fini(p);
    exec_rename_thread(x->name);
}

static int exec_commit(struct exec *x)
{
    const struct cred *cred = thread_self()->cred;
    bool changes_id = exec_changes_id(x), readable = !inode_permission(x->file->inode, MAY_READ);
    int err = exec_alone(process_self());
    bool own;

    if (err)
        return err;
    if (x->files || x->fs)
        exec_swap_shared(x);
    signal_exec(process_self(), x->sighand);
    x->sighand = NULL;
    x->space->exe = x->file;
    x->file = NULL;
    if (thread_self()->space)
        task_leave_memory(task_self(), false);
    own = readable && cred->uid == cred->euid && cred->gid == cred->egid;
    if (!own) { // before others can see the new memory: they look under this lock
        spin_lock(&proctree_lock);
        store_relaxed(&process_self()->dumpable, (u8)load_relaxed(&suid_dumpable));
        spin_unlock(&proctree_lock);
    }
    exec_swap_space(x);
    fdtable_close_exec(thread_self()->files); // before others may look at descriptors
    if (own)
        store_relaxed(&process_self()->dumpable, (u8)DUMPABLE_OWNER);
    if (changes_id)
        task_self()->personality = 0;
    if (x->cred) {
        thread_cred_set(x->cred);
        x->cred = NULL;
    }
    exec_enter(x);
    return 0;
}

static void exec_fini(struct exec *x)
{
    trace_gain_end(&x->gains_rights);
    exec_strings_fini(&x->strings);
    for (unsigned i = 0; i < x->prefix_count; i++)
        kfree(x->prefix[i]);
    if (x->space)
        vm_space_put(x->space);
    if (x->file)
        file_put(x->file);
    if (x->files)
        fdtable_put(x->files);
    if (x->fs)
        fs_context_put(x->fs);
    kfree(x->sighand);
    if (x->cred)
        cred_put(x->cred);
    kfree(x->head);
}

// setuid(2) may go beyond RLIMIT_NPROC of the new user; a new program then may not begin.
static int exec_user_check(void)
{
    struct task *t = task_self();

    if (!t || !t->beyond_limit)
        return 0;
    t->beyond_limit = user_is_beyond(t->charged_uid);
    return t->beyond_limit ? -EAGAIN : 0;
}

int process_exec(const struct path *start, const char *name, const char *shown, uaddr_t argv,
                 uaddr_t envp, u32 flags)
{
    struct exec x = {.name = shown};
    pid_t tid = thread_self()->tid;
    u32 walk =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    int err = exec_user_check();

    if (err)
        return err;
    exec_strings_init(&x.strings);
    x.head = kmalloc(PAGE_SIZE, 0);
    err = x.head ? vm_space_create(&x.space) : -ENOMEM;
    if (!err)
        err = exec_resolve(&x, start, name, walk) ?: exec_credentials(&x) ?: exec_collect(&x, argv, envp)
                  ?: exec_build(&x) ?: exec_copy_shared(&x) ?: exec_commit(&x);
    exec_fini(&x);
    if (!err && process_self() && task_is_traced(task_self()))
        trace_exec(tid);
    return err;
}
