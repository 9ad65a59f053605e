// SPDX-License-Identifier: MIT
// Text to numbers.
#pragma once

#include "lib/types.h"

// Reads an unsigned number without sign or leading blanks. base is 2..36, or 0: 16 after "0x", 8
// after "0", else 10; base 16 also takes the "0x". *end is set behind the last digit (on error, to
// s); with end NULL the number must fill the whole string. -EINVAL without a digit, -ERANGE when
// it exceeds 64 bits; *out is then unchanged.
int parse_u64(const char *s, const char **end, unsigned base, u64 *out);
