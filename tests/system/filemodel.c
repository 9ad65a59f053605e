// SPDX-License-Identifier: MIT
// Random operations on a few files against copies in memory, on a mounted disk.
//
//     filemodel fsync|fdatasync PATH
//     filemodel DEVICE DIRECTORY STEPS SEED OPTIONS EXTENTS PROCESSES
//
// Mounts the device there, with OPTIONS. The files that are there at first are what they begin
// with. One process unmounts the file system every now and then, mounts it again, and compares all
// files; several have files of their own, and that is done at the end.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TYPE  "ext4"
#define FILES 4         // of a process
#define SPAN  (3 << 18) // bytes of a file at most
#define PAGE  4096

static struct model {
    int fd;
    size_t size;
    unsigned char bytes[SPAN];
} * models; // of all processes, in shared memory

static unsigned char scratch[SPAN];
static const char *device, *directory, *options;
static uint64_t state;
static unsigned long step;
static int has_extents, processes;
static int first; // of this process's files

static void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("file %d on, step %lu: ", first, step);
    vprintf(format, args);
    printf(" (errno %d)\n", errno);
    va_end(args);
    exit(1);
}

static uint64_t below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static char *path_of(int n)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/model%d", directory, n);
    return path;
}

static void check(struct model *m, size_t at, size_t n)
{
    ssize_t got = pread(m->fd, scratch, n, at);
    size_t want = at >= m->size ? 0 : m->size - at < n ? m->size - at : n;

    if (got != (ssize_t)want)
        fail("file %ld: read %zu at %zu: %zd, not %zu", m - models, n, at, got, want);
    for (size_t k = 0; k < want; k++)
        if (scratch[k] != m->bytes[at + k])
            fail("file %ld: byte %zu is %02x, not %02x", m - models, at + k, scratch[k],
                 m->bytes[at + k]);
}

static void check_all(struct model *m)
{
    struct stat st;

    if (fstat(m->fd, &st) || (size_t)st.st_size != m->size)
        fail("file %ld: size %ld, not %zu", m - models, (long)st.st_size, m->size);
    check(m, 0, SPAN);
}

/* Steps */

static size_t some_length(void)
{
    return 1 + below(below(4) ? 10000 : 200000);
}

static void grow(struct model *m, size_t end)
{
    if (end <= m->size)
        return;
    memset(m->bytes + m->size, 0, end - m->size);
    m->size = end;
}

static void step_write(struct model *m, size_t at, size_t n)
{
    size_t old = m->size;

    for (size_t k = 0; k < n; k++)
        scratch[k] = below(256);
    if (at > old)
        grow(m, at);
    if (pwrite(m->fd, scratch, n, at) != (ssize_t)n)
        fail("write %zu at %zu", n, at);
    if (at + n > m->size)
        m->size = at + n;
    memcpy(m->bytes + at, scratch, n);
}

static void step_truncate(struct model *m, size_t size)
{
    if (ftruncate(m->fd, size))
        fail("truncate to %zu", size);
    grow(m, size);
    m->size = size;
}

static void step_map(struct model *m, size_t at, size_t n)
{
    size_t from = at & ~(PAGE - 1UL);
    unsigned char *p;

    if (at >= m->size)
        return;
    if (n > m->size - at)
        n = m->size - at;
    p = mmap(NULL, at + n - from, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, from);
    if (p == MAP_FAILED)
        fail("mmap");
    for (size_t k = 0; k < n; k++)
        p[at - from + k] = m->bytes[at + k] = below(256);
    if (!below(3) && msync(p, at + n - from, MS_SYNC))
        fail("msync");
    munmap(p, at + n - from);
}

static int allocate(struct model *m, int mode, size_t at, size_t n)
{
    if (!fallocate(m->fd, mode, at, n))
        return 1;
    if (errno != EOPNOTSUPP || has_extents)
        fail("fallocate %d %zu %zu", mode, at, n);
    return 0;
}

static void step_fallocate(struct model *m, size_t at, size_t n)
{
    size_t end = at + n, low = at & ~(PAGE - 1UL), length = (n + PAGE - 1) & ~(PAGE - 1UL);

    switch (below(6)) {
    case 0:
        if (allocate(m, 0, at, n))
            grow(m, end);
        break;
    case 1:
        allocate(m, FALLOC_FL_KEEP_SIZE, at, n);
        break;
    case 2:
        if (allocate(m, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n) && at < m->size)
            memset(m->bytes + at, 0, (end < m->size ? end : m->size) - at);
        break;
    case 3:
        if (allocate(m, FALLOC_FL_ZERO_RANGE, at, n)) {
            grow(m, end);
            memset(m->bytes + at, 0, n);
        }
        break;
    case 4:
        if (low + length < m->size && allocate(m, FALLOC_FL_COLLAPSE_RANGE, low, length)) {
            memmove(m->bytes + low, m->bytes + low + length, m->size - low - length);
            m->size -= length;
        }
        break;
    default:
        if (low < m->size && m->size + length <= SPAN &&
            allocate(m, FALLOC_FL_INSERT_RANGE, low, length)) {
            memmove(m->bytes + low + length, m->bytes + low, m->size - low);
            memset(m->bytes + low, 0, length);
            m->size += length;
        }
    }
}

