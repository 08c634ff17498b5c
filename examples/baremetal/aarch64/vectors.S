/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions taken at EL2, by the host itself, on the stack of the thread that was running; and the switch between threads. */

/* What a C function may clobber, and where to return to. */
#define IRQ_FRAME 192
/* struct fatal_frame of trap.c: x0..x30, sp, pc, pstate, esr, far. */
#define FATAL_FRAME 288

    .macro irq_entry
    .balign 0x80
    b irq
    .endm

    /* @which: index into the names in trap.c. The slot has room for 32 instructions. */
    .macro fatal_entry which
    .balign 0x80
    sub sp, sp, #FATAL_FRAME
    stp x0, x1, [sp, #16 * 0]
    stp x2, x3, [sp, #16 * 1]
    mov x1, #\which
    b fatal
    .endm

    .text
    .balign 0x800
    .global vectors
vectors:
    /* EL2 with SP_EL0: we never select it */
    fatal_entry 0
    fatal_entry 1
    fatal_entry 2
    fatal_entry 3
    /* EL2 with SP_EL2 */
    fatal_entry 4
    irq_entry
    fatal_entry 6
    fatal_entry 7
    /* lower exception levels: the library puts its own vectors in place while a guest runs */
    fatal_entry 8
    fatal_entry 9
    fatal_entry 10
    fatal_entry 11
    fatal_entry 12
    fatal_entry 13
    fatal_entry 14
    fatal_entry 15

irq:
    sub sp, sp, #IRQ_FRAME
    stp x0, x1, [sp, #16 * 0]
    stp x2, x3, [sp, #16 * 1]
    stp x4, x5, [sp, #16 * 2]
    stp x6, x7, [sp, #16 * 3]
    stp x8, x9, [sp, #16 * 4]
    stp x10, x11, [sp, #16 * 5]
    stp x12, x13, [sp, #16 * 6]
    stp x14, x15, [sp, #16 * 7]
    stp x16, x17, [sp, #16 * 8]
    stp x18, x29, [sp, #16 * 9]
    mrs x0, elr_el2
    mrs x1, spsr_el2
    stp x30, x0, [sp, #16 * 10]
    str x1, [sp, #16 * 11]
    mov x29, sp
    bl gic_handle_irq
    /* We may come back here much later, and on another CPU. */
    ldr x1, [sp, #16 * 11]
    ldp x30, x0, [sp, #16 * 10]
    msr spsr_el2, x1
    msr elr_el2, x0
    ldp x18, x29, [sp, #16 * 9]
    ldp x16, x17, [sp, #16 * 8]
    ldp x14, x15, [sp, #16 * 7]
    ldp x12, x13, [sp, #16 * 6]
    ldp x10, x11, [sp, #16 * 5]
    ldp x8, x9, [sp, #16 * 4]
    ldp x6, x7, [sp, #16 * 3]
    ldp x4, x5, [sp, #16 * 2]
    ldp x2, x3, [sp, #16 * 1]
    ldp x0, x1, [sp, #16 * 0]
    add sp, sp, #IRQ_FRAME
    eret

/* x0..x3 are saved, x1: which vector. */
fatal:
    stp x4, x5, [sp, #16 * 2]
    stp x6, x7, [sp, #16 * 3]
    stp x8, x9, [sp, #16 * 4]
    stp x10, x11, [sp, #16 * 5]
    stp x12, x13, [sp, #16 * 6]
    stp x14, x15, [sp, #16 * 7]
    stp x16, x17, [sp, #16 * 8]
    stp x18, x19, [sp, #16 * 9]
    stp x20, x21, [sp, #16 * 10]
    stp x22, x23, [sp, #16 * 11]
    stp x24, x25, [sp, #16 * 12]
    stp x26, x27, [sp, #16 * 13]
    stp x28, x29, [sp, #16 * 14]
    add x2, sp, #FATAL_FRAME
    stp x30, x2, [sp, #16 * 15]
    mrs x2, elr_el2
    mrs x3, spsr_el2
    stp x2, x3, [sp, #16 * 16]
    mrs x2, esr_el2
    mrs x3, far_el2
    stp x2, x3, [sp, #16 * 17]
    mov x0, sp
    bl trap_fatal

/* void board_context_switch(uintptr_t *save, uintptr_t to) */
    .global board_context_switch
board_context_switch:
    stp x19, x20, [sp, #-96]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    mov x2, sp
    str x2, [x0]
    mov sp, x1
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp x19, x20, [sp], #96
    ret
    .section .note.GNU-stack, "", %progbits
