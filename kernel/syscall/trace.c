// SPDX-License-Identifier: MIT
// System-call tracing: one log line a call with decoded arguments.
//
// `trace=all` or `trace=NAME[,NAME...]` on the kernel command line sets WORK_TRACE on threads at
// exec; their calls take the slow way, whose entry and exit come here. Children inherit the bit.

#include "syscall/trace.h"
#include "abi/errno.h"
#include "abi/syscall.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "lib/format.h"
#include "lib/string.h"
#include "syscall/args.h"

struct syscall_info {
    const char *name;
    const char *types;
};

#define SYSCALL_INFO(name, arity, frame, types) [SYS_##name] = {#name, types},
static const struct syscall_info info[SYSCALL_MAX] = {SYSCALL_LIST(SYSCALL_INFO)};

static char wanted[128]; // (c) value of trace=

void syscall_trace_init(void)
{
    if (!bootarg_get("trace", wanted, sizeof(wanted)))
        wanted[0] = '\0';
    exec_trace_hook = syscall_trace_wanted;
}

bool syscall_trace_wanted(const char *program)
{
    size_t n = strlen(program);
    const char *s = wanted;

    if (!*s)
        return false;
    if (!strcmp(s, "all"))
        return true;
    while (*s) {
        const char *end = strchr(s, ',');
        size_t length = end ? (size_t)(end - s) : strlen(s);

        if (length == n && !strncmp(s, program, n))
            return true;
        s += length + (end != NULL);
    }
    return false;
}

static int format_path(char *out, size_t size, u64 value)
{
    char text[64];
    ssize_t n = strncpy_from_user(text, value, sizeof(text));

    if (n == -ENAMETOOLONG) {
        text[sizeof(text) - 1] = '\0';
        return snformat(out, size, "\"%s\"...", text);
    }
    return n < 0 ? snformat(out, size, "%#lx", value) : snformat(out, size, "\"%s\"", text);
}

static int format_argument(char *out, size_t size, char type, u64 value)
{
    switch (type) {
    case 'F':
        if ((int)value == AT_FDCWD)
            return snformat(out, size, "AT_FDCWD");
        return snformat(out, size, "%d", (int)value);
    case 'd':
    case 'f':
    case 'P':
    case 'S':
        return snformat(out, size, "%d", (int)value);
    case 'p':
        return format_path(out, size, value);
    case 'u':
    case 's':
        return snformat(out, size, "%lu", value);
    case 'm':
        return snformat(out, size, "%#o", (u32)value);
    case 'a':
        return value ? snformat(out, size, "%#lx", value) : snformat(out, size, "NULL");
    default:
        return snformat(out, size, "%#x", (u32)value);
    }
}

void syscall_trace_enter(u64 number, const u64 *args)
{
    const struct syscall_info *call = number < SYSCALL_MAX ? &info[number] : NULL;
    char line[320];
    size_t at = 0;

    if (!call || !call->name) {
        log_info("[%d %s] call_%lu(%#lx, %#lx, %#lx)", thread_self()->tid, thread_self()->name,
                 number, args[0], args[1], args[2]);
        return;
    }
    for (int i = 0; call->types[i]; i++) {
        if (i)
            at += snformat(line + at, sizeof(line) - at, ", ");
        at += format_argument(line + at, sizeof(line) - at, call->types[i], args[i]);
        at = MIN(at, sizeof(line) - 1);
    }
    line[at] = '\0';
    log_info("[%d %s] %s(%s)", thread_self()->tid, thread_self()->name, call->name, line);
}

void syscall_trace_exit(u64 number, s64 result)
{
    const char *name = number < SYSCALL_MAX && info[number].name ? info[number].name : "call";

    if (result < 0 && result > -4096)
        log_info("[%d %s] %s = %ld", thread_self()->tid, thread_self()->name, name, result);
    else
        log_info("[%d %s] %s = %#lx", thread_self()->tid, thread_self()->name, name, result);
}
