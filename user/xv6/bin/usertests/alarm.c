// SPDX-License-Identifier: MIT
// sigalarm and sigreturn.
#include "usertests.h"

#define PATIENCE 600 // ticks until an alarm that does not come is missed
#define FEW      1000
#define MANY     100000

// Linux's names, for alarms that come faster than xv6's ticks; see alarm_hurry().
#define SYS_LINUX_setitimer    103
#define SYS_LINUX_rt_sigaction 134
#define SIGNAL_REAL            14
#define SIGNAL_CPU             27
#define TIMER_REAL             0
#define TIMER_CPU              2

long alarm_spin(long count); // alarm_registers.S
void alarm_spoil(void);
extern volatile long alarm_count, alarm_again;

static volatile int inside, again;

static void count(void)
{
    alarm_count++;
    sigreturn();
}

static void count_slowly(void)
{
    again += inside;
    inside = 1;
    for (int begin = uptime(); uptime() < begin + 4;)
        ;
    inside = 0;
    alarm_count++;
    sigreturn();
}

static void count_once(void)
{
    alarm_count++;
    sigalarm(0, 0);
    sigreturn();
}

static void spin_for(int ticks)
{
    for (int begin = uptime(); uptime() < begin + ticks;)
        ;
}

static void spin_until(long wanted)
{
    int end = uptime() + PATIENCE;

    while (alarm_count < wanted)
        check(uptime() < end);
}

static long linux_call(long number, long first, void *second, void *third)
{
    register long a7 asm("a7") = number;
    register long a0 asm("a0") = first;
    register void *a1 asm("a1") = second;
    register void *a2 asm("a2") = third;
    register long a3 asm("a3") = 8; // bytes of a set of signals

    asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
    return a0;
}

// Has the function called every `usec` of real time: what sigalarm() arranged for the signal of its
// timer is given to that of a finer one. 0 stops it.
static void alarm_hurry(void (*fn)(void), long usec)
{
    long action[3], none[4] = {0}, period[4] = {0, usec, 0, usec};

    if (usec) {
        expect(sigalarm(1000, fn), 0);
        expect(linux_call(SYS_LINUX_setitimer, TIMER_CPU, none, 0), 0);
        expect(linux_call(SYS_LINUX_rt_sigaction, SIGNAL_CPU, 0, action), 0);
        expect(linux_call(SYS_LINUX_rt_sigaction, SIGNAL_REAL, action, 0), 0);
    }
    expect(linux_call(SYS_LINUX_setitimer, TIMER_REAL, period, 0), 0);
}

static void alarm_comes(void)
{
    expect(sigalarm(1, count), 0);
    spin_until(5);
    expect(sigalarm(0, 0), 0);
    long seen = alarm_count;
    spin_for(4);
    expect(alarm_count, seen);
    expect(sigalarm(2, count), 0);
    spin_until(seen + 2);
}

static void alarm_period(void)
{
    int begin = uptime();

    expect(sigalarm(5, count), 0);
    spin_until(2);
    check(uptime() - begin >= 9);
}

// Only time that the process uses counts.
static void alarm_asleep(void)
{
    expect(sigalarm(3, count), 0);
    expect(sleep(12), 0);
    check(alarm_count <= 1);
}

static void alarm_bad(void)
{
    expect(sigalarm(-1, count), -1);
    spin_for(3);
    expect(alarm_count, 0);
}

static void alarm_registers(void)
{
    expect(sigalarm(1, alarm_spoil), 0);
    expect(alarm_spin(3), 0);
}

static void registers_many(long times)
{
    alarm_hurry(alarm_spoil, 97);
    expect(alarm_spin(times), 0);
    expect(alarm_again, 0);
    alarm_hurry(0, 0);
}

static void alarm_registers_few(void)
{
    registers_many(FEW);
}

static void alarm_registers_many(void)
{
    registers_many(MANY);
}

static void alarm_not_inside(void)
{
    expect(sigalarm(1, count_slowly), 0);
    spin_until(3);
    expect(again, 0);
}

static void alarm_stops_itself(void)
{
    expect(sigalarm(1, count_once), 0);
    spin_until(1);
    spin_for(4);
    expect(alarm_count, 1);
}

// A tick may come while the call that stops them is under way: the function is still there.
static void alarm_stopped(void)
{
    alarm_hurry(count, 97);
    while (alarm_count < FEW)
        expect(sigalarm(0, 0), 0);
    alarm_hurry(0, 0);
}

static void child_none(void)
{
    alarm_count = 0;
    spin_for(4);
    expect(alarm_count, 0);
}

static void alarm_fork(void)
{
    expect(sigalarm(1, count), 0);
    expect(child_status(child_none), 0);
    spin_until(alarm_count + 2);
}

static void exec_alarmed(void)
{
    expect(sigalarm(1, count), 0);
    program("=spin", 0);
}

