// SPDX-License-Identifier: MIT
// All drivers, in the order in which they start.
#pragma once

// In a thread, once; after workqueue_init, with memory and scheduling at work. What a machine lacks
// is left out. Nodes of ports appear a little later: virtio_console_wait.
void drivers_init(void);
