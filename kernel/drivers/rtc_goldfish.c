// SPDX-License-Identifier: MIT
// Goldfish RTC: nanoseconds since 1970 in two registers; reading the low one latches the high one.
#include "drivers/rtc_goldfish.h"
#include "abi/errno.h"
#include "arch/mmu.h"
#include "base/clock.h"
#include "base/devicetree.h"
#include "drivers/mmio.h"

#define RTC_TIME_LOW  0x00
#define RTC_TIME_HIGH 0x04

int rtc_init(void)
{
    u8 *regs;
    u64 low;

    if (!machine.rtc.reg.size)
        return -ENODEV;
    regs = mmu_ioremap(machine.rtc.reg.base, machine.rtc.reg.size);
    if (!regs)
        return -ENOMEM;
    low = mmio_read32(regs + RTC_TIME_LOW);
    clock_set_realtime((u64)mmio_read32(regs + RTC_TIME_HIGH) << 32 | low);
    return 0;
}
