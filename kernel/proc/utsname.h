// SPDX-License-Identifier: MIT
// The system's names: uname(2), /proc/version, the host name.
#pragma once
#include "abi/utsname.h"

void utsname_get(struct utsname *out);
void utsname_set_host(const char *name);
void utsname_set_domain(const char *name);
