/* SPDX-License-Identifier: BSD-2-Clause */
/** @file The 16550A UART (National Semiconductor PC16550D): byte registers, one byte apart. */
#ifndef AXVM_NS16550_H
#define AXVM_NS16550_H

#include <axvm/config.h>
#include <axvm/device.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AXVM_NS16550_REGS 8u

/**
 * Make a UART in the VM's memory and attach it. It goes with the VM. Only before axvm_boot().
 * @param space AXVM_BUS_MMIO or AXVM_BUS_PORT
 * @param base  of its eight registers
 * @param irq   input of the interrupt controller; 0: not connected
 * @param out   copied; where the guest's output goes. NULL or without write: it is dropped
 * @param dev   receives the device
 * @retval AXVM_ERR_NOMEM, or as axvm_device_attach() and axvm_irq_line_init()
 */
int axvm_ns16550_create(struct axvm *vm, enum axvm_bus_space space, uint64_t base, uint32_t irq, const struct axvm_chardev *out,
                        struct axvm_device **dev);

/** Bytes for the guest; returns how many fitted. Any context but its own write callback. */
size_t axvm_ns16550_receive(struct axvm_device *dev, const uint8_t *buf, size_t len);

/** The back end has room again, after it took less than it was given. From a context in which its write may be called. */
void axvm_ns16550_resume_output(struct axvm_device *dev);

/** Bytes lost because the guest went on writing while the transmit FIFO was full. */
uint64_t axvm_ns16550_dropped(struct axvm_device *dev);

#ifdef __cplusplus
}
#endif
#endif
