// SPDX-License-Identifier: MIT
// mount(2) with MS_BIND, MS_REC and MS_MOVE; unshare(2) and mount namespaces.
#include "abi.h"

#include <sched.h>
#include <sys/mount.h>

// Directories a and b; below a two file systems, one in the other: a/one, a/one/two.
static void tree_make(void)
{
    NEED(mkdir("/tmp/m", 0755) == 0 && chdir("/tmp/m") == 0);
    NEED(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("a/one", 0755) == 0);
    NEED(mount("one", "a/one", "tmpfs", 0, NULL) == 0 && mkdir("a/one/two", 0755) == 0);
    NEED(mount("two", "a/one/two", "tmpfs", 0, NULL) == 0);
    file_write("a/one/two/deep", "deep", 0644);
}

static void test_bind(void)
{
    EXPECT("bind", mount("a", "b", NULL, MS_BIND, NULL), 0);
    EXPECT_ERR("what is mounted below is not bound", access("b/one/two", F_OK), ENOENT);
    EXPECT("umount", umount("b"), 0);
    EXPECT("bind all", mount("a", "b", NULL, MS_BIND | MS_REC, NULL), 0);
    EXPECT_STR("with what is below", file_text("b/one/two/deep"), "deep");
    EXPECT_ERR("busy", umount("b"), EBUSY);
    EXPECT("another umount", umount("b/one/two"), 0);
    EXPECT_ERR("gone from the copy", access("b/one/two/deep", F_OK), ENOENT);
    EXPECT("not from the first", access("a/one/two/deep", F_OK), 0);
    EXPECT("lazily", umount2("b", MNT_DETACH), 0);
    EXPECT_ERR("all", access("b/one", F_OK), ENOENT);
    EXPECT("bind a part", mount("a/one/two", "b", NULL, MS_BIND | MS_REC, NULL), 0);
    EXPECT_STR("its root", file_text("b/deep"), "deep");
    EXPECT("umount the part", umount("b"), 0);
    EXPECT("bind onto itself", mount("a", "a", NULL, MS_BIND | MS_REC, NULL), 0);
    EXPECT_STR("still there", file_text("/tmp/m/a/one/two/deep"), "deep");
    EXPECT("and away", umount2("/tmp/m/a", MNT_DETACH), 0);
    EXPECT_STR("the first again", file_text("/tmp/m/a/one/two/deep"), "deep");
}

static void test_move(void)
{
    EXPECT("move", mount("a/one", "b", NULL, MS_MOVE, NULL), 0);
    EXPECT_ERR("gone", access("a/one/two", F_OK), ENOENT);
    EXPECT_STR("here", file_text("b/two/deep"), "deep");
    EXPECT_ERR("into itself", mount("b", "b/two", NULL, MS_MOVE, NULL), ELOOP);
    EXPECT_ERR("no mount", mount("a", "b", NULL, MS_MOVE, NULL), EINVAL);
    EXPECT_ERR("nothing there", mount("b", "c", NULL, MS_MOVE, NULL), ENOENT);
    EXPECT_ERR("nothing to move", mount("c", "b", NULL, MS_MOVE, NULL), ENOENT);
    file_write("file", "", 0644);
    EXPECT_ERR("onto a file", mount("b", "file", NULL, MS_MOVE, NULL), EINVAL);
    EXPECT_ERR("the root", mount("/", "a", NULL, MS_MOVE, NULL), EINVAL);
    EXPECT("back", mount("b", "a/one", NULL, MS_MOVE, NULL), 0);
    EXPECT_STR("as before", file_text("a/one/two/deep"), "deep");
}

/* A root is not left by "..": neither when a rename takes a directory out of what a mount shows,
 * nor when something is mounted on the root */

static void climbs_by_rename(void *unused)
{
    (void)unused;
    NEED(chroot("jail") == 0 && chdir("/") == 0);
    NEED(mkdir("/home/y", 0755) == 0 && chdir("/www/home/y") == 0);
    EXPECT_STR("inside", getcwd((char[64]){0}, 64), "/www/home/y");
    NEED(rename("/home/y", "/y") == 0);
    EXPECT_ERR("no way up", chdir(".."), ENOENT);
    EXPECT_ERR("nor from below", access("../../marker", F_OK), ENOENT);
}

static void climbs_by_mount(void *gates)
{
    struct gate *g = gates;

    NEED(chroot("jail") == 0 && chdir("/www") == 0);
    gate_post(&g[0]);
    gate_wait(&g[1]);
    EXPECT("to the root", chdir(".."), 0);
    EXPECT("and no further", chdir(".."), 0);
    EXPECT_ERR("not outside", access("marker", F_OK), ENOENT);
    EXPECT_ERR("by no way", access("../../marker", F_OK), ENOENT);
}

