// SPDX-License-Identifier: MIT
// What the explorer needs of the machine it really runs on, apart because the kernel's headers and
// the C library's do not go together.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// Zeroed memory that all processes share, which costs nothing until it is used; and zeroed again.
void *native_shared(size_t n);
void native_clear(void *shared, size_t n);

void *native_alloc(size_t n); // zeroed, of this process
void native_sort(void *items, size_t count, size_t size,
                 int (*compare)(const void *a, const void *b));
const char *native_variable(const char *name); // of the environment; NULL: not set

// Whole files; reading: the number of bytes, at most n; -1: there is no such file.
long native_read(const char *path, void *to, size_t n);
bool native_write(const char *path, const void *bytes, size_t n);

void native_folder(const char *path); // makes it, if it is not there
// Before all else: finds the programs of the administrator, and makes a folder, in memory if
// possible.
void native_begin(char *path, size_t room);
void native_remove(const char *path); // with all that is in it

// Runs a program with its output in `said` (cut if there is no room for it): its exit status, or
// 128 if it ended by a signal.
int native_run(char *const command[], char *said, size_t room);
// The function in a process of its own, of at most `seconds`; what it says on stderr goes to the
// file `log`, unless NULL. Its exit status, or 128.
int native_apart(void (*fn)(void), const char *log, unsigned seconds);
// The function in n processes at once, with their numbers.
void native_many(void (*fn)(unsigned long number), unsigned long n);
unsigned long native_processors(void);
unsigned long native_seconds(void);                     // of a clock that goes on
void native_exit(int status) __attribute__((noreturn)); // at once, with what was printed
