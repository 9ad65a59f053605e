// SPDX-License-Identifier: MIT
// Writes files, and directories with all below them, as one cpio archive of the "newc" kind: for
// each entry a header of hexadecimal fields, the name, the contents, each padded to four bytes.
#include "abi/dirent.h"
#include "init.h"
#include "lib/linux.h"

#define PATH_SIZE   4096
#define CHUNK       16384
#define DENTS_SIZE  2048
#define ALIGNMENT   4
#define FIELDS      13
#define DIGITS      8
#define HEADER_SIZE (6 + FIELDS * DIGITS)

struct archive {
    int fd;
    int error;
    uint64 offset;
    uint ino; // each entry gets its own: links are stored as separate files
    char path[PATH_SIZE];
};

static char chunk[CHUNK];

static void put(struct archive *a, const void *data, uint64 n)
{
    const char *p = data;

    a->offset += n;
    while (n > 0 && a->error == 0) {
        long done = sys_write(a->fd, p, n);
        if (done < 0) {
            a->error = done;
            break;
        }
        p += done;
        n -= done;
    }
}

static void put_padding(struct archive *a)
{
    put(a, "\0\0\0", -a->offset % ALIGNMENT);
}

static void put_header(struct archive *a, const char *name, const struct linux_stat *st,
                       uint64 size)
{
    char header[HEADER_SIZE];
    uint fields[FIELDS] = {
        ++a->ino,
        st->st_mode,
        st->st_uid,
        st->st_gid,
        1,
        st->st_mtime,
        size,
        dev_major(st->st_dev),
        dev_minor(st->st_dev),
        dev_major(st->st_rdev),
        dev_minor(st->st_rdev),
        strlen(name) + 1,
        0,
    };

    memcpy(header, "070701", 6);
    for (int i = 0; i < HEADER_SIZE - 6; i++) {
        uint shift = 4 * (DIGITS - 1 - i % DIGITS);
        header[6 + i] = "0123456789abcdef"[fields[i / DIGITS] >> shift & 0xf];
    }
    put(a, header, HEADER_SIZE);
    put(a, name, strlen(name) + 1);
    put_padding(a);
}

// A file that shrinks meanwhile is filled up with zeros: its size is already in the header.
static void put_file(struct archive *a, const char *name, const struct linux_stat *st)
{
    int fd = sys_open(a->path, O_RDONLY, 0);
    uint64 left = st->st_size;

    if (fd < 0) {
        fprintf(2, "init: %s: %s\n", a->path, error_text(fd));
        return;
    }
    put_header(a, name, st, left);
    while (left > 0 && a->error == 0) {
        uint64 want = left < CHUNK ? left : CHUNK;
        long n = sys_read(fd, chunk, want);
        if (n <= 0) {
            memset(chunk, 0, want);
            n = want;
        }
        put(a, chunk, n);
        left -= n;
    }
    put_padding(a);
    sys_close(fd);
}

static void put_link(struct archive *a, const char *name, const struct linux_stat *st)
{
    int n = sys_readlink(a->path, chunk, CHUNK);

    if (n < 0)
        return;
    put_header(a, name, st, n);
    put(a, chunk, n);
    put_padding(a);
}

static void put_tree(struct archive *a);

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void put_below(struct archive *a)
{
    char dents[DENTS_SIZE] __attribute__((aligned(8)));
    int fd = sys_open(a->path, O_RDONLY | O_DIRECTORY, 0), n;
    uint len = strlen(a->path);

    while (fd >= 0 && (n = sys_getdents64(fd, dents, DENTS_SIZE)) > 0) {
        struct linux_dirent64 *d;
        for (int at = 0; at < n; at += d->d_reclen) {
            d = (struct linux_dirent64 *)(dents + at);
            if (is_dot(d->d_name) || len + strlen(d->d_name) + 2 > PATH_SIZE)
                continue;
            a->path[len] = '/';
            strcpy(a->path + len + 1, d->d_name);
            put_tree(a);
        }
        a->path[len] = 0;
    }
    if (fd >= 0)
        sys_close(fd);
}

static void put_tree(struct archive *a)
{
    struct linux_stat st;
    const char *name = a->path + (a->path[0] == '/');

    if (a->error || sys_stat(a->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISREG(st.st_mode)) {
        put_file(a, name, &st);
    } else if (S_ISLNK(st.st_mode)) {
        put_link(a, name, &st);
    } else {
        put_header(a, name, &st, 0);
        if (S_ISDIR(st.st_mode))
            put_below(a);
    }
}

void archive_send(const char *device, char **paths)
{
    static struct archive a;
    static const struct linux_stat none;

    a.fd = sys_open(device, O_WRONLY, 0);
    if (a.fd < 0) {
        fprintf(2, "init: %s: %s\n", device, error_text(a.fd));
        return;
    }
    for (; *paths; paths++) {
        if (strlen(*paths) >= PATH_SIZE)
            continue;
        strcpy(a.path, *paths);
        put_tree(&a);
    }
    put_header(&a, "TRAILER!!!", &none, 0);
    if (a.error)
        fprintf(2, "init: %s: %s\n", device, error_text(a.error));
    sys_close(a.fd);
}
