// SPDX-License-Identifier: MIT
// Entropy from the host.
#pragma once

// Asks the device for fresh bytes, which base/random.h is given when they arrive; any context.
// Does nothing while a request is under way, or without a device.
void virtio_rng_request(void);
