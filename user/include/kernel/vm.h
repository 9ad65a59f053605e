// SPDX-License-Identifier: MIT
// The two ways to move the break: sbrk()'s and sbrklazy()'s.
#pragma once

#define SBRK_EAGER 1
#define SBRK_LAZY  2
