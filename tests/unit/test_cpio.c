// SPDX-License-Identifier: MIT
// cpio reader: an archive built here with known members, then damaged and truncated copies.
#include "unit.h"

#include "abi/errno.h"
#include "lib/cpio.h"

static u8 archive[4096];
static size_t size;

static void add(const char *name, u32 mode, u32 ino, const char *data)
{
    size += sprintf((char *)archive + size,
                    "070701%08X%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ino, mode, 10,
                    20, 2, 1700000000, strlen(data), 3, 4, 5, 6, strlen(name) + 1, 0);
    strcpy((char *)archive + size, name);
    size = (size + strlen(name) + 1 + 3) & ~3UL;
    memcpy(archive + size, data, strlen(data));
    size = (size + strlen(data) + 3) & ~3UL;
}

static int build(void **state)
{
    unit_seed(state);
    add("bin", 040755, 0xABCD, "");
    add("bin/hello", 0100755, 2, "hello, world");
    add("odd", 0100644, 3, "12345");
    add("TRAILER!!!", 0, 0, "");
    return 0;
}

static void test_entries(void **state)
{
    struct cpio_entry e;
    struct cpio c;

    cpio_init(&c, archive, size);
    assert_int_equal(cpio_next(&c, &e), 1);
    assert_string_equal(e.name, "bin");
    assert_int_equal(e.mode, 040755);
    assert_int_equal(e.ino, 0xabcd);
    assert_int_equal(e.size, 0);
    assert_int_equal(cpio_next(&c, &e), 1);
    assert_string_equal(e.name, "bin/hello");
    assert_int_equal(e.size, 12);
    assert_memory_equal(e.data, "hello, world", 12);
    assert_int_equal(e.uid, 10);
    assert_int_equal(e.gid, 20);
    assert_int_equal(e.nlink, 2);
    assert_int_equal(e.mtime, 1700000000);
    assert_int_equal(e.dev_major, 3);
    assert_int_equal(e.dev_minor, 4);
    assert_int_equal(e.rdev_major, 5);
    assert_int_equal(e.rdev_minor, 6);
    assert_int_equal(cpio_next(&c, &e), 1);
    assert_string_equal(e.name, "odd");
    assert_memory_equal(e.data, "12345", 5);
    assert_int_equal(cpio_next(&c, &e), 0);
    assert_int_equal(cpio_next(&c, &e), 0);
}

// Reads to the end; every byte it offers is read.
static int drain(const u8 *p, size_t n)
{
    struct cpio_entry e;
    struct cpio c;
    volatile u8 sink;
    int rc, entries = 0;

    cpio_init(&c, p, n);
    while ((rc = cpio_next(&c, &e)) > 0) {
        assert_true(entries++ < 40);
        sink = strlen(e.name);
        for (u64 i = 0; i < e.size; i++)
            sink = e.data[i];
    }
    (void)sink;
    if (rc < 0)
        assert_int_equal(cpio_next(&c, &e), -EINVAL);
    return rc;
}

static void test_truncated(void **state)
{
    // The padding behind the trailer's name may be absent.
    for (size_t n = 0; n + 3 < size; n++) {
        u8 *exact = malloc(n + !n);

        memcpy(exact, archive, n);
        assert_int_equal(drain(exact, n), -EINVAL);
        free(exact);
    }
}

static void test_damaged(void **state)
{
    u8 copy[sizeof(archive)];
    u32 good = 0;

    for (u32 round = 0; round < 8000; round++) {
        size_t n = unit_mutate(copy, archive, size);
        u8 *exact = malloc(n + !n);

        memcpy(exact, copy, n);
        good += drain(exact, n) == 0;
        free(exact);
    }
    assert_true(good > 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_entries),
    cmocka_unit_test(test_truncated),
    cmocka_unit_test(test_damaged),
};

int main(void)
{
    return cmocka_run_group_tests(tests, build, NULL);
}
