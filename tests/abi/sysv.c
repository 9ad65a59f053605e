// SPDX-License-Identifier: MIT
// System V shared memory, semaphores and message queues: svipc(7), shmop(2), semop(2), msgop(2)
// and their control calls; POSIX shared memory, which is files in /dev/shm.
#include "abi.h"
#include <grp.h>
#include <limits.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/vfs.h>
#include <time.h>

#define KEY 0x5ec7e700

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#define SEM_STAT_ANY 20
#define MSG_STAT_ANY 13
#endif

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static void become(uid_t uid)
{
    NEED(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

// The first word of a line of the file that has `id` in its second column.
static long key_listed(const char *path, int id)
{
    const char *at = file_text(path);
    int key, seen;

    for (at = strchr(at, '\n'); at && at[1]; at = strchr(at + 1, '\n'))
        if (sscanf(at + 1, "%d %d", &key, &seen) == 2 && seen == id)
            return key;
    return -1;
}

/* Shared memory */

static long attached(int id)
{
    struct shmid_ds ds;

    return shmctl(id, IPC_STAT, &ds) ? -1 : (long)ds.shm_nattch;
}

static void test_shm_get(void)
{
    struct shmid_ds ds;
    int id, again;

    EXPECT_ERR("no segment", shmget(KEY, 1, 0), ENOENT);
    EXPECT_ERR("no size", shmget(KEY, 0, IPC_CREAT | 0600), EINVAL);
    id = shmget(KEY, 5000, IPC_CREAT | 0640);
    CHECK("segment", id >= 0);
    again = shmget(KEY, 5000, 0);
    EXPECT("the same", again, id);
    EXPECT("smaller", shmget(KEY, 1, IPC_CREAT | 0600), id);
    EXPECT("any size", shmget(KEY, 0, 0), id);
    EXPECT_ERR("too large", shmget(KEY, 5001, 0), EINVAL);
    EXPECT_ERR("exclusive", shmget(KEY, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    EXPECT("stat", shmctl(id, IPC_STAT, &ds), 0);
    EXPECT("size", ds.shm_segsz, 5000);
    EXPECT("mode", ds.shm_perm.mode, 0640);
    EXPECT("key", ds.shm_perm.__key, KEY);
    EXPECT("creator's pid", ds.shm_cpid, getpid());
    EXPECT("no last pid", ds.shm_lpid, 0);
    EXPECT("no attach time", ds.shm_atime, 0);
    CHECK("change time", ds.shm_ctime > 0 && ds.shm_ctime <= time(NULL));
    EXPECT("listed", key_listed("/proc/sysvipc/shm", id), KEY);
    EXPECT_ERR("stat to nowhere", shmctl(id, IPC_STAT, (void *)8), EFAULT);
    EXPECT_ERR("unknown command", shmctl(id, 99, &ds), EINVAL);
    EXPECT_ERR("negative id", shmctl(-1, IPC_STAT, &ds), EINVAL);
    EXPECT("remove", shmctl(id, IPC_RMID, NULL), 0);
    EXPECT_ERR("removed", shmctl(id, IPC_STAT, &ds), EINVAL);
    EXPECT_ERR("twice", shmctl(id, IPC_RMID, NULL), EINVAL);
    EXPECT_ERR("key is free", shmget(KEY, 0, 0), ENOENT);
    again = shmget(IPC_PRIVATE, 1, 0600);
    CHECK("an id is not given again", again >= 0 && again != id);
    id = shmget(IPC_PRIVATE, 1, 0600);
    CHECK("private ones differ", id != again);
    shmctl(id, IPC_RMID, NULL);
    shmctl(again, IPC_RMID, NULL);
}

static void shm_child(void *argument)
{
    char *p = argument;

    CHECK("inherited", strcmp(p, "parent") == 0);
    strcpy(p, "child");
}

static void test_shm_attach(void)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    struct shmid_ds ds;
    char *a, *b, *hole;

    NEED(id >= 0);
    a = shmat(id, NULL, 0);
    NEED(a != (void *)-1);
    EXPECT("zeroes", a[0] | a[3 * PAGE - 1], 0);
    b = shmat(id, NULL, SHM_RDONLY);
    NEED(b != (void *)-1);
    CHECK("two places", a != b);
    strcpy(a, "parent");
    CHECK("same bytes", strcmp(b, "parent") == 0);
    EXPECT("attached twice", attached(id), 2);
    CHECK("in the map of memory", strstr(file_text("/proc/self/maps"), "/SYSV") != NULL);
    EXPECT("synced", msync(a, 3 * PAGE, MS_SYNC), 0);
    EXPECT_FAULT("read only", touch_write, b, SIGSEGV, SEGV_ACCERR);
    EXPECT_ERR("for good", mprotect(b, PAGE, PROT_READ | PROT_WRITE), EACCES);
    EXPECT("child", child_run(shm_child, a), 0);
    CHECK("seen from the child", strcmp(b, "child") == 0);
    EXPECT("attached as before", attached(id), 2);
    EXPECT_ERR("not aligned", (long)shmat(id, a + 1, 0), EINVAL);
    EXPECT_ERR("in the way", (long)shmat(id, a, 0), EINVAL);
    EXPECT_ERR("replace what", (long)shmat(id, NULL, SHM_REMAP), EINVAL);
    hole = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK("replace", shmat(id, hole, SHM_REMAP) == hole);
    EXPECT("three", attached(id), 3);
    munmap(hole + 3 * PAGE, PAGE);
    EXPECT("detach", shmdt(hole), 0);
    CHECK("rounded", shmat(id, hole + 100, SHM_RND) == hole);
    EXPECT("a hole in it", munmap(hole + PAGE, PAGE), 0);
    EXPECT_ERR("detach from the middle", shmdt(hole + 2 * PAGE), EINVAL);
    EXPECT_ERR("detach not aligned", shmdt(hole + 1), EINVAL);
    EXPECT("detach what is left", shmdt(hole), 0);
    EXPECT("both parts", attached(id), 2);
    EXPECT_FAULT("gone", touch_read, hole + 2 * PAGE, SIGSEGV, SEGV_MAPERR);
    EXPECT_ERR("detach again", shmdt(hole), EINVAL);
    EXPECT("detach", shmdt(b), 0);
    shmctl(id, IPC_STAT, &ds);
    EXPECT("last pid", ds.shm_lpid, getpid());
    CHECK("times", ds.shm_atime > 0 && ds.shm_dtime >= ds.shm_atime);
    EXPECT("remove", shmctl(id, IPC_RMID, NULL), 0);
    EXPECT("still there", shmctl(id, IPC_STAT, &ds), 0);
    EXPECT("to be destroyed", ds.shm_perm.mode, 0600 | SHM_DEST);
    EXPECT("without a key", ds.shm_perm.__key, IPC_PRIVATE);
    CHECK("and its bytes", strcmp(a, "child") == 0);
    b = shmat(id, NULL, 0);
    CHECK("attach a removed one", b != (void *)-1 && strcmp(b, "child") == 0);
    EXPECT("remove again", shmctl(id, IPC_RMID, NULL), 0);
    shmdt(b);
    shmdt(a);
    EXPECT_ERR("gone with the last", shmctl(id, IPC_STAT, &ds), EINVAL);
    EXPECT_ERR("attach nothing", (long)shmat(id, NULL, 0), EINVAL);
}

static void child_attaches(void *argument)
{
    CHECK("attach in the child", shmat(*(int *)argument, NULL, 0) != (void *)-1);
    EXPECT("counted", attached(*(int *)argument), 1);
}

static void test_shm_exit(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);

    EXPECT("attached by a child", child_run(child_attaches, &id), 0);
    EXPECT("detached at its end", attached(id), 0);
    EXPECT("end", shmctl(id, IPC_RMID, NULL), 0);
}

static void shm_stranger(void *argument)
{
    int id = *(int *)argument;
    struct shmid_ds ds = {0};

    become(1234);
    EXPECT_ERR("get more than allowed", shmget(KEY, 1, 0600), EACCES);
    EXPECT("get what is allowed", shmget(KEY, 1, 0444), id);
    EXPECT_ERR("attach to write", (long)shmat(id, NULL, 0), EACCES);
    CHECK("attach to read", shmat(id, NULL, SHM_RDONLY) != (void *)-1);
    EXPECT_ERR("set", shmctl(id, IPC_SET, &ds), EPERM);
    EXPECT_ERR("remove", shmctl(id, IPC_RMID, NULL), EPERM);
    EXPECT_ERR("lock", shmctl(id, SHM_LOCK, NULL), EPERM);
    EXPECT("stat", shmctl(id, IPC_STAT, &ds), 0);
}

static void test_shm_rights(void)
{
    int id = shmget(KEY, PAGE, IPC_CREAT | 0644), index, found = -1, highest;
    struct shminfo limits;
    struct shm_info info;
    struct shmid_ds ds;

    EXPECT("stranger", child_run(shm_stranger, &id), 0);
    shmctl(id, IPC_STAT, &ds);
    ds.shm_perm.uid = 1234;
    ds.shm_perm.mode = 07600;
    EXPECT("give away", shmctl(id, IPC_SET, &ds), 0);
    shmctl(id, IPC_STAT, &ds);
    EXPECT("owner", ds.shm_perm.uid, 1234);
    EXPECT("creator", ds.shm_perm.cuid, 0);
    EXPECT("only nine bits", ds.shm_perm.mode, 0600);
    EXPECT("lock", shmctl(id, SHM_LOCK, NULL), 0);
    EXPECT("shows", (shmctl(id, IPC_STAT, &ds), ds.shm_perm.mode), 0600 | SHM_LOCKED);
    EXPECT("unlock", shmctl(id, SHM_UNLOCK, NULL), 0);
    highest = shmctl(0, SHM_INFO, (void *)&info);
    CHECK("info", highest >= 0 && info.used_ids >= 1 && info.shm_tot >= 1);
    EXPECT("limits", shmctl(0, IPC_INFO, (void *)&limits), highest);
    CHECK("values", limits.shmmin == 1 && limits.shmmni == 4096 && limits.shmmax > 1UL << 40);
    EXPECT("in /proc", atol(file_text("/proc/sys/kernel/shmmni")), 4096);
    for (index = 0; index <= highest; index++)
        if (shmctl(index, SHM_STAT, &ds) == id && shmctl(index, SHM_STAT_ANY, &ds) == id)
            found = index;
    CHECK("by index", found >= 0);
    shmctl(id, IPC_RMID, NULL);
}

/* Semaphores */

static int op(int id, int number, int change, int flags)
{
    struct sembuf s = {number, change, flags};

    return semop(id, &s, 1);
}

static void test_sem_values(void)
{
    unsigned short values[3] = {7, 8, 9};
    struct sembuf many[501] = {{0}};
    union semun u = {.val = 5};
    struct semid_ds ds;
    int id;

    EXPECT_ERR("no set", semget(KEY, 1, 0), ENOENT);
    EXPECT_ERR("no semaphores", semget(KEY, 0, IPC_CREAT | 0600), EINVAL);
    EXPECT_ERR("too many", semget(KEY, 32001, IPC_CREAT | 0600), EINVAL);
    id = semget(KEY, 3, IPC_CREAT | 0600);
    CHECK("set", id >= 0);
    EXPECT("again", semget(KEY, 0, 0), id);
    EXPECT_ERR("more", semget(KEY, 4, 0), EINVAL);
    EXPECT_ERR("exclusive", semget(KEY, 3, IPC_CREAT | IPC_EXCL), EEXIST);
    EXPECT("zero at first", semctl(id, 2, GETVAL), 0);
    EXPECT("nobody's", semctl(id, 2, GETPID), 0);
    EXPECT("set one", semctl(id, 2, SETVAL, u), 0);
    EXPECT("is set", semctl(id, 2, GETVAL), 5);
    EXPECT("by us", semctl(id, 2, GETPID), getpid());
    u.val = 32768;
    EXPECT_ERR("too large", semctl(id, 0, SETVAL, u), ERANGE);
    u.val = -1;
    EXPECT_ERR("negative", semctl(id, 0, SETVAL, u), ERANGE);
    EXPECT_ERR("no such semaphore", semctl(id, 3, GETVAL), EINVAL);
    u.array = values;
    EXPECT("set all", semctl(id, 0, SETALL, u), 0);
    memset(values, 0, sizeof(values));
    EXPECT("get all", semctl(id, 0, GETALL, u), 0);
    CHECK("all", values[0] == 7 && values[1] == 8 && values[2] == 9);
    u.array = (void *)8;
    EXPECT_ERR("from nowhere", semctl(id, 0, SETALL, u), EFAULT);
    EXPECT("take", op(id, 0, -7, 0), 0);
    EXPECT("zero", op(id, 0, 0, 0), 0);
    EXPECT_ERR("would wait", op(id, 0, -1, IPC_NOWAIT), EAGAIN);
    EXPECT_ERR("would wait for zero", op(id, 1, 0, IPC_NOWAIT), EAGAIN);
    EXPECT_ERR("over the top", op(id, 1, 32767, 0), ERANGE);
    EXPECT_ERR("out of range", op(id, 3, 1, 0), EFBIG);
    EXPECT_ERR("none", semop(id, many, 0), EINVAL);
    EXPECT_ERR("too many at once", semop(id, many, 501), E2BIG);
    EXPECT_ERR("operations nowhere", semop(id, (void *)8, 1), EFAULT);
    EXPECT_ERR("bad id", op(-1, 0, 0, 0), EINVAL);
    struct sembuf both[2] = {{1, -8, 0}, {0, -1, IPC_NOWAIT}};
    EXPECT_ERR("all or nothing", semop(id, both, 2), EAGAIN);
    EXPECT("nothing", semctl(id, 1, GETVAL), 8);
    u.buf = &ds;
    EXPECT("stat", semctl(id, 0, IPC_STAT, u), 0);
    EXPECT("count", ds.sem_nsems, 3);
    CHECK("times", ds.sem_otime > 0 && ds.sem_ctime > 0);
    EXPECT("listed", key_listed("/proc/sysvipc/sem", id), KEY);
    ds.sem_perm.mode = 0400;
    EXPECT("set", semctl(id, 0, IPC_SET, u), 0);
    EXPECT("mode", (semctl(id, 0, IPC_STAT, u), ds.sem_perm.mode), 0400);
    EXPECT_ERR("unknown", semctl(id, 0, 99), EINVAL);
    EXPECT("remove", semctl(id, 0, IPC_RMID), 0);
    EXPECT_ERR("removed", op(id, 0, 0, 0), EINVAL);
}

struct sem_test {
    int id, number, change, flags;
};

static void sem_waits(void *argument)
{
    struct sem_test *t = argument;

    _exit(op(t->id, t->number, t->change, t->flags) == 0 ? 0 : errno);
}

static void await_count(int id, int number, int what, int count)
{
    while (semctl(id, number, what) != count)
        sched_yield();
}

static void handler(int number)
{
    (void)number;
}

static void sem_waits_signal(void *argument)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    sem_waits(argument);
}

static void test_sem_waiting(void)
{
    struct sem_test t = {.id = semget(IPC_PRIVATE, 2, 0600), .change = -2};
    struct timespec soon = {0, 1000000}, bad = {0, -1};
    struct sembuf take = {0, -1, 0};
    union semun u = {.val = 1};
    pid_t child;

    child = child_start(sem_waits, &t);
    await_count(t.id, 0, GETNCNT, 1);
    EXPECT("not enough", op(t.id, 0, 1, 0), 0);
    EXPECT("still waiting", semctl(t.id, 0, GETNCNT), 1);
    EXPECT("enough", op(t.id, 0, 1, 0), 0);
    EXPECT("woken", child_end(child), 0);
    EXPECT("taken", semctl(t.id, 0, GETVAL), 0);
    EXPECT("by the child", semctl(t.id, 0, GETPID), child);
    EXPECT("nobody waits", semctl(t.id, 0, GETNCNT), 0);
    semctl(t.id, 1, SETVAL, u);
    t.number = 1;
    t.change = 0;
    child = child_start(sem_waits, &t);
    await_count(t.id, 1, GETZCNT, 1);
    u.val = 0;
    EXPECT("zero by hand", semctl(t.id, 1, SETVAL, u), 0);
    EXPECT("woken by zero", child_end(child), 0);
    EXPECT_ERR("time is up", semtimedop(t.id, &take, 1, &soon), EAGAIN);
    EXPECT_ERR("bad time", semtimedop(t.id, &take, 1, &bad), EINVAL);
    t.change = -1;
    child = child_start(sem_waits_signal, &t);
    await_count(t.id, 1, GETNCNT, 1);
    kill(child, SIGUSR1);
    EXPECT("never restarted", child_end(child), EXITED(EINTR));
    child = child_start(sem_waits, &t);
    await_count(t.id, 1, GETNCNT, 1);
    EXPECT("remove", semctl(t.id, 0, IPC_RMID), 0);
    EXPECT("told", child_end(child), EXITED(EIDRM));
}

static void undo_main(void *argument)
{
    int id = *(int *)argument;
    union semun u = {.val = 50};

    EXPECT("up", op(id, 0, 3, SEM_UNDO), 0);
    EXPECT("down", op(id, 1, -4, SEM_UNDO), 0);
    EXPECT("by hand", semctl(id, 2, SETVAL, u), 0);
    EXPECT("up after", op(id, 2, 1, SEM_UNDO), 0);
    EXPECT("set again", semctl(id, 2, SETVAL, u), 0);
    EXPECT("and back", op(id, 3, -1, SEM_UNDO), 0);
    EXPECT("and forth", op(id, 3, 1, SEM_UNDO), 0);
    struct sembuf both[2] = {{0, 1, SEM_UNDO}, {3, -9, SEM_UNDO | IPC_NOWAIT}};
    EXPECT_ERR("not done", semop(id, both, 2), EAGAIN);
    if (fork() == 0)
        _exit(0); // which undoes nothing
    wait(NULL);
    EXPECT("until now", semctl(id, 0, GETVAL), 13);
}

static void test_sem_undo(void)
{
    unsigned short values[4] = {10, 10, 10, 1};
    union semun u = {.array = values};
    int id = semget(IPC_PRIVATE, 4, 0600);
    pid_t child;

    semctl(id, 0, SETALL, u);
    child = child_start(undo_main, &id);
    EXPECT("a process with undos", child_end(child), 0);
    semctl(id, 0, GETALL, u);
    EXPECT("up undone", values[0], 10);
    EXPECT("down undone", values[1], 10);
    EXPECT("set by hand stays", values[2], 50);
    EXPECT("nothing to undo", values[3], 1);
    EXPECT("undone by", semctl(id, 0, GETPID), child);
    semctl(id, 0, IPC_RMID);
}

static void undo_of_removed(void *argument)
{
    int id = *(int *)argument;

    EXPECT("up", op(id, 0, 3, SEM_UNDO), 0);
    EXPECT("remove", semctl(id, 0, IPC_RMID), 0);
    id = semget(IPC_PRIVATE, 1, 0600);
    EXPECT("another", op(id, 0, 3, SEM_UNDO), 0);
    EXPECT("remove it", semctl(id, 0, IPC_RMID), 0);
}

static void sem_stranger(void *argument)
{
    int id = *(int *)argument;
    union semun u = {.val = 1};

    become(1234);
    EXPECT("read", op(id, 0, 0, IPC_NOWAIT), 0);
    EXPECT_ERR("change", op(id, 0, 1, 0), EACCES);
    EXPECT_ERR("set value", semctl(id, 0, SETVAL, u), EACCES);
    EXPECT_ERR("remove", semctl(id, 0, IPC_RMID), EPERM);
}

static void test_sem_rights(void)
{
    int id = semget(IPC_PRIVATE, 1, 0604), other = semget(IPC_PRIVATE, 1, 0600);
    struct seminfo info;
    struct semid_ds ds;
    union semun u = {.info = &info};
    int highest;

    EXPECT("stranger", child_run(sem_stranger, &id), 0);
    EXPECT("removed by its user", child_run(undo_of_removed, &other), 0);
    highest = semctl(0, 0, SEM_INFO, u);
    CHECK("used", highest >= 0 && info.semusz >= 1 && info.semaem >= 1);
    EXPECT("limits", semctl(0, 0, IPC_INFO, u), highest);
    CHECK("values", info.semmsl == 32000 && info.semopm == 500 && info.semmni == 32000 &&
                        info.semvmx == 32767);
    EXPECT_STR("in /proc", file_text("/proc/sys/kernel/sem"), "32000\t1024000000\t500\t32000\n");
    u.buf = &ds;
    CHECK("by index", semctl(highest, 0, SEM_STAT, u) == semctl(highest, 0, SEM_STAT_ANY, u));
    semctl(id, 0, IPC_RMID);
}

/* Messages */

struct text {
    long type;
    char text[64];
};

static int say(int id, long type, const char *s)
{
    struct text m = {.type = type};

    strcpy(m.text, s);
    return msgsnd(id, &m, strlen(s), IPC_NOWAIT);
}

// The text received, or the error's number.
static const char *hear(int id, long type, int flags)
{
    static struct text m;
    ssize_t n;

    memset(&m, 0, sizeof(m));
    n = msgrcv(id, &m, 16, type, flags | IPC_NOWAIT);
    if (n < 0)
        snprintf(m.text, sizeof(m.text), "error %d", errno);
    return m.text;
}

static void test_messages(void)
{
    char large[8200] = {1}, none[16];
    struct msqid_ds ds;
    struct text m = {.type = 1};
    int id, n;

    EXPECT_ERR("no queue", msgget(KEY, 0), ENOENT);
    id = msgget(KEY, IPC_CREAT | 0600);
    CHECK("queue", id >= 0);
    EXPECT("again", msgget(KEY, 0), id);
    EXPECT_ERR("exclusive", msgget(KEY, IPC_CREAT | IPC_EXCL), EEXIST);
    EXPECT("one", say(id, 5, "five"), 0);
    say(id, 3, "three");
    say(id, 3, "three again");
    say(id, 9, "nine");
    EXPECT("stat", msgctl(id, IPC_STAT, &ds), 0);
    EXPECT("number", ds.msg_qnum, 4);
    EXPECT("bytes", ds.__msg_cbytes, 24);
    EXPECT("room", ds.msg_qbytes, 16384);
    EXPECT("sender", ds.msg_lspid, getpid());
    EXPECT("no receiver", ds.msg_lrpid, 0);
    EXPECT("listed", key_listed("/proc/sysvipc/msg", id), KEY);
    EXPECT_STR("by type", hear(id, 3, 0), "three");
    EXPECT_STR("lowest", hear(id, -5, 0), "three again");
    EXPECT_STR("lowest up to", hear(id, -9, 0), "five");
    say(id, 9, "nine again");
    say(id, 1, "one");
    EXPECT_STR("but a type", hear(id, 9, MSG_EXCEPT), "one");
    EXPECT_STR("first", hear(id, 0, 0), "nine");
    snprintf(none, sizeof(none), "error %d", ENOMSG);
    EXPECT_STR("no such type", hear(id, 4, 0), none);
    EXPECT_STR("none so low", hear(id, -8, 0), none);
    EXPECT_ERR("too long for us", msgrcv(id, &m, 4, 0, IPC_NOWAIT), E2BIG);
    EXPECT("cut", msgrcv(id, &m, 4, 0, IPC_NOWAIT | MSG_NOERROR), 4);
    CHECK("is what", m.type == 9 && memcmp(m.text, "nine", 4) == 0);
    EXPECT_STR("empty", hear(id, 0, 0), none);
    EXPECT("nothing at all", msgsnd(id, &m, 0, 0), 0);
    EXPECT("is received", msgrcv(id, &m, 4, 0, 0), 0);
    m.type = 0;
    EXPECT_ERR("no type", msgsnd(id, &m, 1, 0), EINVAL);
    m.type = -2;
    EXPECT_ERR("bad type", msgsnd(id, &m, 1, 0), EINVAL);
    EXPECT_ERR("too large", msgsnd(id, large, 8193, 0), EINVAL);
    EXPECT_ERR("bad size", msgrcv(id, &m, -1, 0, 0), EINVAL);
    EXPECT_ERR("from nowhere", msgsnd(id, (void *)8, 1, 0), EFAULT);
    *(long *)large = 1;
    for (n = 0; msgsnd(id, large, 8192, IPC_NOWAIT) == 0; n++)
        ;
    EXPECT("full", n, 2);
    EXPECT_ERR("and then", msgsnd(id, large, 1, IPC_NOWAIT), EAGAIN);
    msgctl(id, IPC_STAT, &ds);
    ds.msg_qbytes = 32768;
    EXPECT("more room", msgctl(id, IPC_SET, &ds), 0);
    EXPECT("fits", msgsnd(id, large, 8192, IPC_NOWAIT), 0);
    EXPECT_ERR("unknown", msgctl(id, 99, &ds), EINVAL);
    EXPECT("remove", msgctl(id, IPC_RMID, NULL), 0);
    EXPECT_ERR("removed", msgsnd(id, large, 1, IPC_NOWAIT), EINVAL);
}

static void message_waits(void *argument)
{
    struct text m;

    _exit(msgrcv(*(int *)argument, &m, sizeof(m.text), 7, 0) >= 0 ? m.text[0] : errno);
}

static void message_waits_signal(void *argument)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    message_waits(argument);
}

