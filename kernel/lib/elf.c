// SPDX-License-Identifier: MIT
// Checks of ELF64 headers before anything trusts them.
#include "lib/elf.h"

#include "abi/errno.h"
#include "lib/string.h"

static bool ident_valid(const u8 *ident)
{
    return memcmp(ident, "\177ELF", 4) == 0 && ident[ELF_IDENT_CLASS] == ELFCLASS64 &&
           ident[ELF_IDENT_DATA] == ELFDATA2LSB && ident[ELF_IDENT_VER] == EV_CURRENT;
}

int elf_check(const void *first_page, size_t len, struct elf_info *out)
{
    struct elf_header h;
    u64 end;

    if (len < sizeof(h))
        return -ENOEXEC;
    memcpy(&h, first_page, sizeof(h));
    if (!ident_valid(h.ident) || h.version != EV_CURRENT || h.machine != EM_RISCV)
        return -ENOEXEC;
    if (h.type != ET_EXEC && h.type != ET_DYN)
        return -ENOEXEC;
    if (h.phentsize != sizeof(struct elf_phdr) || h.phnum == 0 || h.phnum > ELF_PHNUM_MAX)
        return -ENOEXEC;
    if (__builtin_add_overflow(h.phoff, h.phnum * sizeof(struct elf_phdr), &end))
        return -ENOEXEC;
    *out = (struct elf_info){.entry = h.entry, .phoff = h.phoff, .type = h.type, .phnum = h.phnum};
    return 0;
}

int elf_segment_check(const struct elf_phdr *ph, u64 user_top)
{
    u64 end, file_end;

    if (ph->filesz > ph->memsz)
        return -ENOEXEC;
    if (ph->filesz && !IS_ALIGNED(ph->vaddr - ph->offset, PAGE_SIZE))
        return -ENOEXEC;
    if (__builtin_add_overflow(ph->offset, ph->filesz, &file_end))
        return -ENOEXEC;
    if (__builtin_add_overflow(ph->vaddr, ph->memsz, &end) || end > user_top)
        return -ENOEXEC;
    return 0;
}
