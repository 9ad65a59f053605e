// SPDX-License-Identifier: MIT
// The file system of xv6; see docs/xv6fs.md.
#pragma once

void xv6fs_init(void); // registers "xv6fs"
