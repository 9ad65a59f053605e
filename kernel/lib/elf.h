// SPDX-License-Identifier: MIT
// ELF64 layouts and the checks that make an executable's headers safe to use.
//
// Source: System V ABI, "Object Files"; RISC-V ELF psABI for EM_RISCV.
#pragma once

#include "lib/macro.h"

#define ELF_IDENT_SIZE  16
#define ELF_IDENT_CLASS 4
#define ELF_IDENT_DATA  5
#define ELF_IDENT_VER   6
#define ELFCLASS64      2
#define ELFDATA2LSB     1
#define EV_CURRENT      1

#define ET_EXEC  2
#define ET_DYN   3
#define ET_CORE  4
#define EM_RISCV 243

#define EF_RISCV_RVC              1
#define EF_RISCV_FLOAT_ABI_DOUBLE 4

#define PT_LOAD      1
#define PT_INTERP    3
#define PT_NOTE      4
#define PT_GNU_STACK 0x6474e551

#define PF_X 1
#define PF_W 2
#define PF_R 4

// A program header table may take at most this many entries (64 KiB).
#define ELF_PHNUM_MAX 1170

struct elf_header {
    u8 ident[ELF_IDENT_SIZE];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");

struct elf_phdr {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};
static_assert(sizeof(struct elf_phdr) == 56, "Elf64_Phdr");

struct elf_info {
    u64 entry; // as in the file: an ET_DYN image adds its load address
    u64 phoff; // file offset of the program headers; phoff + phnum * 56 does not wrap
    u16 type;  // ET_EXEC or ET_DYN
    u16 phnum; // 1..ELF_PHNUM_MAX
};

// Validates the header of a 64-bit little-endian RISC-V executable in the first `len` bytes of a
// file. -ENOEXEC if it is anything else.
int elf_check(const void *first_page, size_t len, struct elf_info *out);

// Validates a PT_LOAD segment: filesz <= memsz, vaddr congruent to offset modulo the page size
// (unless nothing comes from the file), no wrap, and end <= user_top. -ENOEXEC otherwise.
int elf_segment_check(const struct elf_phdr *ph, u64 user_top);
