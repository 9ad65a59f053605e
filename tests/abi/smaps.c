// SPDX-License-Identifier: MIT
// /proc/<pid>/smaps, smaps_rollup and /proc/locks.
#include "abi.h"

#include <sys/file.h>
#include <sys/sysmacros.h>

// The entry of the mapping that begins at p, up to the next one; "" if there is none.
static const char *entry(const void *p)
{
    static char text[4096];
    char start[32], *end;
    const char *at;

    snprintf(start, sizeof(start), "\n%08lx-", (unsigned long)p);
    at = strstr(file_text("/proc/self/smaps"), start);
    snprintf(text, sizeof(text), "%s", at ? at + 1 : "");
    end = strstr(text, "VmFlags:");
    end = end ? strchr(end, '\n') : NULL;
    if (end)
        *end = 0;
    return text;
}

static long field(const char *text, const char *name)
{
    char key[32];
    const char *at;
    long kb;

    snprintf(key, sizeof(key), "\n%s:", name);
    at = strstr(text, key);
    return at && sscanf(at + strlen(key), "%ld kB", &kb) == 1 ? kb : -1;
}

static bool flagged(const char *text, const char *flag)
{
    const char *flags = strstr(text, "VmFlags:");
    char word[8];

    snprintf(word, sizeof(word), " %s ", flag);
    return flags && strstr(flags, word);
}

static char *pages_new(size_t pages, int prot, int flags)
{
    char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    NEED(p != MAP_FAILED); // a mapping of its own, between two gaps
    NEED(munmap(p, PAGE) == 0 && munmap(p + (pages + 1) * PAGE, PAGE) == 0);
    p = mmap(p + PAGE, pages * PAGE, prot, MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0);
    NEED(p != MAP_FAILED);
    return p;
}

