// SPDX-License-Identifier: MIT
// A tmpfs at "plain", and the same by a bind mount at "bound", whose flags may differ.
#pragma once
#include "abi.h"

#include <sys/mount.h>

static inline void bound_enter(void)
{
    umask(022);
    scratch_enter();
    NEED(mkdir("plain", 0755) == 0 && mkdir("bound", 0755) == 0);
    NEED(mount("plain", "plain", "tmpfs", 0, NULL) == 0);
    NEED(mount("plain", "bound", NULL, MS_BIND, NULL) == 0);
}

static inline void bound_flags(unsigned long flags)
{
    NEED(mount(NULL, "bound", NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0);
}

static inline void bound_leave(void)
{
    NEED(umount("bound") == 0 && umount("plain") == 0);
    scratch_leave();
}
