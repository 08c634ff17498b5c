/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts of the host itself, on the stack of the thread that was running; and the switch between threads. */
#include "x86.h"

    .text
/*
 * One entry of 16 bytes for each vector. Exceptions end the host: all is saved, as struct trap_frame of trap.c has it. Interrupts
 * save what a C function may change. #DB is looked at first: see debug.
 */
#define DB 1
#define RFLAGS_TF 0x100
    .balign 16
    .global trap_vectors
trap_vectors:
vector = 0
    .rept 256
    .balign 16
    .if vector >= 32
    pushq $vector
    jmp interrupt
    .elseif vector == DB
    jmp debug
    .else
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp exception
    .endif
    vector = vector + 1
    .endr

    .balign 16
interrupt:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    cld
    mov 72(%rsp), %edi
    sub $8, %rsp
    call trap_irq
    /* We may come back here much later, and on another CPU. */
    add $8, %rsp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    add $8, %rsp
    iretq

/* Of a guest that single-steps, on a CPU that does not forget its trap when it exits (axvm/x86_64.h): GS is the guest's. */
debug:
    testl $RFLAGS_TF, 16(%rsp)
    jnz 1f
    cmpq $axvm_x86_guest_left, (%rsp)
    jb 1f
    cmpq $axvm_x86_host_back, (%rsp)
    jae 1f
    iretq
1:  pushq $0
    pushq $DB

exception:
    push %r15
    push %r14
    push %r13
    push %r12
    push %r11
    push %r10
    push %r9
    push %r8
    push %rdi
    push %rsi
    push %rbp
    push %rsp
    push %rbx
    push %rdx
    push %rcx
    push %rax
    cld
    mov %rsp, %rdi
    and $-16, %rsp
    call trap_fatal

/* void board_context_switch(uintptr_t *save, uintptr_t to) */
    .global board_context_switch
board_context_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .section .note.GNU-stack, "", @progbits