static void forever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void test_anonymous(void)
{
    char *p = pages_new(16, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    const char *e;

    for (int i = 0; i < 5; i++)
        p[3 * i * PAGE] = 1;
    e = entry(p);
    CHECK("line", strstr(e, " rw-p 00000000 00:00 0"));
    EXPECT("size", field(e, "Size"), 64);
    EXPECT("page size", field(e, "KernelPageSize"), 4);
    EXPECT("entry size", field(e, "MMUPageSize"), 4);
    EXPECT("present", field(e, "Rss"), 20);
    EXPECT("share", field(e, "Pss"), 20);
    EXPECT("private dirty", field(e, "Private_Dirty"), 20);
    EXPECT("private clean", field(e, "Private_Clean"), 0);
    EXPECT("shared", field(e, "Shared_Dirty") + field(e, "Shared_Clean"), 0);
    EXPECT("referenced", field(e, "Referenced"), 20);
    EXPECT("anonymous", field(e, "Anonymous"), 20);
    EXPECT("huge", field(e, "AnonHugePages"), 0);
    EXPECT("swap", field(e, "Swap"), 0);
    EXPECT("not locked", field(e, "Locked"), 0);
    CHECK("flags", flagged(e, "rd") && flagged(e, "wr") && !flagged(e, "ex") && flagged(e, "mw"));
    CHECK("flags of others", !flagged(e, "sh") && !flagged(e, "lo") && !flagged(e, "gd"));

    pid_t child = child_start(forever, NULL);
    e = entry(p);
    EXPECT("present in two", field(e, "Rss"), 20);
    EXPECT("half of it", field(e, "Pss"), 10);
    EXPECT("shared dirty", field(e, "Shared_Dirty"), 20);
    EXPECT("none private", field(e, "Private_Dirty"), 0);
    p[0] = 2;
    e = entry(p);
    EXPECT("one its own", field(e, "Private_Dirty"), 4);
    EXPECT("share of both", field(e, "Pss"), 12);
    kill(child, SIGKILL);
    child_end(child);
    EXPECT("all its own", field(entry(p), "Private_Dirty"), 20);

    NEED(mlock(p, 16 * PAGE) == 0);
    e = entry(p);
    EXPECT("locked", field(e, "Locked"), 64);
    EXPECT("all present", field(e, "Rss"), 64);
    CHECK("locked flag", flagged(e, "lo"));
    NEED(munmap(p, 16 * PAGE) == 0);
    EXPECT_STR("unmapped", entry(p), "");
}

static void test_others(void)
{
    char *none = pages_new(4, PROT_NONE, MAP_PRIVATE);
    char *shared = pages_new(4, PROT_READ | PROT_WRITE, MAP_SHARED);
    const char *e = entry(none);

    EXPECT("nothing present", field(e, "Rss"), 0);
    EXPECT("nothing, but a size", field(e, "Size"), 16);
    CHECK("no access", !flagged(e, "rd") && flagged(e, "mr"));
    shared[PAGE] = 1;
    e = entry(shared);
    EXPECT("shared present", field(e, "Rss"), 4);
    EXPECT("shared by nobody", field(e, "Private_Dirty"), 4);
    EXPECT("not anonymous", field(e, "Anonymous"), 0);
    CHECK("shared flags", flagged(e, "sh") && flagged(e, "ms"));
    pid_t child = child_start(forever, NULL);
    NEED(madvise(none, PAGE, MADV_DONTFORK) == 0);
    EXPECT("not there twice", field(entry(shared), "Rss"), 4);
    CHECK("not for children", flagged(entry(none), "dc"));
    kill(child, SIGKILL);
    child_end(child);
    scratch_enter();
    file_write("file", "text", 0644);
    int fd = open("file", O_RDONLY);
    char *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    touch_read(file);
    e = entry(file);
    CHECK("its name", strstr(e, ABI_DIR "/file\n"));
    EXPECT("a page of it", field(e, "Rss"), 4);
    EXPECT("is not anonymous", field(e, "Anonymous"), 0);
    close(fd);
    munmap(file, PAGE);
    munmap(none, 4 * PAGE);
    munmap(shared, 4 * PAGE);
}

// The sums of all mappings of a process that does nothing.
static void test_rollup(void)
{
    static const char *const names[] = {"Rss",           "Shared_Clean",  "Shared_Dirty",
                                        "Private_Clean", "Private_Dirty", "Anonymous"};
    pid_t child = child_start(forever, NULL);
    char path[64], name[64];

    process_await(child, "S");
    for (int i = 0; i < 6; i++) {
        char key[32];
        long sum = 0;

        snprintf(path, sizeof(path), "/proc/%d/smaps", child);
        snprintf(key, sizeof(key), "\n%s:", names[i]);
        for (const char *at = file_text(path); (at = strstr(at, key)); at++)
            sum += strtol(at + strlen(key), NULL, 10);
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", child);
        snprintf(name, sizeof(name), "sum of %s", names[i]);
        EXPECT(name, field(file_text(path), names[i]), sum);
    }
    const char *text = file_text(path);
    CHECK("rollup line", strstr(text, " ---p 00000000 00:00 0") && strstr(text, "[rollup]\n"));
    CHECK("kinds", field(text, "Pss_Anon") > 0 && field(text, "Pss_File") >= 0 &&
                       field(text, "Pss_Shmem") >= 0);
    kill(child, SIGKILL);
    child_end(child);
}

static struct stat file_stat;

// Is there a lock of the file with what is before its number, and after?
static bool locked(const char *kind, long pid, const char *range)
{
    char line[128];

    snprintf(line, sizeof(line), ": %s %ld %02x:%02x:%lu %s\n", kind, pid, major(file_stat.st_dev),
             minor(file_stat.st_dev), (unsigned long)file_stat.st_ino, range);
    return strstr(file_text("/proc/locks"), line);
}

static void test_locks(void)
{
    struct flock l = {.l_type = F_WRLCK, .l_start = 5, .l_len = 10};
    int a = open("file", O_RDWR), b = open("file", O_RDWR);

    NEED(a >= 0 && b >= 0 && fstat(a, &file_stat) == 0);
    CHECK("no lock", !locked("POSIX  ADVISORY  WRITE", getpid(), "5 14"));
    NEED(fcntl(a, F_SETLK, &l) == 0);
    CHECK("write lock", locked("POSIX  ADVISORY  WRITE", getpid(), "5 14"));
    l = (struct flock){.l_type = F_UNLCK, .l_start = 8, .l_len = 2};
    NEED(fcntl(a, F_SETLK, &l) == 0);
    CHECK("its halves", locked("POSIX  ADVISORY  WRITE", getpid(), "5 7") &&
                            locked("POSIX  ADVISORY  WRITE", getpid(), "10 14"));
    CHECK("not the whole", !locked("POSIX  ADVISORY  WRITE", getpid(), "5 14"));
    l = (struct flock){.l_type = F_RDLCK, .l_start = 100};
    NEED(fcntl(b, F_OFD_SETLK, &l) == 0);
    CHECK("lock of an open file", locked("OFDLCK ADVISORY  READ", -1, "100 EOF"));
    NEED(flock(a, LOCK_EX) == 0);
    CHECK("flock", locked("FLOCK  ADVISORY  WRITE", getpid(), "0 EOF"));
    close(b);
    CHECK("open file gone", !locked("OFDLCK ADVISORY  READ", -1, "100 EOF"));
    CHECK("closed", !locked("POSIX  ADVISORY  WRITE", getpid(), "5 7"));
    close(a);
    CHECK("all gone", !locked("FLOCK  ADVISORY  WRITE", getpid(), "0 EOF"));
    scratch_leave();
}

int main(void)
{
    abi_begin();
    test_anonymous();
    test_others();
    test_rollup();
    test_locks();
    return abi_end();
}