// The new program has none, and lives.
static void alarm_exec(void)
{
    expect(child_status(exec_alarmed), 46);
    expect(sigalarm(1, count), 0);
    expect(exec("none", (char *[]){"none", 0}), -1);
    spin_until(alarm_count + 2); // what failed leaves it
}

int mode_alarm(int argc, char **argv)
{
    expect(sigalarm(1, count), 0);
    spin_until(2);
    return 47;
}

static void exec_inside(void)
{
    spin_for(3); // another one waits
    program("=alarm", 0);
}

static void alarm_inside(void)
{
    expect(sigalarm(1, exec_inside), 0);
    spin_for(PATIENCE);
}

// A program that an alarm's function starts has alarms of its own.
static void alarm_exec_inside(void)
{
    expect(child_status(alarm_inside), 47);
}

static int traced[2];

static void own_trace(void)
{
    close(2);
    expect(dup(traced[1]), 2);
    expect(trace(1 << SYS_sigreturn), 0);
    expect(sigalarm(1, count), 0);
    spin_until(1);
}

// sigreturn() does not come back, but has its line.
static void alarm_trace(void)
{
    static const char line[] = ": syscall sigreturn -> 0\n";
    char seen[80];

    expect(pipe(traced), 0);
    expect(child_status(own_trace), 0);
    close(traced[1]);
    int n = read(traced[0], seen, sizeof(seen) - 1);
    check(n > 0);
    seen[n] = 0;
    char *text = strchr(seen, ':');
    check(text != 0);
    expect(memcmp(text, line, sizeof(line) - 1), 0);
}

// Calls that are interrupted all the time give what they give otherwise.
static void alarm_calls(void)
{
    static char block[600];
    int fds[2], pid = getpid();

    expect(pipe(fds), 0);
    file_make("ac", sizeof(block), 1);
    alarm_hurry(alarm_spoil, 97);
    for (int i = 0; alarm_count < FEW; i++) {
        expect(getpid(), pid);
        expect(write(fds[1], &i, sizeof(i)), sizeof(i));
        int seen = -1;
        expect(read(fds[0], &seen, sizeof(seen)), sizeof(seen));
        expect(seen, i);
        int fd = open("ac", O_RDONLY);
        expect(read(fd, block, sizeof(block)), sizeof(block));
        check(bytes_are(block, sizeof(block), 0, 1));
        expect(close(fd), 0);
    }
    alarm_hurry(0, 0);
    expect(unlink("ac"), 0);
}

static void sleepy(void)
{
    sleep(2);
}

// So do those that wait.
static void alarm_waits(void)
{
    int fds[2];
    char c;

    expect(pipe(fds), 0);
    int pid = child(sleepy);
    alarm_hurry(alarm_spoil, 997);
    int begin = uptime();
    expect(status_of(pid), 0);
    expect(sleep(3), 0);
    check(uptime() - begin >= 3);
    pid = fork();
    if (pid == 0) {
        sleep(2);
        write(fds[1], "w", 1);
        exit(0);
    }
    expect(read(fds[0], &c, 1), 1);
    expect(status_of(pid), 0);
    alarm_hurry(0, 0);
    check(alarm_count > 0);
}

static int down(int n)
{
    volatile char frame[16];

    frame[15] = n;
    if (n == 0)
        spin_until(3);
    return n ? down(n - 1) + frame[15] : 0;
}

// On a stack with no room left for another frame.
static void alarm_full_stack(void)
{
    uint64 room = r_sp() % PGSIZE;

    expect(sigalarm(1, count), 0);
    down((room - 400) / 64);
}

static void alarm_nowhere(void)
{
    sigalarm(1, (void (*)(void))KERNBASE);
    spin_for(PATIENCE);
}

static void alarm_killed(void)
{
    expect(child_status(alarm_nowhere), -1);
}

const struct test alarm_tests[] = {
    {"alarm_comes", alarm_comes, false},
    {"alarm_period", alarm_period, false},
    {"alarm_asleep", alarm_asleep, false},
    {"alarm_bad", alarm_bad, false},
    {"alarm_registers", alarm_registers, false},
    {"alarm_registers_few", alarm_registers_few, false},
    {"alarm_registers_many", alarm_registers_many, true},
    {"alarm_not_inside", alarm_not_inside, false},
    {"alarm_stops_itself", alarm_stops_itself, false},
    {"alarm_stopped", alarm_stopped, false},
    {"alarm_fork", alarm_fork, false},
    {"alarm_exec", alarm_exec, false},
    {"alarm_exec_inside", alarm_exec_inside, false},
    {"alarm_trace", alarm_trace, false},
    {"alarm_calls", alarm_calls, false},
    {"alarm_waits", alarm_waits, false},
    {"alarm_full_stack", alarm_full_stack, false},
    {"alarm_killed", alarm_killed, false},
    {0},
};
