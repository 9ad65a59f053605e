// SPDX-License-Identifier: MIT
// Loading of programs, made here byte by byte: interpreters, segments, stacks, and where all of it
// goes.
#include "abi.h"

#include <elf.h>
#include <stddef.h>
#include <sys/personality.h>

#define CODE     0x200    // of a program made here, in the file and from its start in memory
#define FIXED    0x400000 // where one that is not position-independent goes
#define ALIGNED2 (2UL << 20)
#define RUNS     8

#define LI(register, value) (0x13 | (register) << 7 | (unsigned)(value) << 20)
#define A0                  10
#define A7                  17
#define ECALL               0x73
#define AUIPC_A0            0x517 // a0 = pc

static char self[256], interpreter[300];
static char *no_env[] = {NULL};

static const unsigned exits_42[] = {LI(A0, 42), LI(A7, 93), ECALL, 0};
// Exits with 0 if it starts CODE bytes behind a multiple of ALIGNED2.
static const unsigned exits_aligned[] = {AUIPC_A0,
                                         0x02b51513 /* slli a0, a0, 43 */,
                                         0x02b55513 /* srli a0, a0, 43 */,
                                         0xe0050513 /* addi a0, a0, -CODE */,
                                         0x00a03533 /* snez a0, a0 */,
                                         LI(A7, 93),
                                         ECALL,
                                         0};
// Exits with bits 12 to 19 of its address.
static const unsigned exits_place[] = {AUIPC_A0, 0x00c55513 /* srli a0, a0, 12 */, LI(A7, 93),
                                       ECALL, 0};
// Writes `li a0, 42; li a7, 93; ecall` to its stack and goes there.
static const unsigned runs_stack[] = {0xff010113 /* addi sp, sp, -16 */,
                                      0x02a00537 /* lui a0, 0x2a00 */,
                                      0x51350513 /* addi a0, a0, 0x513 */,
                                      0x00a12023 /* sw a0, 0(sp) */,
                                      0x05d01537 /* lui a0, 0x5d01 */,
                                      0x89350513 /* addi a0, a0, -0x76d */,
                                      0x00a12223 /* sw a0, 4(sp) */,
                                      LI(A0, 0x73),
                                      0x00a12423 /* sw a0, 8(sp) */,
                                      0x0000100f /* fence.i */,
                                      0x00010067 /* jr sp */,
                                      0};

// A program of one segment that holds the whole file.
struct made {
    Elf64_Ehdr head;
    Elf64_Phdr ph[4];
    char name[CODE - sizeof(Elf64_Ehdr) - 4 * sizeof(Elf64_Phdr)];
    unsigned code[16];
};

static struct made made_new(int type, const char *name, const unsigned *code)
{
    unsigned long base = type == ET_EXEC ? FIXED : 0;
    struct made m = {
        .head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1},
                 .e_type = type,
                 .e_machine = EM_RISCV,
                 .e_version = 1,
                 .e_entry = base + CODE,
                 .e_phoff = sizeof(Elf64_Ehdr),
                 .e_ehsize = sizeof(Elf64_Ehdr),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = name ? 2 : 1},
        .ph = {{PT_LOAD, PF_R | PF_X, 0, base, base, sizeof(m), sizeof(m), PAGE}},
    };

    if (name) {
        strcpy(m.name, name);
        m.ph[1] = (Elf64_Phdr){.p_type = PT_INTERP,
                               .p_flags = PF_R,
                               .p_offset = offsetof(struct made, name),
                               .p_filesz = strlen(name) + 1,
                               .p_memsz = strlen(name) + 1};
    }
    for (int i = 0; code[i]; i++)
        m.code[i] = code[i];
    return m;
}

