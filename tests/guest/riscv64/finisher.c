/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends as kernels do that were written for QEMU's virt machine; what is no order to the device is nothing. */
#include "guest.h"

#define TEST_DEVICE 0x100000ul

void guest_main(uint64_t fdt)
{
    (void)fdt;
    write32(TEST_DEVICE, 0x1234);
    put_str("finisher: here\n");
    write32(TEST_DEVICE, 0x5555);
    put_str("finisher: still here\n");
    for (;;)
        __asm__ volatile("wfi");
}
