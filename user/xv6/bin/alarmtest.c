// SPDX-License-Identifier: MIT
// alarmtest: sigalarm() calls back after CPU time, one call at a time, and sigreturn() gives every
// register back, a0 and those of floating point too.
#include "check.h"
#include "kernel/types.h"
#include "user/user.h"

#define ROUNDS   5
#define BYTES    20000
#define PATIENCE 600 // ticks

long alarm_registers(volatile int *flag); // alarmtest_registers.S
void alarm_trash(void);

volatile int alarm_flag;
static volatile int calls, depth, deepest;
static volatile uint64 spun;

static void spin(uint64 n)
{
    for (uint64 i = 0; i < n; i++)
        spun++;
}

// Overwrites what it can: a double, and with `calls` an address and a value.
static void count(void)
{
    volatile double x = calls;

    x = x * 3.5 + 1;
    calls++;
    sigreturn();
}

// Lasts longer than a tick, twice.
static void count_slowly(void)
{
    int began = uptime();

    if (++depth > deepest)
        deepest = depth;
    while (uptime() < began + 3)
        spin(1000);
    if (++calls == 2)
        sigalarm(0, 0);
    depth--;
    sigreturn();
}

static void count_once(void)
{
    calls++;
    sigalarm(0, 0);
    sigreturn();
}

static void spin_until(int wanted, int ticks)
{
    int end = uptime() + ticks;

    while (calls < wanted && uptime() < end)
        spin(1000);
}

static void test_periodic(void)
{
    calls = 0;
    check("sigalarm", 0, sigalarm(1, count));
    spin_until(ROUNDS, PATIENCE);
    check_range("calls", ROUNDS, 1000, calls);
    int before = calls;
    sleep(3);
    check_range("calls while it sleeps", 0, 1, calls - before); // a tick may have been under way
    check("sigalarm(0, 0)", 0, sigalarm(0, 0));
    before = calls;
    int end = uptime() + 4;
    while (uptime() < end)
        spin(1000);
    check("calls after sigalarm(0, 0)", 0, calls - before);
    check("ticks below 0", -1, sigalarm(-1, count));
}

static void test_reentry(void)
{
    calls = depth = deepest = 0;
    sigalarm(1, count_slowly);
    spin_until(2, PATIENCE);
    spin_until(3, 4);
    check("depth", 1, deepest);
    check("slow calls", 2, calls);
}

static void test_once(void)
{
    calls = 0;
    sigalarm(1, count_once);
    spin_until(1, PATIENCE);
    spin_until(2, 4);
    check("calls of a function that stops itself", 1, calls);
}

// A system call that is interrupted neither fails nor loses anything.
static void echo(int in, int out)
{
    char c;

    while (read(in, &c, 1) == 1)
        if (write(out, &c, 1) != 1)
            exit(1);
    exit(0);
}

static void test_calls(void)
{
    int there[2], back[2], status = -1;

    pipe(there);
    pipe(back);
    if (fork() == 0) {
        close(there[1]);
        echo(there[0], back[1]);
    }
    calls = 0;
    sigalarm(1, count);
    for (int i = 0; i < BYTES || (calls == 0 && i < 100 * BYTES); i++) {
        char c = i, d = ~i;
        int wrote = write(there[1], &c, 1), got = read(back[0], &d, 1);
        if (wrote != 1 || got != 1 || c != d) {
            check("a byte there and back", i, -1);
            break;
        }
    }
    check_range("calls meanwhile", 1, 10000, calls);
    sigalarm(0, 0);
    close(there[1]);
    wait(&status);
    check("the other process", 0, status);
}

// alarm_registers() waits for a call for ever: without one a child ends it.
static void test_registers(void)
{
    int self = getpid(), guard = fork();

    if (guard == 0) {
        sleep(PATIENCE);
        fprintf(2, "alarm_registers: no call came\n");
        kill(self);
        exit(0);
    }
    sigalarm(1, alarm_trash);
    for (int i = 0; i < ROUNDS; i++) {
        alarm_flag = 0;
        check("registers that changed", 0, alarm_registers(&alarm_flag));
    }
    sigalarm(0, 0);
    kill(guard);
    wait(0);
}

static void bad_function(uint64 address)
{
    sigalarm(1, (void (*)(void))address);
    calls = 0;
    spin_until(1, PATIENCE);
}

// What exec() starts has no alarm: its signal would end a program that knows nothing of it.
static void exec_with_alarm(uint64 self)
{
    char *argv[] = {(char *)self, "spin", 0};

    sigalarm(1, count);
    exec((char *)self, argv);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        int end = uptime() + 4;
        while (uptime() < end)
            spin(1000);
        exit(0);
    }
    if (sigalarm(0, 0) < 0) {
        fprintf(2, "sigalarm is refused\n");
        exit(1);
    }
    test_periodic();
    test_reentry();
    test_once();
    test_calls();
    test_registers();
    check_child("a function that is not there", KILLED, bad_function, 8);
    check_child("exec", 0, exec_with_alarm, (uint64)argv[0]);
    exit(check_end("alarmtest"));
}
