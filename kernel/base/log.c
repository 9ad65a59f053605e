// SPDX-License-Identifier: MIT
// The kernel log: a ring of the latest bytes, copied to the console line by line.
#include "base/log.h"
#include "arch/sbi.h"
#include "arch/upcalls.h"
#include "base/clock.h"
#include "base/spinlock.h"
#include "lib/format.h"
#include "lib/string.h"

#define LOG_RING_SIZE 16384UL
#define LOG_LINE_MAX  256

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG);
static char ring[LOG_RING_SIZE]; // (log_lock)
static u64 ring_end;             // (log_lock) bytes ever written
static void (*console)(const char *s, size_t n) = sbi_console_write; // (log_lock)
static bool quiet;                                                   // (a)
static bool panicked;                                                // (a)

static void ring_append(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ring[ring_end++ % LOG_RING_SIZE] = s[i];
}

static void log_emit(const char *line, size_t n)
{
    irqflags_t flags;

    if (load_relaxed(&panicked)) {
        ring_append(line, n);
        sbi_console_write(line, n);
        return;
    }
    flags = spin_lock_irqsave(&log_lock);
    ring_append(line, n);
    if (!quiet)
        console(line, n);
    spin_unlock_irqrestore(&log_lock, flags);
}

static void log_format(bool stamp, const char *fmt, va_list args)
{
    char line[LOG_LINE_MAX];
    ns_t now = clock_monotonic();
    int n = 0;

    if (stamp)
        n = snformat(line, sizeof(line), "[%5lu.%06lu] ", now / NS_PER_SEC,
                     now % NS_PER_SEC / 1000);
    n += vsnformat(line + n, sizeof(line) - (size_t)n, fmt, args);
    n = MIN(n, LOG_LINE_MAX - 2);
    if (n == 0 || line[n - 1] != '\n')
        line[n++] = '\n';
    log_emit(line, (size_t)n);
}

void log_info(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_format(true, fmt, args);
    va_end(args);
}

void up_print(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_format(false, fmt, args);
    va_end(args);
}

void log_raw(const char *fmt, ...) __attribute__((alias("up_print")));

void log_set_console(void (*write)(const char *s, size_t n))
{
    irqflags_t flags = spin_lock_irqsave(&log_lock);

    console = write ? write : sbi_console_write;
    spin_unlock_irqrestore(&log_lock, flags);
}

void log_set_quiet(bool on)
{
    store_relaxed(&quiet, on);
}

void log_enter_panic(void)
{
    store_relaxed(&panicked, true);
}

size_t log_read(u64 *pos, char *buf, size_t n)
{
    irqflags_t flags = spin_lock_irqsave(&log_lock);
    size_t done = 0;

    if (ring_end > LOG_RING_SIZE && *pos < ring_end - LOG_RING_SIZE)
        *pos = ring_end - LOG_RING_SIZE;
    while (done < n && *pos < ring_end)
        buf[done++] = ring[(*pos)++ % LOG_RING_SIZE];
    spin_unlock_irqrestore(&log_lock, flags);
    return done;
}

u64 log_end(void)
{
    return load_relaxed(&ring_end);
}

size_t log_size(void)
{
    return LOG_RING_SIZE;
}
