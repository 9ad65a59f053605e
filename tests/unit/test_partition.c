// SPDX-License-Identifier: MIT
// Partition tables: well-formed ones by hand, and damaged ones.
#include "unit.h"

#include "abi/errno.h"
#include "block/partition.h"
#include "lib/crc32.h"
#include "lib/macro.h"

#define DISK_BLOCKS 512
#define MAX_FOUND   (PARTITIONS_MAX * 2)

static u8 disk[DISK_BLOCKS * 4096];
static u8 block[4096] __attribute__((aligned(8)));
static struct {
    u32 number;
    u64 start, blocks;
} parts[MAX_FOUND];
static unsigned part_count, reads;
static u64 bad_block = ~0UL;

static int disk_read(struct partition_source *s, u64 lba)
{
    assert_true(lba < s->blocks);
    reads++;
    if (lba == bad_block)
        return -EIO;
    memcpy(s->block, disk + lba * s->block_size, s->block_size);
    return 0;
}

static int disk_found(struct partition_source *s, u32 number, u64 start, u64 blocks)
{
    assert_true(blocks && start < s->blocks && blocks <= s->blocks - start);
    assert_true(part_count < MAX_FOUND);
    parts[part_count].number = number;
    parts[part_count].start = start;
    parts[part_count++].blocks = blocks;
    return 0;
}

static int scan(u32 block_size)
{
    struct partition_source s = {disk_read, disk_found, block, block_size, DISK_BLOCKS};

    part_count = reads = 0;
    return partition_scan(&s);
}

static void clear(void)
{
    memset(disk, 0, sizeof(disk));
    bad_block = ~0UL;
}

static void expect(unsigned i, u32 number, u64 start, u64 blocks)
{
    assert_true(i < part_count);
    assert_int_equal(parts[i].number, number);
    assert_int_equal(parts[i].start, start);
    assert_int_equal(parts[i].blocks, blocks);
}

static void put32(u8 *p, u32 v)
{
    memcpy(p, &v, 4);
}

static void mbr_put(u64 lba, u32 block_size, unsigned slot, u8 type, u32 start, u32 blocks)
{
    u8 *b = disk + lba * block_size, *e = b + 446 + slot * 16;

    b[510] = 0x55;
    b[511] = 0xaa;
    e[4] = type;
    put32(e + 8, start);
    put32(e + 12, blocks);
}

static void test_mbr(void **state)
{
    static const u32 sizes[] = {512, 4096};

    for (unsigned i = 0; i < 2; i++) {
        clear();
        mbr_put(0, sizes[i], 0, 0x83, 10, 20);
        mbr_put(0, sizes[i], 2, 0x82, 100, 1000); // past the end: cut
        mbr_put(0, sizes[i], 3, 0x83, 600, 10);   // behind the end: left out
        assert_int_equal(scan(sizes[i]), 0);
        assert_int_equal(part_count, 2);
        expect(0, 1, 10, 20);
        expect(1, 3, 100, 412);
    }
}

static void test_not_mbr(void **state)
{
    clear();
    assert_int_equal(scan(512), 0);
    assert_int_equal(part_count, 0);
    mbr_put(0, 512, 0, 0x83, 10, 20);
    disk[446 + 16] = 0x12; // a boot flag is 0 or 0x80
    assert_int_equal(scan(512), 0);
    assert_int_equal(part_count, 0);
    bad_block = 0;
    assert_int_equal(scan(512), -EIO);
}

static void make_extended(void)
{
    clear();
    mbr_put(0, 512, 0, 0x83, 10, 20);
    mbr_put(0, 512, 1, 0x0f, 100, 300);
    mbr_put(100, 512, 0, 0x83, 5, 10);
    mbr_put(100, 512, 1, 0x05, 50, 60);
    mbr_put(150, 512, 0, 0x83, 2, 40);
    mbr_put(150, 512, 1, 0x05, 200, 60);
    mbr_put(300, 512, 0, 0x83, 1, 9);
}

static void test_extended(void **state)
{
    make_extended();
    assert_int_equal(scan(512), 0);
    assert_int_equal(part_count, 5);
    expect(0, 1, 10, 20);
    expect(1, 2, 100, 2);
    expect(2, 5, 105, 10);
    expect(3, 6, 152, 40);
    expect(4, 7, 301, 9);
    disk[150 * 512 + 446 + 16] = 0x12; // nothing boots from here
    assert_int_equal(scan(512), 0);
    assert_int_equal(part_count, 5);
}

