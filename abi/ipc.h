/* SPDX-License-Identifier: MIT */
/* System V shared memory, semaphores and message queues. */
#pragma once

#include "abi/base.h"

#define IPC_PRIVATE 0

/* get: flags beside the nine bits of permission */
#define IPC_CREAT  01000
#define IPC_EXCL   02000
#define IPC_NOWAIT 04000

/* ctl */
#define IPC_RMID 0
#define IPC_SET  1
#define IPC_STAT 2
#define IPC_INFO 3

struct ipc64_perm {
    abi_s32 key;
    abi_u32 uid;
    abi_u32 gid;
    abi_u32 cuid;
    abi_u32 cgid;
    abi_u32 mode;
    abi_u16 seq;
    abi_u16 pad1;
    abi_u32 pad2;
    abi_u64 unused[2];
};
_Static_assert(sizeof(struct ipc64_perm) == 48, "ipc64_perm");

/* Shared memory */
#define SHM_HUGETLB 04000 /* shmget */

#define SHM_RDONLY 010000 /* shmat */
#define SHM_RND    020000
#define SHM_REMAP  040000
#define SHM_EXEC   0100000

#define SHM_DEST   01000 /* mode: goes with the last detach */
#define SHM_LOCKED 02000

#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

struct shmid64_ds {
    struct ipc64_perm shm_perm;
    abi_u64 shm_segsz;
    abi_s64 shm_atime;
    abi_s64 shm_dtime;
    abi_s64 shm_ctime;
    abi_s32 shm_cpid;
    abi_s32 shm_lpid;
    abi_u64 shm_nattch;
    abi_u64 unused[2];
};
_Static_assert(sizeof(struct shmid64_ds) == 112, "shmid64_ds");

struct shminfo64 {
    abi_u64 shmmax;
    abi_u64 shmmin;
    abi_u64 shmmni;
    abi_u64 shmseg;
    abi_u64 shmall;
    abi_u64 unused[4];
};
_Static_assert(sizeof(struct shminfo64) == 72, "shminfo64");

struct shm_info {
    abi_s32 used_ids;
    abi_u32 pad;
    abi_u64 shm_tot;
    abi_u64 shm_rss;
    abi_u64 shm_swp;
    abi_u64 swap_attempts;
    abi_u64 swap_successes;
};
_Static_assert(sizeof(struct shm_info) == 48, "shm_info");

/* Semaphores */
#define SEM_UNDO 0x1000

#define GETPID       11
#define GETVAL       12
#define GETALL       13
#define GETNCNT      14
#define GETZCNT      15
#define SETVAL       16
#define SETALL       17
#define SEM_STAT     18
#define SEM_INFO     19
#define SEM_STAT_ANY 20

struct sembuf {
    abi_u16 sem_num;
    abi_s16 sem_op;
    abi_s16 sem_flg;
};
_Static_assert(sizeof(struct sembuf) == 6, "sembuf");

struct semid64_ds {
    struct ipc64_perm sem_perm;
    abi_s64 sem_otime;
    abi_s64 sem_ctime;
    abi_u64 sem_nsems;
    abi_u64 unused[2];
};
_Static_assert(sizeof(struct semid64_ds) == 88, "semid64_ds");

struct seminfo {
    abi_s32 semmap;
    abi_s32 semmni;
    abi_s32 semmns;
    abi_s32 semmnu;
    abi_s32 semmsl;
    abi_s32 semopm;
    abi_s32 semume;
    abi_s32 semusz;
    abi_s32 semvmx;
    abi_s32 semaem;
};
_Static_assert(sizeof(struct seminfo) == 40, "seminfo");

/* Message queues */
#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000
#define MSG_COPY    040000

#define MSG_STAT     11
#define MSG_INFO     12
#define MSG_STAT_ANY 13

struct msqid64_ds {
    struct ipc64_perm msg_perm;
    abi_s64 msg_stime;
    abi_s64 msg_rtime;
    abi_s64 msg_ctime;
    abi_u64 msg_cbytes;
    abi_u64 msg_qnum;
    abi_u64 msg_qbytes;
    abi_s32 msg_lspid;
    abi_s32 msg_lrpid;
    abi_u64 unused[2];
};
_Static_assert(sizeof(struct msqid64_ds) == 120, "msqid64_ds");

struct msginfo {
    abi_s32 msgpool;
    abi_s32 msgmap;
    abi_s32 msgmax;
    abi_s32 msgmnb;
    abi_s32 msgmni;
    abi_s32 msgssz;
    abi_s32 msgtql;
    abi_u16 msgseg;
    abi_u16 pad;
};
_Static_assert(sizeof(struct msginfo) == 32, "msginfo");
