// SPDX-License-Identifier: MIT
// Who owns a file at the moment of a chmod(2), chown(2) or utimensat(2) decides, not who owned it
// when the call began. As root.
#include "abi.h"

#include <grp.h>
#include <pthread.h>

#define USER   1234
#define ROUNDS 150
#define WIDE   (64UL << 10)

// Two processes meet before each round and after it.
struct race {
    int round, done; // (a)
    bool over;       // (a)
};

static void wait_for(int *counter, int value)
{
    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < value)
        sched_yield();
}

static mode_t mode_of(int round)
{
    return round % 2 ? 02755 : 04755;
}

// The owner's half: a set-id file of what may by now be another's.
static void owner_run(void *argument)
{
    struct race *r = argument;

    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
    for (int i = 1; i <= ROUNDS; i++) {
        wait_for(&r->round, i);
        chmod("raced", mode_of(i));
        __atomic_store_n(&r->done, i, __ATOMIC_SEQ_CST);
    }
}

// Keeps the file's lock busy, so that others queue for it.
static void writer_run(void *argument)
{
    static char bytes[WIDE];
    struct race *r = argument;
    int fd = open("raced", O_WRONLY);

    NEED(fd >= 0);
    while (!__atomic_load_n(&r->over, __ATOMIC_SEQ_CST))
        NEED(pwrite(fd, bytes, WIDE, 0) == WIDE);
}

static bool round_is_lost(struct race *r, int i)
{
    struct stat st;

    NEED(chown("raced", USER, USER) == 0 && chmod("raced", 0755) == 0);
    __atomic_store_n(&r->round, i, __ATOMIC_SEQ_CST);
    NEED(chown("raced", i % 2 ? USER : 0, 0) == 0);
    wait_for(&r->done, i);
    NEED(stat("raced", &st) == 0);
    return st.st_mode & (S_ISUID | S_ISGID);
}

static void test_set_id(void)
{
    struct race *r = shared_page();
    int lost[2] = {0};
    pid_t owner, writer;

    file_write("raced", "", 0755);
    owner = child_start(owner_run, r);
    writer = child_start(writer_run, r);
    for (int i = 1; i <= ROUNDS; i++)
        lost[i % 2] += round_is_lost(r, i);
    __atomic_store_n(&r->over, true, __ATOMIC_SEQ_CST);
    EXPECT("owner", child_end(owner), 0);
    EXPECT("writer", child_end(writer), 0);
    EXPECT("the old owner makes no set-user-id file of root's", lost[0], 0);
    EXPECT("nor a set-group-id one", lost[1], 0);
}

// What the checks under the lock must still say.
static void other_run(void *unused)
{
    struct timespec t[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    (void)unused;
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
    EXPECT_ERR("chmod of another's", chmod("theirs", 0777), EPERM);
    EXPECT_ERR("chown of another's", chown("theirs", USER, -1), EPERM);
    EXPECT_ERR("times of another's", utimensat(AT_FDCWD, "theirs", t, 0), EPERM);
    EXPECT_ERR("touch of another's", utimensat(AT_FDCWD, "theirs", NULL, 0), EACCES);
    EXPECT("touch of what one may write", utimensat(AT_FDCWD, "open", NULL, 0), 0);
    EXPECT_ERR("times of what one may write", utimensat(AT_FDCWD, "open", t, 0), EPERM);
    EXPECT("chmod of one's own", chmod("own", 06755), 0);
    EXPECT_ERR("giving it away", chown("own", 0, -1), EPERM);
    EXPECT_ERR("to a strange group", chown("own", -1, 77), EPERM);
    EXPECT("to one's group", chown("own", -1, USER), 0);
}

static void test_rules(void)
{
    struct stat st;

    file_write("theirs", "", 0644);
    file_write("open", "", 0666);
    file_write("own", "", 0644);
    NEED(chown("own", USER, 0) == 0 && chmod("open", 0666) == 0);
    EXPECT("child", child_run(other_run, NULL), 0);
    NEED(stat("own", &st) == 0);
    EXPECT("neither set-id bit is left", st.st_mode & 07777, 0755);
}

int main(void)
{
    abi_begin();
    umask(022);
    scratch_enter();
    test_rules();
    test_set_id();
    scratch_leave();
    return abi_end();
}
