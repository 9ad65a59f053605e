// SPDX-License-Identifier: MIT
// What the tests of usertests share: a table of tests a file, and checks that say what they saw.
#pragma once

#include <stdbool.h>

#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/memlayout.h"
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "kernel/syscall.h"
#include "kernel/sysinfo.h"
#include "kernel/types.h"
#include "user/user.h"

// One test: a process of its own in an empty directory, which it leaves empty. It passes if the
// function returns, and fails if it exits or is killed.
struct test {
    const char *name; // 0 ends a table
    void (*run)(void);
    bool slow; // not in the quick set
};

extern const struct test process_tests[], kill_tests[], exec_tests[], memory_tests[], cow_tests[],
    layout_tests[], pointer_tests[], file_tests[], descriptor_tests[], directory_tests[],
    link_tests[], pipe_tests[], map_tests[], alarm_tests[], trace_tests[], library_tests[],
    exhaust_tests[], storm_tests[];

#define PROGRAM "/usertests"

// Ends the test unless `seen` equals `wanted`.
#define expect(seen, wanted) \
    expect_equal(__FILE_NAME__, __LINE__, #seen, (long)(seen), (long)(wanted))
// Ends the test unless `condition` holds.
#define check(condition) check_true(__FILE_NAME__, __LINE__, #condition, (condition))

void expect_equal(const char *file, int line, const char *what, long seen, long wanted);
void check_true(const char *file, int line, const char *what, bool holds);

// Processes.
int child(void (*run)(void));                // its pid; it exits with 0 when run() returns
int status_of(int pid);                      // waits for this child, which ends before others
int child_status(void (*run)(void));         // the status of such a child, waited for
int children_status(int n);                  // waits for so many: 0, or what one gave that failed
void kill_all(const int *pids, int n);       // children, and waits for them
int touch_status(void *at, bool write);      // of a child that reads or writes the byte at `at`
void program(const char *mode, char **more); // starts this program's `mode`; does not return
int mode_run(int argc, char **argv);         // what program() starts: its exit status
int mode_alarm(int argc, char **argv);       // one of these, of alarm.c
void processes_settle(uint64 most);          // waits until no more than `most` are there

// Files. The bytes of a file follow from the seed.
void file_make(const char *name, int size, int seed);
bool file_is(const char *name, int size, int seed);
long file_size(const char *name); // -1 if it is not there
void bytes_fill(char *buf, int n, int at, int seed);
bool bytes_are(const char *buf, int n, int at, int seed);
int descriptors_open(void);        // of this process
char *numbered(char *name, int n); // `name` with its last two letters made the digits of n
int directory_clean(void);         // removes all that is in it; how many names there were
int directory_count(void);         // names but "." and ".."
bool on_xv6fs(void);               // whether the test runs on that file system
uint64 memory_free(void);
uint64 processes_now(void);
