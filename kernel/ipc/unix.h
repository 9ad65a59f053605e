// SPDX-License-Identifier: MIT
// Unix sockets: streams, datagrams and sequenced packets between processes of this machine.
#pragma once
#include "vfs/pseudo.h"

void unix_init(void);
int unix_show(struct text *t); // /proc/net/unix
