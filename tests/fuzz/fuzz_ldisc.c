// SPDX-License-Identifier: MIT
// The line discipline: any keys, modes, reads and output. The input is a list of steps: a byte that
// says what, and its operand.
#include "fuzz.h"
#include "tty/ldisc.h"

#include <string.h>

#define OUT_SIZE 1024

static struct ldisc ldisc;
static u8 out_buffer[OUT_SIZE];

static void set_mode(u8 bits, u8 value)
{
    struct termios2 mode = ldisc.mode;

    if (bits & 1)
        mode.c_iflag ^= 1U << value % 32;
    if (bits & 2)
        mode.c_lflag ^= 1U << value % 32;
    if (bits & 4)
        mode.c_oflag ^= 1U << value % 32;
    if (bits & 8)
        mode.c_cc[value % sizeof(mode.c_cc)] = value;
    ldisc_set_mode(&ldisc, &mode);
}

static void read_some(size_t n)
{
    size_t available = ldisc_available(&ldisc), got;
    u8 bytes[256];
    bool more;

    got = ldisc_read(&ldisc, bytes, n, &more);
    fuzz_check(got <= n && got <= available);
    fuzz_check(ldisc_available(&ldisc) <= LDISC_SIZE);
}

static void step(u8 what, u8 value)
{
    u8 c;

    switch (what % 8) {
    case 0:
        set_mode(what >> 3, value);
        break;
    case 1:
        read_some(value);
        break;
    case 2:
        while (ring_get(ldisc.out, &c))
            ;
        break;
    case 3:
        fuzz_check(ldisc_output(&ldisc, &value, 1) <= 1);
        break;
    case 4:
        ldisc_timeout(&ldisc, ldisc_available(&ldisc));
        fuzz_check(!ldisc_available(&ldisc) || value || ldisc_enough(&ldisc, value));
        break;
    case 5:
        if (value == 0)
            ldisc_flush_input(&ldisc);
        break;
    default:
        ldisc_input(&ldisc, value);
    }
    fuzz_check(ldisc.tail - ldisc.head <= LDISC_SIZE);
    fuzz_check(ldisc.ready - ldisc.head <= ldisc.tail - ldisc.head);
}

void fuzz_one(const u8 *data, size_t size)
{
    struct ring out;

    ring_init(&out, out_buffer, OUT_SIZE);
    ldisc_init(&ldisc, &out);
    for (size_t i = 0; i + 1 < size; i += 2)
        step(data[i], data[i + 1]);
}
