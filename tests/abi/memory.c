// SPDX-License-Identifier: MIT
// Memory: mmap, munmap, mprotect, mremap, madvise, brk, copy-on-write, shared memory, private
// mappings of files, stacks, and the faults of all of them.
#include "abi.h"

#include <sys/resource.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t pages, int prot, int flags)
{
    char *p = mmap(NULL, pages * PAGE, prot, flags, -1, 0);

    NEED(p != MAP_FAILED);
    return p;
}

// A file of some pages, each full of its own letter, with its name gone.
static int file_of(int pages)
{
    char page[PAGE];
    int fd = open("/tmp/abi.memory", O_RDWR | O_CREAT | O_TRUNC, 0600);

    NEED(fd >= 0);
    for (int i = 0; i < pages; i++) {
        memset(page, 'a' + i, PAGE);
        NEED(write(fd, page, PAGE) == PAGE);
    }
    unlink("/tmp/abi.memory");
    return fd;
}

static void test_anonymous(void)
{
    char *p = map(16, RW, ANON);
    bool zero = true;

    for (size_t i = 0; i < 16 * PAGE; i++)
        zero &= p[i] == 0;
    CHECK("fresh pages are zero", zero);
    memset(p, 1, 16 * PAGE);
    EXPECT("munmap", munmap(p + 4 * PAGE, 4 * PAGE), 0);
    EXPECT_FAULT("hole, first byte", touch_read, p + 4 * PAGE, SIGSEGV, SEGV_MAPERR);
    EXPECT_FAULT("hole, last byte", touch_write, p + 8 * PAGE - 1, SIGSEGV, SEGV_MAPERR);
    EXPECT_NO_FAULT("before the hole", touch_read, p + 4 * PAGE - 1);
    EXPECT_NO_FAULT("behind the hole", touch_read, p + 8 * PAGE);
    EXPECT("content stays", p[8 * PAGE], 1);
    EXPECT("munmap of a hole", munmap(p + 4 * PAGE, 4 * PAGE), 0);
    char *again = mmap(p + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    EXPECT("MAP_FIXED into the hole", again, p + 4 * PAGE);
    EXPECT("is zero", *again, 0);
    mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    EXPECT("MAP_FIXED replaces", p[0], 0);
    munmap(p, 16 * PAGE);
    EXPECT_FAULT("all gone", touch_read, p + 4 * PAGE, SIGSEGV, SEGV_MAPERR);
}

static void test_errors(void)
{
    char *p = map(2, RW, ANON);
    int fd = file_of(1);

    EXPECT_ERR("length 0", mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
    EXPECT_ERR("neither private nor shared", mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERR("no descriptor", mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
    EXPECT("odd offset", raw(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, fd, 100), -EINVAL);
    EXPECT_ERR("odd fixed", mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    EXPECT_ERR("too long", mmap(NULL, 1UL << 62, RW, ANON, -1, 0), ENOMEM);
    EXPECT_ERR("wraps", mmap(NULL, -PAGE, RW, ANON, -1, 0), ENOMEM);
    EXPECT_ERR("kernel address", mmap((void *)KERNEL_ADDR, PAGE, RW, ANON | MAP_FIXED, -1, 0),
               ENOMEM);
    EXPECT_ERR("no replacement", mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
               EEXIST);
    EXPECT_ERR("munmap odd", munmap(p + 1, PAGE), EINVAL);
    EXPECT_ERR("munmap nothing", munmap(p, 0), EINVAL);
    EXPECT_ERR("munmap kernel", munmap((void *)KERNEL_ADDR, PAGE), EINVAL);
    EXPECT_ERR("mprotect odd", mprotect(p + 1, PAGE, RW), EINVAL);
    EXPECT_ERR("mprotect hole", mprotect((void *)UNMAPPED, PAGE, RW), ENOMEM);
    EXPECT("mprotect nothing", mprotect(p, 0, RW), 0);
    munmap(p, 2 * PAGE);
    char *free = mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    EXPECT("MAP_FIXED_NOREPLACE into free space", free, p);
    munmap(p, PAGE);
    close(fd);
}

static void test_hints(void)
{
    char *p = map(3, RW, ANON);

    munmap(p + PAGE, PAGE);
    EXPECT("a hint is taken if free", mmap(p + PAGE, PAGE, RW, ANON, -1, 0), p + PAGE);
    CHECK("and not if taken", mmap(p + PAGE, PAGE, RW, ANON, -1, 0) != p + PAGE);
    munmap(p, 3 * PAGE);
}

static void test_protection(void)
{
    char *p = map(3, PROT_NONE, ANON);

    EXPECT_FAULT("PROT_NONE read", touch_read, p, SIGSEGV, SEGV_ACCERR);
    EXPECT_FAULT("PROT_NONE write", touch_write, p, SIGSEGV, SEGV_ACCERR);
    EXPECT("to read-write", mprotect(p, 3 * PAGE, RW), 0);
    memset(p, 5, 3 * PAGE);
    EXPECT("middle read-only", mprotect(p + PAGE, PAGE, PROT_READ), 0);
    EXPECT_NO_FAULT("read", touch_read, p + PAGE);
    EXPECT_FAULT("write", touch_write, p + PAGE + 7, SIGSEGV, SEGV_ACCERR);
    EXPECT_NO_FAULT("write before", touch_write, p + PAGE - 1);
    EXPECT_NO_FAULT("write behind", touch_write, p + 2 * PAGE);
    EXPECT("content", p[PAGE], 5);
    EXPECT("middle none", mprotect(p + PAGE, PAGE, PROT_NONE), 0);
    EXPECT_FAULT("read none", touch_read, p + PAGE, SIGSEGV, SEGV_ACCERR);
    EXPECT("all read-write again", mprotect(p, 3 * PAGE, RW), 0);
    EXPECT_NO_FAULT("write again", touch_write, p + PAGE);
    EXPECT("content still", p[PAGE + 1], 5);
    EXPECT_FAULT("no execution", touch_call, p, SIGSEGV, SEGV_ACCERR);
    ((uint16_t *)p)[0] = 0x8082; // ret
    EXPECT("execution allowed", mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
    __builtin___clear_cache(p, p + 2);
    EXPECT_NO_FAULT("execution", touch_call, p);
    munmap(p + PAGE, PAGE);
    EXPECT_ERR("across a hole", mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
    munmap(p, 3 * PAGE);
}

static void fork_writer(void *argument)
{
    char *p = argument;

    EXPECT("child sees the parent's page", p[0], 'p');
    p[0] = 'c';
    p[PAGE] = 'c';
    EXPECT("and its own write", p[0], 'c');
}

static void test_cow(void)
{
    char *p = map(4, RW, ANON);

    p[0] = p[PAGE] = 'p';
    EXPECT("writer", child_run(fork_writer, p), 0);
    EXPECT("parent keeps its page", p[0], 'p');
    p[0] = 'q';
    EXPECT("parent writes after the child", p[0], 'q');
    pid_t pid = fork();
    if (pid == 0) {
        pid_t inner = fork();
        if (inner == 0) {
            p[0] = 'i';
            p[2 * PAGE] = 'i';
            _exit(p[PAGE] == 'p' ? 0 : 1);
        }
        EXPECT("grandchild", child_end(inner), 0);
        _exit(p[0] == 'q' && p[2 * PAGE] == 0 ? 0 : 1);
    }
    p[PAGE] = 'r';
    EXPECT("generations", child_end(pid), 0);
    // The kernel's own writes copy as well.
    int zero = open("/dev/zero", O_RDONLY);
    pid = fork();
    if (pid == 0) {
        read(zero, p, 2 * PAGE);
        _exit(p[0] == 0 && p[PAGE] == 0 ? 0 : 1);
    }
    EXPECT("kernel writes for the child", child_end(pid), 0);
    CHECK("parent's pages stay", p[0] == 'q' && p[PAGE] == 'r');
    close(zero);
    munmap(p, 4 * PAGE);
}

static void test_shared(void)
{
    volatile char *p = map(4, RW, MAP_SHARED | MAP_ANONYMOUS);

    p[0] = 'p';
    pid_t pid = fork();
    if (pid == 0) {
        EXPECT("shared page in child", p[0], 'p');
        p[0] = 'c';
        p[3 * PAGE] = 'd';
        _exit(0);
    }
    EXPECT("sharer", child_end(pid), 0);
    EXPECT("parent sees the write", p[0], 'c');
    EXPECT("also in a fresh page", p[3 * PAGE], 'd');
    EXPECT("MADV_DONTNEED keeps shared pages", madvise((void *)p, PAGE, MADV_DONTNEED), 0);
    EXPECT("content stays", p[0], 'c');
    munmap((void *)p, 4 * PAGE);
}

static void test_file(void)
{
    int fd = file_of(3);
    char c, *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

    NEED(p != MAP_FAILED);
    CHECK("content", p[0] == 'a' && p[PAGE] == 'b' && p[3 * PAGE - 1] == 'c');
    EXPECT_FAULT("beyond the end", touch_read, p + 3 * PAGE, SIGBUS, BUS_ADRERR);
    p[10] = 'X';
    pread(fd, &c, 1, 10);
    EXPECT("private write stays private", c, 'a');
    pwrite(fd, "Y", 1, PAGE + 1);
    EXPECT("file write shows in a clean page", p[PAGE + 1], 'Y');
    char *q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
    EXPECT("offset", q[0], 'c');
    munmap(q, PAGE);
    EXPECT("cut the file", ftruncate(fd, PAGE + 100), 0);
    EXPECT_FAULT("page cut off", touch_read, p + 2 * PAGE, SIGBUS, BUS_ADRERR);
    CHECK("rest of the last page is zero", p[PAGE + 99] == 'b' && p[PAGE + 100] == 0);
    EXPECT("own copy survives the cut", p[10], 'X');
    close(fd);
    EXPECT("mapping outlives the descriptor", p[1], 'a');
    munmap(p, 4 * PAGE);
}

// Each mapping of /dev/zero is anonymous memory of its own.
static void test_dev_zero(void)
{
    int fd = open("/dev/zero", O_RDWR);
    char *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *c = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

    NEED(a != MAP_FAILED && b != MAP_FAILED && c != MAP_FAILED);
    a[0] = 42;
    EXPECT("another mapping of /dev/zero", b[0], 0);
    EXPECT("a private one", c[0], 0);
    munmap(a, PAGE);
    a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0);
    CHECK("a validated one", a != MAP_FAILED && fault_of(touch_write, a) == 0);
    munmap(a, PAGE);
    munmap(b, PAGE);
    munmap(c, PAGE);
    close(fd);
}

static void test_file_modes(void)
{
    int fd = open("/tmp/abi.memory", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    write(fd, "abc", 3);
    EXPECT_ERR("write-only file", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
    close(fd);
    fd = open("/tmp/abi.memory", O_RDONLY);
    EXPECT_ERR("shared writing of a read-only file", mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0),
               EACCES);
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK("private writing of a read-only file", p != MAP_FAILED);
    p[0] = 'z';
    EXPECT("its copy", p[0], 'z');
    munmap(p, PAGE);
    int dir = open("/tmp", O_RDONLY);
    EXPECT_ERR("a directory", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    close(dir);
    close(fd);
    unlink("/tmp/abi.memory");
}

static void test_mremap(void)
{
    char *p = map(8, RW, ANON);

    memset(p, 'm', 4 * PAGE);
    EXPECT("shrink", mremap(p, 8 * PAGE, 4 * PAGE, 0), p);
    EXPECT_FAULT("tail is gone", touch_read, p + 4 * PAGE, SIGSEGV, SEGV_MAPERR);
    EXPECT("grow in place", mremap(p, 4 * PAGE, 6 * PAGE, 0), p);
    CHECK("old and new content", p[4 * PAGE - 1] == 'm' && p[4 * PAGE] == 0);
    char *wall = mmap(p + 6 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    EXPECT_ERR("cannot grow in place", mremap(p, 6 * PAGE, 8 * PAGE, 0), ENOMEM);
    char *q = mremap(p, 6 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK("moves", q != MAP_FAILED && q != p && q[0] == 'm' && q[4 * PAGE] == 0);
    EXPECT_FAULT("old place is gone", touch_read, p, SIGSEGV, SEGV_MAPERR);
    char *to = map(2, RW, ANON);
    EXPECT("fixed", mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
    EXPECT("content moved", to[PAGE], 'm');
    EXPECT_ERR("unmapped", mremap((void *)UNMAPPED, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    EXPECT_ERR("odd", mremap(to + 1, PAGE, PAGE, 0), EINVAL);
    munmap(q, 64 * PAGE);
    munmap(to, 2 * PAGE);
    munmap(wall, PAGE);
}

static void remap_within_limit(void *unused)
{
    struct rlimit limit = {1UL << 30, 1UL << 30};
    const size_t small = 1UL << 20;
    char *p = map(small / PAGE, RW, ANON);

    (void)unused;
    NEED(setrlimit(RLIMIT_AS, &limit) == 0);
    p = mremap(p, small, 8 * small, MREMAP_MAYMOVE);
    CHECK("mremap below RLIMIT_AS", p != MAP_FAILED);
    EXPECT_ERR("mremap beyond RLIMIT_AS", mremap(p, 8 * small, 2UL << 30, MREMAP_MAYMOVE), ENOMEM);
}

static void test_madvise(void)
{
    char *p = map(4, RW, ANON);
    unsigned char resident[4];

    memset(p, 'x', 2 * PAGE);
    EXPECT("mincore", mincore(p, 4 * PAGE, resident), 0);
    CHECK("residency", (resident[0] & 1) && (resident[1] & 1) && !(resident[3] & 1));
    EXPECT("MADV_DONTNEED", madvise(p, PAGE, MADV_DONTNEED), 0);
    CHECK("zero afterwards", p[0] == 0 && p[PAGE] == 'x');
    EXPECT("MADV_WILLNEED", madvise(p, PAGE, MADV_WILLNEED), 0);
    EXPECT("MADV_FREE", madvise(p + PAGE, PAGE, MADV_FREE), 0);
    EXPECT_ERR("odd", madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
    EXPECT_ERR("bad advice", madvise(p, PAGE, 999), EINVAL);
    EXPECT_ERR("hole", madvise((void *)UNMAPPED, PAGE, MADV_DONTNEED), ENOMEM);
    EXPECT("msync", msync(p, PAGE, MS_SYNC), 0);
    munmap(p, 4 * PAGE);
}

#define POPULATE_SIZE (128UL << 30) // its page tables alone would fill memory

static void test_populate(void)
{
    char *p = map(4, RW, ANON), *nothing = map(1, PROT_NONE, ANON), *shared;
    int fd = file_of(2);
    unsigned char resident[4];

    EXPECT("populate for reading", madvise(p, PAGE, MADV_POPULATE_READ), 0);
    EXPECT("populate for writing", madvise(p + PAGE, PAGE, MADV_POPULATE_WRITE), 0);
    EXPECT("mincore", mincore(p, 4 * PAGE, resident), 0);
    CHECK("these alone", (resident[1] & 1) && !(resident[2] & 1) && !(resident[3] & 1));
    CHECK("zero", !p[0] && !p[PAGE]);
    mprotect(p, PAGE, PROT_READ);
    EXPECT("reading what may be read", madvise(p, 2 * PAGE, MADV_POPULATE_READ), 0);
    EXPECT_ERR("writing what may not be", madvise(p, 2 * PAGE, MADV_POPULATE_WRITE), EINVAL);
    EXPECT_ERR("nothing allowed", madvise(nothing, PAGE, MADV_POPULATE_READ), EINVAL);
    EXPECT_ERR("hole", madvise((void *)UNMAPPED, PAGE, MADV_POPULATE_READ), ENOMEM);
    EXPECT_ERR("odd", madvise(p + 1, PAGE, MADV_POPULATE_READ), EINVAL);
    EXPECT("nothing asked", madvise(nothing, 0, MADV_POPULATE_WRITE), 0);
    munmap(p, 4 * PAGE);
    munmap(nothing, PAGE);

    p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
    shared = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    EXPECT("private, for reading", madvise(p, PAGE, MADV_POPULATE_READ), 0);
    EXPECT("private, for writing", madvise(p + PAGE, PAGE, MADV_POPULATE_WRITE), 0);
    shared[0] = shared[PAGE] = 'x';
    CHECK("a copy is made for writing alone", p[0] == 'x' && p[PAGE] == 'b');
    EXPECT_ERR("past the end", madvise(p, 3 * PAGE, MADV_POPULATE_READ), EFAULT);
    munmap(p, 3 * PAGE);
    munmap(shared, 2 * PAGE);
    close(fd);
}

static void populate_all(void *p)
{
    madvise(p, POPULATE_SIZE, MADV_POPULATE_READ);
}

// Whether the child has the first page.
static bool begun(pid_t pid, const char *p)
{
    uint64_t entry = 0;
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
    fd = open(path, O_RDONLY);
    NEED(pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) == 8);
    close(fd);
    return entry >> 63;
}

static void test_populate_killed(void)
{
    char *p = mmap(NULL, POPULATE_SIZE, RW, ANON | MAP_NORESERVE, -1, 0);
    pid_t pid;

    NEED(p != MAP_FAILED);
    pid = child_start(populate_all, p);
    while (!begun(pid, p))
        sched_yield();
    kill(pid, SIGKILL);
    EXPECT("killed in the middle", child_end(pid), SIGNALED(SIGKILL));
    munmap(p, POPULATE_SIZE);
}

#define HUGE (2UL << 20)

static void fill_pages(char *p, size_t size, char letter)
{
    for (size_t at = 0; at < size; at += PAGE)
        p[at] = p[at + PAGE - 1] = letter;
}

static bool pages_have(const char *p, size_t size, char letter)
{
    for (size_t at = 0; at < size; at += PAGE)
        if (p[at] != letter || p[at + PAGE - 1] != letter)
            return false;
    return true;
}

static void huge_child(void *p)
{
    char *rest = (char *)p + HUGE + 3 * PAGE;

    if (!pages_have(p, 2 * HUGE, 'x'))
        exit(1);
    fill_pages(p, HUGE + 3 * PAGE, 'c');
    exit(!pages_have(rest, HUGE - 3 * PAGE, 'x'));
}

// Nothing tells a program which of its pages are large.
static void test_huge(void)
{
    char *all = map(4 * HUGE / PAGE, RW, ANON), *q;
    char *p = (char *)(((uintptr_t)all + HUGE - 1) & -HUGE);
    unsigned char resident[2];

    EXPECT("MADV_HUGEPAGE", madvise(p, 2 * HUGE, MADV_HUGEPAGE), 0);
    p[HUGE - 1] = 0;
    CHECK("zero", pages_have(p, 2 * HUGE, 0));
    fill_pages(p, 2 * HUGE, 'x');
    EXPECT("fork", child_run(huge_child, p), 0);
    CHECK("mine", pages_have(p, 2 * HUGE, 'x'));
    madvise(p, 2 * HUGE, MADV_DONTNEED);
    CHECK("zero again", pages_have(p, 2 * HUGE, 0));
    fill_pages(p, 2 * HUGE, 'y');
    EXPECT("mprotect", mprotect(p + 5 * PAGE, PAGE, PROT_READ), 0);
    EXPECT_ERR("read into it", read(open("/dev/zero", O_RDONLY), p + 5 * PAGE, 1), EFAULT);
    EXPECT("mprotect back", mprotect(p + 5 * PAGE, PAGE, RW), 0);
    fill_pages(p, HUGE, 'z');
    EXPECT("munmap", munmap(p + 7 * PAGE, PAGE), 0);
    EXPECT_ERR("mincore of the hole", mincore(p + 7 * PAGE, PAGE, resident), ENOMEM);
    CHECK("around the hole",
          pages_have(p, 7 * PAGE, 'z') && pages_have(p + 8 * PAGE, 9 * PAGE, 'z'));
    q = mremap(p + HUGE, HUGE, 2 * HUGE, MREMAP_MAYMOVE);
    CHECK("mremap", q != MAP_FAILED && pages_have(q, HUGE, 'y') && pages_have(q + HUGE, HUGE, 0));
    EXPECT("MADV_NOHUGEPAGE", madvise(q, HUGE, MADV_NOHUGEPAGE), 0);
    EXPECT_ERR("MADV_HUGEPAGE of nothing", madvise((void *)UNMAPPED, HUGE, MADV_HUGEPAGE), ENOMEM);
    munmap(q, 2 * HUGE);
    munmap(all, 4 * HUGE);
}

static void test_brk(void)
{
    char *start = sbrk(0);

    EXPECT("grow", sbrk(10 * PAGE), start);
    start[10 * PAGE - 1] = 'b';
    EXPECT("fresh heap is zero", start[PAGE], 0);
    EXPECT("shrink", (char *)sbrk(-10 * (long)PAGE), start + 10 * PAGE);
    EXPECT("end", sbrk(0), start);
    uintptr_t page = ((uintptr_t)start + PAGE - 1) & -PAGE;
    EXPECT_FAULT("heap is gone", touch_read, page + PAGE, SIGSEGV, SEGV_MAPERR);
    sbrk(10 * PAGE);
    EXPECT("zero again", start[10 * PAGE - 1], 0);
    sbrk(-10 * (long)PAGE);
    EXPECT("kernel address is refused", raw(SYS_brk, KERNEL_ADDR, 0, 0, 0, 0, 0), (long)start);
    EXPECT("below the heap is refused", raw(SYS_brk, 0x1000, 0, 0, 0, 0, 0), (long)start);
}

static long depth(long n)
{
    volatile char room[1000];

    room[0] = n;
    return n == 0 ? 0 : depth(n - 1) + room[0] * 0 + 1;
}

static void below_stack(void *unused)
{
    volatile uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    (void)unused;
    here -= 64UL << 20;
    touch_read((void *)here);
}

static void test_stack(void)
{
    struct rlimit limit;

    EXPECT("deep recursion", depth(5000), 5000);
    EXPECT("stack limit", getrlimit(RLIMIT_STACK, &limit), 0);
    EXPECT("is 8 MiB", limit.rlim_cur, 8 << 20);
    EXPECT("far below the stack", fault_of(below_stack, NULL), SIGSEGV);
    EXPECT("as unmapped", fault_info.si_code, SEGV_MAPERR);
}

static void test_low(void)
{
    char *p = mmap((void *)0x10000, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);

    if (p == (char *)0x10000) {
        p[0] = 1;
        EXPECT("low page", p[0], 1);
        munmap(p, PAGE);
    }
    EXPECT_FAULT("page zero", touch_read, 0, SIGSEGV, SEGV_MAPERR);
    EXPECT_FAULT("page zero, written", touch_write, 100, SIGSEGV, SEGV_MAPERR);
    EXPECT("kernel address", fault_of(touch_read, (void *)KERNEL_ADDR), SIGSEGV);
    EXPECT("not canonical", fault_of(touch_read, (void *)0x4000000000000000UL), SIGSEGV);
}

// Many mappings in random order, against a model.
static void test_random(void)
{
    enum { SPAN = 64, STEPS = 4000 };
    char *base = map(SPAN, PROT_NONE, ANON);
    uint8_t prot[SPAN], value[SPAN], mapped[SPAN];
    uint32_t seed = 12345;
    int bad = 0;

    memset(prot, 0, SPAN);
    memset(value, 0, SPAN);
    memset(mapped, 1, SPAN);
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        int from = seed >> 8 & 63, n = 1 + (seed >> 14 & 7), what = seed >> 20 & 3;
        if (from + n > SPAN)
            n = SPAN - from;
        for (int k = from; k < from + n && what == 1; k++)
            if (!mapped[k])
                n = k - from;
        if (what == 0 || n == 0) {
            n = n ? n : 1;
            bad |= mmap(base + from * PAGE, n * PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED;
        } else if (what == 1) {
            bad |= mprotect(base + from * PAGE, n * PAGE, PROT_READ);
        } else if (what == 2) {
            bad |= munmap(base + from * PAGE, n * PAGE);
        }
        for (int k = from; k < from + n; k++) {
            if (what == 0 || (what == 1 && !mapped[k])) {
                mapped[k] = 1;
                prot[k] = RW;
                value[k] = 0;
            } else if (what == 1) {
                prot[k] = PROT_READ;
            } else if (what == 2) {
                mapped[k] = prot[k] = 0;
            } else if (prot[k] == RW) {
                base[k * PAGE + (i & 4095)] = 0;
                base[k * PAGE] = value[k] = i;
            }
        }
        for (int k = 0; k < SPAN && i % 16 == 0; k++)
            bad += (prot[k] & PROT_READ) && (uint8_t)base[k * PAGE] != value[k];
    }
    EXPECT("random mappings agree with a model", bad, 0);
    for (int k = 0; k < SPAN; k++)
        bad += fault_of(touch_write, base + k * PAGE) != (prot[k] == RW ? 0 : SIGSEGV);
    EXPECT("so do their faults", bad, 0);
    munmap(base, SPAN * PAGE);
}

int main(void)
{
    abi_begin();
    test_anonymous();
    test_errors();
    test_hints();
    test_protection();
    test_cow();
    test_shared();
    test_file();
    test_dev_zero();
    test_file_modes();
    test_mremap();
    EXPECT("limit", child_run(remap_within_limit, NULL), 0);
    test_madvise();
    test_populate();
    test_populate_killed();
    test_huge();
    test_brk();
    test_stack();
    test_low();
    test_random();
    return abi_end();
}
