// SPDX-License-Identifier: MIT
// Checks, children and files of the tests.
#include "usertests.h"

#define SETTLE_TICKS 100 // until an orphan that init does not reap counts as lost

static char buf[BSIZE];

void expect_equal(const char *file, int line, const char *what, long seen, long wanted)
{
    if (seen == wanted)
        return;
    printf("%s:%d: %s: expected %ld, seen %ld\n", file, line, what, wanted, seen);
    exit(1);
}

void check_true(const char *file, int line, const char *what, bool holds)
{
    if (holds)
        return;
    printf("%s:%d: expected %s\n", file, line, what);
    exit(1);
}

int child(void (*run)(void))
{
    int pid = fork();

    check(pid >= 0);
    if (pid == 0) {
        run();
        exit(0);
    }
    return pid;
}

int status_of(int pid)
{
    int status = -2;

    expect(wait(&status), pid);
    return status;
}

int child_status(void (*run)(void))
{
    return status_of(child(run));
}

int children_status(int n)
{
    int status = 0;

    while (n-- > 0 && status == 0)
        check(wait(&status) > 0);
    return status;
}

void kill_all(const int *pids, int n)
{
    for (int i = 0; i < n; i++)
        expect(kill(pids[i]), 0);
    for (int i = 0; i < n; i++)
        check(wait(0) > 0);
}

int touch_status(void *at, bool write)
{
    volatile char *byte = at;
    int pid = fork();

    check(pid >= 0);
    if (pid == 0) {
        char seen = *byte;
        if (write)
            *byte = seen;
        exit(0);
    }
    return status_of(pid);
}

void program(const char *mode, char **more)
{
    char *argv[MAXARG] = {PROGRAM, (char *)mode};

    for (int i = 0; more && more[i] && i < MAXARG - 3; i++)
        argv[i + 2] = more[i];
    exec(PROGRAM, argv);
    check(false && "exec");
}

void processes_settle(uint64 most)
{
    int end = uptime() + SETTLE_TICKS;

    while (processes_now() > most && uptime() < end)
        sleep(1);
}

void bytes_fill(char *to, int n, int at, int seed)
{
    for (int i = 0; i < n; i++)
        to[i] = (at + i) * 7 + (at + i) / 256 + seed;
}

bool bytes_are(const char *seen, int n, int at, int seed)
{
    for (int i = 0; i < n; i++)
        if (seen[i] != (char)((at + i) * 7 + (at + i) / 256 + seed))
            return false;
    return true;
}

void file_make(const char *name, int size, int seed)
{
    int fd = open(name, O_CREATE | O_TRUNC | O_WRONLY), n;

    check(fd >= 0);
    for (int at = 0; at < size; at += n) {
        n = size - at < (int)sizeof(buf) ? size - at : (int)sizeof(buf);
        bytes_fill(buf, n, at, seed);
        expect(write(fd, buf, n), n);
    }
    expect(close(fd), 0);
}

bool file_is(const char *name, int size, int seed)
{
    int fd = open(name, O_RDONLY), at = 0, n;

    check(fd >= 0);
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        if (!bytes_are(buf, n, at, seed))
            break;
        at += n;
    }
    close(fd);
    return n == 0 && at == size;
}

long file_size(const char *name)
{
    struct stat st;

    return stat(name, &st) < 0 ? -1 : (long)st.size;
}

int descriptors_open(void)
{
    struct stat st;
    int n = 0;

    for (int fd = 0; fd < 2 * NOFILE; fd++)
        n += fstat(fd, &st) == 0;
    return n;
}

char *numbered(char *name, int n)
{
    uint len = strlen(name);

    name[len - 2] = '0' + n / 10 % 10;
    name[len - 1] = '0' + n % 10;
    return name;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

// The next name of the directory but "." and ".."; false at the end.
static bool name_next(int fd, char *name)
{
    struct dirent entry;

    while (read(fd, &entry, sizeof(entry)) == sizeof(entry)) {
        memmove(name, entry.name, DIRSIZ);
        name[DIRSIZ] = 0;
        if (entry.inum && !is_dots(name))
            return true;
    }
    return false;
}

int directory_count(void)
{
    char name[DIRSIZ + 1];
    int fd = open(".", O_RDONLY), n = 0;

    check(fd >= 0);
    while (name_next(fd, name))
        n++;
    close(fd);
    return n;
}

static bool first_name(char *name)
{
    int fd = open(".", O_RDONLY);
    bool found = fd >= 0 && name_next(fd, name);

    close(fd);
    return found;
}

int directory_clean(void)
{
    char name[DIRSIZ + 1];
    int n = 0;

    for (; first_name(name); n++) {
        if (unlink(name) == 0)
            continue;
        if (chdir(name) < 0)
            break;
        n += directory_clean();
        chdir("..");
        if (unlink(name) < 0)
            break;
    }
    return n;
}

bool on_xv6fs(void)
{
    struct stat st;

    expect(stat("/", &st), 0);
    return st.ino == ROOTINO;
}

static struct sysinfo now(void)
{
    struct sysinfo info;

    expect(sysinfo(&info), 0);
    return info;
}

uint64 memory_free(void)
{
    return now().freemem;
}

uint64 processes_now(void)
{
    return now().nproc;
}
