// SPDX-License-Identifier: MIT
// powercut run SEED: changes files in /work, one step after the other, each made durable before it
// writes the step's number and waits for a byte; another process changes files of its own all the
// time. Never ends.
// powercut some SEED STEPS: the same without waiting, and ends.
// powercut check SEED N: after a power cut: everything is as after step N, or the next one is done
// as well, or its part that may be.
//
// What a step does depends on SEED and the steps before, nothing else.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER    "/work"
#define NAMES     10
#define SIZE_MAX_ 60000
#define NOISE     24 // names of the other process

enum { WRITE, REPLACE, APPEND, OVERWRITE, TRUNCATE, UNLINK, RENAME, MKDIR, KINDS };

struct state { // of a name
    enum { NONE, FILE_, FOLDER_ } kind;
    size_t size;
    unsigned char bytes[SIZE_MAX_];
};

struct step {
    int kind, at, other; // names
    size_t from, to;     // bytes
    unsigned salt;
};

static struct state now[NAMES], next[NAMES];
static uint64_t random_state;

static unsigned draw(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % n;
}

static void fail(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf("\n");
    exit(1);
}

static void must(const char *what, long result)
{
    if (result < 0)
        fail("%s: %s", what, strerror(errno));
}

/* The model */

static void bytes_make(unsigned char *to, size_t from, size_t end, unsigned salt)
{
    for (size_t i = from; i < end; i++)
        to[i] = 1 + (i * 31 + i / 251 + salt * 7919) % 255; // never zero
}

static int pick(int kind)
{
    int first = draw(NAMES);

    for (int n = 0; n < NAMES; n++)
        if ((int)now[(first + n) % NAMES].kind == kind)
            return (first + n) % NAMES;
    return -1;
}

static size_t some_size(void)
{
    static const unsigned limits[] = {100, 5000, 5000, 20000, SIZE_MAX_};

    return draw(limits[draw(5)]);
}

static void fill(struct state *s, const struct step *a)
{
    s->kind = FILE_;
    s->size = a->to > s->size ? a->to : s->size;
    bytes_make(s->bytes, a->from, a->to, a->salt);
}

// Chooses the step that follows, and applies it to `next`.
static struct step step_choose(unsigned number)
{
    struct step a = {.kind = draw(KINDS), .salt = number};

    a.at = pick(a.kind == WRITE || (a.kind == MKDIR && draw(2)) ? NONE
                : a.kind == MKDIR                               ? FOLDER_
                                                                : FILE_);
    a.other = draw(NAMES);
    if (a.at < 0 || (a.kind == RENAME && now[a.other].kind == FOLDER_) || a.at == a.other)
        return step_choose(number);
    a.from = a.kind == APPEND ? now[a.at].size : a.kind == OVERWRITE ? some_size() : 0;
    a.to = a.from + some_size();
    if (a.to > SIZE_MAX_ || (a.kind == OVERWRITE && a.to > now[a.at].size))
        return step_choose(number);
    if (a.kind == TRUNCATE)
        a.to = draw(now[a.at].size + 1);
    memcpy(next, now, sizeof(next));
    if (a.kind <= REPLACE)
        next[a.at].size = 0;
    if (a.kind <= OVERWRITE)
        fill(&next[a.at], &a);
    else if (a.kind == TRUNCATE)
        next[a.at].size = a.to;
    else if (a.kind == RENAME)
        next[a.other] = now[a.at];
    else if (a.kind == MKDIR)
        next[a.at].kind = now[a.at].kind ? NONE : FOLDER_;
    if (a.kind == UNLINK || a.kind == RENAME)
        next[a.at].kind = NONE;
    return a;
}

/* Doing it */

static int folder;

static char *name_of(int at)
{
    static char names[NAMES][16];

    snprintf(names[at], sizeof(names[at]), "name%d", at);
    return names[at];
}

static void folder_sync(void)
{
    must("fsync of the folder", fsync(folder));
}

static void bytes_write(const char *name, int flags, const struct step *a)
{
    int fd = openat(folder, name, O_WRONLY | flags, 0644);

    must(name, fd);
    for (size_t at = a->from; at < a->to;) {
        ssize_t n = pwrite(fd, next[a->at].bytes + at, a->to - at, at);

        must("write", n);
        at += n;
    }
    must("fsync", a->salt % 3 && a->kind != REPLACE ? fdatasync(fd) : fsync(fd));
    close(fd);
}

static void step_do(const struct step *a)
{
    const char *name = name_of(a->at);
    int fd;

    switch (a->kind) {
    case WRITE:
        bytes_write(name, O_CREAT | O_EXCL, a);
        break;
    case REPLACE:
        bytes_write("new", O_CREAT | O_TRUNC, a);
        must("rename", renameat(folder, "new", folder, name));
        folder_sync();
        break;
    case APPEND:
    case OVERWRITE:
        bytes_write(name, 0, a);
        break;
    case TRUNCATE:
        fd = openat(folder, name, O_WRONLY);
        must("truncate", ftruncate(fd, a->to));
        must("fsync", fsync(fd));
        close(fd);
        break;
    case UNLINK:
        must("unlink", unlinkat(folder, name, 0));
        folder_sync();
        break;
    case RENAME:
        must("rename", renameat(folder, name, folder, name_of(a->other)));
        folder_sync();
        break;
    case MKDIR:
        must("mkdir or rmdir",
             now[a->at].kind ? unlinkat(folder, name, AT_REMOVEDIR) : mkdirat(folder, name, 0755));
        folder_sync();
        break;
    }
}

