// SPDX-License-Identifier: MIT
// System V shared memory, semaphores and message queues.
//
// Ids, keys and permissions are the same for the three kinds. Calls take what syscall/ has copied
// in; `pid` is the caller's process, which this layer does not know. Errors are those of the manual
// page of the call.
#pragma once
#include "abi/ipc.h"
#include "base/clock.h"
#include "lib/types.h"

struct sem_undos; // what one process has to undo
struct text;

void sysv_init(void);

/* What /proc/sys/kernel shows (a) */

struct ipc_limits {
    u64 shmmax, shmall, shmmni;
    u64 msgmax, msgmnb, msgmni;
};
extern struct ipc_limits ipc_limits;

#define SEM_SET_MAX   32000 // semaphores of one set; sets
#define SEM_OPS_MAX   500
#define SEM_ALL_MAX   1024000000
#define SEM_VALUE_MAX 32767
#define IPC_IDS_MAX   32768
#define SHM_LIMIT     (~0UL - (1UL << 24))

int shm_show(struct text *t); // /proc/sysvipc
int sem_show(struct text *t);
int msg_show(struct text *t);

/* Shared memory */

s64 shm_get(s32 key, u64 size, u32 flags, pid_t pid);
s64 shm_attach(s32 id, uaddr_t addr, u32 flags, pid_t pid); // the address
int shm_detach(uaddr_t addr, pid_t pid);
// `by_index`: SHM_STAT; `any`: without permission. The id.
s64 shm_stat(s32 id, bool by_index, bool any, struct shmid64_ds *out);
int shm_set(s32 id, const struct ipc64_perm *perm);
int shm_remove(s32 id);
int shm_lock(s32 id, bool on, bool may); // may: RLIMIT_MEMLOCK allows some
s64 shm_info(struct shm_info *out);      // may be NULL; highest index in use, as the next two

/* Semaphores */

s64 sem_get(s32 key, u64 count, u32 flags);
s64 sem_operate(s32 id, const struct sembuf *ops, unsigned n, ns_t deadline, pid_t pid,
                struct sem_undos **undos);
void sem_exit(struct sem_undos *undos, pid_t pid); // the process ends
s64 sem_stat(s32 id, bool by_index, bool any, struct semid64_ds *out);
int sem_set(s32 id, const struct ipc64_perm *perm);
int sem_remove(s32 id);
s64 sem_get_one(s32 id, u64 number, int what); // GETVAL GETPID GETNCNT GETZCNT
int sem_set_value(s32 id, u64 number, s64 value, pid_t pid);
// All values: `values` has room for as many as sem_count says; -EINVAL if that changed.
s64 sem_count(s32 id);
int sem_get_all(s32 id, u16 *values, unsigned n);
int sem_set_all(s32 id, const u16 *values, unsigned n, pid_t pid);
s64 sem_info(struct seminfo *out, bool used); // used: what is there (SEM_INFO), not the limits

/* Message queues */

s64 msg_get(s32 key, u32 flags);
// `message` is the program's: its type and then `size` bytes.
int msg_send(s32 id, uaddr_t message, u64 size, u32 flags, pid_t pid);
s64 msg_receive(s32 id, uaddr_t message, u64 size, s64 type, u32 flags, pid_t pid); // its length
s64 msg_stat(s32 id, bool by_index, bool any, struct msqid64_ds *out);
int msg_set(s32 id, const struct msqid64_ds *new);
int msg_remove(s32 id);
s64 msg_info(struct msginfo *out, bool used);