static void sender_waits(void *argument)
{
    char large[8200] = {1};

    _exit(msgsnd(*(int *)argument, large, 8192, 0) == 0 ? 0 : errno);
}

static void test_message_waiting(void)
{
    char large[8200] = {1};
    int id = msgget(IPC_PRIVATE, 0600);
    pid_t child, other;

    child = child_start(message_waits, &id);
    process_await(child, "S");
    say(id, 6, "other");
    say(id, 7, "this");
    EXPECT("received", child_end(child), EXITED('t'));
    EXPECT_STR("and not", hear(id, 0, 0), "other");
    child = child_start(message_waits_signal, &id);
    process_await(child, "S");
    kill(child, SIGUSR1);
    EXPECT("never restarted", child_end(child), EXITED(EINTR));
    while (msgsnd(id, large, 8192, IPC_NOWAIT) == 0)
        ;
    child = child_start(sender_waits, &id);
    process_await(child, "S");
    msgrcv(id, large, 8192, 0, 0);
    EXPECT("sent", child_end(child), 0);
    child = child_start(sender_waits, &id);
    other = child_start(message_waits, &id);
    process_await(child, "S");
    process_await(other, "S");
    EXPECT("remove", msgctl(id, IPC_RMID, NULL), 0);
    EXPECT("sender told", child_end(child), EXITED(EIDRM));
    EXPECT("receiver told", child_end(other), EXITED(EIDRM));
}

