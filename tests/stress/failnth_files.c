// SPDX-License-Identifier: MIT
// Workloads of the failure sweep around files, names, pipes, mounts and devices.
#include "failnth.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

char buffer[65536];

static int write_all(int fd, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, buffer, n < sizeof(buffer) ? n : sizeof(buffer));

        if (done < 0)
            return -1;
        n -= done;
    }
    return 0;
}

static int read_all(const char *path)
{
    int fd = open(path, O_RDONLY);
    ssize_t n;

    if (fd < 0)
        return -1;
    do {
        n = read(fd, buffer, sizeof(buffer));
    } while (n > 0);
    close(fd);
    return n;
}

static int file_make(const char *path, size_t n)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write_all(fd, n) < 0)
        return -1;
    return fd;
}

static int shut(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static int files_create(void)
{
    for (int i = 0; i < 8; i++) {
        char name[] = "file0";

        name[4] += i;
        TRY(shut(open(name, O_CREAT | O_EXCL | O_WRONLY, 0600)));
    }
    return 0;
}

static int directories(void)
{
    TRY(mkdir("a", 0755));
    TRY(mkdir("a/b", 0755));
    TRY(mkdir("a/b/c", 0755));
    TRY(rename("a/b/c", "a/c"));
    TRY(rmdir("a/b"));
    return 0;
}

static int names(void)
{
    TRY(shut(file_make("one", 10)));
    TRY(link("one", "two"));
    TRY(symlink("two", "three"));
    TRY(rename("one", "four"));
    TRY(readlink("three", buffer, sizeof(buffer)));
    TRY(shut(open("three", O_RDONLY)));
    TRY(unlink("three"));
    TRY(unlink("two"));
    return 0;
}

static int rename_over(void)
{
    TRY(shut(file_make("from", 100)));
    TRY(shut(file_make("to", 100)));
    TRY(renameat2(AT_FDCWD, "from", AT_FDCWD, "to", RENAME_EXCHANGE));
    TRY(rename("from", "to"));
    return 0;
}

static int long_symlink(void)
{
    static char target[2000];

    memset(target, 'x', sizeof(target) - 1);
    TRY(symlink(target, "long"));
    TRY(readlink("long", buffer, sizeof(buffer)));
    return 0;
}

static int open_unlinked(void)
{
    int fd = file_make("gone", 3 * PAGE);

    TRY(fd);
    TRY(unlink("gone"));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(read(fd, buffer, 3 * PAGE));
    TRY(close(fd));
    return 0;
}

static int file_grow(void)
{
    int fd = file_make("big", 600000);

    TRY(fd);
    TRY(pwrite(fd, "x", 1, 5 << 20));
    TRY(pwrite(fd, "x", 1, 1L << 32));
    TRY(pread(fd, buffer, sizeof(buffer), 300000));
    return 0;
}

static int file_truncate(void)
{
    int fd = file_make("cut", 50000);

    TRY(fd);
    TRY(ftruncate(fd, 5000));
    TRY(ftruncate(fd, 200000));
    TRY(truncate("cut", 100));
    TRY(fallocate(fd, 0, 0, 40000));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
    return 0;
}

static int vectors(void)
{
    struct iovec v[32];
    int fd = file_make("vectors", 0);

    for (int i = 0; i < 32; i++)
        v[i] = (struct iovec){buffer + i * 100, 100};
    TRY(fd);
    TRY(writev(fd, v, 32));
    TRY(preadv(fd, v, 32, 0));
    return 0;
}

static int pipes(void)
{
    int fd[2];

    TRY(pipe2(fd, O_NONBLOCK));
    TRY(write_all(fd[1], sizeof(buffer)));
    TRY(read(fd[0], buffer, sizeof(buffer)));
    TRY(fcntl(fd[0], F_SETPIPE_SZ, 1 << 17));
    TRY(write_all(fd[1], 100000));
    TRY(close(fd[0]));
    TRY(close(fd[1]));
    return 0;
}

static int pipes_signal(void)
{
    int fd[2];

    TRY(pipe2(fd, O_NONBLOCK));
    TRY(fcntl(fd[0], F_SETOWN, 0));
    TRY(fcntl(fd[1], F_SETFL, O_ASYNC | O_NONBLOCK));
    TRY(fcntl(fd[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    TRY(write_all(fd[1], 100));
    TRY(close(fd[0]));
    TRY(close(fd[1]));
    return 0;
}

static int fifos(void)
{
    int fd;

    TRY(mkfifo("fifo", 0600));
    fd = open("fifo", O_RDWR | O_NONBLOCK);
    TRY(fd);
    TRY(write_all(fd, 5000));
    TRY(read(fd, buffer, 5000));
    return 0;
}

static int map_file(void)
{
    int fd = file_make("mapped", 20000);
    char *shared, *private;

    TRY(fd);
    TRY(ftruncate(fd, 20 * PAGE));
    shared = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    TRY(MAPPED(shared));
    private = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    TRY(MAPPED(private));
    touch(shared, 10);
    touch(private, 20);
    TRY(msync(shared, 20 * PAGE, MS_SYNC));
    TRY(ftruncate(fd, 0));
    TRY(munmap(shared, 20 * PAGE));
    TRY(munmap(private, 20 * PAGE));
    return 0;
}

static int poll_many(void)
{
    static struct pollfd fds[150];
    int n = 0;

    for (; n < 150; n++) {
        fds[n] = (struct pollfd){.fd = eventfd(0, 0), .events = POLLIN};
        TRY(fds[n].fd);
    }
    TRY(poll(fds, n, 1));
    for (n = 0; n < 150; n++)
        TRY(close(fds[n].fd));
    return 0;
}

static int select_many(void)
{
    struct timespec limit = {.tv_nsec = 1000000};
    int fd[2], high = 0;
    fd_set set;

    TRY(pipe(fd));
    FD_ZERO(&set);
    for (int i = 0; i < 40; i++) {
        high = fcntl(fd[0], F_DUPFD, 900);
        TRY(high);
        FD_SET(high, &set);
    }
    TRY(pselect(high + 1, &set, NULL, NULL, &limit, NULL));
    TRY(close(high));
    return 0;
}

static int dup_growth(void)
{
    int fd = open("/dev/null", O_RDWR), last = 0;

    TRY(fd);
    TRY(dup3(fd, 300, O_CLOEXEC));
    for (int i = 0; i < 250; i++) {
        last = dup(fd);
        TRY(last);
    }
    TRY(fcntl(fd, F_DUPFD, 700));
    TRY(close_range(fd, ARM_FD - 1, 0));
    TRY(close_range(ARM_FD + 1, 1023, 0));
    return 0;
}

static int set_lock(int fd, int how, int type, int start, int length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return fcntl(fd, how, &l);
}

static int locks(void)
{
    int fd = file_make("locked", 100), other;

    TRY(fd);
    other = open("locked", O_RDWR);
    TRY(other);
    TRY(set_lock(fd, F_SETLK, F_WRLCK, 0, 100));
    for (int i = 0; i < 8; i++)
        TRY(set_lock(fd, F_SETLK, i & 1 ? F_UNLCK : F_RDLCK, i * 10 + 3, 4));
    TRY(set_lock(other, F_OFD_SETLK, F_WRLCK, 200, 100));
    TRY(set_lock(other, F_OFD_SETLK, F_UNLCK, 250, 10));
    TRY(flock(other, LOCK_EX));
    TRY(flock(other, LOCK_UN));
    TRY(close(other));
    TRY(close(fd));
    return 0;
}

static int directory_read(void)
{
    DIR *d;

    for (int i = 0; i < 40; i++) {
        snprintf(buffer, sizeof(buffer), "a-rather-long-name-of-a-file-%d", i);
        TRY(shut(open(buffer, O_CREAT | O_WRONLY, 0600)));
    }
    d = opendir(".");
    if (!d)
        return errno;
    errno = 0;
    while (readdir(d))
        ;
    if (errno)
        return errno;
    TRY(closedir(d));
    return 0;
}

static int directory_list(const char *path)
{
    DIR *d = opendir(path);
    int err;

    if (!d)
        return errno;
    errno = 0;
    while (readdir(d))
        ;
    err = errno;
    closedir(d);
    return err;
}

static int proc_system(void)
{
    static const char *const files[] = {
        "/proc/meminfo", "/proc/stat",     "/proc/uptime",
        "/proc/cpuinfo", "/proc/mounts",   "/proc/version",
        "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/hostname"};
    int fd;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        TRY(read_all(files[i]));
    fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    TRY(fd);
    if (write(fd, "a long text that is not a number", 32) < 0 && errno != EINVAL)
        return errno;
    TRY(close(fd));
    return 0;
}

static int proc_self(void)
{
    static const char *const files[] = {"stat", "status", "statm",  "cmdline",  "environ",
                                        "comm", "maps",   "limits", "fdinfo/0", "mounts"};
    char path[64];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
        if (read_all(path) < 0 && errno != ENOENT)
            return errno;
    }
    return 0;
}

static int proc_links(void)
{
    TRY(readlink("/proc/self", buffer, 100));
    TRY(readlink("/proc/thread-self", buffer, 100));
    TRY(readlink("/proc/self/exe", buffer, 100));
    TRY(readlink("/proc/self/cwd", buffer, 100));
    TRY(readlink("/proc/self/root", buffer, 100));
    TRY(readlink("/proc/self/fd/0", buffer, 100));
    TRY(shut(open("/proc/self/exe", O_RDONLY)));
    return 0;
}

static int proc_lists(void)
{
    static const char *const paths[] = {
        "/proc",           "/proc/self", "/proc/self/fd", "/proc/self/fdinfo",
        "/proc/self/task", "/proc/sys",  "/dev"};
    int err = 0;

    for (size_t i = 0; !err && i < sizeof(paths) / sizeof(paths[0]); i++)
        err = directory_list(paths[i]);
    return err;
}

static int mounts(void)
{
    TRY(mkdir("mnt", 0755));
    TRY(mount("none", "mnt", "tmpfs", 0, "size=1m,mode=755"));
    TRY(shut(file_make("mnt/file", 10000)));
    TRY(mkdir("mnt/directory", 0755));
    TRY(mount("mnt", "mnt/directory", NULL, MS_BIND, NULL));
    TRY(umount("mnt/directory"));
    TRY(read_all("/proc/mounts"));
    TRY(read_all("/proc/self/mountinfo"));
    TRY(mount("mnt", "mnt/directory", NULL, MS_BIND | MS_REC, NULL));
    TRY(umount("mnt/directory"));
    TRY(umount("mnt"));
    return 0;
}

static int own_mounts(void)
{
    TRY(unshare(CLONE_NEWNS));
    TRY(mkdir("mnt", 0755));
    TRY(mkdir("other", 0755));
    TRY(mount("none", "mnt", "tmpfs", 0, NULL));
    TRY(unshare(CLONE_NEWNS));
    TRY(mount("mnt", "other", NULL, MS_MOVE, NULL));
    TRY(umount("other"));
    return 0;
}

static int mount_proc(void)
{
    TRY(mkdir("mnt", 0755));
    TRY(mount("proc", "mnt", "proc", 0, NULL));
    TRY(read_all("mnt/uptime"));
    TRY(umount("mnt"));
    return 0;
}

static int path_deep(void)
{
    static char long_name[101];

    memset(long_name, 'd', sizeof(long_name) - 1);
    for (int i = 0; i < 6; i++) {
        TRY(mkdir(long_name, 0755));
        TRY(chdir(long_name));
    }
    TRY(getcwd(buffer, sizeof(buffer)) ? 0 : -1);
    TRY(chdir(DIR_PATH));
    return 0;
}

static int sends_file(void)
{
    int fd = file_make("source", 30000), out = file_make("target", 0), p[2];

    TRY(fd);
    TRY(out);
    TRY(pipe2(p, O_NONBLOCK));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(sendfile(p[1], fd, NULL, 20000));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(sendfile(out, fd, NULL, 30000));
    return 0;
}

static int copies_range(void)
{
    int fd = file_make("source", 30000), out = file_make("target", 0);
    off_t from = 0;

    TRY(fd);
    TRY(out);
    TRY(copy_file_range(fd, &from, out, NULL, 30000, 0));
    return 0;
}

static int status_calls(void)
{
    struct statfs fs;
    struct statx x;
    struct stat s;

    TRY(shut(file_make("seen", 10)));
    TRY(statfs("seen", &fs));
    TRY(stat("seen", &s));
    TRY(statx(AT_FDCWD, "seen", 0, STATX_ALL, &x));
    TRY(faccessat(AT_FDCWD, "seen", R_OK, AT_EACCESS));
    TRY(chmod("seen", 0600));
    TRY(chown("seen", 1, 1));
    TRY(utimensat(AT_FDCWD, "seen", NULL, 0));
    return 0;
}

// access(2) asks for the real user, who is another one.
static int access_real(void)
{
    TRY(shut(file_make("seen", 10)));
    TRY(setresuid(1000, 0, 0));
    TRY(access("seen", R_OK));
    return 0;
}

static int new_root(void)
{
    TRY(mkdir("root", 0755));
    TRY(chroot("root"));
    TRY(shut(open("/file", O_CREAT | O_WRONLY, 0644)));
    return 0;
}

static int terminal(void)
{
    int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct termios settings;
    struct winsize size;

    TRY(fd);
    TRY(tcgetattr(fd, &settings));
    TRY(tcsetattr(fd, TCSANOW, &settings));
    TRY(ioctl(fd, TIOCGWINSZ, &size));
    if (read(fd, buffer, 10) < 0 && errno != EAGAIN)
        return errno;
    TRY(write(fd, "", 0));
    TRY(close(fd));
    return 0;
}

static int terminal_session(void)
{
    int fd;

    signal(SIGHUP, SIG_IGN); // TIOCNOTTY sends it
    TRY(setsid());
    fd = open("/dev/ttyS0", O_RDWR | O_NONBLOCK | O_NOCTTY);
    TRY(fd);
    TRY(ioctl(fd, TIOCSCTTY, 1));
    TRY(shut(open("/dev/tty", O_RDWR)));
    TRY(ioctl(fd, TIOCNOTTY));
    return 0;
}

static int events(void)
{
    struct timespec limit = {.tv_nsec = 1000000};
    int fd = eventfd(1, EFD_NONBLOCK);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    uint64_t value = 3;
    sigset_t none;

    TRY(fd);
    sigemptyset(&none);
    TRY(write(fd, &value, sizeof(value)));
    TRY(ppoll(&p, 1, &limit, &none));
    TRY(read(fd, &value, sizeof(value)));
    TRY(close(fd));
    return value == 4 ? 0 : EPROTO;
}

static int devices(void)
{
    static const char *const paths[] = {"/dev/zero", "/dev/urandom", "/dev/random"};

    for (int i = 0; i < 3; i++) {
        int fd = open(paths[i], O_RDONLY);

        TRY(fd);
        TRY(read(fd, buffer, 5000));
        TRY(close(fd));
    }
    TRY(mknod("null", S_IFCHR | 0666, 1 << 8 | 3));
    TRY(shut(open("null", O_RDWR)));
    return 0;
}

// clang-format off
const struct workload workloads_of_files[] = {
    WORKLOAD(files_create), WORKLOAD(directories), WORKLOAD(names), WORKLOAD(rename_over),
    WORKLOAD(long_symlink), WORKLOAD(open_unlinked), WORKLOAD(file_grow), WORKLOAD(file_truncate),
    WORKLOAD(vectors), WORKLOAD(pipes), WORKLOAD(pipes_signal), WORKLOAD(fifos), WORKLOAD(map_file), WORKLOAD(poll_many),
    WORKLOAD(select_many), WORKLOAD(dup_growth), WORKLOAD(locks), WORKLOAD(directory_read),
    WORKLOAD(proc_system), WORKLOAD(proc_self), WORKLOAD(proc_links), WORKLOAD(proc_lists),
    WORKLOAD(mounts), WORKLOAD(own_mounts), WORKLOAD(mount_proc), WORKLOAD(path_deep), WORKLOAD(sends_file),
    WORKLOAD(copies_range), WORKLOAD(status_calls), ONE_RUN(access_real), ONE_RUN(new_root), WORKLOAD(terminal),
    ONE_RUN(terminal_session), WORKLOAD(events), WORKLOAD(devices),
    {0},
};
