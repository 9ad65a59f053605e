// SPDX-License-Identifier: MIT
// find DIR NAME: prints the paths from DIR down whose last part is NAME. It follows no symbolic
// link and stays on one device. What is still to be visited is a list on the heap: depth costs
// neither descriptors nor stack.
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/stat.h"
#include "kernel/types.h"
#include "user/user.h"

struct pending {
    struct pending *next;
    char path[];
};

static struct pending *list; // the next one first
static const char *wanted;
static int device, failed;

static void complain(const char *path, const char *what)
{
    fprintf(2, "find: %s: %s\n", path, what);
    failed = 1;
}

static int is_self_or_parent(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

// `dir`, a slash if it does not end with one, and at most DIRSIZ bytes of `name`; 0 without memory.
static struct pending *pending_create(const char *dir, const char *name)
{
    uint n = strlen(dir);
    struct pending *p = malloc(sizeof(*p) + n + 1 + DIRSIZ + 1);

    if (!p)
        return 0;
    p->next = 0;
    strcpy(p->path, dir);
    if (n > 0 && dir[n - 1] != '/')
        p->path[n++] = '/';
    for (int i = 0; i < DIRSIZ && name[i]; i++)
        p->path[n++] = name[i];
    p->path[n] = 0;
    return p;
}

// Puts what is in the directory in front of the list, in its order.
static void directory_read(const char *path, int fd)
{
    struct pending *rest = list, **end = &list;
    struct dirent entry;
    int n;

    while ((n = read(fd, &entry, sizeof(entry))) == sizeof(entry)) {
        if (entry.inum == 0 || is_self_or_parent(entry.name))
            continue;
        *end = pending_create(path, entry.name);
        if (!*end) {
            complain(path, "out of memory");
            break;
        }
        end = &(*end)->next;
    }
    *end = rest;
    if (n < 0)
        complain(path, "cannot read");
}

static const char *last_part(const char *path)
{
    const char *last = path;

    for (; *path; path++)
        if (path[0] == '/' && path[1])
            last = path + 1;
    return last;
}

static void visit(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW);

    if (fd < 0) {
        complain(path, "cannot open");
        return;
    }
    if (strcmp(last_part(path), wanted) == 0)
        printf("%s\n", path);
    if (fstat(fd, &st) < 0)
        complain(path, "no status");
    else if (st.type == T_DIR && (!device || st.dev == device)) {
        device = st.dev;
        directory_read(path, fd);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 3 || !*argv[1]) {
        fprintf(2, "usage: find DIR NAME\n");
        exit(1);
    }
    wanted = argv[2];
    visit(argv[1]);
    while (list) {
        struct pending *p = list;
        list = p->next;
        visit(p->path);
        free(p);
    }
    exit(failed);
}
