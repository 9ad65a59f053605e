// SPDX-License-Identifier: MIT
// Programs that do what they must not: each gets its signal or error, and nobody else is harmed.
//
// `hostile` runs all but what takes a whole machine; `hostile --memory` takes all memory, `hostile
// --forks N` forks N children one by one, `hostile --pidfds N` keeps a descriptor of each, `hostile
// --live N` has N alive at once, `hostile --sets` makes semaphores until there is no memory for
// them, `hostile --seed N` makes the random parts begin elsewhere.
#include "abi.h"

#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/time.h>

static uint32_t seed = 1;

static uint32_t rnd(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void nothing(void *unused)
{
    (void)unused;
}

static const uintptr_t forbidden[] = {
    0,
    8,
    0xfff,
    UNMAPPED,
    0x3000000ff8,
    0x4000000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    KERNEL_ADDR,
    0xffffffd000000000,
    0xffffffff80000000,
    0xffffffff80200000,
    0xfffffffffffff000,
    0xfffffffffffffff8,
    0x80000000,
    0x80200000,
    0x10000000,
    0x0c000000,
};

static void test_addresses(void)
{
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        char name[64];
        void *at = (void *)forbidden[i];
        snprintf(name, sizeof(name), "read %p", at);
        EXPECT(name, fault_of(touch_read, at), SIGSEGV);
        snprintf(name, sizeof(name), "write %p", at);
        EXPECT(name, fault_of(touch_write, at), SIGSEGV);
        snprintf(name, sizeof(name), "jump to %p", at);
        EXPECT(name, fault_of(touch_call, at), SIGSEGV);
    }
    EXPECT_FAULT("write to text", touch_write, touch_write, SIGSEGV, SEGV_ACCERR);
    uint16_t code[8] = {0x8082};
    EXPECT_FAULT("execute the stack", touch_call, code, SIGSEGV, SEGV_ACCERR);
    uint16_t *heap = malloc(64);
    heap[0] = 0x8082;
    EXPECT_FAULT("execute the heap", touch_call, heap, SIGSEGV, SEGV_ACCERR);
    free(heap);
}

#define INSTRUCTION(name, text)                            \
    static void name(void *at)                             \
    {                                                      \
        register void *a0 __asm__("a0") = at;              \
        __asm__ volatile(text : "+r"(a0)::"memory", "t0"); \
    }

INSTRUCTION(do_illegal, ".word 0xffffffff")
INSTRUCTION(do_zero, ".word 0")
INSTRUCTION(do_csrr, "csrr t0, sstatus")
INSTRUCTION(do_satp, "csrw satp, zero")
INSTRUCTION(do_stvec, "csrw stvec, a0")
INSTRUCTION(do_sip, "csrw sip, a0")
INSTRUCTION(do_mstatus, "csrr t0, mstatus")
INSTRUCTION(do_sret, "sret")
INSTRUCTION(do_mret, "mret")
INSTRUCTION(do_sfence, "sfence.vma")
INSTRUCTION(do_time_write, "csrw time, zero")
INSTRUCTION(do_lr, "lr.d t0, (a0)")
INSTRUCTION(do_amo, "amoadd.d t0, zero, (a0)")
INSTRUCTION(do_amow, "amoswap.w t0, zero, (a0)")
INSTRUCTION(do_ld, "ld t0, (a0)")
INSTRUCTION(do_break, "ebreak")

