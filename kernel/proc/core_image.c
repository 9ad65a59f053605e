// SPDX-License-Identifier: MIT
// What a core dump's file holds: ELF headers, notes, memory (core(5), elf(5)).
//
//   ELF header | program headers: PT_NOTE, a PT_LOAD for each area | notes | from a page on, memory
//
// Headers and notes are made in memory first; the threads are at rest, but others may share the
// memory, and then change it: the areas are those found, and what is gone from them is a hole. So
// is what was never touched: nothing is written there.

#include "abi/errno.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/core.h"
#include "vfs/pseudo.h"

#define NOTE_NAME "CORE"

struct image {
    const struct core *core;
    struct file *file;
    u32 filter;
    char *page;          // for memory, and before for paths
    struct text headers; // one struct elf_header, then elf_phdr
    struct text notes;
    struct text files, names; // NT_FILE: a head and three words each; paths
};

struct elf_note {
    u32 namesz, descsz, type;
    char name[8];
};
static_assert(sizeof(struct elf_note) == 20, "Elf64_Nhdr with a name");

/* Areas */

static u64 area_kept(const struct vm_area *a, u32 filter)
{
    u64 all = a->end - a->start;
    bool named = a->file && a->file->inode->nlink;

    if (a->flags & AREA_VDSO)
        return all;
    if (a->flags & AREA_DONTDUMP)
        return 0;
    if (a->flags & AREA_SHARED)
        return filter & (named ? CORE_MAPPED_SHARED : CORE_ANON_SHARED) ? all : 0;
    if (filter & CORE_ANON_PRIVATE && vm_area_is_touched(a))
        return all;
    if (a->file && filter & CORE_MAPPED_PRIVATE)
        return all;
    if (a->file && filter & CORE_ELF_HEADERS && !a->offset && vm_area_begins(a, "\177ELF", 4))
        return PAGE_SIZE;
    return 0;
}

static void image_file(struct image *m, const struct vm_area *a)
{
    u64 words[3] = {a->start, a->end, a->offset};
    ssize_t n = file_to_text(a->file, m->page, PAGE_SIZE);

    if (n <= 0)
        return;
    text_append(&m->files, (char *)words, sizeof(words));
    text_append(&m->names, m->page, n + 1);
}

static int image_area(const struct vm_area *a, void *arg)
{
    struct image *m = arg;
    struct elf_phdr ph = {.type = PT_LOAD,
                          .flags = (a->prot & PROT_READ ? PF_R : 0) |
                                   (a->prot & PROT_WRITE ? PF_W : 0) |
                                   (a->prot & PROT_EXEC ? PF_X : 0),
                          .vaddr = a->start,
                          .filesz = area_kept(a, m->filter),
                          .memsz = a->end - a->start,
                          .align = PAGE_SIZE};

    text_append(&m->headers, (char *)&ph, sizeof(ph));
    if (a->file)
        image_file(m, a);
    return m->headers.error;
}

/* Notes */

static void note_append(struct image *m, u32 type, const void *data, size_t n)
{
    struct elf_note note = {sizeof(NOTE_NAME), n, type, NOTE_NAME};

    text_append(&m->notes, (char *)&note, sizeof(note));
    text_append(&m->notes, data, n);
    text_append(&m->notes, "\0\0\0", -n & 3);
}

static void note_files(struct image *m)
{
    u64 *head = (u64 *)m->files.data;

    if (m->files.error || m->names.error)
        return; // too long: the dump goes without it
    head[0] = m->files.length / (3 * sizeof(u64));
    text_append(&m->files, m->names.data, m->names.length);
    if (!m->files.error)
        note_append(m, NT_FILE, m->files.data, m->files.length);
}

static void ids_get(struct process *p, s32 *parent, s32 *group, s32 *session)
{
    spin_lock(&proctree_lock);
    *parent = p->parent_pid;
    *group = p->group->pid->id;
    *session = p->group->session->pid->id;
    spin_unlock(&proctree_lock);
}

static void note_thread(struct image *m, const struct task *t)
{
    struct process *p = m->core->process;
    const struct siginfo *info = m->core->info;
    struct elf_prstatus s = {.pr_info = {info->si_signo, info->si_code, info->si_errno},
                             .pr_cursig = info->si_signo,
                             .pr_sigpend = t->pending.set | p->pending.set,
                             .pr_sighold = t->blocked,
                             .pr_pid = t->pid->id,
                             .pr_cutime = ns_timeval(p->child_user),
                             .pr_cstime = ns_timeval(p->child_system),
                             .pr_fpvalid = true};
    struct regset set;
    ns_t user, system;

    ids_get(p, &s.pr_ppid, &s.pr_pgrp, &s.pr_sid);
    sched_times(t->thread, &user, &system);
    s.pr_utime = ns_timeval(user);
    s.pr_stime = ns_timeval(system);
    regset_read(t, NT_PRSTATUS, &set);
    s.pr_reg = set.general;
    note_append(m, NT_PRSTATUS, &s, sizeof(s));
}

static void note_fp(struct image *m, const struct task *t)
{
    struct regset set;

    regset_read(t, NT_PRFPREG, &set);
    note_append(m, NT_PRFPREG, &set.fp, sizeof(set.fp));
}

// The arguments, as ps(1) shows them.
static void arguments_get(struct vm_space *s, char *to, size_t size)
{
    ssize_t n = MIN(size - 1, s->arg_end - s->arg_start);

    n = vm_access(s, s->arg_start, to, n, false, true);
    for (ssize_t i = 0; i < n - 1; i++)
        to[i] = to[i] ? to[i] : ' ';
}

