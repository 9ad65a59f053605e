// SPDX-License-Identifier: MIT
// Stress of directories, descriptors, /proc, and of the end of processes with many threads.
#include "tests/stress/stress.h"

/* files: processes that create, rename, link, unlink and list in the same directories */

#define FILES "/tmp/stress.files"

static void files_list(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int dots = 0;

    CHECK(d);
    while ((e = readdir(d))) {
        dots += !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
        if (!strncmp(e->d_name, "stay", 4))
            dots += 16;
    }
    CHECK(dots == 18);
    closedir(d);
}

static void files_step(int me, uint32_t *seed)
{
    char a[64], b[64], own[64], text[32] = "";
    int fd;

    snprintf(a, sizeof(a), FILES "/%c/f%u", 'a' + next_random(seed) % 2, next_random(seed) % 8);
    snprintf(b, sizeof(b), FILES "/%c/f%u", 'a' + next_random(seed) % 2, next_random(seed) % 8);
    snprintf(own, sizeof(own), FILES "/%c/own%d", 'a' + next_random(seed) % 2, me);
    switch (next_random(seed) % 8) {
    case 0:
        fd = open(a, O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == ENOENT || errno == EISDIR);
        if (fd >= 0) {
            CHECK(write(fd, "0123456789", 10) == 10);
            close(fd);
        }
        break;
    case 1:
        CHECK(rename(a, b) == 0 || errno == ENOENT || errno == ENOTDIR || errno == EISDIR ||
              errno == ENOTEMPTY || errno == EEXIST || errno == EINVAL);
        break;
    case 2:
        CHECK(unlink(a) == 0 || errno == ENOENT || errno == EISDIR);
        break;
    case 3:
        CHECK(link(a, b) == 0 || errno == ENOENT || errno == EEXIST || errno == EPERM);
        break;
    case 4:
        CHECK(mkdir(a, 0755) == 0 || errno == EEXIST);
        break;
    case 5:
        CHECK(rmdir(a) == 0 || errno == ENOENT || errno == ENOTDIR || errno == ENOTEMPTY);
        break;
    case 6:
        files_list(next_random(seed) % 2 ? FILES "/a" : FILES "/b");
        break;
    default: // nobody else touches `own`
        fd = open(own, O_CREAT | O_EXCL | O_RDWR, 0600);
        CHECK(fd >= 0);
        CHECK(write(fd, own, sizeof(text)) == sizeof(text));
        CHECK(open(own, O_CREAT | O_EXCL | O_RDWR, 0600) < 0 && errno == EEXIST);
        snprintf(b, sizeof(b), FILES "/b/moved%d", me);
        CHECK(rename(own, b) == 0);
        CHECK(access(own, F_OK) < 0 && errno == ENOENT);
        CHECK(unlink(b) == 0 && access(b, F_OK) < 0);
        CHECK(pread(fd, text, sizeof(text), 0) == sizeof(text) && !memcmp(text, own, sizeof(text)));
        close(fd);
    }
}

static void files_one(int index, int n)
{
    uint32_t seed = (uint32_t)index * 991 + 5;

    for (int i = 0; i < n; i++)
        files_step(index, &seed);
}

static void files_clear(const char *folder)
{
    char path[600];
    DIR *d = opendir(folder);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            CHECK(unlink(path) == 0 || rmdir(path) == 0 || errno == ENOTEMPTY || errno == EISDIR);
    }
    if (d)
        closedir(d);
}

