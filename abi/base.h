// SPDX-License-Identifier: MIT
// The basic integer types of the ABI headers, which serve kernel, user library and tests alike.
#pragma once

/*
 * An address in a program's memory is an abi_u64 in every structure: the kernel
 * must never follow it as a pointer.
 */
typedef __UINT8_TYPE__ abi_u8;
typedef __UINT16_TYPE__ abi_u16;
typedef __UINT32_TYPE__ abi_u32;
typedef __UINT64_TYPE__ abi_u64;
typedef __INT16_TYPE__ abi_s16;
typedef __INT32_TYPE__ abi_s32;
typedef __INT64_TYPE__ abi_s64;
