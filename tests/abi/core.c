// SPDX-License-Identifier: MIT
// core(5): what a core dump holds, which file it goes to, and when there is none. As root.
#include "abi.h"

#include <elf.h>
#include <grp.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#define USER   1234
#define MAGIC  0x636f7265206d6167
#define DUMPED 0x80
#define BIG    (64UL << 20)
#define FILLED (24UL << 20) // takes a while to write

static struct page {
    char *sparse, *kept, *left, *shared; // areas of a child that dumps core
    pid_t tids[3];
    volatile unsigned long count;
} * page;

static void sysctl_set(const char *name, const char *value)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/sys/%s", name);
    file_write(path, value, 0644);
}

static void pattern_set(const char *value)
{
    sysctl_set("kernel/core_pattern", value);
}

static void limit_set(rlim_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};

    NEED(setrlimit(RLIMIT_CORE, &limit) == 0);
}

/* Reading a core dump */

static int core_fd;

static void core_read(void *to, size_t n, off_t at)
{
    NEED(pread(core_fd, to, n, at) == (ssize_t)n);
}

static Elf64_Ehdr core_open(const char *path)
{
    Elf64_Ehdr h;

    core_fd = open(path, O_RDONLY | O_CLOEXEC);
    NEED(core_fd >= 0);
    core_read(&h, sizeof(h), 0);
    return h;
}

static Elf64_Phdr core_phdr(const Elf64_Ehdr *h, unsigned i)
{
    Elf64_Phdr ph;

    core_read(&ph, sizeof(ph), h->e_phoff + i * sizeof(ph));
    return ph;
}

// The program header of the area that holds an address; p_type 0: none.
static Elf64_Phdr core_area(const Elf64_Ehdr *h, const void *at)
{
    unsigned long va = (unsigned long)at;

    for (unsigned i = 1; i < h->e_phnum; i++) {
        Elf64_Phdr ph = core_phdr(h, i);

        if (ph.p_vaddr <= va && va - ph.p_vaddr < ph.p_memsz)
            return ph;
    }
    return (Elf64_Phdr){0};
}

// Bytes of the file for an area; -1: there is no such area.
static long core_kept(const Elf64_Ehdr *h, const void *at)
{
    Elf64_Phdr ph = core_area(h, at);

    return ph.p_type ? (long)ph.p_filesz : -1;
}

static unsigned long core_word(const Elf64_Ehdr *h, const void *at)
{
    Elf64_Phdr ph = core_area(h, at);
    unsigned long word, from = (unsigned long)at - ph.p_vaddr;

    NEED(ph.p_type == PT_LOAD && from < ph.p_filesz);
    core_read(&word, sizeof(word), ph.p_offset + from);
    return word;
}

// The nth note of a type: its length, -1 if there is none. Each lies in `note`.
static union {
    struct elf_prstatus status;
    struct elf_prpsinfo process;
    siginfo_t info;
    unsigned long words[8192];
    char bytes[65536];
} note;

static long core_note(const Elf64_Ehdr *h, unsigned type, unsigned n)
{
    Elf64_Phdr ph = core_phdr(h, 0);
    off_t at = ph.p_offset, end = at + ph.p_filesz;
    Elf64_Nhdr nh;
    char name[8];

    NEED(ph.p_type == PT_NOTE);
    for (; at < end; at += sizeof(nh) + 8 + ((nh.n_descsz + 3) & ~3U)) {
        core_read(&nh, sizeof(nh), at);
        core_read(name, sizeof(name), at + sizeof(nh));
        NEED(nh.n_namesz >= 5 && nh.n_namesz <= 8);
        if (nh.n_type != type || strcmp(name, "CORE") || n--)
            continue;
        NEED(nh.n_descsz < sizeof(note));
        core_read(&note, nh.n_descsz, at + sizeof(nh) + 8);
        return nh.n_descsz;
    }
    return -1;
}

/* A dump of three threads */

static void *wait_here(void *slot)
{
    *(pid_t *)slot = gettid();
    for (;;)
        pause();
    return NULL;
}

static void fault(void)
{
    __asm__ volatile(
        "li s2, 0x1234; li s3, 0x5678; fmv.d.x fs3, s2; fmv.d.x fs4, s3; li a5, 0x778; "
        "sd zero, 0(a5)" ::
            : "s2", "s3", "fs3", "fs4", "a5", "memory");
}