static void message_stranger(void *argument)
{
    int id = *(int *)argument;
    struct msqid_ds ds = {0};

    become(1234);
    EXPECT("send", say(id, 1, "x"), 0);
    CHECK("receive", msgrcv(id, &ds, 1, 0, IPC_NOWAIT) == -1 && errno == EACCES);
    EXPECT_ERR("stat", msgctl(id, IPC_STAT, &ds), EACCES);
    EXPECT_ERR("remove", msgctl(id, IPC_RMID, NULL), EPERM);
}

static void test_message_rights(void)
{
    int id = msgget(IPC_PRIVATE, 0602), highest;
    struct msginfo info;
    struct msqid_ds ds;

    EXPECT("stranger", child_run(message_stranger, &id), 0);
    highest = msgctl(0, MSG_INFO, (void *)&info);
    CHECK("used", highest >= 0 && info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 1);
    EXPECT("limits", msgctl(0, IPC_INFO, (void *)&info), highest);
    CHECK("values", info.msgmax == 8192 && info.msgmnb == 16384 && info.msgmni == 32000);
    EXPECT("in /proc", atol(file_text("/proc/sys/kernel/msgmax")), 8192);
    CHECK("by index", msgctl(highest, MSG_STAT, &ds) == msgctl(highest, MSG_STAT_ANY, &ds));
    msgctl(id, IPC_RMID, NULL);
}

