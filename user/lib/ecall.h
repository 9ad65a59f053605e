// SPDX-License-Identifier: MIT
// The bare system call: number in a7, arguments in a0..a5, result or -errno in a0.
#pragma once

#define ECALL_BEGIN(number, arg0)              \
    register long a7 __asm__("a7") = (number); \
    register long a0 __asm__("a0") = (arg0)
#define ECALL_END(...)                                                        \
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), ##__VA_ARGS__ : "memory"); \
    return a0

static inline long ecall1(long number, long arg0)
{
    ECALL_BEGIN(number, arg0);
    ECALL_END();
}

static inline long ecall2(long number, long arg0, long arg1)
{
    ECALL_BEGIN(number, arg0);
    register long a1 __asm__("a1") = arg1;
    ECALL_END("r"(a1));
}

static inline long ecall3(long number, long arg0, long arg1, long arg2)
{
    ECALL_BEGIN(number, arg0);
    register long a1 __asm__("a1") = arg1;
    register long a2 __asm__("a2") = arg2;
    ECALL_END("r"(a1), "r"(a2));
}

static inline long ecall4(long number, long arg0, long arg1, long arg2, long arg3)
{
    ECALL_BEGIN(number, arg0);
    register long a1 __asm__("a1") = arg1;
    register long a2 __asm__("a2") = arg2;
    register long a3 __asm__("a3") = arg3;
    ECALL_END("r"(a1), "r"(a2), "r"(a3));
}

static inline long ecall5(long number, long arg0, long arg1, long arg2, long arg3, long arg4)
{
    ECALL_BEGIN(number, arg0);
    register long a1 __asm__("a1") = arg1;
    register long a2 __asm__("a2") = arg2;
    register long a3 __asm__("a3") = arg3;
    register long a4 __asm__("a4") = arg4;
    ECALL_END("r"(a1), "r"(a2), "r"(a3), "r"(a4));
}

static inline long ecall6(long number, long arg0, long arg1, long arg2, long arg3, long arg4,
                          long arg5)
{
    ECALL_BEGIN(number, arg0);
    register long a1 __asm__("a1") = arg1;
    register long a2 __asm__("a2") = arg2;
    register long a3 __asm__("a3") = arg3;
    register long a4 __asm__("a4") = arg4;
    register long a5 __asm__("a5") = arg5;
    ECALL_END("r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5));
}
