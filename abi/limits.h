// SPDX-License-Identifier: MIT
// Limits that programs may rely on.
#pragma once

#define PATH_MAX       4096
#define NAME_MAX       255
#define PIPE_BUF       4096
#define NGROUPS_MAX    65536
#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_LIST_MAX 65536
#define ARG_MAX        131072 /* what a program may always count on */
#define MAX_ARG_STRLEN 131072 /* one argument or variable, with its NUL */
#define LINK_MAX       127
#define SYMLOOP_MAX    40
#define HOST_NAME_MAX  64
#define MAX_RW_COUNT   0x7ffff000UL /* most bytes one read or write moves */
