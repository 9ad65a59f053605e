// SPDX-License-Identifier: MIT
// usertests [-q] [-c [N]] [-l] [NAME...]: tests of all that a program written for xv6 may ask for,
// one process each. -q: without the slow ones; -c: again and again until one fails, or N times; -l:
// their names.
// Each set ends with a look at what it left behind: processes, memory, files, descriptors. From the
// third time on memory is compared with the second, which finds what is lost a little at a time.
#include "usertests.h"

#define DIRECTORY "/ut"
#define LEAK_MAX  (1 << 20) // bytes: what the kernel keeps of names and of its own tables
#define DRIFT_MAX (1 << 19) // bytes, once it has them

static const struct test *const tables[] = {
    process_tests, kill_tests,  exec_tests,       memory_tests,    cow_tests,     layout_tests,
    pointer_tests, file_tests,  descriptor_tests, directory_tests, link_tests,    pipe_tests,
    map_tests,     alarm_tests, trace_tests,      library_tests,   exhaust_tests, storm_tests,
};

static int passed, failed;

static int test_status(const struct test *t)
{
    int status = -1, pid = fork();

    if (pid == 0) {
        t->run();
        exit(0);
    }
    if (pid < 0 || wait(&status) != pid)
        printf("%s: cannot fork and wait\n", t->name);
    return status;
}

static void test_run(const struct test *t)
{
    uint64 processes = processes_now();
    int begin = uptime(), bad = test_status(t), left = directory_clean();

    if (bad)
        printf("%s: status %d\n", t->name, bad);
    if (left)
        printf("%s: %d names are left\n", t->name, left);
    processes_settle(processes);
    if (processes_now() != processes)
        printf("%s: %lu processes before, %lu after\n", t->name, processes, processes_now());
    bad = bad || left || processes_now() != processes;
    passed += !bad;
    failed += bad;
    printf("%s: %s (%d ticks)\n", t->name, bad ? "FAILED" : "ok", uptime() - begin);
}

// What memory holds of files is no leak; real xv6 has no such file and needs none.
static void caches_drop(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

    if (fd >= 0)
        write(fd, "3\n", 2);
    close(fd);
}

static bool is_named(const struct test *t, char **names)
{
    for (; *names; names++)
        if (strcmp(*names, t->name) == 0)
            return true;
    return false;
}

// Runs the tests that are `slow` or those that are not, or those named whatever they are.
static void set_run(char **names, bool slow)
{
    caches_drop();
    uint64 memory = memory_free(), processes = processes_now();
    int descriptors = descriptors_open();

    for (uint i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct test *t = tables[i]; t->name; t++)
            if (*names ? is_named(t, names) : t->slow == slow)
                test_run(t);
    caches_drop();
    if (memory_free() + LEAK_MAX < memory || processes_now() != processes ||
        descriptors_open() != descriptors) {
        printf("leak: free memory %lu before, %lu after; processes %lu, %lu; descriptors %d, %d\n",
               memory, memory_free(), processes, processes_now(), descriptors, descriptors_open());
        failed++;
    }
}

static void drift_check(int round)
{
    static uint64 second;

    if (round == 2)
        second = memory_free();
    if (round > 2 && memory_free() + DRIFT_MAX < second) {
        printf("leak: free memory %lu after two rounds, %lu after %d\n", second, memory_free(),
               round);
        failed++;
    }
}

static void list(void)
{
    for (uint i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct test *t = tables[i]; t->name; t++)
            printf("%s%s\n", t->name, t->slow ? " (slow)" : "");
}

static int run(char **names, bool quick, int times)
{
    int round = 0;

    mkdir(DIRECTORY);
    if (chdir(DIRECTORY) < 0) {
        printf("usertests: cannot use %s\n", DIRECTORY);
        return 1;
    }
    directory_clean();
    do {
        passed = 0;
        set_run(names, false);
        if (!quick && !*names)
            set_run(names, true);
        drift_check(++round);
        printf("%d passed, %d failed\n", passed, failed);
    } while (--times != 0 && !failed);
    chdir("/");
    unlink(DIRECTORY);
    if (!passed && !failed)
        printf("usertests: there is no such test; -l lists them\n");
    else if (!failed)
        printf("usertests: OK\n");
    return failed || !passed;
}

int main(int argc, char **argv)
{
    bool quick = false;
    int i = 1, times = 1; // below 1: until a failure

    if (argc > 1 && argv[1][0] == '=')
        exit(mode_run(argc, argv));
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-l") == 0) {
            list();
            exit(0);
        }
        quick |= strcmp(argv[i], "-q") == 0;
        if (strcmp(argv[i], "-c") == 0)
            times = i + 1 < argc ? atoi(argv[i + 1]) : 0;
        if (times > 0 && strcmp(argv[i], "-c") == 0)
            i++;
    }
    exit(run(argv + i, quick, times));
}
