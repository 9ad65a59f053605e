// SPDX-License-Identifier: MIT
// What a mount with MS_NOEXEC has is no program: not by mmap(2), and not by mprotect(2). As root.
#include "bound.h"

static void inherited(void *page)
{
    EXPECT_ERR("fork", mprotect(page, PAGE, PROT_READ | PROT_EXEC), EACCES);
}

static void test_protect(const char *path, int type, int exec_error)
{
    int fd = open(path, O_RDWR);
    char *p = mmap(NULL, 3 * PAGE, PROT_READ, type, fd, 0);

    NEED(fd >= 0 && p != MAP_FAILED);
    if (!exec_error) {
        EXPECT("programs", mprotect(p, 3 * PAGE, PROT_READ | PROT_EXEC), 0);
    } else {
        CHECK("to map as a program",
              mmap(NULL, PAGE, PROT_EXEC, type, fd, 0) == MAP_FAILED && errno == EPERM);
        EXPECT_ERR("to make it one", mprotect(p, 3 * PAGE, PROT_READ | PROT_EXEC), exec_error);
        EXPECT_ERR("a part", mprotect(p + PAGE, PAGE, PROT_EXEC), exec_error);
        EXPECT("to write", mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
        EXPECT_ERR("what was written", mprotect(p + PAGE, PAGE, PROT_EXEC), exec_error);
        EXPECT("child", child_run(inherited, p), 0);
    }
    NEED(munmap(p, 3 * PAGE) == 0);
    close(fd);
}

static void test_noexec(void)
{
    file_write("plain/file", "text", 0755);
    NEED(truncate("plain/file", 3 * PAGE) == 0);
    bound_flags(MS_NOEXEC);
    test_protect("bound/file", MAP_PRIVATE, EACCES);
    test_protect("bound/file", MAP_SHARED, EACCES);
    test_protect("plain/file", MAP_PRIVATE, 0);
    test_protect("plain/file", MAP_SHARED, 0);
}

int main(void)
{
    abi_begin();
    bound_enter();
    test_noexec();
    bound_leave();
    return abi_end();
}
