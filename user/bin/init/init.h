// SPDX-License-Identifier: MIT
// What the parts of init share.
#pragma once

#include <stdbool.h>

#include "user/user.h"

// Makes /dev/console descriptors 0, 1 and 2. False if it cannot be opened.
bool console_open(void);
// In a child: a session of its own, with descriptor 0 as its controlling terminal.
void console_own_session(void);

// Waits for the child `pid`, reaping every other that ends; returns its wait status.
int reap_until(int pid);
// Ends every other process and reaps them, for at most two seconds.
void reap_all(void);

void power_off(void) __attribute__((noreturn));

// VALUE of the word NAME=VALUE in the kernel's command line, or 0. It stands behind its NAME= in
// memory of its own.
char *boot_value(const char *name);
// The word NAME=1 there.
bool boot_option(const char *name);
// Sets /proc/sys/A/B to VALUE for each word sysctl.A.B=VALUE there.
void boot_sysctls(void);

// exec.c: runs the one command that /rv.exec describes, over the channels of ./rv exec.
void exec_mode(bool tty);

// archive.c: writes the files and directories `paths` as one cpio archive to the device.
void archive_send(const char *device, char **paths);
