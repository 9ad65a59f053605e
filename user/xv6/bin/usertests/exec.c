// SPDX-License-Identifier: MIT
// exec, seen from before it, and by the program that it starts: this one, in one of its modes.
#include "usertests.h"

static char zeros[3 * PGSIZE];
static int numbers[4] = {1, 2, 3, 4};

// Arguments are "a00", "a01"..., as many as the first says.
static int mode_arguments(int argc, char **argv)
{
    int n = atoi(argv[2]);
    char wanted[] = "a00";

    expect(argc, n);
    for (int i = 3; i < n; i++)
        expect(strcmp(argv[i], numbered(wanted, i)), 0);
    expect(argv[argc], 0);
    check((char *)argv >= (char *)PGROUNDDOWN((uint64)argv[0])); // all in the stack's one page
    expect(PGROUNDDOWN((uint64)argv[argc - 1]), PGROUNDDOWN((uint64)argv));
    return 0;
}

static int mode_data(int argc, char **argv)
{
    for (uint i = 0; i < sizeof(zeros); i++)
        expect(zeros[i], 0);
    for (int i = 0; i < 4; i++)
        expect(numbers[i], i + 1);
    memset(zeros, 1, sizeof(zeros));
    numbers[0] = 9;
    return 0;
}

// Reads on where the program before it stopped, at 3 of "0123456789", by descriptor 3.
static int mode_descriptors(int argc, char **argv)
{
    char c;
    struct stat st;

    expect(read(3, &c, 1), 1);
    expect(c, '3');
    expect(fstat(4, &st), -1);
    expect(open("here", O_RDONLY), 4); // the working directory is kept
    return 44;
}

static int mode_again(int argc, char **argv)
{
    program("=again", 0);
    return 1;
}

static int mode_twenty(int argc, char **argv)
{
    char digits[] = "00";
    int left = atoi(argv[2]);

    if (left > 0)
        program("=twenty", (char *[]){numbered(digits, left - 1), 0});
    return 45;
}

static int mode_echo(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        printf("%s%s", argv[i], i + 1 < argc ? " " : "\n");
    return 0;
}

static int mode_untraced(int argc, char **argv)
{
    trace(0);
    program("=echo", 0);
    return 1;
}

static int mode_spin(int argc, char **argv)
{
    for (int begin = uptime(); uptime() < begin + 4;)
        ;
    return 46;
}

int mode_run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } modes[] = {
        {"=arguments", mode_arguments},
        {"=data", mode_data},
        {"=descriptors", mode_descriptors},
        {"=again", mode_again},
        {"=twenty", mode_twenty},
        {"=echo", mode_echo},
        {"=spin", mode_spin},
        {"=alarm", mode_alarm},
        {"=untraced", mode_untraced},
    };

    for (uint i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, argv[1]) == 0)
            return modes[i].run(argc, argv);
    printf("usertests: there is no %s\n", argv[1]);
    return 1;
}

static int arguments_status(int n)
{
    static char text[MAXARG + 1][4];
    char *argv[MAXARG + 2] = {PROGRAM, "=arguments"};
    int pid = fork();

    if (pid == 0) {
        for (int i = 2; i < n; i++)
            argv[i] = numbered(strcpy(text[i], "a00"), i);
        numbered(strcpy(argv[2], "00"), n);
        exit(exec(PROGRAM, argv) == -1 ? 77 : 1);
    }
    return status_of(pid);
}

static void exec_arguments(void)
{
    expect(arguments_status(3), 0);
    expect(arguments_status(20), 0);
    expect(arguments_status(MAXARG - 1), 0);
    expect(arguments_status(MAXARG), 77);
    expect(arguments_status(MAXARG + 1), 77);
}

static void exec_long_arguments(void)
{
    static char text[PGSIZE + 8];
    char *argv[MAXARG] = {PROGRAM, "=echo", text, 0};

    memset(text, 'x', PGSIZE + 4);
    expect(exec(PROGRAM, argv), -1);
    text[PGSIZE] = 0;
    expect(exec(PROGRAM, argv), -1);
    text[400] = 0;
    for (int i = 2; i < MAXARG - 1; i++)
        argv[i] = text; // 29 of 400 bytes
    expect(exec(PROGRAM, argv), -1);
}

static void data_run(void)
{
    memset(zeros, 5, sizeof(zeros));
    memset(numbers, 5, sizeof(numbers));
    program("=data", 0);
}

static void exec_fresh_data(void)
{
    expect(child_status(data_run), 0);
    expect(child_status(data_run), 0);
}

static void descriptors_run(void)
{
    program("=descriptors", 0);
}