/* POSIX shared memory */

static void shm_open_child(void *argument)
{
    int fd = shm_open("/abi", O_RDWR, 0);
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    (void)argument;
    CHECK("same bytes", strcmp(p, "parent") == 0);
    strcpy(p, "child");
}

static void test_shm_open(void)
{
    struct statfs fs;
    struct stat st;
    char *p;
    int fd;

    EXPECT("a tmpfs", (statfs("/dev/shm", &fs), fs.f_type), 0x01021994);
    EXPECT("for all", (stat("/dev/shm", &st), st.st_mode), S_IFDIR | 01777);
    EXPECT_ERR("no object", shm_open("/abi", O_RDWR, 0600), ENOENT);
    fd = shm_open("/abi", O_CREAT | O_EXCL | O_RDWR, 0600);
    NEED(fd >= 0);
    EXPECT("size", ftruncate(fd, PAGE), 0);
    p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(p, "parent");
    EXPECT("child", child_run(shm_open_child, NULL), 0);
    CHECK("both ways", strcmp(p, "child") == 0);
    EXPECT("unlink", shm_unlink("/abi"), 0);
    CHECK("stays mapped", strcmp(p, "child") == 0);
    munmap(p, PAGE);
    close(fd);
}

int main(void)
{
    abi_begin();
    test_shm_get();
    test_shm_attach();
    test_shm_exit();
    test_shm_rights();
    test_sem_values();
    test_sem_waiting();
    test_sem_undo();
    test_sem_rights();
    test_messages();
    test_message_waiting();
    test_message_rights();
    test_shm_open();
    return abi_end();
}
