/* SPDX-License-Identifier: BSD-2-Clause */
/* What start.S and C both have to know. */
#ifndef AXVM_TESTS_LAYOUT_H
#define AXVM_TESTS_LAYOUT_H

#define MAX_CPUS 8
#define BOOT_MULTIBOOT 0x2badb002
#define BOOT_PVH 0x50564830
#define AP_PAGE 0x8000

/* Of each CPU, from the bottom: 4 KiB for IST 1, 4 KiB for interrupts from ring 3, and the rest. */
#define STACK_SHIFT 14
#define STACK_SIZE (1 << STACK_SHIFT)

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18
#define SEL_USER_DATA 0x23
#define SEL_USER_CODE64 0x2b
#define SEL_USER_CODE32 0x33
#define SEL_CODE16 0x38
#define SEL_TSS 0x40 /* of CPU 0; 16 more for each */
#define GDT_LIMIT (SEL_TSS + 16 * MAX_CPUS - 1)

#endif
