/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's header, and each CPU's way from reset to C: EL2, translation and caches on, a stack.
 * Linux "Booting AArch64 Linux": entered with the device tree's address in x0, MMU off.
 */
#include "sysreg.h"

    /* Clobbers nothing else. Not a literal: those are data accesses, and the data cache may be off. */
    .macro mov64 reg, value
    movz \reg, #((\value) & 0xffff)
    movk \reg, #((\value) >> 16 & 0xffff), lsl #16
    movk \reg, #((\value) >> 32 & 0xffff), lsl #32
    movk \reg, #((\value) >> 48 & 0xffff), lsl #48
    .endm

    .macro addr reg, symbol
    adrp \reg, \symbol
    add \reg, \reg, :lo12:\symbol
    .endm

    .section .head, "ax"
    .global image_start
image_start:
    b start
    .long 0
    .quad IMAGE_OFFSET /* from the start of RAM; link.ld has the sum */
    .quad image_size
    .quad 0x2          /* little-endian, 4 KiB pages, only there */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

start:
    msr daifset, #0xf
    mrs x1, CurrentEL
    cmp x1, #(2 << 2)
    b.ne halt
    adr x1, image_start
    mov64 x2, LINK_ADDRESS
    cmp x1, x2
    b.ne halt
    mov x19, x0
    mov x0, #0
    bl el2_setup
    addr x1, bss_start
    addr x2, bss_end
1:  cmp x1, x2
    b.hs 2f
    stp xzr, xzr, [x1], #16
    b 1b
2:  addr x1, boot_stack_top
    mov sp, x1
    mov x0, x19
    bl host_main

    /* Nobody could be told. */
halt:
    wfe
    b halt

/*
 * Where PSCI CPU_ON starts the others: x0 is the top of their stack, bit 0 is set for E2H = 1. Below the top of the stack
 * is what they need to know; the MMU has to be on to read it.
 */
    .global secondary_start
secondary_start:
    msr daifset, #0xf
    and x19, x0, #~1
    and x0, x0, #1
    bl el2_setup
    mov sp, x19
    ldr x0, [x19, #-16]
    b secondary_main

/*
 * void el2_setup(bool e2h): translation and caches on, in the regime that is asked for; from any state of EL2. Touches no
 * memory, as the caches are off for a while. Clobbers x1-x4.
 */
    .global el2_setup
el2_setup:
    mrs x1, sctlr_el2
    mov64 x2, SCTLR_M_C
    bic x1, x1, x2
    msr sctlr_el2, x1
    isb
    cbnz x0, 1f
    mov64 x1, HCR_HOST
    mov64 x2, TCR_HOST
    mov64 x3, CPTR_HOST
    addr x4, table
    b 2f
1:  mov64 x1, HCR_HOST_VHE
    mov64 x2, TCR_HOST_VHE
    mov64 x3, CPTR_HOST_VHE
    addr x4, table_vhe
2:  msr hcr_el2, x1
    isb
    msr tcr_el2, x2
    msr cptr_el2, x3
    msr ttbr0_el2, x4
    mov64 x1, MAIR_HOST
    msr mair_el2, x1
    addr x1, vectors
    msr vbar_el2, x1
    isb
    tlbi alle2
    ic iallu
    dsb nsh
    isb
    mov64 x1, SCTLR_HOST
    msr sctlr_el2, x1
    isb
    ret

/* Identity maps for both regimes: devices below 1 GiB, RAM from 1 to 4 GiB. More RAM: board_map_ram(). */
    .data
    .balign 4096
    .global table, table_vhe
table:
    .quad BLOCK_DEVICE
    .quad BLOCK_NORMAL | FIELD(1, 30), BLOCK_NORMAL | FIELD(2, 30), BLOCK_NORMAL | FIELD(3, 30)
    .fill 508, 8, 0
table_vhe:
    .quad BLOCK_DEVICE_VHE
    .quad BLOCK_NORMAL_VHE | FIELD(1, 30), BLOCK_NORMAL_VHE | FIELD(2, 30), BLOCK_NORMAL_VHE | FIELD(3, 30)
    .fill 508, 8, 0

    .bss
    .balign 16
    .global boot_stack
boot_stack:
    .space 16384
boot_stack_top:
    .section .note.GNU-stack, "", %progbits
