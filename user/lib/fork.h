// SPDX-License-Identifier: MIT
// What fork() does in the child before it returns there.
#pragma once

extern void (*fork_child_hook)(void); // 0 if nothing
