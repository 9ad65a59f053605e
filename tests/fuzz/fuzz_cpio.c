// SPDX-License-Identifier: MIT
// cpio archives: every member lies within the archive, and there is an end.
#include "fuzz.h"
#include "lib/cpio.h"

#include <string.h>

static volatile u8 sink;

void fuzz_one(const u8 *data, size_t size)
{
    struct cpio_entry e;
    struct cpio c;
    size_t members = 0;
    int got;

    cpio_init(&c, data, size);
    while ((got = cpio_next(&c, &e)) > 0) {
        fuzz_check(++members <= size / 110);
        fuzz_check(strlen(e.name) < size && e.size <= size);
        for (u64 i = 0; i < e.size; i++)
            sink = e.data[i];
    }
    fuzz_check(cpio_next(&c, &e) == got);
}
