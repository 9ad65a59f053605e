// SPDX-License-Identifier: MIT
// process_vm_readv and process_vm_writev: memory of another process without a stop.
#include "abi.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define USER 1234

// Memory at the same address in this process and, as it was, in the child.
static char *place; // two pages, then nothing
static pid_t other;

static void forever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static long move(long number, void *local, size_t n, void *remote, size_t remote_n)
{
    struct iovec mine = {local, n}, theirs = {remote, remote_n};

    return raw(number, other, (long)&mine, 1, (long)&theirs, 1, 0);
}

static void begin(void)
{
    place = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(place != MAP_FAILED && munmap(place + 2 * PAGE, PAGE) == 0);
    strcpy(place, "of the parent");
    strcpy(place + PAGE - 4, "over the edge");
    other = child_start(forever, NULL);
    strcpy(place, "mine");
}

static void test_move(void)
{
    char text[32] = "";

    EXPECT("read", move(SYS_process_vm_readv, text, 14, place, 14), 14);
    EXPECT_STR("read text", text, "of the parent");
    EXPECT("read over a page's end", move(SYS_process_vm_readv, text, 14, place + PAGE - 4, 14),
           14);
    EXPECT_STR("text over a page's end", text, "over the edge");
    EXPECT("read as much as there is room", move(SYS_process_vm_readv, text, 4, place, 100), 4);
    EXPECT("read as much as was named", move(SYS_process_vm_readv, text, 32, place, 6), 6);
    EXPECT_STR("one's own is not touched", place, "mine");
    EXPECT("write", move(SYS_process_vm_writev, "OF", 2, place, 2), 2);
    EXPECT("read it again", move(SYS_process_vm_readv, text, 14, place, 14), 14);
    EXPECT_STR("written", text, "OF the parent");
    EXPECT_STR("one's own is not written", place, "mine");
}

static void test_vectors(void)
{
    char a[3] = "", b[16] = "";
    struct iovec mine[] = {{a, 2}, {NULL, 0}, {b, 15}};
    struct iovec theirs[] = {{place, 1}, {NULL, 0}, {place + 3, 3}, {place + 7, 7}};

    EXPECT("vectors", raw(SYS_process_vm_readv, other, (long)mine, 3, (long)theirs, 4, 0), 11);
    EXPECT_STR("vector one", a, "Ot");
    EXPECT_STR("vector two", b, "heparent");
    EXPECT("itself", raw(SYS_process_vm_readv, getpid(), (long)mine, 1, (long)theirs, 1, 0), 1);
    EXPECT_STR("of itself", a, "mt");
}

static void test_large(void)
{
    size_t size = 50 * PAGE;
    char *from = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t old = other;

    for (size_t i = 0; i < size; i++)
        from[i] = (char)(i * 7 + i / PAGE);
    other = child_start(forever, NULL);
    EXPECT("large", move(SYS_process_vm_readv, to + 5, size - 5, from + 5, size), size - 5);
    CHECK("large bytes", !to[4] && !memcmp(to + 5, from + 5, size - 5));
    munmap(from, size);
    EXPECT("large is still the other's", move(SYS_process_vm_readv, to, size, from, size), size);
    EXPECT("large back", move(SYS_process_vm_writev, to, size, from, size), size);
    munmap(to, size);
    kill(other, SIGKILL);
    child_end(other);
    other = old;
}