static void note_process(struct image *m)
{
    struct process *p = m->core->process;
    const struct thread *self = thread_self();
    struct elf_prpsinfo info = {.pr_sname = 'R',
                                .pr_nice = self->nice,
                                .pr_uid = self->cred->uid,
                                .pr_gid = self->cred->gid,
                                .pr_pid = p->pid->id};

    ids_get(p, &info.pr_ppid, &info.pr_pgrp, &info.pr_sid);
    strlcpy(info.pr_fname, self->name, sizeof(info.pr_fname));
    arguments_get(self->space, info.pr_psargs, sizeof(info.pr_psargs));
    note_append(m, NT_PRPSINFO, &info, sizeof(info));
}

static void image_notes(struct image *m)
{
    const struct core *c = m->core;
    struct siginfo info = {0};
    u64 auxv[AUXV_WORDS];

    note_thread(m, c->parked[0]);
    note_process(m);
    *siginfo_used(&info) = *siginfo_used((struct siginfo *)c->info);
    note_append(m, NT_SIGINFO, &info, sizeof(info));
    note_append(m, NT_AUXV, auxv, auxv_copy(thread_self()->space, auxv));
    note_files(m);
    note_fp(m, c->parked[0]);
    for (unsigned i = 1; i < c->parked_count; i++) {
        note_thread(m, c->parked[i]);
        note_fp(m, c->parked[i]);
    }
}

/* Headers */

static struct elf_phdr *image_phdrs(const struct image *m)
{
    return (struct elf_phdr *)(m->headers.data + sizeof(struct elf_header));
}

static unsigned image_phnum(const struct image *m)
{
    return (m->headers.length - sizeof(struct elf_header)) / sizeof(struct elf_phdr);
}

// Everything but the memory.
static int image_make(struct image *m)
{
    static const u8 ident[ELF_IDENT_SIZE] = {0x7f,       'E',         'L',       'F',
                                             ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    struct elf_header h = {.type = ET_CORE,
                           .machine = EM_RISCV,
                           .version = EV_CURRENT,
                           .phoff = sizeof(h),
                           .flags = EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE,
                           .ehsize = sizeof(h),
                           .phentsize = sizeof(struct elf_phdr)};
    struct elf_phdr notes = {.type = PT_NOTE, .align = 4};
    u64 file_head[2] = {0, PAGE_SIZE};

    memcpy(h.ident, ident, sizeof(ident));
    text_append(&m->headers, (char *)&h, sizeof(h));
    text_append(&m->headers, (char *)&notes, sizeof(notes));
    text_append(&m->files, (char *)file_head, sizeof(file_head));
    if (!m->headers.error)
        vm_space_each(thread_self()->space, image_area, m);
    image_notes(m);
    if (m->headers.error || m->notes.error)
        return -ENOMEM;
    ((struct elf_header *)m->headers.data)->phnum = image_phnum(m);
    return 0;
}

// Where each part stands; the end of all.
static u64 image_place(struct image *m)
{
    struct elf_phdr *ph = image_phdrs(m);
    u64 at = m->headers.length + m->notes.length;

    ph[0].offset = m->headers.length;
    ph[0].filesz = m->notes.length;
    at = ALIGN_UP(at, PAGE_SIZE);
    for (unsigned i = 1; i < image_phnum(m); i++) {
        ph[i].offset = at;
        at += ph[i].filesz;
    }
    return at;
}

/* Writing */

// 0 also for what is past the limit.
static int image_write(struct image *m, const char *data, size_t n, u64 at)
{
    u64 limit = m->core->limit;
    ssize_t done;

    for (n = at < limit ? MIN(n, limit - at) : 0; n; n -= done, data += done, at += done) {
        done = signal_fatal_pending() ? -EINTR : file_write_kernel(m->file, data, n, at);
        if (done <= 0)
            return done ? done : -EIO;
    }
    return 0;
}

static int image_copy_next(struct image *m, uaddr_t *va, uaddr_t end)
{
    unsigned tries = 0;
    int copied;

    do
        copied = vm_space_copy_next(thread_self()->space, va, end, m->page);
    while (vm_try_again(copied, &tries));
    return copied;
}

static int image_write_load(struct image *m, const struct elf_phdr *ph)
{
    uaddr_t va = ph->vaddr, end = va + ph->filesz;
    int err = 0, copied;

    for (; !err && ph->offset + (va - ph->vaddr) < m->core->limit; va += PAGE_SIZE) {
        copied = image_copy_next(m, &va, end);
        if (copied <= 0)
            return copied;
        err = image_write(m, m->page, PAGE_SIZE, ph->offset + (va - ph->vaddr));
    }
    return err;
}

static int image_write_all(struct image *m)
{
    u64 end = MIN(image_place(m), m->core->limit);
    int err = image_write(m, m->headers.data, m->headers.length, 0)
                  ?: image_write(m, m->notes.data, m->notes.length, m->headers.length);

    for (unsigned i = 1; !err && i < image_phnum(m); i++)
        err = image_write_load(m, &image_phdrs(m)[i]);
    if (!err && load_relaxed(&m->file->inode->size) < end) // it ends with a hole
        err = vfs_truncate(m->file->inode, end);
    return err == -EFBIG ? 0 : err; // the file system's own limit
}

int core_image_write(const struct core *c, struct file *file)
{
    struct image m = {.core = c,
                      .file = file,
                      .filter = load_relaxed(&c->process->coredump_filter),
                      .page = kmalloc(PAGE_SIZE, 0)};
    int err = m.page ? image_make(&m) ?: image_write_all(&m) : -ENOMEM;

    kfree(m.headers.data);
    kfree(m.notes.data);
    kfree(m.files.data);
    kfree(m.names.data);
    kfree(m.page);
    return err;
}
