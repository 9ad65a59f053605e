// SPDX-License-Identifier: MIT
// Private to the line discipline: the way to the screen.
#pragma once
#include "tty/ldisc.h"

// One byte through output processing; lost when `out` is full.
void ldisc_emit(struct ldisc *l, u8 c);
void ldisc_emit_text(struct ldisc *l, const char *s);
// Shows a typed byte: control characters as ^X with ECHOCTL.
void ldisc_echo(struct ldisc *l, u8 c);
// Where the cursor is after echoing c at `column`.
u32 ldisc_column_after(const struct ldisc *l, u32 column, u8 c);

// A byte of a UTF-8 character that is not its first: it takes no column.
static inline bool ldisc_is_continuation(const struct ldisc *l, u8 c)
{
    return l->mode.c_iflag & IUTF8 && (c & 0xc0) == 0x80;
}