static void test_climbing(void)
{
    struct gate g[2];
    pid_t pid;

    NEED(mkdir("jail", 0755) == 0 && mkdir("jail/home", 0755) == 0);
    NEED(mkdir("jail/www", 0755) == 0 && mkdir("jail/www/home", 0755) == 0);
    file_write("marker", "", 0644);
    NEED(mount("jail/home", "jail/www/home", NULL, MS_BIND, NULL) == 0);
    EXPECT("by a rename", child_run(climbs_by_rename, NULL), 0);
    NEED(umount("jail/www/home") == 0);
    gate_init(&g[0]);
    gate_init(&g[1]);
    pid = child_start(climbs_by_mount, g);
    gate_wait(&g[0]);
    NEED(mount("over", "jail", "tmpfs", 0, NULL) == 0);
    gate_post(&g[1]);
    EXPECT("by a mount", child_end(pid), 0);
    NEED(umount("jail") == 0);
}

static void own_mounts(void *gates)
{
    struct gate *g = gates;

    NEED(unshare(CLONE_NEWNS) == 0);
    NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    EXPECT_STR("what was mounted", file_text("a/one/two/deep"), "deep");
    EXPECT("umount in the copy", umount("a/one/two"), 0);
    EXPECT("mount in the copy", mount("mine", "b", "tmpfs", 0, NULL), 0);
    file_write("b/mine", "mine", 0644);
    CHECK("listed here", strstr(file_text("/proc/self/mounts"), "mine /tmp/m/b tmpfs") != NULL);
    gate_post(&g[0]);
    gate_wait(&g[1]);
    CHECK("the other's is not", !strstr(file_text("/proc/self/mounts"), "other "));
    EXPECT_STR("still mine", file_text("b/mine"), "mine");
}

static void test_namespace(void)
{
    struct gate g[2];
    char theirs[64];
    pid_t pid;

    gate_init(&g[0]);
    gate_init(&g[1]);
    pid = child_start(own_mounts, g);
    gate_wait(&g[0]);
    EXPECT("still mounted here", access("a/one/two/deep", F_OK), 0);
    EXPECT_ERR("not mounted here", access("b/mine", F_OK), ENOENT);
    CHECK("not listed here", !strstr(file_text("/proc/self/mounts"), "mine "));
    snprintf(theirs, sizeof(theirs), "/proc/%d/mounts", pid);
    CHECK("listed there", strstr(file_text(theirs), "mine /tmp/m/b tmpfs") != NULL);
    snprintf(theirs, sizeof(theirs), "/proc/%d/root/tmp/m/b/mine", pid);
    EXPECT_STR("by their root", file_text(theirs), "mine");
    snprintf(theirs, sizeof(theirs), "/proc/%d/root/tmp/m/b", pid);
    EXPECT_ERR("not ours to unmount", umount(theirs), EINVAL);
    EXPECT_ERR("nor to bind", mount(theirs, "b", NULL, MS_BIND, NULL), EINVAL);
    EXPECT_ERR("nor to mount on", mount("x", theirs, "tmpfs", 0, NULL), EINVAL);
    NEED(mount("other", "b", "tmpfs", 0, NULL) == 0);
    gate_post(&g[1]);
    EXPECT("child", child_end(pid), 0);
    EXPECT("umount", umount("b"), 0);
}

static void nobody(void *unused)
{
    (void)unused;
    NEED(setuid(1000) == 0);
    EXPECT_ERR("without privilege", unshare(CLONE_NEWNS), EPERM);
    EXPECT("its own anyway", unshare(CLONE_FS | CLONE_FILES), 0);
}

static int sharer(void *unused)
{
    (void)unused;
    if (unshare(CLONE_FS | CLONE_FILES) || chdir("/") || close(0) || umask(0777) == 0777)
        return 1;
    return 0;
}

static void test_unshare(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    char cwd[64];
    pid_t pid;

    EXPECT("nothing", unshare(0), 0);
    EXPECT("what is alone", unshare(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM), 0);
    EXPECT_ERR("no such flag", unshare(0x1), EINVAL);
    pid = clone(sharer, stack + sizeof(stack), CLONE_FS | CLONE_FILES | SIGCHLD, NULL);
    EXPECT("a child that shared", child_end(pid), 0);
    EXPECT_STR("directory", getcwd(cwd, sizeof(cwd)), "/tmp/m");
    CHECK("files", fcntl(0, F_GETFD) != -1);
    EXPECT("mask", umask(022), 022);
    pid = clone(sharer, stack + sizeof(stack), CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL);
    EXPECT("mounts of its own with a shared directory", pid, -1);
    EXPECT("child", child_run(nobody, NULL), 0);
}

// The last one's mounts go with it: the file system is free for others.
static void test_end(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    pid_t pid = clone(sharer, stack + sizeof(stack), CLONE_NEWNS | SIGCHLD, NULL);

    EXPECT("clone", child_end(pid), 0);
    EXPECT("umount", umount("a/one/two"), 0);
    EXPECT("and the other", umount("a/one"), 0);
}

int main(void)
{
    abi_begin();
    umask(022);
    tree_make();
    test_bind();
    test_move();
    test_climbing();
    test_namespace();
    test_unshare();
    test_end();
    return abi_end();
}