static void test_partial(void)
{
    static char text[4 * PAGE];
    struct iovec mine = {text, sizeof(text)};
    struct iovec theirs[] = {{place, 10}, {(void *)UNMAPPED, 4}, {place, 10}};
    char *room = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(room + PAGE, PAGE);
    EXPECT("up to a hole", move(SYS_process_vm_readv, text, 3 * PAGE, place + 8, 3 * PAGE),
           2 * PAGE - 8);
    EXPECT("write up to a hole", move(SYS_process_vm_writev, text, 64, place + 2 * PAGE - 8, 64),
           8);
    EXPECT("up to a bad part", raw(SYS_process_vm_readv, other, (long)&mine, 1, (long)theirs, 3, 0),
           10);
    EXPECT("hole", move(SYS_process_vm_readv, text, 4, (void *)UNMAPPED, 4), -EFAULT);
    EXPECT("kernel's", move(SYS_process_vm_readv, text, 4, (void *)KERNEL_ADDR, 4), -EFAULT);
    EXPECT("no room", move(SYS_process_vm_readv, (void *)UNMAPPED, 4, place, 4), -EFAULT);
    EXPECT("no source", move(SYS_process_vm_writev, (void *)UNMAPPED, 4, place, 4), -EFAULT);
    EXPECT("a little room", move(SYS_process_vm_readv, room + PAGE - 3, 8, place, 8), 3);
    EXPECT("a little source", move(SYS_process_vm_writev, room + PAGE - 3, 8, place, 8), 3);
    munmap(room, PAGE);
}

