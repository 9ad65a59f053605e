// SPDX-License-Identifier: MIT
// Files, processes and memory of the real machine.
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Memory and files */

void *native_shared(size_t n)
{
    void *p =
        mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

void native_clear(void *shared, size_t n)
{
    if (madvise(shared, n, MADV_REMOVE))
        abort();
}

void *native_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (!p)
        abort();
    return p;
}

void native_sort(void *items, size_t count, size_t size,
                 int (*compare)(const void *a, const void *b))
{
    qsort(items, count, size, compare);
}

const char *native_variable(const char *name)
{
    return getenv(name);
}

long native_read(const char *path, void *to, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, to, n);

    if (fd >= 0)
        close(fd);
    return got;
}

bool native_write(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool good = fd >= 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n && !ftruncate(fd, n);

    if (fd >= 0)
        close(fd);
    return good;
}

void native_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        perror(path);
}

void native_begin(char *path, size_t room)
{
    setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
    snprintf(path, room, "%s/crashXXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(path)) {
        perror(path);
        exit(1);
    }
}

void native_remove(const char *path)
{
    char *const command[] = {"rm", "-rf", (char *)path, NULL};
    char said[200];

    if (native_run(command, said, sizeof(said)))
        fprintf(stderr, "%s", said);
}

/* Processes */

static int status_wait(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void read_all(int fd, char *said, size_t room)
{
    char rest[512];
    size_t n = 0;
    ssize_t got;

    while (n + 1 < room && (got = read(fd, said + n, room - 1 - n)) > 0)
        n += got;
    said[n] = '\0';
    while (read(fd, rest, sizeof(rest)) > 0)
        ;
}

int native_run(char *const command[], char *said, size_t room)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        abort();
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    if (posix_spawnp(&child, command[0], &actions, NULL, command, environ)) {
        fprintf(stderr, "%s cannot be run\n", command[0]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    read_all(ends[0], said, room);
    close(ends[0]);
    return status_wait(child);
}

int native_apart(void (*fn)(void), const char *log, unsigned seconds)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0)
        abort();
    if (child == 0) {
        if (log)
            dup2(open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), 2);
        alarm(seconds);
        fn();
        native_exit(0);
    }
    return status_wait(child);
}

void native_many(void (*fn)(unsigned long number), unsigned long n)
{
    fflush(NULL);
    for (unsigned long i = 0; i < n; i++)
        if (fork() == 0) {
            fn(i);
            native_exit(0);
        }
    while (wait(NULL) > 0)
        ;
}

unsigned long native_processors(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN);
}

unsigned long native_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

void native_exit(int status)
{
    fflush(NULL);
    _exit(status);
}