static char *map(size_t size, int flags)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    NEED(p != MAP_FAILED);
    return p;
}

static void word_put(char *at)
{
    *(unsigned long *)at = MAGIC;
}

static void areas_make(void)
{
    page->sparse = map(BIG, MAP_PRIVATE);
    word_put(page->sparse + BIG / 2);
    page->kept = map(3 * PAGE, MAP_PRIVATE);
    word_put(page->kept);
    NEED(mprotect(page->kept, 3 * PAGE, PROT_NONE) == 0);
    page->left = map(3 * PAGE, MAP_PRIVATE);
    word_put(page->left);
    NEED(madvise(page->left, 3 * PAGE, MADV_DONTDUMP) == 0);
    page->shared = map(3 * PAGE, MAP_SHARED);
    word_put(page->shared + PAGE);
}

static void three_threads(void *unused)
{
    pthread_t thread;

    (void)unused;
    limit_set(RLIM_INFINITY);
    areas_make();
    for (int i = 1; i < 3; i++)
        NEED(pthread_create(&thread, NULL, wait_here, &page->tids[i]) == 0);
    for (int i = 1; i < 3; i++) {
        while (!*(volatile pid_t *)&page->tids[i])
            sched_yield();
        process_await(page->tids[i], "S");
    }
    page->tids[0] = gettid();
    fault();
}

static void check_threads(const Elf64_Ehdr *h)
{
    unsigned found = 0;

    NEED(core_note(h, NT_PRSTATUS, 0) == sizeof(struct elf_prstatus));
    EXPECT("the first is who had the signal", note.status.pr_pid, page->tids[0]);
    EXPECT("signal", note.status.pr_cursig, SIGSEGV);
    EXPECT("s2", note.status.pr_reg[18], 0x1234);
    EXPECT("s3", note.status.pr_reg[19], 0x5678);
    EXPECT("a5", note.status.pr_reg[15], 0x778);
    EXPECT("parent", note.status.pr_ppid, getpid());
    EXPECT("its floating-point registers", core_note(h, NT_PRFPREG, 0), 264);
    EXPECT("fs3", note.words[19], 0x1234);
    EXPECT("fs4", note.words[20], 0x5678);
    for (unsigned i = 1; i < 3; i++) {
        NEED(core_note(h, NT_PRSTATUS, i) == sizeof(struct elf_prstatus));
        found |= 1U << (note.status.pr_pid == page->tids[1] ? 1 : 2);
        EXPECT("in a system call", note.status.pr_reg[17], SYS_ppoll);
        EXPECT("each has floating point", core_note(h, NT_PRFPREG, i), 264);
    }
    EXPECT("both others are there", found, 6);
    EXPECT("and nobody else", core_note(h, NT_PRSTATUS, 3), -1);
}

static void check_notes(const Elf64_Ehdr *h, pid_t pid)
{
    bool found = false;
    long n;

    EXPECT("process", core_note(h, NT_PRPSINFO, 0), sizeof(struct elf_prpsinfo));
    EXPECT("pid", note.process.pr_pid, pid);
    EXPECT_STR("program", note.process.pr_fname, "core");
    EXPECT("arguments", !!strstr(note.process.pr_psargs, "core"), true);
    EXPECT("siginfo", core_note(h, NT_SIGINFO, 0), sizeof(siginfo_t));
    EXPECT("number", note.info.si_signo, SIGSEGV);
    EXPECT("code", note.info.si_code, SEGV_MAPERR);
    EXPECT("address", (long)note.info.si_addr, 0x778);
    n = core_note(h, NT_AUXV, 0);
    for (long i = 0; i < n / 16; i++)
        found |= note.words[2 * i] == AT_ENTRY && note.words[2 * i + 1] == getauxval(AT_ENTRY);
    EXPECT("auxiliary vector", found, true);
    n = core_note(h, NT_FILE, 0);
    EXPECT("files", n > 40 && note.words[0] >= 1 && note.words[1] == PAGE, true);
    EXPECT("the program's name", !!strstr(note.bytes + 16 + 24 * note.words[0], "/core"), true);
}