void files(int n, int m)
{
    static const char *const folders[] = {FILES "/a", FILES "/b"};
    char path[600], inner[620];
    struct stat st;

    mkdir("/tmp", 0777);
    CHECK(mkdir(FILES, 0755) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(mkdir(folders[i], 0755) == 0);
        snprintf(path, sizeof(path), "%s/stay", folders[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    in_children(m, files_one, n);
    for (int i = 0; i < 2; i++) { // directories were renamed into directories at most
        for (int f = 0; f < 8; f++) {
            snprintf(path, sizeof(path), "%s/f%d", folders[i], f);
            snprintf(inner, sizeof(inner), "%s", path);
            if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
                files_clear(inner);
        }
        files_clear(folders[i]);
        CHECK(stat(folders[i], &st) == 0 && st.st_nlink == 2);
        CHECK(rmdir(folders[i]) == 0);
    }
    CHECK(rmdir(FILES) == 0);
}

/* exit: exit_group and exec while threads run */

static void *exit_spin(void *arg)
{
    int fds[2];
    char c;

    switch ((intptr_t)arg % 4) {
    case 0:
        for (;;)
            getppid();
    case 1:
        if (pipe(fds) == 0)
            (void)!read(fds[0], &c, 1);
        return NULL;
    case 2:
        for (;;) {
            void *p =
                mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memset(p, 1, 8 * PAGE);
            munmap(p, 8 * PAGE);
        }
    default:
        for (;;)
            usleep(100);
    }
}

static void *exit_by_exec(void *arg)
{
    execl(self_path, "stress", "true", (char *)NULL);
    return arg;
}

static void exit_process(int kind, uint32_t *seed)
{
    pthread_t t;

    for (int i = 0; i < 6; i++)
        thread_start(&t, exit_spin, (void *)(intptr_t)i);
    if (next_random(seed) % 2)
        usleep(next_random(seed) % 1000);
    switch (kind) {
    case 0:
        _exit(0);
    case 1:
        exit_by_exec(NULL);
        _exit(99);
    case 2: // another thread than the first executes
        thread_start(&t, exit_by_exec, NULL);
        pthread_exit(NULL);
    default: // two exits and an exec at once
        thread_start(&t, exit_by_exec, NULL);
        _exit(0);
    }
}

static void exit_one(int index, int n)
{
    uint32_t seed = (uint32_t)index;

    for (int i = 0; i < n; i++) {
        pid_t pid = fork_checked();

        if (pid == 0)
            exit_process(i % 4, &seed);
        next_random(&seed);
        wait_ok(pid);
    }
}

void exits(int n, int m)
{
    in_children(m, exit_one, n);
}

/* fds: threads that open, duplicate and close in one table */

static void *fds_one(void *arg)
{
    int n = (int)((uintptr_t)arg >> 8);
    uint32_t seed = (uint32_t)(uintptr_t)arg & 0xff;

    for (int i = 0; i < n; i++) {
        char path[32], want = (char)next_random(&seed), got;
        int p[2], d;
        struct stat a, b;

        CHECK(pipe2(p, O_CLOEXEC) == 0);
        d = fcntl(p[1], F_DUPFD, 100 + (int)(seed & 0x7f));
        CHECK(d >= 100);
        CHECK(write(d, &want, 1) == 1 && read(p[0], &got, 1) == 1 && got == want);
        CHECK(fstat(d, &a) == 0 && fstat(p[0], &b) == 0 && a.st_ino == b.st_ino);
        CHECK(close(p[1]) == 0 && close(d) == 0 && read(p[0], &got, 1) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
        CHECK(close(p[0]) == 0);
        (void)!close(300 + (int)(next_random(&seed) % 40)); // anybody's
        d = open("/dev/zero", O_RDONLY);
        CHECK(d >= 0);
        (void)!dup3(d, 600 + (int)(next_random(&seed) % 8), 0);
        (void)!read(600 + (int)(next_random(&seed) % 8), &got, 1);
        CHECK(close(d) == 0);
        if (i % 32 == 0) {
            pid_t pid = fork_checked();

            if (pid == 0)
                _exit(0);
            wait_ok(pid);
        }
    }
    return NULL;
}

void fds(int n, int m)
{
    pthread_t t[m];

    for (int i = 0; i < m; i++)
        thread_start(&t[i], fds_one, (void *)((uintptr_t)n << 8 | (uintptr_t)i));
    for (int i = 0; i < m; i++)
        pthread_join(t[i], NULL);
    for (int fd = 600; fd < 608; fd++)
        close(fd);
}

/* proc: readers of all of /proc while processes and threads come and go */

// Most files whole; of a pagemap, which has a word for each page there might be, the beginning.
static void proc_read(const char *path)
{
    char buffer[4096], target[64];
    int fd = open(path, O_RDONLY | O_NONBLOCK);

    if (fd >= 0) {
        for (int parts = 0; parts < 64 && read(fd, buffer, sizeof(buffer)) > 0; parts++)
            ;
        close(fd);
    }
    (void)!readlink(path, target, sizeof(target));
}

static void proc_folder(const char *path, int depth)
{
    DIR *d = opendir(path);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char name[800];

        if (e->d_name[0] == '.' || !strcmp(e->d_name, "kmsg") || !strcmp(e->d_name, "sys") ||
            !strcmp(e->d_name, "root") || !strcmp(e->d_name, "cwd"))
            continue;
        snprintf(name, sizeof(name), "%.500s/%s", path, e->d_name);
        if (e->d_type == DT_DIR && depth > 0)
            proc_folder(name, depth - 1);
        else
            proc_read(name);
    }
    if (d)
        closedir(d);
}

static void proc_one(int index, int n)
{
    static char page[PAGE];

    for (int i = 0; i < n; i++) {
        pid_t pid;
        pthread_t t;

        if (index % 2) {
            proc_folder("/proc", 3);
            continue;
        }
        pid = fork_checked();
        if (pid == 0) {
            thread_start(&t, signals_busy, page);
            thread_start(&t, signals_sleepy, page);
            usleep(500);
            if (i % 2)
                execl(self_path, "stress", "true", (char *)NULL);
            _exit(0);
        }
        wait_ok(pid);
    }
}

void proc(int n, int m)
{
    in_children(m, proc_one, n);
}