static void made_write(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    NEED(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void exec_path(void *path)
{
    char *argv[] = {path, NULL};

    execve(path, argv, no_env);
    _exit(errno == ENOENT ? 200 : errno == EIO ? 202 : 201);
}

static int made_run(const struct made *m)
{
    made_write("made", m, sizeof(*m));
    return child_run(exec_path, "made");
}

// The errno of the program that cannot be begun.
static long made_refused(const struct made *m)
{
    char *argv[] = {"made", NULL};

    made_write("made", m, sizeof(*m));
    return execve("made", argv, no_env);
}

static void test_interpreter(void)
{
    struct made m = made_new(ET_EXEC, interpreter, exits_42);

    EXPECT("fixed program with an interpreter", made_run(&m), EXITED(42));
    m = made_new(ET_DYN, interpreter, exits_42);
    EXPECT("position-independent one", made_run(&m), EXITED(42));
    m.ph[2] = m.ph[1];
    m.ph[2].p_offset++;
    m.head.e_phnum = 3;
    EXPECT("the first interpreter named counts", made_run(&m), EXITED(42));
    symlink(interpreter, "here");
    m = made_new(ET_DYN, "here", exits_42);
    EXPECT("a relative name, through a link", made_run(&m), EXITED(42));
    m = made_new(ET_DYN, NULL, exits_42);
    EXPECT("no interpreter", made_run(&m), EXITED(42));
}

static void test_no_interpreter(void)
{
    struct made m = made_new(ET_DYN, "./none", exits_42), other;
    char big[2 * PAGE];

    EXPECT_ERR("missing", made_refused(&m), ENOENT);
    m = made_new(ET_DYN, "none/x", exits_42);
    EXPECT_ERR("missing folder", made_refused(&m), ENOENT);
    m = made_new(ET_DYN, "/tmp", exits_42);
    EXPECT_ERR("a folder", made_refused(&m), EACCES);
    m = made_new(ET_DYN, "/dev/null", exits_42);
    EXPECT_ERR("a device", made_refused(&m), EACCES);
    m = made_new(ET_DYN, "./lib", exits_42);
    file_write("lib", "x", 0644);
    EXPECT_ERR("not executable", made_refused(&m), EACCES);
    chmod("lib", 0755);
    EXPECT_ERR("shorter than a header", made_refused(&m), EIO);
    memset(big, 'x', sizeof(big));
    made_write("lib", big, sizeof(big));
    EXPECT_ERR("not ELF", made_refused(&m), ELIBBAD);
    other = made_new(ET_DYN, NULL, exits_42);
    other.head.e_machine = EM_X86_64;
    made_write("lib", &other, sizeof(other));
    EXPECT_ERR("of another machine", made_refused(&m), ELIBBAD);
    other.head.e_machine = EM_RISCV;
    other.head.e_phoff = 1 << 20;
    made_write("lib", &other, sizeof(other));
    EXPECT_ERR("without its program headers", made_refused(&m), ELIBBAD);
    m.ph[1].p_filesz = 1;
    EXPECT_ERR("no name", made_refused(&m), ENOEXEC);
    m.ph[1].p_filesz = 4;
    EXPECT_ERR("a name without an end", made_refused(&m), ENOEXEC);
    m.ph[1].p_filesz = PAGE + 1;
    EXPECT_ERR("too long a name", made_refused(&m), ENOEXEC);
    m.ph[1].p_filesz = 10;
    m.ph[1].p_offset = 1 << 20;
    EXPECT_ERR("a name past the end", made_refused(&m), EIO);
}

static void test_headers(void)
{
    struct made m = made_new(ET_REL, NULL, exits_42);

    EXPECT_ERR("an object file", made_refused(&m), ENOEXEC);
    m = made_new(ET_DYN, NULL, exits_42);
    m.head.e_phnum = 0;
    EXPECT_ERR("no program headers", made_refused(&m), ENOEXEC);
    m = made_new(ET_DYN, NULL, exits_42);
    m.head.e_phentsize--;
    EXPECT_ERR("of a strange size", made_refused(&m), ENOEXEC);
    m = made_new(ET_DYN, NULL, exits_42);
    m.head.e_phoff = 1 << 20;
    EXPECT_ERR("past the end", made_refused(&m), ENOEXEC);
    m = made_new(ET_DYN, NULL, exits_aligned);
    m.ph[0].p_align = ALIGNED2;
    for (int i = 0; i < RUNS; i++)
        EXPECT("aligned to 2 MiB", made_run(&m), EXITED(0));
}

// Ended before its data begins: an error of the file, or a program that is no more (Linux).
static void test_cut_off(void)
{
    struct made m = made_new(ET_EXEC, NULL, exits_42);

    m.head.e_phnum = 2;
    m.ph[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 16 * PAGE, FIXED + 16 * PAGE, 0, 16, 32, PAGE};
    int status = made_run(&m);
    CHECK("cut off", status == EXITED(202) || status == SIGNALED(SIGSEGV));
}

static void test_stack(void)
{
    struct made m = made_new(ET_DYN, NULL, runs_stack);

    m.head.e_phnum = 2;
    m.ph[1] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16};
    EXPECT("a stack that is data", made_run(&m), SIGNALED(SIGSEGV));
    m.ph[1].p_flags |= PF_X;
    EXPECT("a stack that may run", made_run(&m), EXITED(42));
}

// What one run of --where says: stack, mapping, heap.
struct places {
    unsigned long stack, mapping, heap;
};

static int where(void)
{
    struct places p = {.stack = (unsigned long)&p, .heap = (unsigned long)sbrk(0)};

    p.mapping = (unsigned long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return write(1, &p, sizeof(p)) != sizeof(p);
}

static struct places places_get(void)
{
    char *argv[] = {self, "--where", NULL};
    struct places p = {0};
    int fd[2];

    NEED(pipe(fd) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd[1], 1);
        execve(self, argv, no_env);
        _exit(1);
    }
    close(fd[1]);
    NEED(read(fd[0], &p, sizeof(p)) == sizeof(p) && child_end(pid) == 0);
    close(fd[0]);
    return p;
}

// Which of the places were the same in all runs: bit 0 stack, 1 mapping, 2 heap, 3 program.
static int places_kept(void)
{
    struct made m = made_new(ET_DYN, NULL, exits_place);
    struct places first = places_get();
    int program = made_run(&m), kept = 15;

    for (int i = 1; i < RUNS; i++) {
        struct places p = places_get();
        kept &= (p.stack == first.stack) | (p.mapping == first.mapping) << 1 |
                (p.heap == first.heap) << 2 | (made_run(&m) == program) << 3;
    }
    return kept;
}

static void kept_exit(void *unused)
{
    (void)unused;
    _exit(places_kept());
}

static void test_places(void)
{
    const char *mode = "/proc/sys/kernel/randomize_va_space";

    EXPECT_STR("all moves", file_text(mode), "2\n");
    EXPECT("no place is kept", places_kept(), 0);
    EXPECT("personality at first", personality(0xffffffff), PER_LINUX);
    EXPECT("personality returns the old", personality(ADDR_NO_RANDOMIZE), PER_LINUX);
    EXPECT("and keeps the new", personality(0xffffffff), ADDR_NO_RANDOMIZE);
    EXPECT("in children and their programs", child_run(kept_exit, NULL), EXITED(15));
    EXPECT("and gives it up", personality(PER_LINUX), ADDR_NO_RANDOMIZE);
    file_write(mode, "1\n", 0644);
    EXPECT("all but the heap moves", places_kept(), 4);
    file_write(mode, "0\n", 0644);
    EXPECT("nothing moves", places_kept(), 15);
    file_write(mode, "2\n", 0644);
}

// As another user, with a personality: what the program at `path` starts with.
static void exec_told(void *path)
{
    char *argv[] = {path, "--personality", NULL};

    NEED(personality(ADDR_NO_RANDOMIZE) == PER_LINUX && setgid(1000) == 0 && setuid(1000) == 0);
    execve(path, argv, no_env);
    _exit(99);
}

static void test_set_id(void)
{
    static char program[1 << 22];
    int fd = open(self, O_RDONLY);
    ssize_t n = read(fd, program, sizeof(program));

    close(fd);
    NEED(n > 0 && n < (ssize_t)sizeof(program));
    made_write("told", program, n);
    chmod("told", 0755);
    EXPECT("a personality lasts", child_run(exec_told, "told"), EXITED(1));
    chmod("told", 04755);
    EXPECT("but in a set-id program", child_run(exec_told, "told"), EXITED(0));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--personality") == 0)
        return personality(0xffffffff) != PER_LINUX;
    if (argc > 1)
        return where();
    abi_begin();
    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(interpreter, sizeof(interpreter), "%s_interp", self);
    scratch_enter();
    test_interpreter();
    test_no_interpreter();
    test_headers();
    test_cut_off();
    test_stack();
    test_places();
    test_set_id();
    scratch_leave();
    return abi_end();
}
