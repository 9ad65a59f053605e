// SPDX-License-Identifier: MIT
// Opens what a command redirects to, and for built-in commands puts the old descriptors back.
#include "lib/linux.h"
#include "sh.h"

#define SAVED_FD_MIN 10 // above every descriptor that a redirection can name

static bool save(int fd, struct saved_fd **saved)
{
    struct saved_fd *s = arena_alloc(sizeof(*s));

    s->fd = fd;
    s->copy = sys_fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FD_MIN);
    s->next = *saved;
    *saved = s;
    return s->copy >= 0 || s->copy == -EBADF;
}

static int target_open(const struct redirect *r, const char *target)
{
    if (r->kind == REDIRECT_READ)
        return sys_open(target, O_RDONLY | O_CLOEXEC, 0);
    return sys_open(
        target, O_WRONLY | O_CREAT | O_CLOEXEC | (r->kind == REDIRECT_APPEND ? O_APPEND : O_TRUNC),
        0666);
}

// To leave `fd` open across exec, a descriptor that already is the right one loses close-on-exec.
static int move_to(int from, int fd)
{
    if (from == fd)
        return sys_fcntl(fd, F_SETFD, 0);
    int error = sys_dup3(from, fd, 0);
    sys_close(from);
    return error;
}

// >&2 copies a descriptor, >&- closes.
static int duplicate(int fd, const char *target)
{
    if (strcmp(target, "-") == 0) {
        sys_close(fd);
        return 0;
    }
    if (target[0] < '0' || target[0] > '9' || target[1])
        return -EBADF;
    int from = atoi(target);
    return from == fd ? sys_fcntl(fd, F_SETFD, 0) : sys_dup3(from, fd, 0);
}

static bool apply_one(const struct redirect *r)
{
    const char *target = expand_single(r->target);
    int error;

    if (r->kind == REDIRECT_DUP) {
        error = duplicate(r->fd, target);
    } else {
        error = target_open(r, target);
        if (error >= 0)
            error = move_to(error, r->fd);
    }
    if (error < 0)
        fprintf(2, "sh: %s: %s\n", target, error_text(error));
    return error >= 0;
}

bool redirect_apply(const struct redirect *r, struct saved_fd **saved)
{
    for (; r; r = r->next) {
        if (saved && !save(r->fd, saved)) {
            fprintf(2, "sh: too many open files\n");
            return false;
        }
        if (!apply_one(r))
            return false;
    }
    return true;
}

void redirect_undo(struct saved_fd *saved)
{
    for (; saved; saved = saved->next) {
        if (saved->copy < 0) {
            sys_close(saved->fd);
            continue;
        }
        sys_dup3(saved->copy, saved->fd, 0);
        sys_close(saved->copy);
    }
}
