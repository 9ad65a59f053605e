// SPDX-License-Identifier: MIT
// memfd_create(2), and the seals of fcntl(2).
#include "abi.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U
#define MFD_EXEC        0x10U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

static char *map(int fd, int prot, int flags)
{
    return mmap(NULL, PAGE, prot, flags, fd, 0);
}

static void test_create(void)
{
    char name[300], text[64], link[64];
    struct stat st;
    int fd = memfd_create("one", 0);

    NEED(fd >= 0);
    EXPECT("stat", fstat(fd, &st), 0);
    CHECK("a file of nobody's directory",
          S_ISREG(st.st_mode) && st.st_nlink == 0 && st.st_size == 0);
    EXPECT("rights", st.st_mode & 0777, 0777);
    EXPECT("stays at exec", fcntl(fd, F_GETFD), 0);
    EXPECT("read and write", fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    memset(text, 0, sizeof(text));
    EXPECT_OK("its name", readlink(link, text, sizeof(text) - 1));
    EXPECT_STR("name", text, "/memfd:one (deleted)");
    EXPECT("write", write(fd, "hello", 5), 5);
    int again = open(link, O_RDONLY);
    NEED(again >= 0);
    EXPECT("opened once more, from the start", read(again, text, 64), 5);
    CHECK("the same bytes", !memcmp(text, "hello", 5));
    EXPECT("seals without leave", fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    EXPECT_ERR("no more of them", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    close(fd);
    close(again);

    memset(name, 'x', sizeof(name));
    name[249] = '\0';
    fd = memfd_create(name, MFD_CLOEXEC);
    CHECK("the longest name", fd >= 0);
    EXPECT("goes at exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    name[249] = 'x';
    name[250] = '\0';
    EXPECT_ERR("longer", memfd_create(name, 0), EINVAL);
    EXPECT_ERR("flags", memfd_create("x", 0x8000), EINVAL);
    EXPECT_ERR("both", memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
    EXPECT_ERR("a bad pointer", memfd_create((char *)8, 0), EFAULT);
}

static void test_size(void)
{
    int fd = memfd_create("size", MFD_ALLOW_SEALING);

    NEED(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
    EXPECT("none yet", fcntl(fd, F_GET_SEALS), 0);
    EXPECT("shrink", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    EXPECT_ERR("smaller", ftruncate(fd, PAGE), EPERM);
    EXPECT("larger", ftruncate(fd, 3 * PAGE), 0);
    EXPECT("grow", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    EXPECT("both are kept", fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
    EXPECT_ERR("larger", ftruncate(fd, 4 * PAGE), EPERM);
    EXPECT("the same size", ftruncate(fd, 3 * PAGE), 0);
    EXPECT("write inside", pwrite(fd, "x", 1, 3 * PAGE - 1), 1);
    EXPECT_ERR("write behind the end", pwrite(fd, "x", 1, 3 * PAGE), EPERM);
    EXPECT_ERR("allocate behind it", fallocate(fd, 0, 0, 4 * PAGE), EPERM);
    EXPECT("no more seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
    EXPECT_ERR("sealed", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    close(fd);
}

static void test_write(void)
{
    int fd = memfd_create("write", MFD_ALLOW_SEALING);
    char *shared, *private;

    NEED(fd >= 0 && ftruncate(fd, PAGE) == 0);
    shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
    NEED(shared != MAP_FAILED);
    strcpy(shared, "kept");
    EXPECT_ERR("mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(shared, PAGE);
    private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    NEED(private != MAP_FAILED);
    EXPECT("mapped for itself", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    strcpy(private, "mine");
    EXPECT_ERR("write", pwrite(fd, "x", 1, 0), EPERM);
    EXPECT_ERR("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
    EXPECT_ERR("map to write", map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), EPERM);
    EXPECT_STR("file", (shared = map(fd, PROT_READ, MAP_PRIVATE)), "kept");
    munmap(shared, PAGE);
    munmap(private, PAGE);
    EXPECT("sizes may change", ftruncate(fd, 2 * PAGE), 0);
    close(fd);
}

static void test_future(void)
{
    int fd = memfd_create("future", MFD_ALLOW_SEALING);
    char *old, *new;

    NEED(fd >= 0 && ftruncate(fd, PAGE) == 0);
    old = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
    NEED(old != MAP_FAILED);
    old[0] = 'a';
    EXPECT("from now on", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    old[1] = 'b';
    EXPECT_ERR("write", pwrite(fd, "x", 1, 0), EPERM);
    EXPECT_ERR("map to write", map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), EPERM);
    new = map(fd, PROT_READ, MAP_SHARED);
    CHECK("what the old one stores is seen", new != MAP_FAILED && !memcmp(new, "ab", 2));
    EXPECT_ERR("the new one cannot store", mprotect(new, PAGE, PROT_READ | PROT_WRITE), EACCES);
    close(fd);
}

// Pages that nobody touched before the seal: they read as zeroes, and are there to be copied.
static void test_untouched(void)
{
    int fd = memfd_create("untouched", MFD_ALLOW_SEALING);
    char *shared, *private, byte = 'x';

    NEED(fd >= 0 && ftruncate(fd, 16 * PAGE) == 0 && write(fd, "0123456789", 10) == 10);
    EXPECT("seal with holes", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    shared = mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    private = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    NEED(shared != MAP_FAILED && private != MAP_FAILED);
    EXPECT_NO_FAULT("a hole is read", touch_read, shared + 5 * PAGE);
    EXPECT_NO_FAULT("a hole is copied", touch_write, private + 6 * PAGE);
    EXPECT_NO_FAULT("a page is copied", touch_write, private + 5 * PAGE);
    EXPECT("the file has it not", pread(fd, &byte, 1, 6 * PAGE), 1);
    EXPECT("but a zero", byte, 0);
    EXPECT("pages may come", fallocate(fd, 0, 8 * PAGE, PAGE), 0);
    munmap(shared, 16 * PAGE);
    munmap(private, 16 * PAGE);
    close(fd);
}

// F_SEAL_FUTURE_WRITE leaves a mapping that is there all of its pages, touched or not.
static void test_future_untouched(void)
{
    int fd = memfd_create("future", MFD_ALLOW_SEALING);
    char bytes[2] = "", *old;

    NEED(fd >= 0 && ftruncate(fd, 16 * PAGE) == 0);
    old = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(old != MAP_FAILED);
    touch_read(old + PAGE);
    EXPECT("from now on, untouched", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
    EXPECT_NO_FAULT("store where it was read", touch_write, old + PAGE);
    EXPECT_NO_FAULT("store where nothing was", touch_write, old + 8 * PAGE);
    EXPECT("read the one", pread(fd, bytes, 1, PAGE), 1);
    EXPECT("read the other", pread(fd, bytes + 1, 1, 8 * PAGE), 1);
    CHECK("both are in the file", bytes[0] == 1 && bytes[1] == 1);
    munmap(old, 16 * PAGE);
    close(fd);
}

static void test_grow_partly(void)
{
    static char bytes[4 * PAGE];
    int fd = memfd_create("grow", MFD_ALLOW_SEALING);

    NEED(fd >= 0 && ftruncate(fd, 2 * PAGE + 100) == 0);
    EXPECT("no growth", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
    EXPECT_ERR("across the end", pwrite(fd, bytes, 4 * PAGE, 0), EPERM);
    EXPECT_ERR("not at all", lseek(fd, 0, SEEK_DATA), ENXIO);
    EXPECT_ERR("in the last", pwrite(fd, bytes, 200, 2 * PAGE), EPERM);
    EXPECT("up to the end", pwrite(fd, bytes, 100, 2 * PAGE), 100);
    EXPECT("nothing", pwrite(fd, bytes, 0, 3 * PAGE), 0);
    close(fd);
}

struct writer {
    int fd;
    char *bytes;
};

#define MUCH  (64 * PAGE)
#define TURNS 20

static void *write_much(void *argument)
{
    struct writer *w = argument;

    while (write(w->fd, w->bytes, MUCH) > 0)
        ;
    return NULL;
}

// How far a file grows that is sealed while it is written from pages that are not there yet.
static off_t grown_after_seal(int seal)
{
    struct writer w = {.fd = memfd_create("grow", MFD_ALLOW_SEALING)};
    struct stat before, after;
    pthread_t thread;

    w.bytes = mmap(NULL, MUCH, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(w.fd >= 0 && w.bytes != MAP_FAILED);
    NEED(pthread_create(&thread, NULL, write_much, &w) == 0);
    do
        NEED(fstat(w.fd, &before) == 0);
    while (before.st_size == 0);
    NEED(fcntl(w.fd, F_ADD_SEALS, seal) == 0 && fstat(w.fd, &before) == 0);
    NEED(pthread_join(thread, NULL) == 0 && fstat(w.fd, &after) == 0);
    munmap(w.bytes, MUCH);
    close(w.fd);
    return after.st_size - before.st_size;
}

static void test_under_way(void)
{
    off_t grow = 0, future = 0;

    for (int i = 0; i < TURNS; i++) {
        grow += grown_after_seal(F_SEAL_GROW);
        future += grown_after_seal(F_SEAL_FUTURE_WRITE);
    }
    EXPECT("a write under way grows nothing", grow, 0);
    EXPECT("nor does it go on", future, 0);
}

static void test_exec(void)
{
    int fd = memfd_create("exec", MFD_NOEXEC_SEAL);

    NEED(fd >= 0);
    EXPECT("sealed", fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
    EXPECT_ERR("no program", fchmod(fd, 0777), EPERM);
    EXPECT("other rights", fchmod(fd, 0600), 0);
    close(fd);
    fd = memfd_create("run", MFD_ALLOW_SEALING | MFD_EXEC);
    EXPECT("a program stays one", fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC), 0);
    EXPECT("and what it is", fcntl(fd, F_GET_SEALS),
           F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    close(fd);
}

static void test_others(void)
{
    int fd = memfd_create("read", MFD_ALLOW_SEALING), ends[2];
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int reader = open(path, O_RDONLY);
    EXPECT_ERR("not open to write", fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    EXPECT_ERR("no such seal", fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
    NEED(pipe(ends) == 0);
    EXPECT_ERR("a pipe has none", fcntl(ends[1], F_GET_SEALS), EINVAL);
    EXPECT_ERR("nor gets any", fcntl(ends[1], F_ADD_SEALS, F_SEAL_SEAL), EINVAL);
}

int main(void)
{
    abi_begin();
    test_create();
    test_size();
    test_write();
    test_future();
    test_untouched();
    test_future_untouched();
    test_grow_partly();
    test_under_way();
    test_exec();
    test_others();
    return abi_end();
}
