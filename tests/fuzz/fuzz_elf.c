// SPDX-License-Identifier: MIT
// An executable's headers: what passes the checks is safe to map.
#include "fuzz.h"
#include "lib/elf.h"

#include <string.h>

#define USER_TOP (1UL << 38)

static void check_segment(const struct elf_phdr *ph)
{
    if (elf_segment_check(ph, USER_TOP))
        return;
    fuzz_check(ph->filesz <= ph->memsz);
    fuzz_check(ph->vaddr <= USER_TOP && ph->memsz <= USER_TOP - ph->vaddr);
    fuzz_check(ph->offset + ph->filesz >= ph->offset);
    fuzz_check(!ph->filesz || (ph->vaddr - ph->offset) % PAGE_SIZE == 0);
}

void fuzz_one(const u8 *data, size_t size)
{
    struct elf_info info;
    struct elf_phdr ph;

    if (elf_check(data, size, &info))
        return;
    fuzz_check(info.phnum >= 1 && info.phnum <= ELF_PHNUM_MAX);
    fuzz_check(info.phoff + info.phnum * sizeof(ph) >= info.phoff);
    for (unsigned i = 0; i < info.phnum; i++) {
        u64 at = info.phoff + i * sizeof(ph);

        if (at > size || size - at < sizeof(ph))
            return;
        memcpy(&ph, data + at, sizeof(ph));
        check_segment(&ph);
    }
}