static void test_instructions(void)
{
    static char room[32] __attribute__((aligned(16)));
    static const struct {
        const char *name;
        void (*run)(void *);
        int offset, signal;
    } table[] = {
        {"illegal", do_illegal, 0, SIGILL},
        {"zero", do_zero, 0, SIGILL},
        {"read sstatus", do_csrr, 0, SIGILL},
        {"write satp", do_satp, 0, SIGILL},
        {"write stvec", do_stvec, 0, SIGILL},
        {"write sip", do_sip, 0, SIGILL},
        {"read mstatus", do_mstatus, 0, SIGILL},
        {"sret", do_sret, 0, SIGILL},
        {"mret", do_mret, 0, SIGILL},
        {"sfence.vma", do_sfence, 0, SIGILL},
        {"write time", do_time_write, 0, SIGILL},
        {"odd lr", do_lr, 4, SIGBUS},
        {"odd amoadd", do_amo, 1, SIGBUS},
        {"odd amoswap.w", do_amow, 2, SIGBUS},
        {"odd load", do_ld, 3, 0},
        {"aligned lr", do_lr, 8, 0},
        {"aligned amo", do_amo, 8, 0},
        {"breakpoint", do_break, 0, SIGTRAP},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        EXPECT(table[i].name, fault_of(table[i].run, room + table[i].offset), table[i].signal);
    EXPECT("amo on read-only memory", fault_of(do_amo, (void *)((uintptr_t)touch_read & -8)),
           SIGSEGV);
    EXPECT("lr of a kernel address", fault_of(do_lr, (void *)KERNEL_ADDR), SIGSEGV);
}

static void recurse(void *unused)
{
    volatile char room[5000];

    room[0] = room[4999] = 1;
    recurse(unused);
    room[1] = 1;
}

static void stack_at(void *at)
{
    signal(SIGUSR1, exit);
    __asm__ volatile("mv sp, %0\n li a7, 129\n mv a0, %1\n li a1, 10\n ecall\n1: j 1b" ::"r"(at),
                     "r"((long)getpid())
                     : "a0", "a1", "a7", "memory");
}

static void stack_none(void *unused)
{
    char *here = (char *)((uintptr_t)__builtin_frame_address(0) & -PAGE);

    (void)unused;
    signal(SIGUSR1, exit);
    raw(SYS_mprotect, (long)(here - 16 * PAGE), 17 * PAGE, PROT_NONE, 0, 0, 0);
    raw(SYS_kill, getpid(), SIGUSR1, 0, 0, 0, 0);
}

static void sigreturn_at(void *at)
{
    __asm__ volatile("mv sp, %0\n li a7, 139\n ecall\n1: j 1b" ::"r"(at) : "a7", "memory");
}

static void unmap_text(void *unused)
{
    (void)unused;
    raw(SYS_munmap, (long)unmap_text & -PAGE, PAGE, 0, 0, 0, 0);
}

static void clone_without_stack(void *unused)
{
    (void)unused;
    raw(SYS_clone, 0x11100 | SIGCHLD, 8, 0, 0, 0, 0); // VM, SIGHAND, ...: dies at its first push
    _exit(0);
}

static void test_stacks(void)
{
    static char zeros[8192] __attribute__((aligned(16)));

    EXPECT("stack overflow", child_run(recurse, NULL) & 0x7f, SIGSEGV);
    EXPECT("signal, stack nowhere", child_run(stack_at, (void *)UNMAPPED) & 0x7f, SIGSEGV);
    EXPECT("signal, stack at 0", child_run(stack_at, NULL) & 0x7f, SIGSEGV);
    EXPECT("signal, stack in the kernel", child_run(stack_at, (void *)KERNEL_ADDR) & 0x7f, SIGSEGV);
    EXPECT("signal, odd stack in the kernel", child_run(stack_at, (void *)-9L) & 0x7f, SIGSEGV);
    EXPECT("signal, stack without access", child_run(stack_none, NULL) & 0x7f, SIGSEGV);
    EXPECT("sigreturn of zeros", child_run(sigreturn_at, zeros) & 0x7f, SIGSEGV);
    memset(zeros, 0xff, sizeof(zeros));
    EXPECT("sigreturn of ones", child_run(sigreturn_at, zeros) & 0x7f, SIGSEGV);
    EXPECT("sigreturn of nothing", child_run(sigreturn_at, (void *)UNMAPPED) & 0x7f, SIGSEGV);
    EXPECT("sigreturn in the kernel", child_run(sigreturn_at, (void *)KERNEL_ADDR) & 0x7f, SIGSEGV);
    EXPECT("munmap of one's own text", child_run(unmap_text, NULL) & 0x7f, SIGSEGV);
    child_run(clone_without_stack, NULL);
}

static void exhaust_files(void *unused)
{
    struct rlimit limit = {64, 64};
    int p[2], n = 0, fd;

    (void)unused;
    EXPECT("RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    int error = errno;
    EXPECT("too many files", error, EMFILE);
    CHECK("up to the limit", n > 30 && n <= 64);
    EXPECT_ERR("pipe", pipe(p), EMFILE);
    EXPECT_ERR("dup", dup(0), EMFILE);
    EXPECT_ERR("dup2 beyond", dup2(0, 64), EBADF);
    EXPECT_ERR("F_DUPFD beyond", fcntl(0, F_DUPFD, 64), EINVAL);
    close(40);
    EXPECT_ERR("one is too few for a pipe", pipe(p), EMFILE);
    EXPECT("the free one", open("/dev/null", O_RDONLY), 40);
}

static void unprivileged_limit(void *unused)
{
    struct rlimit limit;

    (void)unused;
    NEED(setgid(1000) == 0 && setuid(1000) == 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max++;
    EXPECT_ERR("a hard limit is not raised", setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    limit.rlim_cur = limit.rlim_max + 1;
    EXPECT_ERR("soft above hard", setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
}

static void limit_file_size(void *unused)
{
    struct rlimit limit = {1000, 1000};

    (void)unused;
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    int fd = open("/tmp/abi.limit", O_RDWR | O_CREAT | O_TRUNC, 0600);
    static char data[2000];
    EXPECT("cut at the limit", write(fd, data, 2000), 1000);
    EXPECT_ERR("no more", write(fd, data, 1), EFBIG);
    EXPECT_ERR("nor by ftruncate", ftruncate(fd, 1001), EFBIG);
    unlink("/tmp/abi.limit");
    signal(SIGXFSZ, SIG_DFL);
    write(fd, data, 1);
}

static void test_limits(void)
{
    EXPECT("files", child_run(exhaust_files, NULL), 0);
    EXPECT("unprivileged", child_run(unprivileged_limit, NULL), 0);
    EXPECT("RLIMIT_FSIZE", child_run(limit_file_size, NULL) & 0x7f, SIGXFSZ);
}

static volatile int *refused;

static void bomb(void *unused)
{
    struct rlimit limit = {40, 40};

    (void)unused;
    setpgid(0, 0);
    NEED(setrlimit(RLIMIT_NPROC, &limit) == 0);
    NEED(setgid(4242) == 0 && setuid(4242) == 0);
    for (;;) {
        if (fork() < 0) {
            refused[errno == EAGAIN ? 0 : 1]++;
            sched_yield();
        }
    }
}

static void test_fork_bomb(void)
{
    refused = shared_page();
    fflush(stdout);
    pid_t pid = child_start(bomb, NULL);
    while (refused[0] < 100 && refused[1] == 0)
        sched_yield();
    EXPECT("fork is refused with EAGAIN only", refused[1], 0);
    while (kill(-pid, SIGKILL) == 0) {
        waitpid(pid, NULL, WNOHANG);
        sched_yield();
    }
    int error = errno;
    EXPECT("the bomb is out", error, ESRCH);
    pid = child_start(nothing, NULL);
    EXPECT("others fork", child_end(pid), 0);
}

// The smallest ELF program: exits with 7.
struct small {
    Elf64_Ehdr header;
    Elf64_Phdr program;
    uint32_t code[4];
};

static const struct small small = {
    .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
               .e_type = ET_EXEC,
               .e_machine = EM_RISCV,
               .e_version = EV_CURRENT,
               .e_entry = 0x10000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
               .e_phoff = sizeof(Elf64_Ehdr),
               .e_ehsize = sizeof(Elf64_Ehdr),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 1},
    .program = {.p_type = PT_LOAD,
                .p_flags = PF_R | PF_X,
                .p_vaddr = 0x10000,
                .p_paddr = 0x10000,
                .p_filesz = sizeof(struct small),
                .p_memsz = sizeof(struct small),
                .p_align = 0x1000},
    .code = {0x00700513, 0x05d00893, 0x00000073, 0x0000006f},
};

struct with_bss {
    struct small small;
    uint32_t ecall;
    Elf64_Phdr program[2];
};

static void exec_image(void *path)
{
    struct itimerval bound = {.it_value = {2, 0}}; // what was damaged may run for ever
    char *argv[] = {path, NULL}, *env[] = {NULL};

    close(0);
    close(1);
    close(2);
    setitimer(ITIMER_REAL, &bound, NULL);
    execve(path, argv, env);
    _exit(100);
}

static int image_run(const void *image, size_t size)
{
    char path[] = ABI_DIR "/image";
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    NEED(fd >= 0 && write(fd, image, size) == (ssize_t)size);
    close(fd);
    int status = child_run(exec_image, path);
    unlink(path);
    return status;
}

static void test_images(void)
{
    struct small s;
    int ran = 0;

    EXPECT("a small program", image_run(&small, sizeof(small)), EXITED(7));
    for (size_t i = 0; i < sizeof(small.header) + sizeof(small.program); i++)
        ran += image_run(&small, i) == EXITED(7);
    EXPECT("truncated programs do not run", ran, 0);
    printf("seed %u\n", seed);
    for (int i = 0; i < 300; i++) {
        s = small;
        for (int n = 1 + rnd() % 4; n > 0; n--)
            ((uint8_t *)&s)[rnd() % (sizeof(s.header) + sizeof(s.program))] = rnd();
        image_run(&s, sizeof(s));
    }
    uint8_t noise[4096];
    for (int i = 0; i < 50; i++) {
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = rnd();
        if (i % 2)
            memcpy(noise, &small, sizeof(small.header));
        image_run(noise, sizeof(noise));
    }
    s = small;
    s.program.p_vaddr = KERNEL_ADDR;
    CHECK("segment in the kernel", image_run(&s, sizeof(s)) != EXITED(7));
    s = small;
    s.program.p_memsz = -PAGE;
    CHECK("huge segment", image_run(&s, sizeof(s)) != EXITED(7));
    s = small;
    s.header.e_phnum = 65535;
    CHECK("too many headers", image_run(&s, sizeof(s)) != EXITED(7));
    s = small;
    s.header.e_entry = KERNEL_ADDR;
    EXPECT("entry in the kernel", image_run(&s, sizeof(s)) & 0x7f, SIGSEGV);
    struct with_bss b = {.small = small};
    b.small.header.e_phnum = 2;
    b.small.program.p_offset = 0;
    b.small.header.e_phoff = offsetof(struct with_bss, program);
    b.program[0] = small.program;
    b.program[0].p_filesz = b.program[0].p_memsz = sizeof(b);
    b.program[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                .p_flags = PF_R | PF_W,
                                .p_offset = 0x100,
                                .p_vaddr = 0x20100,
                                .p_memsz = 0x100,
                                .p_align = 0x1000};
    memcpy(b.small.code, (uint32_t[]){0x00020537, 0x10050023, 0x00700513, 0x05d00893}, 16);
    b.ecall = 0x00000073; // lui a0,0x20; sb zero,0x100(a0); li a0,7; li a7,93; ecall
    EXPECT("memory without a file part, unaligned", image_run(&b, sizeof(b)), EXITED(7));
    EXPECT("programs still run", image_run(&small, sizeof(small)), EXITED(7));
}

static char *volatile moving;

static void *mover_main(void *stop)
{
    while (!*(volatile int *)stop) {
        munmap(moving, 4 * PAGE);
        mmap(moving, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0);
    }
    return NULL;
}

// Memory that another thread takes away while the kernel uses it.
static void freed_meanwhile(void *unused)
{
    volatile int stop = 0;
    int zero = open("/dev/zero", O_RDONLY), p[2], odd = 0;
    pthread_t t;

    (void)unused;
    NEED(pipe2(p, O_NONBLOCK) == 0);
    moving = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(pthread_create(&t, NULL, mover_main, (void *)&stop) == 0);
    for (int i = 0; i < 1500; i++) {
        long n = raw(SYS_read, zero, (long)moving, 4 * PAGE, 0, 0, 0);
        odd += n != -EFAULT && (n <= 0 || n > (long)(4 * PAGE));
        n = raw(SYS_write, p[1], (long)moving, 4 * PAGE, 0, 0, 0);
        odd += n != -EFAULT && n != -EAGAIN && (n <= 0 || n > (long)(4 * PAGE));
        n = raw(SYS_read, p[0], (long)moving, 4 * PAGE, 0, 0, 0);
        odd += n != -EFAULT && n != -EAGAIN && (n <= 0 || n > (long)(4 * PAGE));
        n = raw(SYS_newfstatat, AT_FDCWD, (long)"/tmp", (long)moving, 0, 0, 0);
        odd += n != -EFAULT && n != 0;
    }
    stop = 1;
    pthread_join(t, NULL);
    EXPECT("short, whole or EFAULT", odd, 0);
}

// Random calls with random arguments, as nobody. Only that everyone else lives on is asked for.
static void random_calls(void *number)
{
    struct itimerval bound = {.it_value = {1, 0}};
    static char room[8192];

    seed += 77 * (uint32_t)(long)number;
    setpgid(0, 0);
    for (int i = 0; i < 3; i++)
        dup2(open("/dev/null", O_RDWR), i);
    NEED(chdir(ABI_DIR) == 0 && setgid(4243) == 0 && setuid(4243) == 0);
    setitimer(ITIMER_REAL, &bound, NULL);
    for (int i = 0; i < 400; i++) {
        long a[6];
        for (int k = 0; k < 6; k++) {
            uint32_t kind = rnd() % 6;
            a[k] = kind == 0   ? (long)(rnd() % 8)
                   : kind == 1 ? (long)(room + rnd() % 8192)
                   : kind == 2 ? (long)((uint64_t)rnd() << 40 | rnd())
                   : kind == 3 ? (long)forbidden[rnd() % 18]
                   : kind == 4 ? -(long)(rnd() % 4096)
                               : (long)(rnd() % 70000);
        }
        long call = rnd() % 300;
        if (call == SYS_ptrace &&
            a[0] == 0) // TRACEME: a stop, and not the end, is what we wait for
            continue;
        if (call != SYS_exit && call != SYS_exit_group && call != SYS_kill && call != SYS_clone)
            raw(call, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

static void test_random(void)
{
    EXPECT("freed meanwhile", child_run(freed_meanwhile, NULL), 0);
    for (long i = 0; i < 20; i++)
        child_run(random_calls, (void *)i);
    EXPECT("alive after random calls", child_run(nothing, NULL), 0);
}

// The greedy one ends; who holds little does not notice.
static void greedy(void *unused)
{
    (void)unused;
    for (;;) {
        char *p =
            mmap(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            _exit(9);
        for (int i = 0; i < 256; i++)
            memset(p + i * PAGE, 0x77, PAGE);
    }
}

// Holds next to nothing, but asks to end first.
static void volunteer(void *unused)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);

    (void)unused;
    NEED(write(fd, "1000", 4) == 4);
    for (;;)
        pause();
}

static void test_memory(void)
{
    enum { OURS = 64 };
    char *p = mmap(NULL, OURS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int wrong = 0;
    pid_t pid = child_start(volunteer, NULL);

    process_await(pid, "S");
    for (int round = 0; round < 2; round++) {
        memset(p, 0x11 + round, OURS * PAGE);
        EXPECT("taking all memory ends with SIGKILL", child_run(greedy, NULL), SIGNALED(SIGKILL));
        for (size_t i = 0; i < OURS * PAGE; i++)
            wrong += p[i] != 0x11 + round;
        EXPECT("our memory is whole", wrong, 0);
        EXPECT("others fork", child_run(nothing, NULL), 0);
    }
    EXPECT("the volunteer went", child_end(pid), SIGNALED(SIGKILL));
}

static void test_forks(long n)
{
    long bad = 0;

    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(i & 0x7f);
        bad += pid < 0 || child_end(pid) != EXITED((int)(i & 0x7f));
    }
    EXPECT("forks", bad, 0);
}

// Processes that are reaped keep no number, whoever keeps a descriptor of them.
static void test_pidfds(long n)
{
    struct rlimit limit = {n + 100, n + 100};
    long bad = 0;

    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (long i = 0; i < n; i++) {
        pid_t pid = raw(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0, 0); // no copy of them all
        if (pid == 0)
            _exit(0);
        bad += pid < 0 || syscall(SYS_pidfd_open, pid, 0) < 0 || child_end(pid) != 0;
    }
    EXPECT("pidfds", bad, 0);
}

static void test_live(long n)
{
    struct gate all, go;
    long started = 0;

    gate_init(&all);
    gate_init(&go);
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(go.fd[1]);
            gate_post(&all);
            char c;
            _exit(read(go.fd[0], &c, 1) == 0 ? 0 : 1);
        }
        started += pid > 0;
    }
    EXPECT("started", started, n);
    for (long i = 0; i < started; i++)
        gate_wait(&all);
    gate_fini(&go); // the end of input is the sign to leave
    long bad = 0, ended = 0;
    for (int status; wait(&status) > 0; ended++)
        bad += status != 0;
    EXPECT("ended", ended, n);
    EXPECT("well", bad, 0);
}

// Sets are no process's: they may not take what processes need.
static void test_sets(void)
{
    static int ids[32000];
    int n = 0, err = 0;

    while (n < 32000 && (ids[n] = semget(IPC_PRIVATE, 32000, 0600)) >= 0)
        n++;
    err = errno;
    CHECK("some", n > 0);
    EXPECT("no memory for more", err, ENOMEM);
    while (n > 0)
        EXPECT("remove", semctl(ids[--n], 0, IPC_RMID), 0);
    EXPECT_OK("memory for one", ids[0] = semget(IPC_PRIVATE, 32000, 0600));
    EXPECT("remove it", semctl(ids[0], 0, IPC_RMID), 0);
}

int main(int argc, char **argv)
{
    abi_begin();
    if (argc > 1 && strcmp(argv[1], "--memory") == 0) {
        test_memory();
        return abi_end();
    }
    if (argc > 1 && strcmp(argv[1], "--sets") == 0) {
        test_sets();
        return abi_end();
    }
    if (argc > 2 && strcmp(argv[1], "--forks") == 0) {
        test_forks(atol(argv[2]));
        return abi_end();
    }
    if (argc > 2 && strcmp(argv[1], "--pidfds") == 0) {
        test_pidfds(atol(argv[2]));
        return abi_end();
    }
    if (argc > 2 && strcmp(argv[1], "--live") == 0) {
        test_live(atol(argv[2]));
        return abi_end();
    }
    if (argc > 2 && strcmp(argv[1], "--seed") == 0)
        seed = strtoul(argv[2], NULL, 0);
    scratch_enter();
    chmod(ABI_DIR, 0777);
    test_addresses();
    test_instructions();
    test_stacks();
    test_limits();
    test_fork_bomb();
    test_images();
    test_random();
    scratch_leave();
    return abi_end();
}
