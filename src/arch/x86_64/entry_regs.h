/* SPDX-License-Identifier: BSD-2-Clause */
/* For the world switches, in assembly: general registers between the CPU and struct axvm_arch_vcpu, whose address is in rdi. RAX and RSP are
 * each vendor's own affair. */
#ifndef AXVM_X86_64_ENTRY_REGS_H
#define AXVM_X86_64_ENTRY_REGS_H

#include "arch_types.h"

#define GPR(n) (VCPU_GPR + 8 * n)

/* What a C function preserves for its caller. */
	.macro push_host
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro pop_host
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	.endm

/* What C keeps across calls, but for RBX, which the entry code saves with the others. */
	.macro load_kept
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	.endm

	.macro save_kept
	mov	%rbp, GPR(5)(%rdi)
	mov	%r12, GPR(12)(%rdi)
	mov	%r13, GPR(13)(%rdi)
	mov	%r14, GPR(14)(%rdi)
	mov	%r15, GPR(15)(%rdi)
	.endm

/* What the guest has left in registers that C keeps across calls is not to be speculated on. */
	.macro forget_kept
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	.endm

/* What it does not; RDI last. */
	.macro load_used
	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(7)(%rdi), %rdi
	.endm

/* The guest's RDI is on the stack. */
	.macro save_used
	mov	%rcx, GPR(1)(%rdi)
	mov	%rdx, GPR(2)(%rdi)
	mov	%rbx, GPR(3)(%rdi)
	mov	%rsi, GPR(6)(%rdi)
	popq	GPR(7)(%rdi)
	mov	%r8, GPR(8)(%rdi)
	mov	%r9, GPR(9)(%rdi)
	mov	%r10, GPR(10)(%rdi)
	mov	%r11, GPR(11)(%rdi)
	.endm

#endif