// What is called a hole holds zeroes, and data begins where it is said to.
static void step_seek(struct model *m, size_t at)
{
    off_t data = lseek(m->fd, at, SEEK_DATA), hole = lseek(m->fd, at, SEEK_HOLE);
    size_t end = data < 0 ? m->size : (size_t)data;

    if (at >= m->size) {
        if (data >= 0 || hole >= 0)
            fail("seek beyond the end");
        return;
    }
    for (size_t k = at; k < end; k++)
        if (m->bytes[k])
            fail("file %ld: byte %zu is not in a hole (%zu to %zu)", m - models, k, at, end);
    if (hole < (off_t)at || hole > (off_t)m->size || (data == (off_t)at) == (hole == (off_t)at))
        fail("data at %ld, hole at %ld, from %zu of %zu", (long)data, (long)hole, at, m->size);
}

static void open_file(int n)
{
    struct model *m = &models[n];

    m->fd = open(path_of(n), O_RDWR | O_CREAT, 0644);
    if (m->fd < 0)
        fail("open %s", path_of(n));
}

static void remount(void)
{
    for (int n = 0; n < FILES * processes; n++)
        close(models[n].fd);
    if (umount(directory))
        fail("umount");
    if (mount(device, directory, TYPE, 0, options))
        fail("mount");
    for (int n = 0; n < FILES * processes; n++) {
        open_file(n);
        check_all(&models[n]);
    }
}

static void some_step(void)
{
    int n = first + below(FILES);
    struct model *m = &models[n];
    size_t length = some_length(), at = below(below(3) && m->size ? m->size : SPAN);

    if (length > SPAN - at)
        length = SPAN - at;
    switch (below(12)) {
    case 0:
        step_truncate(m, at);
        break;
    case 1:
    case 2:
        step_map(m, at, length);
        break;
    case 3:
    case 4:
    case 5:
        step_fallocate(m, at, length);
        break;
    case 6:
        check(m, at, length);
        break;
    case 7:
        step_seek(m, at);
        break;
    case 8:
        if (!below(4) && (below(2) ? fsync(m->fd) : fdatasync(m->fd)))
            fail("fsync");
        break;
    case 9:
        if (!below(10)) {
            close(m->fd);
            open_file(n);
        }
        break;
    default:
        step_write(m, at, length);
    }
}

static void steps_run(unsigned long steps)
{
    for (step = 1; step <= steps; step++) {
        some_step();
        if (step % 500 == 0 && processes == 1)
            remount();
        if (processes > 1 && !below(200))
            sync();
    }
    for (int n = first; n < first + FILES; n++)
        check_all(&models[n]);
}

static void processes_run(unsigned long steps)
{
    int status, failed = 0;

    for (int n = 0; n < processes; n++) {
        if (fork())
            continue;
        first = n * FILES;
        state += 0x9E3779B97F4A7C15 * n;
        steps_run(steps);
        exit(0);
    }
    while (wait(&status) > 0)
        failed |= status;
    if (failed)
        exit(1);
}

static void files_open(void)
{
    models = mmap(NULL, sizeof(*models) * FILES * processes, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (models == MAP_FAILED)
        fail("memory");
    for (int n = 0; n < FILES * processes; n++) {
        ssize_t size;

        open_file(n);
        size = read(models[n].fd, models[n].bytes, SPAN);
        if (size < 0)
            fail("read");
        models[n].size = size;
    }
}

static int sync_one(const char *how, const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0 || (!strcmp(how, "fsync") ? fsync(fd) : fdatasync(fd)))
        fail("%s %s", how, path);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long steps;

    setbuf(stdout, NULL);
    if (argc == 3)
        return sync_one(argv[1], argv[2]);
    if (argc != 8)
        return 2;
    device = argv[1];
    directory = argv[2];
    steps = strtoul(argv[3], NULL, 0);
    state = strtoul(argv[4], NULL, 0) * 2654435761u + 1;
    options = argv[5];
    has_extents = atoi(argv[6]);
    processes = atoi(argv[7]);
    mkdir(directory, 0755);
    if (mount(device, directory, TYPE, 0, options))
        fail("mount");
    files_open();
    if (processes == 1)
        steps_run(steps);
    else
        processes_run(steps);
    remount();
    for (int n = 0; n < FILES * processes; n++)
        close(models[n].fd);
    if (umount(directory))
        fail("umount");
    printf("%lu steps are as in the model\n", steps);
    return 0;
}