static void check_memory(const Elf64_Ehdr *h)
{
    struct stat st;

    EXPECT("a touched page", core_word(h, page->sparse + BIG / 2), MAGIC);
    EXPECT("one beside it", core_word(h, page->sparse), 0);
    EXPECT("without rights", core_word(h, page->kept), MAGIC);
    EXPECT("its rights", core_area(h, page->kept).p_flags, 0);
    EXPECT("rights", core_area(h, page->sparse).p_flags, PF_R | PF_W);
    EXPECT("MADV_DONTDUMP", core_kept(h, page->left), 0);
    EXPECT("but the area", core_area(h, page->left).p_memsz, 3 * PAGE);
    EXPECT("shared", core_word(h, page->shared + PAGE), MAGIC);
    EXPECT("a file of the program",
           core_word(h, (void *)(getauxval(AT_PHDR) & ~4095UL)) & 0xffffffff, 0x464c457f);
    EXPECT("the vDSO", core_word(h, (void *)getauxval(AT_SYSINFO_EHDR)) & 0xffffffff, 0x464c457f);
    NEED(fstat(core_fd, &st) == 0);
    EXPECT("size", (unsigned long)st.st_size > BIG, true);
    EXPECT("untouched pages take no room", st.st_blocks * 512 < 4 << 20, true);
    EXPECT("mode", st.st_mode, S_IFREG | 0600);
}

static void test_contents(void)
{
    pid_t pid = child_start(three_threads, NULL);
    Elf64_Ehdr h;

    EXPECT("status", child_end(pid), SIGSEGV | DUMPED);
    h = core_open("core");
    EXPECT("ELF", memcmp(h.e_ident, "\177ELF\2\1\1", 7), 0);
    EXPECT("a core", h.e_type, ET_CORE);
    EXPECT("machine", h.e_machine, EM_RISCV);
    check_threads(&h);
    check_notes(&h, pid);
    check_memory(&h);
    close(core_fd);
    unlink("core");
}

/* The filter */

static void filter_set(const char *value)
{
    file_write("/proc/self/coredump_filter", value, 0644);
}

static void filtered(void *value)
{
    char *mine;
    int fd = open("file", O_RDWR | O_CREAT, 0600);

    filter_set(value);
    NEED(fd >= 0 && ftruncate(fd, PAGE) == 0);
    limit_set(RLIM_INFINITY);
    areas_make();
    mine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    page->left = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    page->kept = mine;
    word_put(mine);
    abort();
}

static void expect_filter(const char *value, long anonymous, long shared, long file_shared,
                          long file_private, long program)
{
    Elf64_Ehdr h;

    EXPECT(value, child_run(filtered, (void *)value), SIGABRT | DUMPED);
    h = core_open("core");
    EXPECT("private memory", core_kept(&h, page->sparse) != 0, anonymous);
    EXPECT("shared memory", core_kept(&h, page->shared) != 0, shared);
    EXPECT("a file's, shared", core_kept(&h, page->kept) != 0, file_shared);
    EXPECT("a file's, private", core_kept(&h, page->left) != 0, file_private);
    EXPECT("the program's", core_kept(&h, (void *)(getauxval(AT_PHDR) & ~4095UL)) / PAGE, program);
    close(core_fd);
    unlink("core");
}

static void filter_of_child(void *unused)
{
    (void)unused;
    EXPECT_STR("fork inherits it", file_text("/proc/self/coredump_filter"), "00000021\n");
    execl("/usr/bin/busybox", "grep", "-q", "00000021", "/proc/self/coredump_filter", NULL);
}

static void test_filter(void)
{
    Elf64_Ehdr h;
    long all;

    EXPECT_STR("default", file_text("/proc/self/coredump_filter"), "00000033\n");
    filter_set("0xffffffff");
    EXPECT_STR("what there is", file_text("/proc/self/coredump_filter"), "000001ff\n");
    filter_set("33");
    EXPECT("exec keeps it", child_run(filter_of_child, NULL), EXITED(0));
    filter_set("0x33");
    EXPECT("by pid of nobody", open("/proc/1234567/coredump_filter", O_RDWR), -1);
    expect_filter("0x10", 0, 0, 0, 0, 1);
    expect_filter("0x11", 1, 0, 0, 0, 1);
    expect_filter("0x2", 0, 1, 0, 0, 0);
    expect_filter("0x8", 0, 0, 1, 0, 0);
    child_run(filtered, "0x4");
    h = core_open("core");
    all = core_kept(&h, (void *)(getauxval(AT_PHDR) & ~4095UL));
    EXPECT("all of the program", all > 4096, true);
    EXPECT("a file's, private", core_kept(&h, page->left), PAGE);
    EXPECT("not what is written", core_kept(&h, page->sparse), 0);
    close(core_fd);
    unlink("core");
    unlink("file");
}

