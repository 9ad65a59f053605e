// SPDX-License-Identifier: MIT
// Named byte channels to the host.
#pragma once
#include "lib/types.h"

// Sleeps until every port that the device has announced has its node, or `timeout` ns are over.
// 0, -ENODEV without a device, -ETIMEDOUT.
int virtio_console_wait(ns_t timeout);
