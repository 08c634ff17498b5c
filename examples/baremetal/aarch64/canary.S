/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uint64_t canary_call(int (*fn)(void *), void *arg, int *result): call with known values in x19..x29 and v0..v31. Returns
 * what changed: bits 0..10 are x19..x29, 16: sp, 32..63: v0..v31. Register n holds n times the pattern; both halves of v.
 * The only code of this host that touches FP/SIMD registers.
 */
    .arch armv8-a+fp+simd
#define PATTERN 0x0123456789abcdef

    .macro load_pattern
    movz x16, #(PATTERN & 0xffff)
    movk x16, #(PATTERN >> 16 & 0xffff), lsl #16
    movk x16, #(PATTERN >> 32 & 0xffff), lsl #32
    movk x16, #(PATTERN >> 48 & 0xffff), lsl #48
    .endm

    /* x17 = number times the pattern */
    .macro expect number
    mov x17, #\number
    mul x17, x17, x16
    .endm

    .text
    .global canary_call
canary_call:
    stp x19, x20, [sp, #-128]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    mov x3, sp
    stp x2, x3, [sp, #96]
    mov x2, x0
    mov x0, x1
    load_pattern
    .irp n, 19,20,21,22,23,24,25,26,27,28,29
    expect \n
    mov x\n, x17
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    expect (\n + 1)
    fmov d\n, x17
    mov v\n\().d[1], x17
    .endr
    blr x2

    ldp x1, x3, [sp, #96]
    str w0, [x1]
    mov x0, #0
    mov x2, sp
    cmp x2, x3
    cset x2, ne
    orr x0, x0, x2, lsl #16
    load_pattern
    .irp n, 19,20,21,22,23,24,25,26,27,28,29
    expect \n
    cmp x17, x\n
    cset x2, ne
    orr x0, x0, x2, lsl #(\n - 19)
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    expect (\n + 1)
    fmov x2, d\n
    mov x3, v\n\().d[1]
    eor x2, x2, x17
    eor x3, x3, x17
    orr x2, x2, x3
    cmp x2, #0
    cset x2, ne
    orr x0, x0, x2, lsl #(32 + \n)
    .endr
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp x19, x20, [sp], #128
    ret
    .section .note.GNU-stack, "", %progbits
