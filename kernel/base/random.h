// SPDX-License-Identifier: MIT
// Random bytes: a ChaCha20 generator, keyed from the device tree, virtio-rng and timings.
#pragma once
#include "lib/types.h"

void random_bytes(void *buf, size_t n); // any context
void random_mix(const void *buf, size_t n);
