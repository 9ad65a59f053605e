// SPDX-License-Identifier: MIT
// Execution domains (personality(2)).
#pragma once

#define PER_LINUX         0x0000
#define ADDR_NO_RANDOMIZE 0x0040000

#define PERSONALITY_QUERY 0xffffffffU