// What the other may not do itself, nobody does for it.
static void test_protection(void)
{
    pid_t old = other;
    char c;

    NEED(mprotect(place + PAGE, PAGE, PROT_READ) == 0);
    other = child_start(forever, NULL);
    EXPECT("read-only read", move(SYS_process_vm_readv, &c, 1, place + PAGE, 1), 1);
    EXPECT("read-only written", move(SYS_process_vm_writev, &c, 1, place + PAGE, 1), -EFAULT);
    kill(other, SIGKILL);
    child_end(other);
    NEED(mprotect(place + PAGE, PAGE, PROT_NONE) == 0);
    other = child_start(forever, NULL);
    EXPECT("no access", move(SYS_process_vm_readv, &c, 1, place + PAGE, 1), -EFAULT);
    kill(other, SIGKILL);
    process_await(other, "Z");
    EXPECT("ended", move(SYS_process_vm_readv, &c, 1, place, 1), -ESRCH);
    child_end(other);
    EXPECT("gone", move(SYS_process_vm_readv, &c, 1, place, 1), -ESRCH);
    NEED(mprotect(place + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
    other = old;
}

static void test_arguments(void)
{
    char c;
    struct iovec one = {&c, 1}, long_one = {&c, -1UL}, none = {&c, 0}, theirs = {place, 1};
    long nr = SYS_process_vm_readv, mine = (long)&one, his = (long)&theirs;

    EXPECT("flags", raw(nr, other, mine, 1, his, 1, 1), -EINVAL);
    EXPECT("too many", raw(nr, other, mine, 1025, his, 1, 0), -EINVAL);
    EXPECT("too many of his", raw(nr, other, mine, 1, his, 1025, 0), -EINVAL);
    EXPECT("too long", raw(nr, other, (long)&long_one, 1, his, 1, 0), -EINVAL);
    EXPECT("too long his", raw(nr, other, mine, 1, (long)&long_one, 1, 0), -EINVAL);
    EXPECT("bad list", raw(nr, other, UNMAPPED, 1, his, 1, 0), -EFAULT);
    EXPECT("his bad list", raw(nr, other, mine, 1, UNMAPPED, 1, 0), -EFAULT);
    EXPECT("no such process", raw(nr, 0x7ffffff, mine, 1, his, 1, 0), -ESRCH);
    EXPECT("process 0", raw(nr, 0, mine, 1, his, 1, 0), -ESRCH);
    EXPECT("nothing here", raw(nr, 0x7ffffff, mine, 0, UNMAPPED, 1, 0), 0);
    EXPECT("empty here", raw(nr, 0x7ffffff, (long)&none, 1, his, 1, 0), 0);
    EXPECT("nothing there", raw(nr, 0x7ffffff, mine, 1, his, 0, 0), 0);
    EXPECT("empty there", raw(nr, 0x7ffffff, mine, 1, (long)&none, 1, 0), 0);
}

static void as_user(void *unused)
{
    char c;

    (void)unused;
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
    EXPECT("root's", move(SYS_process_vm_readv, &c, 1, place, 1), -EPERM);
    EXPECT("root's, written", move(SYS_process_vm_writev, &c, 1, place, 1), -EPERM);
    other = getpid();
    EXPECT("always itself", move(SYS_process_vm_readv, &c, 1, place, 1), 1);
    other = child_start(forever, NULL);
    EXPECT("not dumpable", move(SYS_process_vm_readv, &c, 1, place, 1), -EPERM);
    kill(other, SIGKILL);
    child_end(other);
    NEED(prctl(PR_SET_DUMPABLE, 1) == 0);
    other = child_start(forever, NULL);
    EXPECT("the same user's", move(SYS_process_vm_readv, &c, 1, place, 1), 1);
    kill(other, SIGKILL);
    child_end(other);
}

// Another program than the one whose memory was opened.
static long secret = 5;

static int next_program(int fd)
{
    long value = 6;

    EXPECT("write to the one before", pwrite(fd, &value, sizeof(value), (long)&secret), 0);
    EXPECT("not written", secret, 5);
    EXPECT("read of the one before", pread(fd, &value, sizeof(value), (long)&secret), 0);
    return abi_end();
}

static void open_and_exec(void *unused)
{
    int fd = open("/proc/self/mem", O_RDWR);
    char text[16];

    (void)unused;
    snprintf(text, sizeof(text), "%d", fd);
    EXPECT("read of one's own", pread(fd, &secret, sizeof(secret), (long)&secret), sizeof(secret));
    execl("/proc/self/exe", "othermem", text, NULL);
}

// Its page tables, one for each page, go with it, however long its memory file stays open.
#define APART (2UL << 20)
#define PAGES 4096UL

static void touches_apart(void *unused)
{
    volatile char *at = mmap(NULL, PAGES * APART, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)unused;
    NEED(at != MAP_FAILED && !madvise((void *)at, PAGES * APART, MADV_NOHUGEPAGE));
    for (unsigned long i = 0; i < PAGES; i++)
        at[i * APART] = 1;
    forever(NULL);
}

// What the owner has no right to, and shares with a child, is written by force all the same.
static void test_no_rights(void)
{
    char *mine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("/proc/self/mem", O_RDWR);
    pid_t pid;
    char c;

    NEED(fd >= 0 && mine != MAP_FAILED);
    *mine = 'a';
    pid = child_start(forever, NULL);
    NEED(mprotect(mine, PAGE, PROT_NONE) == 0);
    EXPECT("written where nobody may", pwrite(fd, "b", 1, (long)mine), 1);
    EXPECT("read", pread(fd, &c, 1, (long)mine), 1);
    EXPECT("what was written", c, 'b');
    NEED(mprotect(mine, PAGE, PROT_READ) == 0);
    EXPECT("seen by its owner", *mine, 'b');
    kill(pid, SIGKILL);
    child_end(pid);
    munmap(mine, PAGE);
    close(fd);
}

static long free_kib(void)
{
    const char *line = strstr(file_text("/proc/meminfo"), "MemFree:");

    NEED(line);
    return atol(line + 8);
}

static void test_tables_given_back(void)
{
    pid_t pid = child_start(touches_apart, NULL);
    char path[32];
    long with;
    int fd;

    process_await(pid, "S");
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    fd = open(path, O_RDONLY);
    NEED(fd >= 0);
    with = free_kib();
    kill(pid, SIGKILL);
    child_end(pid);
    CHECK("page tables go though the memory file is open",
          COMES(free_kib() - with > (long)(PAGES * PAGE >> 10) * 3 / 2));
    close(fd);
}

int main(int count, char **words)
{
    abi_begin();
    if (count > 1)
        return next_program(atoi(words[1]));
    EXPECT("memory of a program that is gone", child_run(open_and_exec, NULL), EXITED(0));
    test_tables_given_back();
    test_no_rights();
    begin();
    test_move();
    test_vectors();
    test_large();
    test_partial();
    test_protection();
    test_arguments();
    if (getuid() == 0)
        child_run(as_user, NULL);
    kill(other, SIGKILL);
    child_end(other);
    return abi_end();
}
