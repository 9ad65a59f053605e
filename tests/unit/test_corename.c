// SPDX-License-Identifier: MIT
// Names of core dumps from patterns.
#include "unit.h"

#include "abi/errno.h"
#include "proc/core_name.h"

static struct core_facts facts = {.pid = 12,
                                  .tid = 34,
                                  .uid = 1000,
                                  .gid = 4294967294,
                                  .sig = 11,
                                  .dumpable = 2,
                                  .limit = 18446744073709551615UL,
                                  .time = 1700000000,
                                  .host = "box",
                                  .comm = "a/b",
                                  .exe = "/usr/bin/a b"};

static void expect(const char *pattern, bool uses_pid, const char *want)
{
    char name[256];
    int n = core_name(name, sizeof(name), pattern, uses_pid, &facts);

    assert_int_equal(n, strlen(want));
    assert_string_equal(name, want);
}

static void test_letters(void **state)
{
    expect("core", false, "core");
    expect("%p %P %i %I %u %g %d %s %t %h", false,
           "12 12 34 34 1000 4294967294 2 11 1700000000 box");
    expect("%c", false, "18446744073709551615");
    expect("%e|%E", false, "a!b|!usr!bin!a b");
    expect("%%p%", false, "%p");
    expect("a%qb%", false, "ab");
}

static void test_pid(void **state)
{
    expect("core", true, "core.12");
    expect("core.%p", true, "core.12");
    expect("core%%p", true, "core%p.12");
    expect("%P", true, "12.12");
    expect("", true, ".12");
}

// A name of a process cannot lead out of the directory that the pattern says.
static void test_dots(void **state)
{
    static const char *const comms[][2] = {{"", "/d/!/c"},
                                           {".", "/d/!/c"},
                                           {"..", "/d/!./c"},
                                           {"...", "/d/.../c"},
                                           {"../x", "/d/..!x/c"}};

    for (unsigned i = 0; i < 5; i++) {
        facts.comm = comms[i][0];
        expect("/d/%e/c", false, comms[i][1]);
    }
    facts.comm = "a/b";
}

static void test_room(void **state)
{
    char name[16], all[16];

    assert_int_equal(core_name(all, sizeof(all), "%p.core.%h", false, &facts), 11);
    for (size_t size = 0; size <= sizeof(name); size++) {
        int n = core_name(name, size, "%p.core.%h", false, &facts);

        memset(name + size, 'x', sizeof(name) - size);
        assert_int_equal(n, size > 11 ? 11 : -ENAMETOOLONG);
        assert_true(size <= 11 || !strcmp(name, all));
    }
    assert_int_equal(core_name(name, sizeof(name), "", false, &facts), -ENOENT);
    assert_int_equal(core_name(name, sizeof(name), "%", false, &facts), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_letters), cmocka_unit_test(test_pid),
                                       cmocka_unit_test(test_dots), cmocka_unit_test(test_room)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