static void test_extended_loop(void **state)
{
    make_extended();
    mbr_put(300, 512, 1, 0x05, 0, 60); // back to the first record
    assert_int_equal(scan(512), 0);
    assert_in_range(reads, 5, PARTITIONS_MAX + 1);
    assert_true(part_count > 200);
    expect(part_count - 1, PARTITIONS_MAX, parts[part_count - 1].start,
           parts[part_count - 1].blocks);
    make_extended();
    bad_block = 150;
    assert_int_equal(scan(512), -EIO);
    assert_int_equal(part_count, 3);
}

#define GPT_ENTRIES 128

static void gpt_entry_put(u8 *entries, unsigned i, u64 first, u64 last)
{
    u64 fields[6] = {i + 1, 1, i + 1, 2, first, last};

    memcpy(entries + i * 128, fields, sizeof(fields));
}

static void gpt_header_put(u32 block_size, u64 lba, u64 other, u64 entries_lba)
{
    u8 *h = disk + lba * block_size;
    u64 at[4] = {lba, other, 34, DISK_BLOCKS - 34};

    memcpy(h, "EFI PART", 8);
    put32(h + 8, 0x10000);
    put32(h + 12, 92);
    put32(h + 16, 0);
    memcpy(h + 24, at, sizeof(at));
    memcpy(h + 72, &entries_lba, 8);
    put32(h + 80, GPT_ENTRIES);
    put32(h + 84, 128);
    put32(h + 88, crc32(0, disk + entries_lba * block_size, GPT_ENTRIES * 128));
    put32(h + 16, crc32(0, h, 92));
}

static void make_gpt(u32 block_size)
{
    clear();
    mbr_put(0, block_size, 0, 0xee, 1, 0xffffffff);
    for (unsigned side = 0; side < 2; side++) {
        u64 entries = side ? DISK_BLOCKS - 33 : 2;
        u8 *e = disk + entries * block_size;

        gpt_entry_put(e, 0, 40, 99);
        gpt_entry_put(e, 4, 100, 100);
        gpt_entry_put(e, 5, 120, 110); // ends before it starts
        gpt_entry_put(e, 6, 120, 700); // past the end
        gpt_entry_put(e, 127, 200, 299);
        gpt_header_put(block_size, side ? DISK_BLOCKS - 1 : 1, side ? 1 : DISK_BLOCKS - 1, entries);
    }
}

static void expect_gpt(u32 block_size)
{
    assert_int_equal(scan(block_size), 0);
    assert_int_equal(part_count, 3);
    expect(0, 1, 40, 60);
    expect(1, 5, 100, 1);
    expect(2, 128, 200, 100);
}

static void test_gpt(void **state)
{
    make_gpt(512);
    expect_gpt(512);
    make_gpt(4096);
    expect_gpt(4096);
}

static void test_gpt_backup(void **state)
{
    make_gpt(512);
    disk[512 + 40] ^= 1; // the header
    expect_gpt(512);
    make_gpt(512);
    disk[2 * 512 + 5000] ^= 1; // its entries
    expect_gpt(512);
    make_gpt(512);
    bad_block = 1;
    expect_gpt(512);
    disk[(DISK_BLOCKS - 1) * 512] ^= 1; // both
    bad_block = ~0UL;
    disk[512] ^= 1;
    assert_int_equal(scan(512), 0);
    assert_int_equal(part_count, 0); // the MBR only protects
}

// More entries than partitions that can be: the sum is that of all.
static void test_gpt_large(void **state)
{
    u8 *h = disk + 512;

    make_gpt(512);
    for (unsigned i = 0; i < 288; i++)
        gpt_entry_put(disk + 1024, i, 100 + i, 100 + i);
    put32(h + 80, 288);
    put32(h + 88, crc32(0, disk + 1024, 288 * 128));
    put32(h + 16, 0);
    put32(h + 16, crc32(0, h, 92));
    assert_int_equal(scan(512), 0);
    assert_int_equal(part_count, PARTITIONS_MAX);
    expect(PARTITIONS_MAX - 1, PARTITIONS_MAX, 100 + PARTITIONS_MAX - 1, 1);
}

