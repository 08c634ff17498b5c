/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC's real-time clock with its CMOS memory: Motorola MC146818A datasheet (ADI1025R2); ports 0x70 and 0x71 of the AT. */
#ifndef AXVM_DEVICES_MC146818_H
#define AXVM_DEVICES_MC146818_H

#include <axvm/device.h>

#define AXVM_MC146818_PORT 0x70u
#define AXVM_MC146818_SIZE 128u
#define AXVM_MC146818_NVRAM 14u /* from here on it is memory */
#define AXVM_MC146818_CENTURY 0x32u

struct axvm_mc146818_config {
    uint32_t irq; /* input of the interrupt controller */
    bool has_irq;
    uint8_t nvram[AXVM_MC146818_SIZE]; /* at power-on; the first 14 are not looked at */
};

/* Make one. @cfg is copied. Errors as axvm_device_attach(), axvm_irq_line_init(). */
int axvm_mc146818_create(struct axvm *vm, const struct axvm_mc146818_config *cfg);

#endif
