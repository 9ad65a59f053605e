// SPDX-License-Identifier: MIT
// The POSIX line discipline (POSIX.1-2017, chapter 11): editing, echo, signals' keys, output.
//
// PURE: the caller locks, sends the signals, moves bytes between `out` and the device, and waits.
// Input bytes enter by ldisc_input and leave by ldisc_read; echo and processed output go to `out`.
#pragma once
#include "abi/ioctl.h"
#include "lib/ring.h"
#include "lib/types.h"

#define LDISC_FOREVER (~0UL)
#define LDISC_SIZE    4096U // input bytes kept; a line with its end has at most as many

enum {              // what ldisc_input asks of the caller
    LDISC_INTR = 1, // send SIGINT to the foreground group
    LDISC_QUIT = 2,
    LDISC_SUSP = 4,
    LDISC_FLUSH = 8, // drop what the device has not sent (a signal without NOFLSH)
    LDISC_DUMP = 16, // ^P on a console
};

struct ldisc {
    struct termios2 mode;
    struct ring *out; // (c) echo and output
    bool dump_key;    // (c) ^P in canonical mode is LDISC_DUMP
    bool literal;     // the next byte is taken as it is (VLNEXT)
    bool stopped;     // output is held (VSTOP)
    u32 column;       // of the cursor
    u32 line_column;  // where the line being typed began
    u32 head;         // next byte to read; positions run freely
    u32 ready;        // canonical: end of the finished lines
    u32 tail;         // end of input
    u8 buf[LDISC_SIZE];
    u64 ends[LDISC_SIZE / 64];   // canonical: this byte ends a line
    u64 is_eof[LDISC_SIZE / 64]; // and is not for the reader (VEOF)
};

void ldisc_init(struct ldisc *l, struct ring *out);
// Cooks input already there for the new mode.
void ldisc_set_mode(struct ldisc *l, const struct termios2 *mode);

// Takes one byte from the device: LDISC_* bits.
u32 ldisc_input(struct ldisc *l, u8 c);
// False: input is best left where it is until something is read.
bool ldisc_wants_input(const struct ldisc *l);
void ldisc_flush_input(struct ldisc *l);

// Takes up to n bytes, in canonical mode of one line. *more: the same read could go on at once.
size_t ldisc_read(struct ldisc *l, u8 *dst, size_t n, bool *more);
size_t ldisc_available(const struct ldisc *l); // bytes that may be read now, for FIONREAD
bool ldisc_readable(const struct ldisc *l);    // a read would not wait (poll)
// What is there ends a read of n bytes, by VMIN and VTIME (11.1.7).
bool ldisc_enough(const struct ldisc *l, size_t n);
// How long to wait for more with `seen` bytes there, ns or LDISC_FOREVER.
ns_t ldisc_timeout(const struct ldisc *l, size_t seen);

// Processes output into `out`: bytes of src taken; fewer than n when `out` is full.
size_t ldisc_output(struct ldisc *l, const u8 *src, size_t n);

static inline bool ldisc_canonical(const struct ldisc *l)
{
    return l->mode.c_lflag & ICANON;
}
