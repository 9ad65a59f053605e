// SPDX-License-Identifier: MIT
// symlinktest: symbolic links: followed by open(), not by what works on the link itself; missing
// targets, circles, chains of ten and eleven, paths relative to the link, two processes at once.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/stat.h"
#include "kernel/types.h"
#include "user/user.h"

#define LINKS_MAX 10
#define ROUNDS    50

static void file_make(const char *name, const char *text)
{
    int fd = open(name, O_CREATE | O_TRUNC | O_WRONLY);

    check("writing a file", strlen(text), write(fd, text, strlen(text)));
    close(fd);
}

// The first byte of a file; -1 if it cannot be opened.
static int first_byte(const char *name)
{
    char c = 0;
    int fd = open(name, O_RDONLY);

    if (fd < 0)
        return -1;
    check("reading a byte", 1, read(fd, &c, 1));
    close(fd);
    return c;
}

static int type_of(const char *name, int flags)
{
    struct stat st = {0};
    int fd = open(name, flags);

    if (fd < 0)
        return -1;
    check("fstat", 0, fstat(fd, &st));
    close(fd);
    return st.type;
}

static void test_simple(void)
{
    file_make("target", "t");
    check("symlink", 0, symlink("target", "link"));
    check("through the link", 't', first_byte("link"));
    check("type, followed", T_FILE, type_of("link", O_RDONLY));
    check("type of the link", T_SYMLINK, type_of("link", O_RDONLY | O_NOFOLLOW));
    check("O_NOFOLLOW on a file", T_FILE, type_of("target", O_RDONLY | O_NOFOLLOW));
    check("a second link of that name", -1, symlink("other", "link"));
    check("a link in the place of a file", -1, symlink("link", "target"));
    check("link() of a link", 0, link("link", "link2"));
    check("its type", T_SYMLINK, type_of("link2", O_RDONLY | O_NOFOLLOW));

    int fd = open("link", O_WRONLY | O_TRUNC);
    check("writing through a link", 1, write(fd, "u", 1));
    close(fd);
    check("what the target has", 'u', first_byte("target"));
}

static void test_missing(void)
{
    check("unlink removes the target", 0, unlink("target"));
    check("a link to nothing", -1, first_byte("link"));
    check("the link itself", T_SYMLINK, type_of("link", O_RDONLY | O_NOFOLLOW));
    file_make("target", "v");
    check("a target made again", 'v', first_byte("link"));
    check("unlink removes a link", 0, unlink("link"));
    check("then it is gone", -1, type_of("link", O_RDONLY | O_NOFOLLOW));
    check("and its target is not", 'v', first_byte("target"));
    check("nor is its other name", 'v', first_byte("link2"));
    unlink("link2");
    check("a link to nothing at all", 0, symlink("nowhere/at/all", "link"));
    check("opened", -1, first_byte("link"));
    unlink("link");
}

static void test_circle(void)
{
    symlink("b", "a");
    symlink("a", "b");
    symlink("self", "self");
    check("a circle", -1, first_byte("a"));
    check("from its other end", -1, first_byte("b"));
    check("a link to itself", -1, first_byte("self"));
    check("a link within the circle", T_SYMLINK, type_of("a", O_RDONLY | O_NOFOLLOW));
    unlink("a");
    unlink("b");
    unlink("self");
}

// chain0 is a file, and chain<n> a link to chain<n-1>.
static void test_chain(void)
{
    char name[] = "chain_a", last[] = "chain_a";
    char *end = name + sizeof(name) - 2, *last_end = last + sizeof(last) - 2;

    file_make(name, "c");
    for (int i = 1; i <= LINKS_MAX + 1; i++) {
        *end = 'a' + i;
        check("a link of the chain", 0, symlink(last, name));
        check("through the chain", i <= LINKS_MAX ? 'c' : -1, first_byte(name));
        *last_end = *end;
    }
    for (int i = 0; i <= LINKS_MAX + 1; i++) {
        *end = 'a' + i;
        check("unlink of the chain", 0, unlink(name));
    }
}

static void test_directories(void)
{
    check("mkdir", 0, mkdir("dir"));
    file_make("dir/target", "d");
    symlink("target", "dir/link");
    check("relative to the link's directory", 'd', first_byte("dir/link"));
    symlink("dir", "dirlink");
    check("a directory's link", T_DIR, type_of("dirlink", O_RDONLY));
    check("as part of a path", 'd', first_byte("dirlink/target"));
    symlink("../target", "dirlink/up");
    check("up from the link's directory", 'v', first_byte("dir/up"));
    check("chdir through a link", 0, chdir("dirlink"));
    check("and on", 'd', first_byte("link"));
    check("back", 0, chdir(".."));
    check("a directory that has entries", -1, unlink("dir"));
    unlink("dirlink");
    unlink("dir/up");
    unlink("dir/link");
    unlink("dir/target");
    check("an empty one", 0, unlink("dir"));
}

// What others make and remove: each open leads to the file or to nothing.
static void flip(const char *target)
{
    for (int i = 0; i < ROUNDS; i++) {
        symlink(target, "flip");
        int seen = first_byte("flip");
        if (seen != -1)
            check("a link that others change", 'v', seen);
        unlink("flip");
    }
}

static void test_two(void)
{
    const char *targets[] = {"target", "none"};
    int status;

    for (int i = 0; i < 2; i++) {
        int pid = fork();
        if (pid == 0) {
            flip(targets[i]);
            exit(check_failures);
        }
        check("fork", 1, pid > 0);
    }
    while (wait(&status) >= 0)
        check("failures in a process", 0, status);
    unlink("flip");
}

int main(void)
{
    mkdir("symlinktest.d");
    if (chdir("symlinktest.d") < 0)
        check("a directory to work in", 0, -1);
    test_simple();
    test_missing();
    test_circle();
    test_chain();
    test_directories();
    check("an empty target", -1, symlink("", "empty"));
    check("a bad pointer", -1, symlink((char *)-4096L, "bad"));
    check("a link nowhere", -1, symlink("target", "none/link"));
    test_two();
    unlink("target");
    chdir("..");
    check("nothing is left", 0, unlink("symlinktest.d"));
    exit(check_end("symlinktest"));
}
