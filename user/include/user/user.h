// SPDX-License-Identifier: MIT
// The xv6 programming interface: every call returns -1 on error unless said otherwise.
#pragma once

#include "kernel/types.h"

struct stat;
struct sysinfo;

// Processes. A tick is a tenth of a second.
int fork(void); // 0 in the child, the child's pid in the parent
int exit(int status) __attribute__((noreturn));
int wait(int *status);                   // pid of a dead child; *status -1 if it was killed
int kill(int pid);                       // SIGKILL
int exec(const char *path, char **argv); // no PATH search; the environment is passed on
int getpid(void);
int sleep(int ticks);
int pause(int ticks); // sleep() by its later name
int uptime(void);     // ticks since boot
int ugetpid(void);    // getpid() without a call, read at USYSCALL

// Memory. The page that a program touches first comes then, in heap and mappings alike.
char *sbrk(int n); // the break before the change, (char *)-1 on error
char *sbrklazy(int n);
void *mmap(void *addr, int len, int prot, int flags, int fd, int off); // (void *)-1 on error
int munmap(void *addr, int len);
// Which of n pages from va on were used since the last call, bit i for page i; 32 bits are written
// for up to 32 pages, else 64, which is the most.
int pgaccess(void *va, int n, void *mask);

// After each `ticks` ticks of CPU time that the process uses, fn() runs in it, and ends with
// sigreturn(), which gives every register its value back; not again before that. 0, 0 stops it.
int sigalarm(int ticks, void (*fn)(void));
int sigreturn(void);

// From here on one line for each call whose bit in `mask` is set, by its number in
// kernel/syscall.h, also of children and of what they exec, where descriptor 2 leads now; 0: none.
int trace(int mask);
int sysinfo(struct sysinfo *info);
int statistics(void *buf, int n); // the kernel's counts of its locks as text; bytes of it

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

// A descriptor that reads and writes datagrams: from port `sport` here to `dport` of `ip`.
int connect(uint32 ip, uint16 sport, uint16 dport);

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
