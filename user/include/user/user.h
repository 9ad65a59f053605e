// SPDX-License-Identifier: MIT
// The xv6 programming interface: every call returns -1 on error unless said otherwise.
#pragma once

#include "kernel/types.h"

struct stat;

// Processes. A tick is a tenth of a second.
int fork(void); // 0 in the child, the child's pid in the parent
int exit(int status) __attribute__((noreturn));
int wait(int *status);                   // pid of a dead child; *status -1 if it was killed
int kill(int pid);                       // SIGKILL
int exec(const char *path, char **argv); // no PATH search; the environment is passed on
int getpid(void);
int sleep(int ticks);
int uptime(void);  // ticks since boot
char *sbrk(int n); // the break before the change, (char *)-1 on error

// Files. Flags of open() are those of kernel/fcntl.h.
int open(const char *path, int flags);
int read(int fd, void *buf, int n); // a directory yields struct dirent, whole ones only
int write(int fd, const void *buf, int n);
int close(int fd);
int dup(int fd);
int pipe(int *fds); // fds[0] reads, fds[1] writes
int chdir(const char *path);
int mkdir(const char *path);
int mknod(const char *path, short major, short minor);
int unlink(const char *path); // also removes an empty directory
int link(const char *old, const char *new);
int symlink(const char *target, const char *path);
int fstat(int fd, struct stat *st);
int stat(const char *path, struct stat *st);

// Output: %d %i %u %x %p %s %c %%, with l and ll, `-`, `0` and a width.
void printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fprintf(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Input: a line from descriptor 0, its newline kept, at most max - 1 bytes; empty at the end.
char *gets(char *buf, int max);

// Strings and memory.
uint strlen(const char *s);
char *strcpy(char *dst, const char *src);
int strcmp(const char *a, const char *b);
char *strchr(const char *s, char c); // 0 if absent; c is never the terminating zero
int atoi(const char *s);
void *memset(void *dst, int c, uint n);
void *memmove(void *dst, const void *src, int n);
void *memcpy(void *dst, const void *src, uint n);
int memcmp(const void *a, const void *b, uint n);
void *malloc(uint n); // 16-byte aligned, 0 when memory is exhausted
void free(void *p);
