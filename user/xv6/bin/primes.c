// SPDX-License-Identifier: MIT
// primes [LAST]: the primes from 2 to LAST (35). Each process of a pipeline prints the first number
// that reaches it, a prime, and passes on the numbers that it does not divide.
#include "kernel/types.h"
#include "user/user.h"

#define LAST 35

static int fail(const char *what)
{
    fprintf(2, "primes: %s\n", what);
    return 1;
}

// Makes the next process of the pipeline. 0 there, with `in` what it reads; in the caller the
// child's id, with `out` what it writes; or -1.
static int extend(int *in, int *out)
{
    int fds[2];

    if (pipe(fds) < 0)
        return -1;
    int pid = fork();
    close(fds[pid == 0]); // the child writes nothing to its own input, nor the parent reads it
    if (pid < 0)
        close(fds[1]);
    else if (pid == 0)
        *in = fds[0];
    else
        *out = fds[1];
    return pid;
}

// Passes on what `prime` does not divide, and waits for the processes behind.
static int sieve(int prime, int in, int out)
{
    int n, status = 1, failed = 0;

    while (!failed && read(in, &n, sizeof(n)) == sizeof(n))
        if (n % prime != 0)
            failed = write(out, &n, sizeof(n)) != sizeof(n);
    close(out);
    wait(&status);
    return failed ? fail("cannot write") : status;
}

static int source(int last, int out)
{
    int status = 1;

    for (int n = 2; n <= last; n++)
        if (write(out, &n, sizeof(n)) != sizeof(n))
            return fail("cannot write");
    close(out);
    wait(&status);
    return status;
}

int main(int argc, char **argv)
{
    int in, out, prime, pid = extend(&in, &out);

    if (pid > 0)
        exit(source(argc > 1 ? atoi(argv[1]) : LAST, out));
    while (pid == 0) {
        if (read(in, &prime, sizeof(prime)) != sizeof(prime))
            exit(0);
        printf("prime %d\n", prime);
        int mine = in;
        pid = extend(&in, &out);
        if (pid > 0)
            exit(sieve(prime, mine, out));
        if (pid == 0)
            close(mine);
    }
    exit(fail("cannot extend the pipeline"));
}
