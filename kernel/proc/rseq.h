// SPDX-License-Identifier: MIT
// rseq(2): sections of a program that start again when the thread was disturbed in them.
#pragma once
#include "arch/upcalls.h"
#include "lib/types.h"

struct task;
struct vm_space;

// Of the running thread. -EINVAL; -EPERM: another signature; -EBUSY: registered already; -EFAULT.
int rseq_register(uaddr_t area, u32 length, u32 signature);
int rseq_unregister(uaddr_t area, u32 length, u32 signature);
void rseq_fork(struct task *child);
void rseq_forget(struct task *t);

// WORK_RSEQ, on the way out: tells the program its hart, breaks the section that it is in.
void rseq_resume(struct trapframe *frame);
// A handler is about to run, in a trap: breaks the section.
void rseq_signal(struct trapframe *frame);
// Breaks the sections of a space's threads on the other harts (only: -1, or of which hart).
void rseq_break_others(const struct vm_space *space, int only);
