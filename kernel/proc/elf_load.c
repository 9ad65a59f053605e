// SPDX-License-Identifier: MIT
// Mapping an ELF program, and its interpreter if it names one, into a new address space.

#include "abi/errno.h"
#include "abi/limits.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

struct image {
    struct file *file;
    struct vm_object *object;
    struct elf_info info;
    struct elf_phdr *phdrs; // all of them, kernel copy
    uaddr_t bias;           // added to every address of the file
    // Found by image_measure, before the bias:
    uaddr_t low, high; // extent of the segments
    u64 align;         // what the bias is a multiple of
    uaddr_t phdr;      // where the program headers lie in memory, 0 if no segment holds them
    const struct elf_phdr *interpreter;
    bool stack_exec;
};

static int image_open(struct image *m, struct file *file, const void *head, size_t n)
{
    size_t bytes;
    int err = elf_check(head, n, &m->info);

    m->file = file;
    if (!err)
        err = file->ops->mmap ? file->ops->mmap(file, &m->object) : -ENOEXEC;
    if (err)
        return err;
    bytes = m->info.phnum * sizeof(struct elf_phdr);
    m->phdrs = kmalloc(bytes, 0);
    if (!m->phdrs)
        return -ENOMEM;
    if (m->info.phoff + bytes <= n)
        memcpy(m->phdrs, (const char *)head + m->info.phoff, bytes);
    else if (file_read_kernel(file, m->phdrs, bytes, m->info.phoff) != (ssize_t)bytes)
        return -ENOEXEC;
    return 0;
}

static int image_measure(struct image *m)
{
    m->low = ~0UL;
    m->align = PAGE_SIZE;
    for (unsigned i = 0; i < m->info.phnum; i++) {
        const struct elf_phdr *ph = &m->phdrs[i];

        if (ph->type == PT_INTERP && !m->interpreter)
            m->interpreter = ph;
        if (ph->type == PT_GNU_STACK)
            m->stack_exec = ph->flags & PF_X;
        if (ph->type != PT_LOAD || !ph->memsz)
            continue;
        if (elf_segment_check(ph, USER_TOP))
            return -ENOEXEC;
        if (!(ph->align & (ph->align - 1)))
            m->align = MAX(m->align, ph->align);
        m->low = MIN(m->low, ALIGN_DOWN(ph->vaddr, PAGE_SIZE));
        m->high = MAX(m->high, ALIGN_UP(ph->vaddr + ph->memsz, PAGE_SIZE));
        if (m->info.phoff >= ph->offset && m->info.phoff < ph->offset + ph->filesz)
            m->phdr = ph->vaddr + (m->info.phoff - ph->offset);
    }
    return m->high ? 0 : -ENOEXEC;
}

// ET_DYN: one free range for the whole image decides the bias.
static int image_place(struct image *m, struct vm_space *space, uaddr_t hint)
{
    u64 length = m->high - m->low + m->align - PAGE_SIZE;
    struct vm_map_args args = {.addr = hint, .length = length, .prot = PROT_NONE};
    uaddr_t at;
    int err;

    if (m->info.type != ET_DYN)
        return 0;
    err = vm_map(space, &args, &at);
    if (!err)
        err = vm_unmap(space, at, args.length);
    m->bias = ALIGN_UP(at - m->low, m->align);
    return err;
}

static u32 segment_prot(const struct elf_phdr *ph)
{
    return (ph->flags & PF_R ? PROT_READ : 0) | (ph->flags & PF_W ? PROT_WRITE : 0) |
           (ph->flags & PF_X ? PROT_EXEC : 0);
}

// Memory past the file's part reads as zeroes: the rest of its last page, then whole pages.
static int segment_map_zeroes(struct vm_space *space, const struct elf_phdr *ph, uaddr_t start)
{
    uaddr_t file_end = start + ph->filesz, end = start + ph->memsz;
    uaddr_t page = ph->filesz ? ALIGN_UP(file_end, PAGE_SIZE) : ALIGN_DOWN(start, PAGE_SIZE);
    struct vm_map_args args = {.addr = page, .prot = segment_prot(ph), .flags = AREA_MAYWRITE};
    uaddr_t at;

    args.fixed = true;
    args.noreplace = true;
    if (ph->filesz && (ph->flags & PF_W)) {
        ssize_t got =
            vm_access(space, file_end, (void *)zero_page, MIN(page, end) - file_end, true, false);

        if (got < 0) // within one page: all or nothing
            return got;
    }
    if (end <= page)
        return 0;
    args.length = end - page;
    return vm_map(space, &args, &at);
}

