// SPDX-License-Identifier: MIT
// fsstress FOLDER PROCESSES OPERATIONS SEED [SYNC]: processes change files of their own, which they
// compare with copies in memory, and names in a directory that all share. SYNC: fsync now and then.
// FOLDER must be empty. At the end each own file is compared once more and stays.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES     6
#define SIZE_MAX_ (300 * 1024)

struct file {
    int fd; // -1: there is none
    size_t size;
    char name[64];
    unsigned char *bytes; // SIZE_MAX_
};

static struct file files[FILES];
static uint64_t state;
static unsigned self, renames;
static int with_sync;

static unsigned draw(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

static void fail(const char *format, ...)
{
    va_list ap;

    printf("process %u: ", self);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf(" (%s)\n", strerror(errno));
    fflush(stdout);
    _exit(1);
}

static int full(void) // what a small disk may answer at any time
{
    return errno == ENOSPC;
}

static void compare(struct file *f, size_t from, size_t n)
{
    static unsigned char got[SIZE_MAX_];
    ssize_t r = pread(f->fd, got, n, from);

    if (r < 0 || (size_t)r != (from >= f->size ? 0 : n < f->size - from ? n : f->size - from))
        fail("%s: read of %zu at %zu of %zu gave %zd", f->name, n, from, f->size, r);
    for (ssize_t i = 0; i < r; i++)
        if (got[i] != f->bytes[from + i])
            fail("%s: byte %zu is %u, not %u; size %zu", f->name, from + i, got[i],
                 f->bytes[from + i], f->size);
}

static void file_create(struct file *f)
{
    snprintf(f->name, sizeof(f->name), "own%u/file%u", self, renames++);
    f->fd = open(f->name, O_RDWR | O_CREAT | O_EXCL, 0644);
    if (f->fd < 0 && !full())
        fail("%s: create", f->name);
    f->size = 0;
    memset(f->bytes, 0, SIZE_MAX_);
}

static void file_unlink(struct file *f)
{
    int gone = draw(2);

    if (unlink(f->name))
        fail("%s: unlink", f->name);
    if (gone)
        compare(f, 0, f->size);
    close(f->fd);
    f->fd = -1;
}

static void grow(struct file *f, size_t end)
{
    if (end > f->size)
        f->size = end;
}

static void file_write(struct file *f)
{
    static unsigned char data[70000];
    size_t n = draw(8) ? draw(5000) + 1 : draw(sizeof(data)) + 1, at = draw(SIZE_MAX_ - n);
    ssize_t done;

    if (draw(3) == 0)
        at = f->size + n <= SIZE_MAX_ ? f->size : 0;
    for (size_t i = 0; i < n; i++)
        data[i] = draw(255) + 1;
    done = pwrite(f->fd, data, n, at);
    if (done < 0 && full())
        return;
    if (done < 0)
        fail("%s: write of %zu at %zu", f->name, n, at);
    memcpy(f->bytes + at, data, done);
    grow(f, at + done);
}

static void file_truncate(struct file *f)
{
    size_t size = draw(2) ? draw(f->size + 1) : draw(SIZE_MAX_);

    if (ftruncate(f->fd, size)) {
        if (!full())
            fail("%s: truncate to %zu", f->name, size);
        return;
    }
    if (size < f->size)
        memset(f->bytes + size, 0, f->size - size);
    f->size = size;
}

static void file_allocate(struct file *f)
{
    static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE};
    int mode = modes[draw(4)];
    size_t n = draw(60000) + 1, at = draw(SIZE_MAX_ - n);

    if (fallocate(f->fd, mode, at, n)) {
        if (!full() && errno != EOPNOTSUPP)
            fail("%s: fallocate %d of %zu at %zu", f->name, mode, n, at);
        return;
    }
    if (mode > FALLOC_FL_KEEP_SIZE)
        memset(f->bytes + at, 0, n);
    if (!(mode & FALLOC_FL_KEEP_SIZE))
        grow(f, at + n);
}

