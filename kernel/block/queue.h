// SPDX-License-Identifier: MIT
// A whole device's queue of requests.
#pragma once
#include "block/block.h"

int block_queue_create(struct block_device *d); // -ENOMEM