// Headers whose sum is right and whose numbers are not.
static void test_gpt_hostile(void **state)
{
    static const struct {
        unsigned offset, size;
        u64 value;
    } cases[] = {
        {12, 4, 0},    {12, 4, 91},          {12, 4, 513},         {12, 4, 0xffffffff},
        {24, 8, 2},    {48, 8, DISK_BLOCKS}, {40, 8, DISK_BLOCKS}, {72, 8, DISK_BLOCKS},
        {72, 8, ~0UL}, {80, 4, 0},           {80, 4, 0xffffffff},  {84, 4, 0},
        {84, 4, 64},   {84, 4, 0xffffffff},  {80, 4, 0x2000000},   {72, 8, DISK_BLOCKS - 1},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        u8 *h = disk + 512;

        make_gpt(512);
        memset(disk + (DISK_BLOCKS - 1) * 512, 0, 512);
        memcpy(h + cases[i].offset, &cases[i].value, cases[i].size);
        put32(h + 16, 0);
        put32(h + 16, crc32(0, h, 92));
        assert_int_equal(scan(512), 0);
        assert_int_equal(part_count, 0);
    }
}

// Any damage: every range found lies on the disk (disk_found checks), and the scan ends.
static void test_damage(void **state)
{
    for (unsigned round = 0; round < 20000; round++) {
        unsigned changes = 1 + unit_below(6);

        if (round % 2)
            make_gpt(512);
        else
            make_extended();
        if (unit_below(4) == 0)
            bad_block = unit_below(DISK_BLOCKS);
        while (changes--) {
            static const u16 places[] = {0, 1, 2, 100, 150, 300, DISK_BLOCKS - 1};

            disk[places[unit_below(7)] * 512 + unit_below(512)] = unit_random();
        }
        (void)scan(512);
        assert_true(reads < 1000);
    }
}

static void test_crc32(void **state)
{
    assert_int_equal(crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32(crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(crc32(0, "", 0), 0);
    for (int cut = 0; cut <= 9; cut++)
        assert_int_equal(crc32c(crc32c(~0U, "123456789", cut), "123456789" + cut, 9 - cut),
                         ~0xe3069283U);
}

// Long runs of zeroes at the end are not looked at byte by byte.
static void test_crc32c_zeroes(void **state)
{
    static _Alignas(8) u8 bytes[70000];

    for (int i = 0; i < 2000; i++) {
        size_t size = unit_below(i % 50 ? 5000 : 70000 - 16), start = unit_below(16);
        size_t zeroes = unit_below(size + 1);
        u32 crc = 1 + unit_below(1 << 30), whole = crc;

        memset(bytes, 0, sizeof(bytes));
        for (size_t k = 0; k < size - zeroes; k++)
            bytes[start + k] = unit_below(256);
        for (size_t k = 0; k < size; k++)
            whole = crc32c(whole, &bytes[start + k], 1);
        assert_int_equal(crc32c(crc, bytes + start, size), whole);
    }
}

static void test_crc32c_patch(void **state)
{
    static u8 bytes[65536], change[600];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = unit_random();
    for (unsigned round = 0; round < 500; round++) {
        size_t size = round % 2 ? 4084 : 1 + unit_below(sizeof(bytes));
        size_t n = MIN(size, unit_below(sizeof(change)) + 1), at = unit_below(size - n + 1);
        u32 before = crc32c(~0U, bytes, size);

        for (size_t i = 0; i < n; i++) {
            change[i] = unit_random() >> 40;
            bytes[at + i] ^= change[i];
        }
        assert_int_equal(crc32c_patch(before, change, n, size - at - n), crc32c(~0U, bytes, size));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_mbr),          cmocka_unit_test(test_not_mbr),
    cmocka_unit_test(test_extended),     cmocka_unit_test(test_extended_loop),
    cmocka_unit_test(test_gpt),          cmocka_unit_test(test_gpt_backup),
    cmocka_unit_test(test_gpt_hostile),  cmocka_unit_test(test_gpt_large),
    cmocka_unit_test(test_damage),       cmocka_unit_test(test_crc32),
    cmocka_unit_test(test_crc32c_patch), cmocka_unit_test(test_crc32c_zeroes),
};

UNIT_MAIN(tests)