static void file_map(struct file *f)
{
    size_t at = f->size ? draw(f->size) : 0, n = f->size ? draw(f->size - at) + 1 : 0;
    unsigned char *p;

    if (!n)
        return;
    p = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (p == MAP_FAILED)
        fail("%s: mmap", f->name);
    if (memcmp(p + at, f->bytes + at, n))
        fail("%s: the mapping differs at %zu", f->name, at);
    if (!draw(4) && !fallocate(f->fd, 0, at, n)) // else a store may find the disk full
        for (size_t i = 0; i < n; i += draw(3000) + 1)
            p[at + i] = f->bytes[at + i] = draw(255) + 1;
    munmap(p, f->size);
}

static void file_rename(struct file *f)
{
    char name[64];

    snprintf(name, sizeof(name), "own%u/%s%u", self,
             draw(2) ? "moved" : "a longer name, to move to ", renames++);
    if (rename(f->name, name)) {
        if (!full())
            fail("%s: rename", f->name);
        return;
    }
    strcpy(f->name, name);
}

static void file_sync(struct file *f)
{
    if (with_sync && fsync(f->fd))
        fail("%s: fsync", f->name);
}

static void file_reopen(struct file *f)
{
    close(f->fd);
    f->fd = open(f->name, O_RDWR);
    if (f->fd < 0)
        fail("%s: open", f->name);
}

static void shared_name(char *name, size_t size)
{
    snprintf(name, size, "shared/%s%u", draw(2) ? "n" : "a name that takes more room in a block ",
             draw(200));
}

static void shared_work(void)
{
    char a[64], b[64];
    int fd;

    shared_name(a, sizeof(a));
    shared_name(b, sizeof(b));
    switch (draw(8)) {
    case 0:
    case 1:
        fd = open(a, O_RDWR | O_CREAT, 0600);
        if (fd >= 0 && write(fd, a, sizeof(a)) < 0 && !full())
            fail("%s: write", a);
        close(fd);
        break;
    case 2:
        unlink(a);
        break;
    case 3:
        rename(a, b);
        break;
    case 4:
        link(a, b);
        break;
    case 5:
        symlink(draw(2) ? "short"
                        : "a target that has more than sixty bytes, and so a block of its "
                          "own to be in",
                a);
        break;
    case 6:
        mkdir(a, 0755);
        break;
    case 7:
        rmdir(a);
        break;
    }
}

static void one_operation(void)
{
    static void (*const operations[])(struct file *) = {
        file_write,  file_write, file_write,  file_write, file_truncate, file_allocate,
        file_unlink, file_map,   file_rename, file_sync,  file_reopen,
    };
    struct file *f = &files[draw(FILES)];
    size_t at;

    if (!draw(3)) {
        shared_work();
    } else if (f->fd < 0) {
        file_create(f);
    } else {
        operations[draw(sizeof(operations) / sizeof(operations[0]))](f);
        at = draw(SIZE_MAX_);
        if (f->fd >= 0)
            compare(f, at, draw(SIZE_MAX_ - at) + 1);
    }
}

static int process_main(unsigned operations)
{
    char folder[32];

    snprintf(folder, sizeof(folder), "own%u", self);
    if (mkdir(folder, 0755))
        fail("mkdir");
    for (unsigned i = 0; i < FILES; i++) {
        files[i].fd = -1;
        files[i].bytes = calloc(1, SIZE_MAX_);
        if (!files[i].bytes)
            fail("no memory");
    }
    while (operations--)
        one_operation();
    for (unsigned i = 0; i < FILES; i++)
        if (files[i].fd >= 0) {
            file_reopen(&files[i]);
            compare(&files[i], 0, SIZE_MAX_);
        }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned processes, operations;
    int status, bad = 0;

    if (argc < 5 || chdir(argv[1]))
        return 2;
    processes = atoi(argv[2]);
    operations = atoi(argv[3]);
    with_sync = argc > 5;
    mkdir("shared", 0755);
    for (self = 0; self < processes; self++) {
        state = (strtoull(argv[4], NULL, 0) + self + 1) * 0x9e3779b97f4a7c15;
        if (fork() == 0)
            _exit(process_main(operations));
    }
    while (wait(&status) > 0)
        bad |= status;
    return bad != 0;
}