/* Limits */

struct limits {
    rlim_t core, file;
};

static void limited(void *arg)
{
    const struct limits *l = arg;
    struct rlimit limit = {l->file, RLIM_INFINITY};

    limit_set(l->core);
    NEED(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    memset(map(1 << 20, MAP_PRIVATE), 1, 1 << 20);
    abort();
}

static void test_limits(void)
{
    struct limits l = {0, RLIM_INFINITY};
    Elf64_Ehdr h;
    struct stat st;

    EXPECT("0: none", child_run(limited, &l), SIGABRT);
    EXPECT_ERR("no file", access("core", F_OK), ENOENT);
    l.core = 4095;
    EXPECT("less than a page: none", child_run(limited, &l), SIGABRT);
    EXPECT_ERR("no file", access("core", F_OK), ENOENT);
    l.core = 256 << 10;
    EXPECT("cut short", child_run(limited, &l), SIGABRT | DUMPED);
    NEED(stat("core", &st) == 0);
    EXPECT("where the limit is", st.st_blocks * 512 <= (256 << 10) + 4096 && st.st_blocks > 64,
           true);
    h = core_open("core");
    EXPECT("with notes", core_note(&h, NT_PRSTATUS, 0), sizeof(struct elf_prstatus));
    close(core_fd);
    unlink("core");
    l = (struct limits){RLIM_INFINITY, 0};
    EXPECT("RLIMIT_FSIZE 0", child_run(limited, &l) & 0x7f, SIGABRT);
    EXPECT("nothing in a file",
           access("core", F_OK) != 0 || (stat("core", &st) == 0 && !st.st_size), true);
    unlink("core");
}

// Linux leaves what fits; we leave nothing, and say so.
static void test_full_disk(void)
{
    struct limits l = {RLIM_INFINITY, RLIM_INFINITY};
    struct statfs before, after;
    int status;

    NEED(mkdir("small", 0755) == 0 && mount("none", "small", "tmpfs", 0, "size=256k") == 0);
    pattern_set("small/core");
    NEED(statfs("small", &before) == 0);
    status = child_run(limited, &l);
    EXPECT("full disk", status & ~DUMPED, SIGABRT);
    EXPECT("a file if it is told of", access("small/core", F_OK), status & DUMPED ? 0 : -1);
    unlink("small/core");
    NEED(statfs("small", &after) == 0);
    EXPECT("the disk is empty again", after.f_bfree, before.f_bfree);
    pattern_set("core");
    NEED(umount("small") == 0 && rmdir("small") == 0);
}

/* Names */

static void aborts(void *unused)
{
    (void)unused;
    limit_set(RLIM_INFINITY);
    abort();
}

static void named(void *comm)
{
    NEED(prctl(PR_SET_NAME, comm) == 0);
    aborts(NULL);
}

static void expect_name(const char *pattern, const char *comm, const char *format)
{
    pid_t pid;
    char name[128];

    pattern_set(pattern);
    pid = child_start(named, (void *)comm);
    EXPECT(pattern, child_end(pid), SIGABRT | DUMPED);
    snprintf(name, sizeof(name), format, pid, pid);
    EXPECT_OK(name, unlink(name));
}

static void test_names(void)
{
    NEED(mkdir("d", 0755) == 0);
    expect_name("core.%p.%P", "x", "core.%d.%d");
    expect_name("%i%%%I%", "x", "%d%%%d");
    expect_name("%e.%s.%u.%g.%d%q", "a/b", "a!b.6.0.0.1");
    expect_name("d/%e", "..", "d/!.");
    expect_name("d/x%e", "", "d/x!");
    expect_name("%c", "x", "18446744073709551615");
    expect_name(ABI_DIR "/d/%e", "abs", "d/abs");
    sysctl_set("kernel/core_uses_pid", "1");
    expect_name("core", "x", "core.%d");
    expect_name("a%p", "x", "a%d");
    expect_name("\n", "x", ".%d");
    sysctl_set("kernel/core_uses_pid", "0");
    pattern_set("\n");
    EXPECT("no name, no core", child_run(aborts, NULL), SIGABRT);
    pattern_set("nowhere/core");
    EXPECT("no directory, no core", child_run(aborts, NULL), SIGABRT);
    pattern_set("core");
    EXPECT_STR("pattern", file_text("/proc/sys/kernel/core_pattern"), "core\n");
    NEED(rmdir("d") == 0);
}

/* Files that are there */

// core(5) says that no core dump is made then; Linux since 2015 removes the name and makes one.
static void expect_none(const char *why)
{
    static struct utsname names;
    int status = child_run(aborts, NULL);

    NEED(uname(&names) == 0);
    if (!strstr(names.version, "Rivulet"))
        status &= ~DUMPED;
    EXPECT(why, status, SIGABRT);
}

static void expect_replaced(const char *why)
{
    struct stat st = {0};

    EXPECT(why, child_run(aborts, NULL), SIGABRT | DUMPED);
    EXPECT_OK("there is one", stat("core", &st));
    EXPECT("it is new", st.st_size > 4096 && st.st_uid == 0 && (st.st_mode & 0777) == 0600, true);
    unlink("core");
}

static void test_files(void)
{
    NEED(symlink("target", "core") == 0);
    expect_none("a symbolic link");
    EXPECT_ERR("is not followed", access("target", F_OK), ENOENT);
    unlink("core");
    file_write("core", "precious", 0600);
    NEED(link("core", "other") == 0);
    expect_none("two links");
    EXPECT_STR("unharmed", file_text("other"), "precious");
    unlink("other");
    unlink("core");
    file_write("core", "old", 0644);
    expect_replaced("one that others can read");
    file_write("core", "old", 0600);
    NEED(chown("core", USER, 0) == 0);
    expect_replaced("another's");
    NEED(mkdir("core", 0755) == 0);
    expect_none("a directory");
    NEED(rmdir("core") == 0 && mkfifo("core", 0600) == 0);
    expect_none("a FIFO");
    unlink("core");
}

/* Who may */

static void become_user(void)
{
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
}

static void undumpable(void *unused)
{
    (void)unused;
    NEED(prctl(PR_SET_DUMPABLE, 0) == 0);
    aborts(NULL);
}

static void user_aborts(void *directory)
{
    become_user();
    NEED(chdir(directory) == 0);
    NEED(prctl(PR_SET_DUMPABLE, 1) == 0);
    aborts(NULL);
}

// With other ids than before, and nothing said of dumps.
static void turned_user(void *want)
{
    NEED(chdir("open") == 0);
    become_user();
    EXPECT("dumpable", prctl(PR_GET_DUMPABLE), *(int *)want);
    aborts(NULL);
}

static void expect_owner(const char *path, uid_t uid)
{
    struct stat st = {0};

    EXPECT_OK(path, stat(path, &st));
    EXPECT("its owner", st.st_uid, uid);
    EXPECT("its mode", st.st_mode & 0777, 0600);
    unlink(path);
}

static void test_rights(void)
{
    int dumpable = 0;

    EXPECT("PR_SET_DUMPABLE 0", child_run(undumpable, NULL), SIGABRT);
    EXPECT_ERR("PR_SET_DUMPABLE 2", prctl(PR_SET_DUMPABLE, 2), EINVAL);
    NEED(mkdir("open", 0777) == 0 && chmod("open", 0777) == 0);
    EXPECT("one's own directory", child_run(user_aborts, "open"), SIGABRT | DUMPED);
    expect_owner("open/core", USER);
    EXPECT("another's directory", child_run(user_aborts, "."), SIGABRT);
    EXPECT("suid_dumpable 0", child_run(turned_user, &dumpable), SIGABRT);
    sysctl_set("fs/suid_dumpable", "1");
    dumpable = 1;
    EXPECT("suid_dumpable 1", child_run(turned_user, &dumpable), SIGABRT | DUMPED);
    expect_owner("open/core", USER);
    sysctl_set("fs/suid_dumpable", "2");
    dumpable = 2;
    EXPECT("suid_dumpable 2", child_run(turned_user, &dumpable), SIGABRT);
    EXPECT_ERR("needs an absolute name", access("open/core", F_OK), ENOENT);
    pattern_set(ABI_DIR "/open/core.%d");
    file_write("open/core.2", "old", 0644);
    EXPECT("nothing is replaced", child_run(turned_user, &dumpable), SIGABRT);
    EXPECT_STR("unharmed", file_text("open/core.2"), "old");
    unlink("open/core.2");
    EXPECT("absolute", child_run(turned_user, &dumpable), SIGABRT | DUMPED);
    expect_owner("open/core.2", 0);
    pattern_set("core");
    EXPECT_STR("suid_dumpable", file_text("/proc/sys/fs/suid_dumpable"), "2\n");
    sysctl_set("fs/suid_dumpable", "0");
    rmdir("open");
}

// A program that may be executed but not read.
static void unreadable(void *path)
{
    char *argv[] = {"core", "--abort", NULL};

    become_user();
    execv(path, argv);
}

static int abort_main(void)
{
    if (prctl(PR_GET_DUMPABLE) == 0)
        aborts(NULL);
    return 1;
}

static void test_unreadable(void)
{
    char self[256] = "", command[600];

    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(command, sizeof(command), "/usr/bin/busybox cp %s /tmp/abi.unread", self);
    NEED(system(command) == 0 && chmod("/tmp/abi.unread", 0711) == 0);
    EXPECT("a program that cannot be read", child_run(unreadable, "/tmp/abi.unread"), SIGABRT);
    unlink("/tmp/abi.unread");
}

/* Signals and waiting */

static void blocks_some(void *unused)
{
    (void)unused;
    limit_set(RLIM_INFINITY);
    for (;;)
        pause();
}

static void expect_end(int sig, int status)
{
    pid_t pid = child_start(blocks_some, NULL);
    siginfo_t info;

    process_await(pid, "S");
    NEED(kill(pid, sig) == 0);
    NEED(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
    EXPECT("code", info.si_code, status & DUMPED ? CLD_DUMPED : CLD_KILLED);
    EXPECT("signal", info.si_status, sig);
    EXPECT("status", child_end(pid), status);
    EXPECT("file", unlink("core"), status & DUMPED ? 0 : -1);
}

static void test_signals(void)
{
    static const int with[] = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                               SIGFPE,  SIGSEGV, SIGSYS,  SIGXCPU, SIGXFSZ};
    static const int without[] = {SIGTERM, SIGINT, SIGKILL, SIGUSR1, SIGALRM, 40};

    for (unsigned i = 0; i < 10; i++)
        expect_end(with[i], with[i] | DUMPED);
    for (unsigned i = 0; i < 6; i++)
        expect_end(without[i], without[i]);
}

/* While it is written */

static void *counts(void *unused)
{
    (void)unused;
    for (;;)
        page->count++;
    return NULL;
}

static void counting(void *unused)
{
    pthread_t thread;
    unsigned long seen = page->count;

    (void)unused;
    limit_set(RLIM_INFINITY);
    memset(map(FILLED, MAP_PRIVATE), 1, FILLED);
    NEED(pthread_create(&thread, NULL, counts, NULL) == 0);
    while (page->count == seen)
        sched_yield();
    abort();
}

// Once the file is there: whether the other thread counts on; then the end.
static int interrupt_dump(int sig, bool *counted)
{
    pid_t pid = child_start(counting, NULL);
    unsigned long seen;
    struct stat st;

    while (stat("core", &st) != 0 || st.st_size == 0)
        sched_yield();
    seen = page->count;
    sched_yield();
    NEED(kill(pid, sig) == 0);
    *counted = page->count != seen;
    return child_end(pid);
}

static void test_interruption(void)
{
    struct stat st;
    bool counted;
    int status, tries = 0;

    EXPECT("another signal changes nothing", interrupt_dump(SIGTERM, &counted), SIGABRT | DUMPED);
    EXPECT("nobody runs", counted, false);
    NEED(stat("core", &st) == 0);
    EXPECT("all is there", st.st_blocks * 512UL > FILLED, true);
    unlink("core");
    do { // unless it was too late
        status = interrupt_dump(SIGKILL, &counted);
        unlink("core");
    } while (status == (SIGABRT | DUMPED) && ++tries < 20);
    EXPECT("SIGKILL ends it", status, SIGKILL);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--abort"))
        return abort_main();
    abi_begin();
    page = shared_page();
    scratch_enter();
    sysctl_set("kernel/core_pattern", "core");
    test_contents();
    test_filter();
    test_limits();
    test_full_disk();
    test_names();
    test_files();
    test_rights();
    test_unreadable();
    test_signals();
    test_interruption();
    scratch_leave();
    return abi_end();
}
