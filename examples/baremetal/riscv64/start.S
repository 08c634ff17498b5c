/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's header, and each hart's way from the firmware to C. Linux, "Boot image header in RISC-V Linux": entered in S-mode with
 * the hart's number in a0 and the device tree's address in a1, without translation, and so it stays.
 */
    .option norelax

    .section .head, "ax"
    .global image_start
image_start:
    j start
    .balign 8
    .quad IMAGE_OFFSET /* from the start of RAM; link.ld has the sum */
    .quad image_size
    .quad 0            /* little-endian */
    .long 2            /* version 0.2 */
    .long 0
    .quad 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .long 0

start:
    csrw sie, zero
    csrci sstatus, 2
    lla t0, image_start
    li t1, LINK_ADDRESS
    bne t0, t1, halt
    lla t0, entered
    li t1, 1
    amoswap.w.aq t1, t1, (t0)
    bnez t1, strayed
    mv s0, a0
    mv s1, a1
    lla t0, bss_start
    lla t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  lla sp, boot_stack_top
    lla t0, trap_vector
    csrw stvec, t0
    lla t0, boot_hart
    sd s0, 0(t0)
    mv a0, s1
    li tp, 0
    call host_main

    /* Nobody could be told. */
halt:
    wfi
    j halt

/*
 * A second hart. OpenSBI (1.1 at least) says that a hart is to start before it writes down where: one that is just on its way to
 * wait for that then starts where the first one did. It is the one that is being started: one at a time is.
 */
strayed:
    lla t0, starting_stack
    ld a1, 0(t0)

/* Where SBI hart_start starts the others: a1 is the top of their stack, below which is what they need to know. */
    .global secondary_start
    .balign 4
secondary_start:
    csrw sie, zero
    csrci sstatus, 2
    mv sp, a1
    lla t0, trap_vector
    csrw stvec, t0
    ld a0, -16(sp)
    mv tp, a0
    tail secondary_main

    .data
    .balign 4
entered: /* not in .bss, which the first hart clears */
    .word 0

    .bss
    .balign 16
    .global boot_stack
boot_stack:
    .space 16384
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
