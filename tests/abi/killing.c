// SPDX-License-Identifier: MIT
// Transfers that take long, and end at once when their process is killed.
//
// The parent kills when it sees that the transfer has begun, and then looks whether it came to its
// end. One that did before the signal came says nothing, so there are several attempts.
#include "abi.h"

#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define ATTEMPTS  4
#define MANY      1000
#define SOME      300
#define BUFFER    (2UL << 20)
#define SIZE      (64UL << 20)
#define ALL_PAGES (SIZE / PAGE - 16) // nearly: some may not be counted yet
#define UNTOUCHED 0x1122334455667788UL

/* Reads: all go to one buffer, but for the first bytes and the last */

struct ends {
    volatile uint64_t first, last;
};

struct reading {
    const char *path;
    int times; // of the buffer
    struct ends *ends;
};

static void read_all(void *argument)
{
    static struct iovec parts[MANY + 2];
    static char buffer[BUFFER];
    struct reading *r = argument;
    int fd = open(r->path, O_RDONLY);

    NEED(fd >= 0);
    memset(buffer, 1, sizeof(buffer));
    parts[0] = (struct iovec){(void *)&r->ends->first, 8};
    for (int i = 1; i <= r->times; i++)
        parts[i] = (struct iovec){buffer, BUFFER};
    parts[r->times + 1] = (struct iovec){(void *)&r->ends->last, 8};
    readv(fd, parts, r->times + 2);
    raise(SIGSTOP);
}

static bool read_is_cut(struct reading *r)
{
    pid_t pid;
    bool begins;

    *r->ends = (struct ends){UNTOUCHED, UNTOUCHED};
    pid = child_start(read_all, r);
    begins = COMES(r->ends->first != UNTOUCHED);
    NEED(begins && kill(pid, SIGKILL) == 0);
    NEED(child_end(pid) == SIGNALED(SIGKILL));
    return r->ends->last == UNTOUCHED;
}

static void test_read(const char *path, int times)
{
    struct reading r = {.path = path, .times = times, .ends = shared_page()};
    bool cut = false;

    for (int i = 0; i < ATTEMPTS && !cut; i++)
        cut = read_is_cut(&r);
    CHECK(path, cut);
    munmap(r.ends, PAGE);
}

/* Writes: pages of a file system go while they last */

static void write_all(void *argument)
{
    static char buffer[BUFFER];
    struct iovec parts[SIZE / BUFFER];

    memset(buffer, 1, sizeof(buffer));
    for (size_t i = 0; i < SIZE / BUFFER; i++)
        parts[i] = (struct iovec){buffer, BUFFER};
    writev(*(int *)argument, parts, SIZE / BUFFER);
    raise(SIGSTOP);
}

static void send_all(void *argument)
{
    int from = memfd_create("from", 0);

    NEED(from >= 0 && ftruncate(from, SIZE) == 0);
    sendfile(*(int *)argument, from, NULL, SIZE);
    raise(SIGSTOP);
}

static void allocate_all(void *argument)
{
    (void)fallocate(*(int *)argument, 0, 0, SIZE);
    raise(SIGSTOP);
}

static uint64_t pages_free(void)
{
    struct statfs s;

    NEED(statfs("mounted", &s) == 0);
    return s.f_bfree;
}

// How many pages the file has when the call was killed.
static uint64_t pages_made(void (*all)(void *))
{
    int fd = open("mounted/file", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    uint64_t before = pages_free(), made;
    bool begins;
    pid_t pid;

    NEED(fd >= 0);
    pid = child_start(all, &fd);
    begins = COMES(pages_free() < before);
    NEED(begins && kill(pid, SIGKILL) == 0);
    NEED(child_end(pid) == SIGNALED(SIGKILL));
    made = before - pages_free();
    close(fd);
    unlink("mounted/file");
    return made;
}

static uint64_t fewest_pages_made(void (*all)(void *))
{
    uint64_t fewest = ALL_PAGES;

    for (int i = 0; i < ATTEMPTS && fewest >= ALL_PAGES; i++)
        fewest = pages_made(all);
    return fewest;
}

// Of a file without pages. On Linux its pages stay, so it is not as long as it could be; and reads
// of tmpfs go on to their end.
static void test_file(void)
{
    int fd;

    NEED(mkdir("mounted", 0755) == 0 && mount("none", "mounted", "ramfs", 0, NULL) == 0);
    fd = open("mounted/file", O_RDWR | O_CREAT, 0600);
    NEED(fd >= 0 && ftruncate(fd, SOME * BUFFER + sizeof(struct ends)) == 0);
    test_read("mounted/file", SOME);
    close(fd);
    NEED(umount("mounted") == 0 && rmdir("mounted") == 0);
}

static void test_writes(void)
{
    NEED(mkdir("mounted", 0755) == 0 && mount("none", "mounted", "tmpfs", 0, "size=128m") == 0);
    CHECK("a write", fewest_pages_made(write_all) < ALL_PAGES);
    CHECK("a copy", fewest_pages_made(send_all) < ALL_PAGES);
    EXPECT("fallocate gives back", fewest_pages_made(allocate_all), 0);
    NEED(umount("mounted") == 0 && rmdir("mounted") == 0);
}

static off_t size_of(int fd)
{
    struct stat st;

    NEED(fstat(fd, &st) == 0);
    return st.st_size;
}

// To the file system that the test is on.
static bool write_is_cut(void)
{
    int fd = open("file", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    pid_t pid = child_start(write_all, &fd);
    bool begins = COMES(size_of(fd) > 0), cut;

    NEED(begins && kill(pid, SIGKILL) == 0);
    NEED(child_end(pid) == SIGNALED(SIGKILL));
    cut = size_of(fd) < (off_t)SIZE;
    close(fd);
    unlink("file");
    return cut;
}

static void test_here(void)
{
    bool cut = false;

    for (int i = 0; i < ATTEMPTS && !cut; i++)
        cut = write_is_cut();
    CHECK("a write here", cut);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_file();
    test_read("/dev/zero", MANY);
    test_read("/dev/urandom", SOME);
    test_writes();
    test_here();
    scratch_leave();
    return abi_end();
}