// Changes that nobody makes durable, to keep the journal and write-back busy.
static void noise(void)
{
    static unsigned char bytes[9000];
    char a[32], b[32];

    must("folder of noise", mkdir(FOLDER "/noise", 0755));
    for (;;) {
        int fd;

        snprintf(a, sizeof(a), FOLDER "/noise/%u", draw(NOISE));
        snprintf(b, sizeof(b), FOLDER "/noise/%u", draw(NOISE));
        fd = open(a, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd >= 0) {
            if (lseek(fd, 0, SEEK_END) < 200000)
                write(fd, bytes, draw(sizeof(bytes)));
            close(fd);
        }
        if (draw(2))
            rename(a, b);
        if (draw(3) == 0)
            unlink(b);
        if (draw(4) == 0)
            mkdir(a, 0755);
        if (draw(4) == 0)
            rmdir(b);
    }
}

static void run(unsigned steps, int waits)
{
    uint64_t start = random_state;
    pid_t child;
    char byte;

    must(FOLDER, mkdir(FOLDER, 0755));
    folder = open(FOLDER, O_RDONLY | O_DIRECTORY);
    sync();
    child = fork();
    if (!child)
        noise();
    random_state = start;
    for (unsigned n = 0; n <= steps; n++) {
        printf("%u\n", n);
        fflush(stdout);
        if (waits && read(0, &byte, 1) != 1)
            fail("nobody answers");
        struct step a = step_choose(n);
        step_do(&a);
        memcpy(now, next, sizeof(now));
    }
    kill(child, SIGKILL);
}

/* Looking at it */

static struct state found;

static void look(const char *name)
{
    struct stat s;
    int fd;

    found.kind = NONE;
    if (fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            fail("%s: %s", name, strerror(errno));
        return;
    }
    found.kind = S_ISDIR(s.st_mode) ? FOLDER_ : FILE_;
    found.size = s.st_size;
    if (found.kind == FOLDER_)
        return;
    if (s.st_size > SIZE_MAX_)
        fail("%s: %ld bytes", name, (long)s.st_size);
    fd = openat(folder, name, O_RDONLY);
    must(name, fd);
    if (read(fd, found.bytes, SIZE_MAX_) != s.st_size)
        fail("%s cannot be read: %s", name, strerror(errno));
    close(fd);
}

static int is(const struct state *s)
{
    return found.kind == s->kind &&
           (s->kind != FILE_ || (found.size == s->size && !memcmp(found.bytes, s->bytes, s->size)));
}

// A file whose bytes are being changed: each is old or new, and the size is between theirs.
static int is_between(const struct state *a, const struct state *b)
{
    size_t least = a->size < b->size ? a->size : b->size, most = a->size + b->size - least;

    if (found.kind != FILE_ || b->kind != FILE_ || found.size < least || found.size > most)
        return 0;
    for (size_t i = 0; i < found.size; i++) {
        int old = i < a->size && found.bytes[i] == a->bytes[i];
        int new = i < b->size &&found.bytes[i] == b->bytes[i];

        if (!old && !new && !(i >= b->size && !found.bytes[i])) // where it is cut off: zeroes
            return 0;
    }
    return 1;
}

static void check_name(int at, const struct step *a)
{
    struct state none = {NONE, 0, ""};
    const struct state *old = now[at].kind ? &now[at] : &none;

    look(name_of(at));
    if (is(old) || is(&next[at]))
        return;
    if (at == a->at && (a->kind == WRITE || (a->kind >= APPEND && a->kind <= TRUNCATE)) &&
        is_between(old, &next[at]))
        return;
    fail("name%d: kind %d, %zu bytes; was kind %d, %zu; becomes kind %d, %zu, by %d", at,
         found.kind, found.size, old->kind, old->size, next[at].kind, next[at].size, a->kind);
}

// Both names of a rename are old, or both are new.
static void check_rename(const struct step *a)
{
    int gone;

    look(name_of(a->at));
    gone = found.kind == NONE;
    look(name_of(a->other));
    if (!is(gone ? &next[a->other] : &now[a->other]))
        fail("half a rename, of name%d to name%d", a->at, a->other);
}

static void check(unsigned steps)
{
    struct step a;

    folder = open(FOLDER, O_RDONLY | O_DIRECTORY);
    must(FOLDER, folder);
    for (unsigned n = 0; n < steps; n++) {
        step_choose(n);
        memcpy(now, next, sizeof(now));
    }
    a = step_choose(steps);
    for (int at = 0; at < NAMES; at++)
        check_name(at, &a);
    if (a.kind == RENAME)
        check_rename(&a);
    memcpy(now, next, sizeof(now));
    a = (struct step){.kind = WRITE, .to = 9000, .salt = 1};
    fill(&next[0], &a);
    bytes_write("after", O_CREAT, &a);
    must("unlink", unlinkat(folder, "after", 0));
    printf("good\n");
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[1] : "";

    random_state = argc > 2 ? strtoul(argv[2], NULL, 0) * 0x9e3779b97f4a7c15 + 1 : 0;
    if (!strcmp(mode, "run"))
        run(~0U, 1);
    else if (!strcmp(mode, "some") && argc > 3)
        run(atoi(argv[3]), 0);
    else if (!strcmp(mode, "check") && argc > 3)
        check(atoi(argv[3]));
    else
        fail("run SEED, some SEED STEPS, or check SEED STEPS");
    return 0;
}
