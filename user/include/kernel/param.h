// SPDX-License-Identifier: MIT
// Limits that programs written for xv6 ask about; Rivulet's own limits are at least as large.
#pragma once

#define NPROC       64  // processes a test may expect to start
#define NCPU        8   // harts
#define NOFILE      16  // open files a process may expect to have
#define NFILE       100 // open files in the system
#define NINODE      50  // inodes in use at once
#define NDEV        10  // device major numbers
#define ROOTDEV     1   // device of the root file system
#define MAXARG      32  // arguments of exec()
#define MAXOPBLOCKS 10  // blocks one file-system operation writes
#define LOGBLOCKS   (MAXOPBLOCKS * 3)
#define NBUF        (MAXOPBLOCKS * 3)
#define FSSIZE      2000 // blocks of the file system
#define MAXPATH     128  // bytes of a path
#define USERSTACK   1    // pages of stack