static void exec_keeps(void)
{
    char text[3];
    int fd = open("here", O_CREATE | O_RDWR);

    expect(fd, 3);
    expect(write(fd, "0123456789", 10), 10);
    close(fd);
    expect(open("here", O_RDONLY), 3);
    expect(read(3, text, 3), 3);
    expect(child_status(descriptors_run), 44);
    expect(read(3, text, 1), 1); // the offset is shared
    expect(text[0], '4');
    close(3);
    expect(unlink("here"), 0);
}

static void fails(const char *path)
{
    char *argv[] = {"x", 0};
    int before = descriptors_open();

    expect(exec(path, argv), -1);
    expect(descriptors_open(), before);
}

static void script_make(void)
{
    static const char script[] = "#!" PROGRAM "\n";
    int fd = open("script", O_CREATE | O_TRUNC | O_WRONLY);

    check(fd >= 0);
    expect(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
    close(fd);
}

// Not there; no file; not ELF in six ways.
static void exec_fails(void)
{
    int source = open(PROGRAM, O_RDONLY), fd;
    char head[64];

    fails("none");
    fails("none/none");
    fails("");
    fails("/");
    fails("/README");
    check(source >= 0);
    expect(read(source, head, sizeof(head)), sizeof(head));
    close(source);
    for (int n = 0; n <= 64; n += 16) { // an empty one, and the beginning of a program
        fd = open("part", O_CREATE | O_TRUNC | O_WRONLY);
        expect(write(fd, head, n), n);
        close(fd);
        fails("part");
    }
    file_make("part", 5000, 1);
    fails("part");
    expect(unlink("part"), 0);
    script_make();
    fails("script");
    expect(unlink("script"), 0);
}

static void echo_run(void)
{
    program("=echo", 0);
}

// With no descriptor free all is as with some.
static void exec_descriptors(void)
{
    script_make();
    while (dup(0) >= 0)
        ;
    fails("script");
    expect(exec("/README", (char *[]){"x", 0}), -1);
    for (int fd = 3; fd < NOFILE; fd++)
        close(fd);
    expect(unlink("script"), 0);
    while (dup(0) >= 0)
        ;
    expect(child_status(echo_run), 0);
}

// Memory is given back however often it fails with arguments that are bad only at their end.
static void exec_bad_often(void)
{
    char *argv[] = {"x", "y", (char *)0xffffffffUL, 0};

    for (int i = 0; i < 1000; i++)
        expect(exec(PROGRAM, argv), -1);
    argv[2] = 0;
    for (int i = 0; i < 200; i++)
        expect(exec("/README", argv), -1);
}

static void twenty_run(void)
{
    program("=twenty", (char *[]){"20", 0});
}

static void exec_chain(void)
{
    expect(child_status(twenty_run), 45);
}

// Runs a program that is written while the test runs, and removed while it runs itself.
static void exec_written(void)
{
    static char block[4096];
    int from = open(PROGRAM, O_RDONLY), to = open("copy", O_CREATE | O_WRONLY), n;

    while ((n = read(from, block, sizeof(block))) > 0)
        expect(write(to, block, n), n);
    close(from);
    close(to);
    for (int i = 0; i < 3; i++) {
        int pid = fork();
        if (pid == 0)
            exit(exec("copy", (char *[]){"copy", "=twenty", "03", 0}));
        expect(status_of(pid), 45);
    }
    expect(unlink("copy"), 0);
    fails("copy");
}

// A shell's way to redirect: descriptor 1 closed, a file opened in its place.
static void exec_redirected(void)
{
    char text[32];
    int pid = fork();

    if (pid == 0) {
        close(1);
        expect(open("out", O_CREATE | O_WRONLY), 1);
        program("=echo", (char *[]){"one", "two", 0});
    }
    expect(status_of(pid), 0);
    int fd = open("out", O_RDONLY);
    expect(read(fd, text, sizeof(text)), 8);
    expect(memcmp(text, "one two\n", 8), 0);
    close(fd);
    expect(unlink("out"), 0);
}

static void again_run(void)
{
    program("=again", 0);
}

static void exec_many(void)
{
    int pids[8];

    for (int i = 0; i < 8; i++)
        pids[i] = child(again_run);
    sleep(5);
    kill_all(pids, 8);
}

const struct test exec_tests[] = {
    {"exec_arguments", exec_arguments, false},
    {"exec_long_arguments", exec_long_arguments, false},
    {"exec_fresh_data", exec_fresh_data, false},
    {"exec_keeps", exec_keeps, false},
    {"exec_fails", exec_fails, false},
    {"exec_descriptors", exec_descriptors, false},
    {"exec_bad_often", exec_bad_often, false},
    {"exec_chain", exec_chain, false},
    {"exec_written", exec_written, false},
    {"exec_redirected", exec_redirected, false},
    {"exec_many", exec_many, false},
    {0},
};
