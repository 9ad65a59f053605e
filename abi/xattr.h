// SPDX-License-Identifier: MIT
// Extended attributes.
#pragma once

#define XATTR_CREATE  1
#define XATTR_REPLACE 2
