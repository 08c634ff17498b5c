/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch of VMX. Intel SDM vol. 3C, "VM Entries", "VM Exits".
 *
 * int axvm_vmx_enter(struct axvm_vcpu *vcpu): enter and handle exits until axvm_vmx_exit() wants out. Interrupts are off before, after,
 * and while handling; a VM exit brings back all of the host's registers that its handlers could need. The VMCS has been cleared before:
 * the first entry is VMLAUNCH, all further ones are VMRESUME.
 *
 * On the stack: [rsp] = vcpu, above it the host's callee-saved registers.
 *
 * An exit first saves the registers that C may use, which is all that most handlers need: C keeps the others, and RSP is in the VMCS. Only
 * when axvm_vmx_exit() says so the rest goes to memory, too, and axvm_vmx_exit_all() is called.
 */
#include "arch_types.h"
#include "vmcs.h"

#define ALL_REGISTERS 0x100 /* VMX_ALL_REGISTERS */
#define GPR(n) (VCPU_GPR + 8 * n)

	.macro field_from name, where
	mov	$\name, %eax
	vmwrite	\where, %rax
	.endm

/* What C keeps; rdi = vcpu */
	.macro load_kept
	field_from VMCS_GUEST_RSP, GPR(4)(%rdi)
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	.endm

	.macro save_kept
	mov	$VMCS_GUEST_RSP, %ecx
	vmread	%rcx, GPR(4)(%rdi)
	mov	%rbp, GPR(5)(%rdi)
	mov	%r12, GPR(12)(%rdi)
	mov	%r13, GPR(13)(%rdi)
	mov	%r14, GPR(14)(%rdi)
	mov	%r15, GPR(15)(%rdi)
	.endm

/* What it does not, and RIP and RFLAGS. */
	.macro load_used
	field_from VMCS_GUEST_RIP, VCPU_RIP(%rdi)
	field_from VMCS_GUEST_RFLAGS, VCPU_RFLAGS(%rdi)
	mov	GPR(0)(%rdi), %rax
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

	.section .text.axvm_vmx_enter, "ax"
	.balign	16
	.globl	axvm_vmx_enter
	.type	axvm_vmx_enter, @function
axvm_vmx_enter:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	cmp	%rsp, VCPU_HOST_SP(%rdi)
	je	1f
	mov	%rsp, VCPU_HOST_SP(%rdi)
	field_from VMCS_HOST_RSP, %rsp
1:	load_kept
	load_used
	vmlaunch
	jmp	not_entered

/* rdi = vcpu */
enter_all:
	load_kept
/* rbp, r12 to r15 and RSP in the VMCS are the guest's */
enter_guest:
	load_used
	vmresume
/* Neither changes any register but the flags when it fails. */
not_entered:
	mov	(%rsp), %rdi
	save_kept
	call	axvm_vmx_not_entered
	jmp	leave

	.balign	16
	.globl	axvm_vmx_exit_rip
axvm_vmx_exit_rip:
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, GPR(0)(%rdi)
	mov	%rcx, GPR(1)(%rdi)
	mov	%rdx, GPR(2)(%rdi)
	mov	%rbx, GPR(3)(%rdi)
	mov	%rsi, GPR(6)(%rdi)
	popq	GPR(7)(%rdi)
	mov	%r8, GPR(8)(%rdi)
	mov	%r9, GPR(9)(%rdi)
	mov	%r10, GPR(10)(%rdi)
	mov	%r11, GPR(11)(%rdi)
	mov	$VMCS_GUEST_RIP, %eax
	vmread	%rax, VCPU_RIP(%rdi)
	mov	$VMCS_GUEST_RFLAGS, %eax
	vmread	%rax, VCPU_RFLAGS(%rdi)
	call	axvm_vmx_exit
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_guest

	save_kept
	cmp	$ALL_REGISTERS, %eax
	jne	leave
	/* What the guest has left in registers that C keeps across calls is not to be speculated on. */
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	call	axvm_vmx_exit_all
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_all

leave:
	pop	%rdi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	axvm_vmx_enter, . - axvm_vmx_enter

	.section .note.GNU-stack, "", @progbits
