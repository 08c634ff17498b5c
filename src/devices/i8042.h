/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A keyboard controller without keyboard and mouse, for what firmware and kernels do with one: test it, open the A20 gate,
 * reset the machine. IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller". And ports
 * 0x92 and 0x80: a BIOS says there how far it has got, kernels write to it to let time pass.
 */
#ifndef AXVM_DEVICES_I8042_H
#define AXVM_DEVICES_I8042_H

#include <axvm/device.h>

/* Make one: ports 0x60, 0x64, 0x92 and 0x80. It makes no interrupts. The A20 gate is open, whatever they say. */
int axvm_i8042_create(struct axvm *vm);

#endif
