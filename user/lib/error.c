// SPDX-License-Identifier: MIT
// Reasons in words for the errors that people meet at a prompt.
#include "lib/linux.h"

static const struct {
    int error;
    const char *text;
} errors[] = {
    {ENOENT, "no such file or directory"},
    {EACCES, "permission denied"},
    {EPERM, "not permitted"},
    {ENOTDIR, "not a directory"},
    {EISDIR, "is a directory"},
    {EEXIST, "already exists"},
    {ENOTEMPTY, "directory not empty"},
    {ENOEXEC, "not an executable file"},
    {ENOMEM, "out of memory"},
    {EAGAIN, "try again"},
    {EBADF, "bad file descriptor"},
    {EMFILE, "too many open files"},
    {ENOSPC, "no space left"},
    {EROFS, "read-only file system"},
    {EXDEV, "different file system"},
    {ELOOP, "too many symbolic links"},
    {EBUSY, "busy"},
    {EINVAL, "invalid argument"},
    {EIO, "input or output error"},
    {ENOSYS, "not implemented"},
    {ESRCH, "no such process"},
    {E2BIG, "too many arguments"},
    {ENAMETOOLONG, "name too long"},
    {ETXTBSY, "program is being written"},
};

const char *error_text(int error)
{
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].error == -error)
            return errors[i].text;
    return "failed";
}
