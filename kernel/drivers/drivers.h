// SPDX-License-Identifier: MIT
// All drivers, in the order in which they start.
#pragma once

// Boot hart; after mmu_init, slab_init, workqueue_init and vfs_init, interrupts on or off. What a
// machine lacks is left out.
void drivers_init(void);
