/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment descriptors, as a task switch loads them. Pure logic. Intel SDM vol. 3A, "Segment Descriptors", "Task Switching", its
 * table of exception conditions. */
#ifndef AXVM_X86_64_TASK_SEG_H
#define AXVM_X86_64_TASK_SEG_H

#include "seg.h"

#define SEL_RPL AXVM_BITS(1, 0)
#define SEL_TI AXVM_BIT(2)
#define SEL_INDEX AXVM_BITS(15, 3)
#define DESC_ACCESSED AXVM_BIT(40) /* of code and data */
#define DESC_TSS_BUSY AXVM_BIT(41)

/* System types */
enum { DESC_LDT = 2, DESC_TSS16 = 1, DESC_TSS32 = 9, DESC_TSS32_BUSY = 11 };

/* "Task-State Segment (TSS)" of 32 bits. */
struct axvm_x86_tss32 {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t gpr[8]; /* in the encoding's order */
    uint32_t seg[6]; /* as well: ES CS SS DS FS GS */
    uint32_t ldtr;
    uint16_t trap, iomap;
};
_Static_assert(sizeof(struct axvm_x86_tss32) == 104, "32-bit TSS");

struct axvm_x86_seg axvm_x86_decode_desc(uint16_t sel, uint64_t desc);
/* Real mode's, and virtual-8086 mode's. */
struct axvm_x86_seg axvm_x86_v86_seg(uint16_t sel);
/* May @seg go into register @reg of a task with privilege @cpl? 0, or the exception, whose error code is the selector. */
unsigned int axvm_x86_task_seg_fault(enum axvm_x86_segreg reg, const struct axvm_x86_seg *seg, unsigned int cpl);

#endif
