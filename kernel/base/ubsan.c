// SPDX-License-Identifier: MIT
// What the compiler's undefined-behaviour checks of debug builds call: each report is a panic.
#include "base/panic.h"

#if DEBUG

// Every report's data begins with the place in the source.
struct ubsan_place {
    const char *file;
    u32 line, column;
};

#define UBSAN_HANDLER(name, ...)                                                      \
    void __ubsan_handle_##name(const struct ubsan_place *place, ##__VA_ARGS__);       \
    void __ubsan_handle_##name(const struct ubsan_place *place, ##__VA_ARGS__)        \
    {                                                                                 \
        panic("undefined behaviour: " #name " at %s:%u:%u", place->file, place->line, \
              place->column);                                                         \
    }

UBSAN_HANDLER(type_mismatch_v1, u64 pointer)
UBSAN_HANDLER(alignment_assumption, u64 pointer, u64 alignment, u64 offset)
UBSAN_HANDLER(add_overflow, u64 lhs, u64 rhs)
UBSAN_HANDLER(sub_overflow, u64 lhs, u64 rhs)
UBSAN_HANDLER(mul_overflow, u64 lhs, u64 rhs)
UBSAN_HANDLER(divrem_overflow, u64 lhs, u64 rhs)
UBSAN_HANDLER(negate_overflow, u64 value)
UBSAN_HANDLER(pointer_overflow, u64 base, u64 result)
UBSAN_HANDLER(shift_out_of_bounds, u64 lhs, u64 rhs)
UBSAN_HANDLER(out_of_bounds, u64 index)
UBSAN_HANDLER(vla_bound_not_positive, u64 bound)
UBSAN_HANDLER(load_invalid_value, u64 value)
UBSAN_HANDLER(nonnull_arg)
UBSAN_HANDLER(nonnull_return_v1, u64 place_of_return)
UBSAN_HANDLER(invalid_builtin)
UBSAN_HANDLER(builtin_unreachable)
UBSAN_HANDLER(missing_return)

#endif
