// SPDX-License-Identifier: MIT
// Commands of membarrier.
#pragma once

#define MEMBARRIER_CMD_QUERY                                0
#define MEMBARRIER_CMD_GLOBAL                               0x1
#define MEMBARRIER_CMD_GLOBAL_EXPEDITED                     0x2
#define MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED            0x4
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED                    0x8
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED           0x10
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE          0x20
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE 0x40
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ               0x80
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ      0x100
#define MEMBARRIER_CMD_GET_REGISTRATIONS                    0x200
#define MEMBARRIER_CMD_FLAG_CPU                             0x1
