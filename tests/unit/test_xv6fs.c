// SPDX-License-Identifier: MIT
// What the layout of an xv6 disk says: its places, its log's header, the way to a file's block.
#include "unit.h"

#include "abi/errno.h"
#include "fs/xv6fs/ondisk.h"

static const struct xv6fs_super usual = {XV6FS_MAGIC, 1000, 954, 200, 30, 2, 32, 45};

static void test_layout(void **unused)
{
    struct xv6fs_layout l;

    assert_int_equal(xv6fs_layout_read(&usual, 1000, &l), 0);
    assert_int_equal(l.size, 1000);
    assert_int_equal(l.log_start, 2);
    assert_int_equal(l.log_copies, 29);
    assert_int_equal(l.inode_start, 32);
    assert_int_equal(l.bitmap_start, 45);
    assert_int_equal(l.data_start, 46);
    assert_true(xv6fs_is_data(&l, 46) && xv6fs_is_data(&l, 999));
    assert_false(xv6fs_is_data(&l, 45) || xv6fs_is_data(&l, 1000) || xv6fs_is_data(&l, 0));
}

static void test_bad_layouts(void **unused)
{
    struct xv6fs_super s = usual;
    struct {
        u32 *field;
        u32 value;
        int err;
    } cases[] = {
        {&s.magic, 0x10203041, -EINVAL},
        {&s.size, 1001, -EUCLEAN},
        {&s.size, 46, -EUCLEAN},
        {&s.size, ~0U, -EUCLEAN},
        {&s.ninodes, 1, -EUCLEAN},
        {&s.ninodes, 209, -EUCLEAN},
        {&s.ninodes, ~0U, -EUCLEAN},
        {&s.nlog, 10, -EUCLEAN},
        {&s.nlog, 31, -EUCLEAN},
        {&s.nlog, ~0U, -EUCLEAN},
        {&s.logstart, 1, -EUCLEAN},
        {&s.logstart, ~0U, -EUCLEAN},
        {&s.inodestart, 31, -EUCLEAN},
        {&s.inodestart, ~0U, -EUCLEAN},
        {&s.bmapstart, 44, -EUCLEAN},
        {&s.bmapstart, ~0U, -EUCLEAN},
        {&s.nlog, 11, 0},
        {&s.ninodes, 208, 0},
        {&s.bmapstart, 998, 0},
    };
    struct xv6fs_layout l;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        u32 old = *cases[i].field;

        *cases[i].field = cases[i].value;
        assert_int_equal(xv6fs_layout_read(&s, 1000, &l), cases[i].err);
        *cases[i].field = old;
    }
    assert_int_equal(xv6fs_layout_read(&s, 999, &l), -EUCLEAN);
}

static void test_log(void **unused)
{
    struct xv6fs_log_header h = {0};
    struct xv6fs_layout l;

    assert_int_equal(xv6fs_layout_read(&usual, 1000, &l), 0);
    assert_int_equal(xv6fs_log_check(&l, &h), 0);
    h.count = 2;
    h.block[0] = 32;
    h.block[1] = 999;
    assert_int_equal(xv6fs_log_check(&l, &h), 0);
    h.block[1] = 1000;
    assert_int_equal(xv6fs_log_check(&l, &h), -EUCLEAN);
    h.block[1] = 31;
    assert_int_equal(xv6fs_log_check(&l, &h), -EUCLEAN);
    for (int i = 0; i < 40; i++)
        h.block[i] = 100;
    h.count = 29;
    assert_int_equal(xv6fs_log_check(&l, &h), 0);
    h.count = 30;
    assert_int_equal(xv6fs_log_check(&l, &h), -EUCLEAN);
    l.log_copies = h.count = 1000;
    assert_int_equal(xv6fs_log_check(&l, &h), -EUCLEAN);
}

// Every block of the largest file has a way of its own.
static void test_paths(void **unused)
{
    static bool seen[3][13][256][256];
    u32 counts[3] = {0};

    for (u64 block = 0; block < 65803; block++) {
        u32 path[3] = {0};
        int depth = xv6fs_path(block, path);

        assert_in_range(depth, 0, 2);
        assert_int_equal(path[0], depth ? 10 + depth : block);
        assert_true(path[1] < 256 && path[2] < 256);
        assert_false(seen[depth][path[0]][path[1]][path[2]]);
        seen[depth][path[0]][path[1]][path[2]] = true;
        counts[depth]++;
    }
    assert_int_equal(counts[0], 11);
    assert_int_equal(counts[1], 256);
    assert_int_equal(counts[2], 65536);
    assert_int_equal(xv6fs_path(65803, (u32[3]){0}), -EFBIG);
    assert_int_equal(xv6fs_path(1UL << 40, (u32[3]){0}), -EFBIG);
}

static void test_inodes(void **unused)
{
    struct xv6fs_dinode d = {.type = XV6FS_DIR, .nlink = 1, .size = 32};

    assert_int_equal(xv6fs_dinode_check(&d), 0);
    d.size = 33;
    assert_int_equal(xv6fs_dinode_check(&d), -EUCLEAN);
    d.size = 16;
    assert_int_equal(xv6fs_dinode_check(&d), -EUCLEAN);
    d.type = XV6FS_FILE;
    assert_int_equal(xv6fs_dinode_check(&d), 0);
    d.size = 65803 * 1024;
    assert_int_equal(xv6fs_dinode_check(&d), 0);
    d.size++;
    assert_int_equal(xv6fs_dinode_check(&d), -EUCLEAN);
    d.size = 0;
    d.nlink = -1;
    assert_int_equal(xv6fs_dinode_check(&d), -EUCLEAN);
    d.nlink = 1;
    for (d.type = -2; d.type < 8; d.type++)
        assert_int_equal(xv6fs_dinode_check(&d),
                         d.type < XV6FS_FILE || d.type > XV6FS_SYMLINK ? -EUCLEAN : 0);
}

static void test_entries(void **unused)
{
    struct xv6fs_dirent dots[2] = {{7, "."}, {9, ".."}};
    struct xv6fs_dirent full = {.name = "fourteen_bytes"};
    u32 parent = 0;

    assert_int_equal(xv6fs_name_length(&full), 14);
    assert_int_equal(xv6fs_name_length(&dots[1]), 2);
    assert_int_equal(xv6fs_dots_check(dots, 7, &parent), 0);
    assert_int_equal(parent, 9);
    assert_int_equal(xv6fs_dots_check(dots, 8, &parent), -EUCLEAN);
    dots[1].name[1] = 'x';
    assert_int_equal(xv6fs_dots_check(dots, 7, &parent), -EUCLEAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout), cmocka_unit_test(test_bad_layouts),
        cmocka_unit_test(test_log),    cmocka_unit_test(test_paths),
        cmocka_unit_test(test_inodes), cmocka_unit_test(test_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
