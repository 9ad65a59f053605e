// SPDX-License-Identifier: MIT
// call: little functions, to be read in assembly: where arguments and results are, which calls the
// compiler leaves out, what a function must keep for its caller.
#include "kernel/types.h"
#include "user/user.h"

// Three instructions or fewer: the argument comes, and the result goes, in a0.
static int add_three(int x)
{
    return x + 3;
}

// The compiler knows add_three() and puts its body here.
static int twice(int x)
{
    return add_three(x) * 2;
}

// Never inlined: `x` must outlive the call, so it goes to a saved register, whose old value goes to
// the stack together with ra.
__attribute__((noinline)) static int sum_down(int x)
{
    return x <= 0 ? 0 : x + sum_down(x - 1);
}

// A call through a pointer: which function it is, only the register knows.
__attribute__((noinline)) static int apply(int (*f)(int), int x)
{
    return f(x) + 1;
}

int main(int argc, char **argv)
{
    printf("%d %d %d\n", twice(8) + 1, sum_down(argc + 9), apply(twice, argc));
    exit(0);
}