static int segment_map(struct image *m, struct vm_space *space, const struct elf_phdr *ph)
{
    uaddr_t start = ph->vaddr + m->bias, page = ALIGN_DOWN(start, PAGE_SIZE), at;
    struct vm_map_args args = {
        .addr = page,
        .length = ALIGN_UP(start + ph->filesz, PAGE_SIZE) - page,
        .prot = segment_prot(ph),
        .flags = AREA_MAYWRITE,
        .fixed = true,
        .noreplace = true,
        .object = m->object,
        .file = m->file,
        .offset = (ph->offset - (start - page)) >> PAGE_SHIFT,
    };
    int err = 0;

    if (page < USER_MIN)
        return -ENOEXEC;
    if (ph->filesz)
        err = vm_map(space, &args, &at);
    if (!err && ph->memsz > ph->filesz)
        err = segment_map_zeroes(space, ph, start);
    return err == -EEXIST ? -ENOEXEC : err;
}

static void space_note(struct vm_space *space, const struct elf_phdr *ph, uaddr_t bias)
{
    uaddr_t start = ph->vaddr + bias, end = start + ph->memsz;

    if (ph->flags & PF_X) {
        space->code_start = space->code_start ? MIN(space->code_start, start) : start;
        space->code_end = MAX(space->code_end, start + ph->filesz);
    } else if (ph->flags & PF_W) {
        space->data_start = start;
        space->data_end = start + ph->filesz;
    }
    if (ALIGN_UP(end, PAGE_SIZE) > space->brk_start)
        space->brk_start = space->brk = ALIGN_UP(end, PAGE_SIZE);
}

static int image_map(struct image *m, struct vm_space *space, bool main)
{
    int err = 0;

    for (unsigned i = 0; !err && i < m->info.phnum; i++) {
        const struct elf_phdr *ph = &m->phdrs[i];

        if (ph->type != PT_LOAD || !ph->memsz)
            continue;
        err = segment_map(m, space, ph);
        if (!err && main)
            space_note(space, ph, m->bias);
    }
    return err;
}

// Opens *m, whose fields are zero so far, and maps it; the caller frees m->phdrs in any case.
static int image_load(struct image *m, struct vm_space *space, struct file *file, const void *head,
                      size_t n, uaddr_t hint)
{
    return image_open(m, file, head, n) ?: image_measure(m) ?: image_place(m, space, hint)
               ?: image_map(m, space, hint != 0);
}

static int interpreter_map(struct vm_space *space, const char *name, struct program *out)
{
    struct image m = {0};
    struct file *file;
    char *head;
    ssize_t n;
    int err = exec_file_open(NULL, name, WALK_FOLLOW, &file);

    if (err)
        return err;
    head = kmalloc(PAGE_SIZE, 0);
    n = head ? file_read_kernel(file, head, PAGE_SIZE, 0) : -ENOMEM;
    if (n >= 0 && n < (ssize_t)sizeof(struct elf_header))
        n = -EIO;
    err = n < 0 ? (int)n : image_load(&m, space, file, head, n, 0);
    out->base = m.bias;
    out->entry = m.info.entry + m.bias;
    kfree(m.phdrs);
    kfree(head);
    file_put(file);
    return err == -ENOEXEC ? -ELIBBAD : err;
}

static int interpreter_load(const struct image *m, struct vm_space *space, struct program *out)
{
    const struct elf_phdr *ph = m->interpreter;
    char *name;
    int err = 0;

    if (ph->filesz < 2 || ph->filesz > PATH_MAX)
        return -ENOEXEC;
    name = kmalloc(ph->filesz, 0);
    if (!name)
        return -ENOMEM;
    if (file_read_kernel(m->file, name, ph->filesz, ph->offset) != (ssize_t)ph->filesz)
        err = -EIO;
    else if (name[ph->filesz - 1])
        err = -ENOEXEC;
    err = err ?: interpreter_map(space, name, out);
    kfree(name);
    return err;
}

int elf_load(struct vm_space *space, struct file *file, const void *first_page, size_t n,
             struct program *out)
{
    struct image m = {0};
    int err = image_load(&m, space, file, first_page, n, out->layout.program);

    if (!err) {
        out->program_entry = out->entry = m.info.entry + m.bias;
        out->phdr = m.phdr ? m.phdr + m.bias : 0;
        out->phnum = m.info.phnum;
        out->stack_exec = m.stack_exec;
        if (m.interpreter)
            err = interpreter_load(&m, space, out);
    }
    kfree(m.phdrs);
    return err;
}
