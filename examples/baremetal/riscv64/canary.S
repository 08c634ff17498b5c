/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uint64_t canary_call(int (*fn)(void *), void *arg, int *result): call with known values in gp, s0..s11 and f0..f31. Returns what
 * changed: bits 0..11 are s0..s11, 12: gp, 13: sp, 32..63: f0..f31. Register number n holds n + 1 times the pattern. The only code
 * of this host that touches FP registers.
 */
#define PATTERN 0x0123456789abcdef
#define FRAME 128

    .option norelax

    /* t1 = (number + 1) times the pattern in t0 */
    .macro expect number
    li t1, \number + 1
    mul t1, t1, t0
    .endm

    /* a0 |= 1 << bit if t1 and t2 differ */
    .macro compare bit
    xor t2, t2, t1
    snez t2, t2
    slli t2, t2, \bit
    or a0, a0, t2
    .endm

    .text
    .global canary_call
canary_call:
    addi sp, sp, -FRAME
    sd ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd s\n, (8 + 8 * \n)(sp)
    .endr
    sd gp, 104(sp)
    sd a2, 112(sp)
    sd sp, 120(sp)
    mv a3, a0
    mv a0, a1
    li t0, PATTERN
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    expect \n
    mv s\n, t1
    .endr
    expect 12
    mv gp, t1
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    expect \n
    fmv.d.x f\n, t1
    .endr
    jalr a3

    ld t3, 112(sp)
    sw a0, 0(t3)
    li a0, 0
    ld t1, 120(sp)
    mv t2, sp
    compare 13
    li t0, PATTERN
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    expect \n
    mv t2, s\n
    compare \n
    .endr
    expect 12
    mv t2, gp
    compare 12
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    expect \n
    fmv.x.d t2, f\n
    compare (32 + \n)
    .endr
    ld ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    ld s\n, (8 + 8 * \n)(sp)
    .endr
    ld gp, 104(sp)
    addi sp, sp, FRAME
    ret
    .section .note.GNU-stack, "", @progbits
