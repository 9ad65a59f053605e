// SPDX-License-Identifier: MIT
// The first contents of a program's stack (System V ABI, "Initial Process Stack").
//
//   sp:  argc | argv[0..] NULL | envp[0..] NULL | auxiliary vector | random bytes | strings | 8
//   zero bytes

#include "abi/auxv.h"
#include "abi/errno.h"
#include "abi/limits.h"
#include "arch/uaccess.h"
#include "lib/elf.h"
#include "lib/string.h"
#include "proc/proc_private.h"

#define CLOCK_TICKS_HZ 100 // unit of times(2) and /proc/<pid>/stat
#define STACK_END      8   // zero bytes at the very top
#define EXEC_RANDOM    sizeof(((struct layout *)0)->seed)
#define AUXV_BYTES     (19 * sizeof(struct auxv_entry))

void exec_strings_init(struct exec_strings *s)
{
    stream_init(&s->text);
    stream_init(&s->offsets);
    s->argc = 0;
    s->limit = CLAMP(process_limit(RLIMIT_STACK) / 4, (u64)ARG_MAX, 6UL << 20);
}

void exec_strings_fini(struct exec_strings *s)
{
    stream_fini(&s->text);
    stream_fini(&s->offsets);
}

static int exec_strings_note(struct exec_strings *s, u64 offset)
{
    if (s->text.length + s->offsets.length + sizeof(offset) > s->limit)
        return -E2BIG;
    return stream_append(&s->offsets, &offset, sizeof(offset));
}

int exec_strings_add(struct exec_strings *s, const char *text)
{
    u64 at = s->text.length;
    int err = stream_append(&s->text, text, strlen(text) + 1);

    return err ? err : exec_strings_note(s, at);
}

int exec_strings_add_user(struct exec_strings *s, uaddr_t vector, u32 skip)
{
    u64 at, pointer;
    ssize_t n;
    int err;

    for (u64 i = 0; vector; i++) {
        if (get_user_u64(&pointer, vector + i * sizeof(u64)))
            return -EFAULT;
        if (!pointer)
            break;
        if (i < skip)
            continue;
        at = s->text.length;
        n = stream_append_user_string(&s->text, pointer, MAX_ARG_STRLEN);
        if (n < 0)
            return n;
        err = exec_strings_note(s, at);
        if (err)
            return err;
        if (signal_fatal_pending())
            return -EINTR;
    }
    return 0;
}

int exec_strings_end(struct exec_strings *s)
{
    return exec_strings_note(s, EXEC_END);
}

static bool write_all(struct vm_space *space, uaddr_t to, const void *from, size_t n)
{
    return vm_access(space, to, (void *)from, n, true, false) == n;
}

static bool auxv_write(const struct program *prog, struct vm_space *space, uaddr_t to,
                       const struct cred *cred, uaddr_t random, uaddr_t name)
{
    const u64 isa = COMPAT_HWCAP_ISA_I | COMPAT_HWCAP_ISA_M | COMPAT_HWCAP_ISA_A |
                    COMPAT_HWCAP_ISA_F | COMPAT_HWCAP_ISA_D | COMPAT_HWCAP_ISA_C;
    const struct auxv_entry v[] = {
        {AT_SYSINFO_EHDR, space->vdso},
        {AT_MINSIGSTKSZ, sizeof(struct rt_sigframe) + 512},
        {AT_HWCAP, isa},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS_HZ},
        {AT_PHDR, prog->phdr},
        {AT_PHENT, sizeof(struct elf_phdr)},
        {AT_PHNUM, prog->phnum},
        {AT_BASE, prog->base},
        {AT_FLAGS, 0},
        {AT_ENTRY, prog->program_entry},
        {AT_UID, cred->uid},
        {AT_EUID, cred->euid},
        {AT_GID, cred->gid},
        {AT_EGID, cred->egid},
        {AT_SECURE, cred->uid != cred->euid || cred->gid != cred->egid},
        {AT_RANDOM, random},
        {AT_EXECFN, name},
        {AT_NULL, 0},
    };

    static_assert(sizeof(v) == AUXV_BYTES, "exec_stack_build makes room for them");
    return write_all(space, to, v, sizeof(v));
}

int exec_stack_build(struct vm_space *space, struct exec_strings *s, const struct program *prog,
                     const char *name, const struct cred *cred, uaddr_t *sp)
{
    uaddr_t top = space->stack_top - STACK_END;
    uaddr_t name_at = top - strlen(name) - 1;
    uaddr_t text = name_at - s->text.length;
    uaddr_t random = ALIGN_DOWN(text, 16) - EXEC_RANDOM;
    uaddr_t vectors;
    u64 argc = s->argc;
    int err;

    *sp = ALIGN_DOWN(random - AUXV_BYTES - s->offsets.length - sizeof(u64), 16);
    // argc, vectors and auxv must touch: the padding goes above the auxiliary vector.
    vectors = *sp + sizeof(u64);
    space->auxv = vectors + s->offsets.length;
    if (!write_all(space, name_at, name, strlen(name) + 1) ||
        !write_all(space, random, prog->layout.seed, EXEC_RANDOM) ||
        !auxv_write(prog, space, space->auxv, cred, random, name_at) ||
        !write_all(space, *sp, &argc, sizeof(argc)))
        return -ENOMEM;
    stream_relocate(&s->offsets, text);
    err = stream_write(&s->text, space, text);
    if (!err)
        err = stream_write(&s->offsets, space, vectors);
    space->arg_start = text;
    space->stack_start = *sp;
    space->env_end = name_at;
    return err;
}
