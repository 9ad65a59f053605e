// SPDX-License-Identifier: MIT
// Loop devices.
#pragma once

void loop_init(void); // /dev/loop-control, and /dev/loop0 to 7 without files
