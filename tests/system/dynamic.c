// SPDX-License-Identifier: MIT
// A dynamically linked program, position-independent or not, that looks at what the kernel told the
// loader and at what it mapped. "dynamic: OK" if all is as it must be; else one line a fault,
// status 1.
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failed, constructed;
static __thread int own = 7;
static sigjmp_buf back;
int patient[2048] = {1}; // two pages and more of data that is written

#define CHECK(x) check((x), #x, __LINE__)

static void check(int good, const char *what, int line)
{
    if (!good) {
        printf("dynamic.c:%d: not true: %s (errno %d)\n", line, what, errno);
        failed = 1;
    }
}

__attribute__((constructor)) static void construct(void)
{
    constructed = own;
}

static void caught(int number)
{
    siglongjmp(back, number);
}

static int write_faults(char *at)
{
    int number = sigsetjmp(back, 1);

    if (!number)
        *(volatile char *)at = *at;
    return number;
}

// Whether /proc/self/maps has the address in an area with these rights.
static int mapped(const void *address, const char *rights)
{
    char line[512], have[8];
    unsigned long from, to;
    int found = 0;
    FILE *f = fopen("/proc/self/maps", "r");

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, have) == 3 && from <= (unsigned long)address &&
            (unsigned long)address < to)
            found = strcmp(have, rights) == 0;
    if (f)
        fclose(f);
    return found;
}

static int main_entry_seen;

static int see_object(struct dl_phdr_info *info, size_t size, void *count)
{
    const Elf64_Phdr *phdr = (const Elf64_Phdr *)getauxval(AT_PHDR);

    (void)size;
    if (info->dlpi_phdr == phdr && info->dlpi_phnum == getauxval(AT_PHNUM))
        for (int i = 0; i < info->dlpi_phnum; i++)
            main_entry_seen |=
                phdr[i].p_type == PT_LOAD && phdr[i].p_flags & PF_X &&
                getauxval(AT_ENTRY) - info->dlpi_addr - phdr[i].p_vaddr < phdr[i].p_memsz;
    ++*(int *)count;
    return 0;
}

static void test_vectors(int direct)
{
    const char *base = (const char *)getauxval(AT_BASE);
    int count = 0;

    CHECK(dl_iterate_phdr(see_object, &count) == 0 && count >= 3);
    if (!direct) // else the loader was the program
        CHECK(main_entry_seen && base && memcmp(base, ELFMAG, SELFMAG) == 0 &&
              mapped(base, "r-xp"));
}

static void test_libraries(void)
{
    unsigned long (*version)(void);
    void *z = dlopen("libz.so.1", RTLD_NOW),
         *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);

    CHECK(z && (version = (unsigned long (*)(void))dlsym(z, "zlibVersion")) &&
          mapped(version, "r-xp"));
    CHECK(z && dlclose(z) == 0);
    CHECK(!dlopen("/etc/passwd", RTLD_NOW) && strstr(dlerror(), "ELF"));
    CHECK(!dlopen("libnone.so.9", RTLD_NOW) && strstr(dlerror(), "No such file"));
    CHECK(vdso != NULL);
    CHECK(vdso && dlvsym(vdso, "__vdso_clock_gettime", "LINUX_4.15") &&
          dlvsym(vdso, "__vdso_clock_getres", "LINUX_4.15") &&
          dlvsym(vdso, "__vdso_getcpu", "LINUX_4.15"));
}

static void test_rights(void)
{
    struct sigaction action = {.sa_handler = caught}, old;
    char *code = (char *)dlsym(RTLD_DEFAULT, "qsort");

    sigaction(SIGSEGV, &action, &old);
    CHECK(code && mapped(code, "r-xp") && write_faults(code) == SIGSEGV);
    CHECK(mapped(patient, "rw-p") && write_faults((char *)patient) == 0);
    sigaction(SIGSEGV, &old, NULL);
}

// What one process writes into its mapping of a library no other sees, nor the file.
static void test_private(void)
{
    int status = 0;
    unsigned char *code = (unsigned char *)((unsigned long)dlsym(RTLD_DEFAULT, "qsort") & ~4095UL);
    pid_t pid = fork();

    if (pid == 0) {
        if (mprotect(code, 4096, PROT_READ | PROT_WRITE) != 0)
            _exit(1);
        unsigned char before = code[100];
        code[100] ^= 0xff;
        patient[1500] = 5;
        _exit(before == (code[100] ^ 0xff) ? 0 : 2);
    }
    unsigned char kept = code[100];
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(code[100] == kept && patient[1500] == 0);
}

static void *thread_main(void *unused)
{
    (void)unused;
    own++;
    return (void *)(long)own;
}

static void test_threads(void)
{
    pthread_t thread;
    void *result;

    CHECK(pthread_create(&thread, NULL, thread_main, NULL) == 0);
    CHECK(pthread_join(thread, &result) == 0 && (long)result == 8 && own == 7);
}

int main(int argc, char **argv)
{
    int direct = argc > 1 && strcmp(argv[1], "--by-loader") == 0;

    CHECK(constructed == 7);
    test_vectors(direct);
    test_libraries();
    test_rights();
    test_private();
    test_threads();
    puts(failed ? "dynamic: FAILED" : "dynamic: OK");
    return failed;
}
