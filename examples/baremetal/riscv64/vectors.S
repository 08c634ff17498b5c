/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps taken by the host itself, on the stack of the thread that was running; and the switch between threads. */

/* struct trap_frame of trap.c: x1..x31 at 8 * n, then sepc, sstatus, scause, stval. */
#define FRAME 288

    .option norelax
    .text
    .balign 4
    .global trap_vector
trap_vector:
    addi sp, sp, -FRAME
    .irp n, 1,5,6,7,10,11,12,13,14,15,16,17,28,29,30,31
    sd x\n, (8 * \n)(sp)
    .endr
    csrr t0, sepc
    csrr t1, sstatus
    csrr a0, scause
    sd t0, (8 * 32)(sp)
    sd t1, (8 * 33)(sp)
    bgez a0, fatal
    call trap_irq
    /* We may come back here much later, and on another CPU. */
    ld t0, (8 * 32)(sp)
    ld t1, (8 * 33)(sp)
    csrw sepc, t0
    csrw sstatus, t1
    .irp n, 1,5,6,7,10,11,12,13,14,15,16,17,28,29,30,31
    ld x\n, (8 * \n)(sp)
    .endr
    addi sp, sp, FRAME
    sret

fatal:
    .irp n, 3,4,8,9,18,19,20,21,22,23,24,25,26,27
    sd x\n, (8 * \n)(sp)
    .endr
    addi t0, sp, FRAME
    sd t0, (8 * 2)(sp)
    csrr t0, stval
    sd a0, (8 * 34)(sp)
    sd t0, (8 * 35)(sp)
    mv a0, sp
    call trap_fatal

/* void board_context_switch(uintptr_t *save, uintptr_t to) */
    .global board_context_switch
board_context_switch:
    addi sp, sp, -112
    sd ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd s\n, (8 + 8 * \n)(sp)
    .endr
    sd gp, 104(sp)
    sd sp, 0(a0)
    mv sp, a1
    ld gp, 104(sp)
    ld ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    ld s\n, (8 + 8 * \n)(sp)
    .endr
    addi sp, sp, 112
    ret
    .section .note.GNU-stack, "", @progbits
