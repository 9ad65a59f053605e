// SPDX-License-Identifier: MIT
// The list of drivers.
#include "drivers/drivers.h"
#include "base/log.h"
#include "drivers/loop/loop.h"
#include "drivers/nvme/nvme.h"
#include "drivers/plic.h"
#include "drivers/rtc_goldfish.h"
#include "drivers/uart16550.h"
#include "drivers/virtio/virtio.h"
#include "lib/macro.h"
#include "sched/interrupt.h"

static const struct virtio_driver *const virtio_drivers[] = {
    &virtio_rng_driver,
    &virtio_console_driver,
    &virtio_blk_driver,
};

static const struct pci_driver *const pci_drivers[] = {
    &virtio_pci_driver,
    &nvme_driver,
};

void drivers_init(void)
{
    int err = plic_init();

    loop_init();
    if (err) {
        log_info("no interrupt controller: no devices");
        return;
    }
    interrupt_set_external(plic_dispatch);
    err = uart_init() ?: uart_start();
    if (err)
        log_info("no serial port: error %d", -err);
    if (rtc_init() != 0)
        log_info("no real-time clock");
    virtio_init(virtio_drivers, ARRAY_SIZE(virtio_drivers));
    pci_init(pci_drivers, ARRAY_SIZE(pci_drivers));
}
