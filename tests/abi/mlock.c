// SPDX-License-Identifier: MIT
// mlock, mlock2, mlockall: which pages come at once, RLIMIT_MEMLOCK, what is inherited. As root.
#include "abi.h"

#include <grp.h>
#include <sys/resource.h>

#define USER 1234

static char *fresh(size_t pages, int prot, int flags)
{
    return mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static char *pages_new(size_t pages)
{
    char *p = fresh(pages, PROT_READ | PROT_WRITE, 0);

    NEED(p != MAP_FAILED);
    return p;
}

static int resident(const void *p, size_t pages)
{
    unsigned char present[64];
    int count = 0;

    NEED(pages <= sizeof(present) && mincore((void *)p, pages * PAGE, present) == 0);
    for (size_t i = 0; i < pages; i++)
        count += present[i] & 1;
    return count;
}

// Kilobytes that are locked.
static long locked(void)
{
    const char *line = strstr(file_text("/proc/self/status"), "VmLck:");

    return line ? strtol(line + 6, NULL, 10) : -1;
}

static void test_range(void)
{
    char *p = pages_new(8);

    EXPECT("nothing locked", locked(), 0);
    EXPECT("none there", resident(p, 8), 0);
    EXPECT("lock", mlock(p + PAGE + 5, PAGE), 0);
    EXPECT("locked and there", resident(p, 8), 2);
    EXPECT("two pages", locked(), 8);
    EXPECT("lock again", mlock(p, 3 * PAGE), 0);
    EXPECT("three pages", locked(), 12);
    EXPECT_ERR("not given away", madvise(p, PAGE, MADV_DONTNEED), EINVAL);
    EXPECT("unlock", munlock(p + PAGE, PAGE), 0);
    EXPECT("two again", locked(), 8);
    EXPECT("still there", resident(p, 8), 3);
    EXPECT("given away", madvise(p + PAGE, PAGE, MADV_DONTNEED), 0);
    EXPECT("no pages", mlock(p, 0), 0);
    munmap(p, PAGE);
    EXPECT("unmapped", locked(), 4);
    EXPECT_ERR("with a hole", mlock(p, 2 * PAGE), ENOMEM);
    EXPECT_ERR("unlock a hole", munlock(p, 2 * PAGE), ENOMEM);
    EXPECT_ERR("kernel's", mlock((void *)KERNEL_ADDR, PAGE), ENOMEM);
    munmap(p + PAGE, 7 * PAGE);
    EXPECT("all unmapped", locked(), 0);
    p = fresh(2, PROT_NONE, 0);
    EXPECT_ERR("no access", mlock(p, PAGE), ENOMEM);
    EXPECT("but locked", locked(), 4);
    munmap(p, 2 * PAGE);
}

static void test_on_fault(void)
{
    char *p = pages_new(8);

    EXPECT_ERR("flags", syscall(SYS_mlock2, p, PAGE, 2), EINVAL);
    EXPECT("without flags", syscall(SYS_mlock2, p, PAGE, 0), 0);
    EXPECT("comes at once", resident(p, 8), 1);
    EXPECT("on fault", syscall(SYS_mlock2, p, 8 * PAGE, MLOCK_ONFAULT), 0);
    EXPECT("comes when touched", resident(p, 8), 1);
    EXPECT("eight pages", locked(), 32);
    p[4 * PAGE] = 1;
    EXPECT("touched", resident(p, 8), 2);
    EXPECT_ERR("stays", madvise(p, PAGE, MADV_DONTNEED), EINVAL);
    EXPECT("at once after all", mlock(p, 8 * PAGE), 0);
    EXPECT("all there", resident(p, 8), 8);
    munmap(p, 8 * PAGE);
}

static void test_remap(void)
{
    char *p = pages_new(4), *q;

    NEED(mlock(p, 2 * PAGE) == 0);
    q = mremap(p, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    CHECK("grown", q != MAP_FAILED);
    EXPECT("six pages", locked(), 24);
    EXPECT("new ones are there", resident(q, 6), 6);
    p = mremap(q, 6 * PAGE, PAGE, 0);
    EXPECT("one page", locked(), 4);
    q = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    CHECK("moved", q != MAP_FAILED && q != p);
    EXPECT("only the new place is locked", locked(), 4);
    munmap(q, PAGE);
    EXPECT("not the old one", locked(), 0);
}

static void test_map_locked(void)
{
    char *p = fresh(4, PROT_READ | PROT_WRITE, MAP_LOCKED);

    EXPECT("made locked", locked(), 16);
    EXPECT("made and there", resident(p, 4), 4);
    munmap(p, 4 * PAGE);
}

static void in_child(void *p)
{
    EXPECT("child locks nothing", locked(), 0);
    EXPECT("child's new pages", resident(pages_new(4), 4), 0);
    EXPECT("child gives away", madvise(p, PAGE, MADV_DONTNEED), 0);
}

// In a child of its own, as all that it has is locked.
static void all_main(void *unused)
{
    char *before = pages_new(4), *p;

    (void)unused;
    EXPECT_ERR("all: no flags", mlockall(0), EINVAL);
    EXPECT_ERR("all: on fault alone", mlockall(MCL_ONFAULT), EINVAL);
    EXPECT_ERR("all: unknown flags", mlockall(MCL_CURRENT | 8), EINVAL);
    EXPECT("all to come", mlockall(MCL_FUTURE), 0);
    EXPECT("all to come: nothing yet", locked(), 0);
    p = pages_new(4);
    EXPECT("all to come are there", resident(p, 4), 4);
    EXPECT("all to come are locked", locked(), 16);
    EXPECT("all before are not", resident(before, 4), 0);
    char *end = sbrk(4 * PAGE);
    CHECK("heap", end != (char *)-1);
    end = (char *)(((uintptr_t)end + PAGE - 1) & -PAGE);
    EXPECT("heap is there", resident(end, 3), 3);
    child_run(in_child, p);
    EXPECT("all to come on fault", mlockall(MCL_FUTURE | MCL_ONFAULT), 0);
    EXPECT("on fault to come", resident(pages_new(4), 4), 0);
    EXPECT("all there are", mlockall(MCL_CURRENT), 0);
    EXPECT("all before are there", resident(before, 4), 4);
    EXPECT("none to come", resident(pages_new(4), 4), 0);
    CHECK("many", locked() >= 64);
    EXPECT("none", munlockall(), 0);
    EXPECT("none is locked", locked(), 0);
    before = pages_new(4);
    EXPECT("all on fault", mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT), 0);
    EXPECT("all on fault not there", resident(before, 4), 0);
    EXPECT_ERR("all on fault stay", madvise(before, PAGE, MADV_DONTNEED), EINVAL);
    munlockall();
    EXPECT("nothing to come", resident(pages_new(4), 4), 0);
}

static void limit_set(size_t pages)
{
    struct rlimit r = {pages * PAGE, 16 * PAGE};

    NEED(setrlimit(RLIMIT_MEMLOCK, &r) == 0);
}

// Write-back and advice leave what is locked where it is.
static void test_written_back(void)
{
    int fd = open("locked", O_RDWR | O_CREAT, 0600);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char c = 0;

    NEED(fd >= 0 && p != MAP_FAILED && ftruncate(fd, PAGE) == 0 && mlock(p, PAGE) == 0);
    for (char next = 1; next < 4; next++) {
        *p = next;
        NEED(fsync(fd) == 0 && posix_fadvise(fd, 0, PAGE, POSIX_FADV_DONTNEED) == 0);
        EXPECT("locked pages of a file stay", resident(p, 1), 1);
        EXPECT("read", pread(fd, &c, 1, 0), 1);
        EXPECT("what was stored", c, next);
    }
    munmap(p, PAGE);
    close(fd);
    unlink("locked");
}

static void test_limited(char *p)
{
    EXPECT_ERR("more than allowed", mlock(p, 17 * PAGE), ENOMEM);
    EXPECT("as much as allowed", mlock(p, 16 * PAGE), 0);
    EXPECT_ERR("one more", mlock(p + 16 * PAGE, 1), ENOMEM);
    EXPECT_ERR("one more on fault", syscall(SYS_mlock2, p + 16 * PAGE, 1, 1), ENOMEM);
    EXPECT("the same again", mlock(p, 16 * PAGE), 0);
    EXPECT_ERR("one made locked", fresh(1, PROT_READ, MAP_LOCKED), EAGAIN);
    EXPECT_ERR("one by growing", mremap(p, 16 * PAGE, 17 * PAGE, MREMAP_MAYMOVE), EAGAIN);
    EXPECT("unlock some", munlock(p, 8 * PAGE), 0);
    EXPECT("lock others", mlock(p + 16 * PAGE, 8 * PAGE), 0);
    EXPECT_ERR("all", mlockall(MCL_CURRENT), ENOMEM);
    EXPECT("to come", mlockall(MCL_FUTURE), 0);
    EXPECT_ERR("no room to come", fresh(1, PROT_READ, 0), EAGAIN);
    EXPECT_ERR("no heap to come", sbrk(2 * PAGE), ENOMEM);
    munlock(p, 24 * PAGE);
    EXPECT("room again", resident(pages_new(4), 4), 4);
    EXPECT("none limited", munlockall(), 0);
}

static void as_user(void *unused)
{
    char *p = pages_new(24);

    (void)unused;
    limit_set(16);
    EXPECT("root is free", mlock(p, 24 * PAGE), 0);
    munlockall();
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
    test_limited(p);
    limit_set(0);
    EXPECT_ERR("no right to lock", mlock(p, PAGE), EPERM);
    EXPECT_ERR("no right, nothing to lock", mlock(p, 0), EPERM);
    EXPECT_ERR("no right to lock on fault", syscall(SYS_mlock2, p, PAGE, 1), EPERM);
    EXPECT_ERR("no right to lock all", mlockall(MCL_FUTURE), EPERM);
    EXPECT_ERR("bad flags come first", mlockall(8), EINVAL);
    EXPECT_ERR("no right to make locked", fresh(1, PROT_READ, MAP_LOCKED), EPERM);
    EXPECT("unlock is free", munlock(p, PAGE), 0);
    EXPECT("unlock all is free", munlockall(), 0);
}

int main(void)
{
    abi_begin();
    test_range();
    test_on_fault();
    test_remap();
    test_map_locked();
    scratch_enter();
    test_written_back();
    scratch_leave();
    child_run(all_main, NULL);
    child_run(as_user, NULL);
    return abi_end();
}
