/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uint64_t canary_call(int (*fn)(void *), void *arg, int *result, bool avx): call with known values in rbx, rbp, r12..r15, the
 * vector registers and the floating-point controls. Returns what changed: bits 0..5 are rbx, rbp, r12..r15, 6: rsp, 7: a flag of RFLAGS
 * that is no result, 8: MXCSR, 9: the x87 control word, 10: the x87 stack, 16..31: xmm0..15, or ymm0..15 with @avx. Vector register n
 * holds (n + 1) times the pattern in each quarter, general ones as their bits, likewise. The only code of this host that
 * touches vector registers.
 */
#define PATTERN 0x0123456789abcdef
#define MXCSR_VALUE 0x5fa0 /* rounding up, all masked, inexact has happened */
#define X87_CONTROL 0x0a7f /* 53 bits, rounding up */
/* AC, NT, IOPL, DF */
#define FLAGS_MASK 0x47400

    .macro expect number
    mov $PATTERN, %rax
    imul $\number, %rax, %rax
    .endm

    /* bit \bit of r11 if the last comparison was not equal */
    .macro note bit
    setne %al
    movzbl %al, %eax
    shl $\bit, %rax
    or %rax, %r11
    .endm

    .text
    .global canary_call
canary_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $104, %rsp
    /* 0(%rsp): 32 bytes for a vector register; 32: result; 40: avx; 48: flags; 56: controls; 64: rsp; 72: an x87 register */
    mov %rdx, 32(%rsp)
    mov %rcx, 40(%rsp)
    mov %rsp, 64(%rsp)
    mov %rdi, %rdx
    mov %rsi, %rdi
    mov %rcx, %r8

    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    expect (\n + 1)
    mov %rax, 0(%rsp)
    mov %rax, 8(%rsp)
    mov %rax, 16(%rsp)
    mov %rax, 24(%rsp)
    test %r8b, %r8b
    jz 1f
    vmovups 0(%rsp), %ymm\n
    jmp 2f
1:  movups 0(%rsp), %xmm\n
2:
    .endr
    movl $MXCSR_VALUE, 56(%rsp)
    ldmxcsr 56(%rsp)
    fninit
    movw $X87_CONTROL, 60(%rsp)
    fldcw 60(%rsp)
    fldpi
    pushfq
    pop %rax
    and $FLAGS_MASK, %rax
    mov %rax, 48(%rsp)
    expect 1
    mov %rax, %rbx
    expect 2
    mov %rax, %rbp
    expect 3
    mov %rax, %r12
    expect 4
    mov %rax, %r13
    expect 5
    mov %rax, %r14
    expect 6
    mov %rax, %r15
    mov %rsp, %r11
    call *%rdx

    mov %eax, %edx
    xor %r11d, %r11d
    expect 1
    cmp %rax, %rbx
    note 0
    expect 2
    cmp %rax, %rbp
    note 1
    expect 3
    cmp %rax, %r12
    note 2
    expect 4
    cmp %rax, %r13
    note 3
    expect 5
    cmp %rax, %r14
    note 4
    expect 6
    cmp %rax, %r15
    note 5
    cmp 64(%rsp), %rsp
    note 6
    pushfq
    pop %rax
    and $FLAGS_MASK, %rax
    cmp %rax, 48(%rsp)
    note 7
    cld
    stmxcsr 56(%rsp)
    cmpl $MXCSR_VALUE, 56(%rsp)
    note 8
    fnstcw 60(%rsp)
    cmpw $X87_CONTROL, 60(%rsp)
    note 9
    fldpi
    fcomip %st(1), %st
    note 10
    mov 40(%rsp), %r8
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    expect (\n + 1)
    mov %rax, 16(%rsp)
    mov %rax, 24(%rsp)
    test %r8b, %r8b
    jz 1f
    vmovups %ymm\n, 0(%rsp)
    jmp 2f
1:  movups %xmm\n, 0(%rsp)
2:  mov %rax, %rcx
    mov %rax, %rsi
    xor 0(%rsp), %rcx
    xor 8(%rsp), %rsi
    or %rsi, %rcx
    mov %rax, %rsi
    xor 16(%rsp), %rsi
    or %rsi, %rcx
    xor 24(%rsp), %rax
    or %rax, %rcx
    note (16 + \n)
    .endr
    mov 32(%rsp), %rax
    mov %edx, (%rax)
    mov %r11, %rax
    add $104, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .section .note.GNU-stack, "", @progbits
