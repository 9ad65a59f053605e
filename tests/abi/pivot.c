// SPDX-License-Identifier: MIT
// pivot_root(2). As root, in mount namespaces of children.
#include "abi.h"

#include <sys/mount.h>

#define JAIL ABI_DIR "/jail"

static long pivot(const char *new, const char *old)
{
    return raw(SYS_pivot_root, (long)new, (long)old, 0, 0, 0, 0);
}

static void mount_made(const char *path)
{
    NEED((mkdir(path, 0755) == 0 || errno == EEXIST) && mount("none", path, "tmpfs", 0, NULL) == 0);
}

// A root that is a mount in another one: /new is mounted in it, and has a directory /new/old.
static void jail_make(bool enter)
{
    NEED(unshare(CLONE_NEWNS) == 0);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    mount_made(JAIL);
    mount_made(JAIL "/new");
    NEED(mkdir(JAIL "/plain", 0755) == 0 && mkdir(JAIL "/new/old", 0755) == 0);
    file_write(JAIL "/mark", "jail", 0644);
    file_write(JAIL "/new/mark", "new", 0644);
    if (enter)
        NEED(chroot(JAIL) == 0 && chdir("/") == 0);
}

static void as_user(void *unused)
{
    (void)unused;
    NEED(setuid(1234) == 0);
    EXPECT("user", pivot("/new", "/new/old"), -EPERM);
    EXPECT("user is asked first", pivot("/none", "/none"), -EPERM);
}

static void in_plain(void *unused)
{
    (void)unused;
    mount_made("/plain/m");
    NEED(chroot("/plain") == 0);
    EXPECT("the root is no mount", pivot("/m", "/m"), -EINVAL);
    NEED(umount("/m") == 0);
}

static void errors_main(void *unused)
{
    (void)unused;
    jail_make(true);
    child_run(as_user, NULL);
    EXPECT("nothing", pivot("/none", "/new/old"), -ENOENT);
    EXPECT("nothing old", pivot("/new", "/none"), -ENOENT);
    EXPECT("a file", pivot("/mark", "/new/old"), -ENOTDIR);
    EXPECT("an old file", pivot("/new", "/new/mark"), -ENOTDIR);
    EXPECT("nowhere", pivot((char *)UNMAPPED, "/new/old"), -EFAULT);
    EXPECT("no mount, but the root's", pivot("/plain", "/new/old"), -EBUSY);
    EXPECT("old in the root", pivot("/new", "/plain"), -EBUSY);
    EXPECT("the root itself", pivot("/", "/"), -EBUSY);
    EXPECT("not a mount", pivot("/new/old", "/new/old"), -EINVAL);
    mount_made("/third");
    EXPECT("old is not below", pivot("/new", "/third"), -EINVAL);
    child_run(in_plain, NULL);
    EXPECT_STR("nothing happened", file_text("/mark"), "jail");
}

static void pivot_main(void *unused)
{
    char cwd[64];

    (void)unused;
    jail_make(true);
    EXPECT("pivot", pivot("/new", "/new/old"), 0);
    EXPECT_STR("new root", file_text("/mark"), "new");
    EXPECT_STR("old root", file_text("/old/mark"), "jail");
    EXPECT_STR("working directory", file_text("mark"), "new");
    EXPECT_STR("its name", getcwd(cwd, sizeof(cwd)), "/");
    EXPECT_STR("nothing above", file_text("/../mark"), "new");
    EXPECT("old root goes", umount2("/old", MNT_DETACH), 0);
    EXPECT_ERR("is gone", access("/old/mark", F_OK), ENOENT);

    mount_made("/two");
    file_write("/two/mark", "two", 0644);
    NEED(chdir("/two") == 0);
    EXPECT("onto itself", pivot(".", "."), 0);
    EXPECT_STR("here", file_text("mark"), "two");
    EXPECT("what is on it goes", umount2(".", MNT_DETACH), 0);
    NEED(chdir("/") == 0);
    EXPECT_STR("root of two", file_text("/mark"), "two");
}

static void other_main(void *gates)
{
    struct gate *g = gates;

    NEED(chdir("/plain") == 0);
    gate_post(&g[0]);
    gate_wait(&g[1]);
    EXPECT_STR("other's directory stays", file_text("../mark"), "jail");
}

// Where a process was, but for the root, it stays.
static void stays_main(void *unused)
{
    struct gate gates[2];

    (void)unused;
    gate_init(&gates[0]);
    gate_init(&gates[1]);
    jail_make(true);
    NEED(chdir("/plain") == 0);
    pid_t other = child_start(other_main, gates);
    gate_wait(&gates[0]);
    EXPECT("pivot away", pivot("/new", "/new/old"), 0);
    EXPECT_STR("directory stays", file_text("../mark"), "jail");
    gate_post(&gates[1]);
    child_end(other);
}

// The first mount of all: a place without another below, which Linux does not let go.
static void first_main(void *unused)
{
    (void)unused;
    jail_make(false);
    long result = pivot(JAIL "/new", JAIL "/new/old");

    CHECK("first mount", result == 0 || result == -EINVAL);
    if (result == 0) {
        EXPECT_STR("first: new root", file_text("/mark"), "new");
        EXPECT_STR("first: old root", file_text("/old" JAIL "/mark"), "jail");
        EXPECT("first: old root goes", umount2("/old", MNT_DETACH), 0);
        EXPECT_ERR("first: is gone", access("/old" JAIL, F_OK), ENOENT);
        EXPECT_ERR("first: the new one stays", umount2("/", MNT_DETACH), EBUSY);
    } else {
        EXPECT_STR("first: as before", file_text(JAIL "/mark"), "jail");
    }
}

int main(void)
{
    abi_begin();
    scratch_enter();
    child_run(errors_main, NULL);
    child_run(pivot_main, NULL);
    child_run(stays_main, NULL);
    child_run(first_main, NULL);
    scratch_leave();
    return abi_end();
}
