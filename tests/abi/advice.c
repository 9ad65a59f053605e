// SPDX-License-Identifier: MIT
// Calls on ranges of memory: which kinds of areas they take, and what is at odds with itself. As
// root.
#include "abi.h"

#ifndef PROT_SEM
#define PROT_SEM 8
#endif

static char *area(int flags, size_t pages)
{
    char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    NEED(p != MAP_FAILED);
    memset(p, 'x', pages * PAGE);
    return p;
}

static char *file_area(int prot, int flags)
{
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    char *p = mmap(NULL, PAGE, prot, flags, fd, 0);

    NEED(fd >= 0 && p != MAP_FAILED && ftruncate(fd, PAGE) == 0);
    close(fd);
    return p;
}

static void test_free(void)
{
    EXPECT_ERR("free shared pages", madvise(area(MAP_SHARED, 1), PAGE, MADV_FREE), EINVAL);
    EXPECT_ERR("free a file's", madvise(file_area(PROT_READ, MAP_SHARED), PAGE, MADV_FREE), EINVAL);
    EXPECT_ERR("free copies of a file's",
               madvise(file_area(PROT_READ | PROT_WRITE, MAP_PRIVATE), PAGE, MADV_FREE), EINVAL);
    EXPECT("free own pages", madvise(area(MAP_PRIVATE, 1), PAGE, MADV_FREE), 0);
}

static void test_remove(void)
{
    char *p = area(MAP_SHARED, 4);

    EXPECT_ERR("remove own pages", madvise(area(MAP_PRIVATE, 1), PAGE, MADV_REMOVE), EINVAL);
    EXPECT_ERR("remove copies of a file's",
               madvise(file_area(PROT_READ | PROT_WRITE, MAP_PRIVATE), PAGE, MADV_REMOVE), EACCES);
    NEED(madvise(p, 2 * PAGE, MADV_DONTFORK) == 0); // two areas
    EXPECT("remove from two", madvise(p + PAGE, 2 * PAGE, MADV_REMOVE), 0);
    CHECK("these two", p[PAGE - 1] == 'x' && !p[PAGE] && !p[3 * PAGE - 1] && p[3 * PAGE] == 'x');
    NEED(mlock(p + 3 * PAGE, PAGE) == 0);
    EXPECT_ERR("remove what is locked", madvise(p, 4 * PAGE, MADV_REMOVE), EINVAL);
    EXPECT("what comes before is gone", p[0], 0);
    EXPECT("what is locked stays", p[3 * PAGE], 'x');
    munmap(p + PAGE, PAGE);
    EXPECT_ERR("remove beside a hole", madvise(p, 3 * PAGE, MADV_REMOVE), ENOMEM);
    munmap(p, 4 * PAGE);
}

static void test_rights(void)
{
    char *p = area(MAP_PRIVATE, 1);

    EXPECT("memory for semaphores", mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_SEM), 0);
    p[0] = 'y';
    EXPECT_ERR("no such right", mprotect(p, PAGE, PROT_READ | 16), EINVAL);
}

static void test_ends(void)
{
    char *p = area(MAP_PRIVATE, 4);
    size_t most = -(size_t)PAGE;

    munmap(p + 2 * PAGE, 2 * PAGE);
    EXPECT_ERR("lock beyond the end of all", mlock(p, most), EINVAL);
    EXPECT_ERR("unlock beyond it", munlock(p, most), EINVAL);
    EXPECT_ERR("move more than there is", mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
    EXPECT_ERR("move more than can be", mremap(p, 1UL << 50, 1UL << 51, MREMAP_MAYMOVE), EFAULT);
    EXPECT_ERR("grow beyond all", mremap(p, 2 * PAGE, 1UL << 51, MREMAP_MAYMOVE), ENOMEM);
}

// A page behind the end of a file cannot be had: that is no reason to leave out the areas above.
static void lock_all(void *unused)
{
    char *p = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("empty", O_RDWR | O_CREAT, 0600);
    unsigned char there = 0;

    (void)unused;
    NEED(p != MAP_FAILED && fd >= 0);
    NEED(mmap(p, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == p);
    NEED(mmap(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
              -1, 0) == p + 2 * PAGE);
    EXPECT("lock all", mlockall(MCL_CURRENT), 0);
    NEED(mincore(p + 2 * PAGE, PAGE, &there) == 0);
    EXPECT("what lies above comes", there & 1, 1);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_free();
    test_remove();
    test_rights();
    test_ends();
    child_run(lock_all, NULL);
    scratch_leave();
    return abi_end();
}
