// SPDX-License-Identifier: MIT
// ELF header checks: each field made wrong on its own, then damaged and truncated headers.
#include "unit.h"

#include "abi/errno.h"
#include "lib/elf.h"

#define USER_TOP (1UL << 38)

struct image {
    struct elf_header h;
    struct elf_phdr ph[2];
};

static struct image good(void)
{
    return (struct image){.h = {.ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                                .type = ET_EXEC,
                                .machine = EM_RISCV,
                                .version = EV_CURRENT,
                                .entry = 0x10400,
                                .phoff = sizeof(struct elf_header),
                                .ehsize = sizeof(struct elf_header),
                                .phentsize = sizeof(struct elf_phdr),
                                .phnum = 2},
                          .ph = {{.type = PT_LOAD,
                                  .flags = PF_R | PF_X,
                                  .vaddr = 0x10000,
                                  .filesz = 0x800,
                                  .memsz = 0x800,
                                  .align = 0x1000},
                                 {.type = PT_LOAD,
                                  .flags = PF_R | PF_W,
                                  .offset = 0x800,
                                  .vaddr = 0x11800,
                                  .filesz = 0x10,
                                  .memsz = 0x5000,
                                  .align = 0x1000}}};
}

static void test_good(void **state)
{
    struct image im = good();
    struct elf_info info;

    assert_int_equal(elf_check(&im, sizeof(im), &info), 0);
    assert_int_equal(info.entry, 0x10400);
    assert_int_equal(info.type, ET_EXEC);
    assert_int_equal(info.phnum, 2);
    assert_int_equal(info.phoff, 64);
    assert_int_equal(elf_segment_check(&im.ph[1], USER_TOP), 0);
    im.h.type = ET_DYN;
    assert_int_equal(elf_check(&im, sizeof(im), &info), 0);
    assert_int_equal(info.type, ET_DYN);
}

#define REJECTED(change)                                               \
    do {                                                               \
        struct image im = good();                                      \
        im.h.change;                                                   \
        assert_int_equal(elf_check(&im, sizeof(im), &info), -ENOEXEC); \
    } while (0)

static void test_bad_headers(void **state)
{
    struct elf_info info;
    struct image whole = good();

    REJECTED(ident[0] = 'E');
    REJECTED(ident[3] = 'f');
    REJECTED(ident[ELF_IDENT_CLASS] = 1);
    REJECTED(ident[ELF_IDENT_DATA] = 2);
    REJECTED(ident[ELF_IDENT_VER] = 0);
    REJECTED(version = 2);
    REJECTED(machine = 62);
    REJECTED(type = 1);
    REJECTED(type = 4);
    REJECTED(phentsize = 32);
    REJECTED(phnum = 0);
    REJECTED(phnum = ELF_PHNUM_MAX + 1);
    REJECTED(phoff = ~0UL - 100);
    for (size_t n = 0; n < sizeof(whole.h); n++)
        assert_int_equal(elf_check(&whole, n, &info), -ENOEXEC);
}

static int segment(u64 offset, u64 vaddr, u64 filesz, u64 memsz)
{
    struct elf_phdr ph = {
        .type = PT_LOAD, .offset = offset, .vaddr = vaddr, .filesz = filesz, .memsz = memsz};

    return elf_segment_check(&ph, USER_TOP);
}

static void test_segments(void **state)
{
    assert_int_equal(segment(0x123, 0x5123, 5, 9), 0);
    assert_int_equal(segment(0x123, 0x5124, 5, 9), -ENOEXEC);
    assert_int_equal(segment(0x123, 0x5124, 0, 9), 0);
    assert_int_equal(segment(0, 0x5000, 10, 9), -ENOEXEC);
    assert_int_equal(segment(0, USER_TOP - 0x1000, 1, 0x1000), 0);
    assert_int_equal(segment(0, USER_TOP - 0x1000, 1, 0x1001), -ENOEXEC);
    assert_int_equal(segment(0, ~0UL - 0xfff, 1, 0x1000), -ENOEXEC);
    assert_int_equal(segment(0, ~0UL - 0xfff, 1, 0x2000), -ENOEXEC);
    assert_int_equal(segment(~0UL - 0xfff, 0x1000, 0x1000, 0x1000), -ENOEXEC);
}

static void test_damaged(void **state)
{
    struct image im = good();
    u8 copy[sizeof(im)];
    u32 accepted = 0;

    for (u32 round = 0; round < 20000; round++) {
        size_t n = unit_mutate(copy, (u8 *)&im, sizeof(im));
        u8 *exact = malloc(n + !n);
        struct elf_info info;
        struct elf_phdr ph;

        memcpy(exact, copy, n);
        if (elf_check(exact, n, &info) == 0) {
            accepted++;
            assert_true(info.phnum >= 1 && info.phnum <= ELF_PHNUM_MAX);
            assert_true(info.phoff + info.phnum * sizeof(ph) >= info.phoff);
            for (u64 at = info.phoff; n >= sizeof(ph) && at <= n - sizeof(ph); at += sizeof(ph)) {
                memcpy(&ph, exact + at, sizeof(ph));
                if (elf_segment_check(&ph, USER_TOP) == 0)
                    assert_true(ph.vaddr + ph.memsz <= USER_TOP && ph.filesz <= ph.memsz);
            }
        }
        free(exact);
    }
    assert_true(accepted > 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good),
    cmocka_unit_test(test_bad_headers),
    cmocka_unit_test(test_segments),
    cmocka_unit_test(test_damaged),
};
UNIT_MAIN(tests)
