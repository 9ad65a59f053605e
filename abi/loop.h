// SPDX-License-Identifier: MIT
// Ioctls of loop devices and of /dev/loop-control.
#pragma once

#include "abi/base.h"

#define LOOP_SET_FD         0x4c00
#define LOOP_CLR_FD         0x4c01
#define LOOP_SET_STATUS64   0x4c04
#define LOOP_GET_STATUS64   0x4c05
#define LOOP_SET_CAPACITY   0x4c07
#define LOOP_SET_BLOCK_SIZE 0x4c09
#define LOOP_CONFIGURE      0x4c0a
#define LOOP_CTL_ADD        0x4c80
#define LOOP_CTL_REMOVE     0x4c81
#define LOOP_CTL_GET_FREE   0x4c82

#define LO_FLAGS_READ_ONLY 1
#define LO_FLAGS_AUTOCLEAR 4
#define LO_FLAGS_PARTSCAN  8

struct loop_info64 {
    abi_u64 lo_device, lo_inode, lo_rdevice; // of the file
    abi_u64 lo_offset, lo_sizelimit;
    abi_u32 lo_number, lo_encrypt_type, lo_encrypt_key_size, lo_flags;
    abi_u8 lo_file_name[64], lo_crypt_name[64], lo_encrypt_key[32];
    abi_u64 lo_init[2];
};
_Static_assert(sizeof(struct loop_info64) == 232, "loop_info64");

struct loop_config {
    abi_u32 fd, block_size;
    struct loop_info64 info;
    abi_u64 reserved[8];
};
_Static_assert(sizeof(struct loop_config) == 304, "loop_config");
