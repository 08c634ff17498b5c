/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch of SVM. APM vol. 2, "VMRUN Instruction", "#VMEXIT", "Global Interrupt Flag, STGI and CLGI Instructions".
 *
 * enum axvm_trap_kind axvm_svm_enter(struct axvm_vcpu *vcpu): enter and handle exits until axvm_svm_exit() wants out. Interrupts are off
 * (RFLAGS.IF) before and after. While registers that VMSAVE and VMLOAD carry (GS base among them) are the guest's, GIF is 0, so that no
 * NMI of the host comes in between. RFLAGS.IF is set for VMRUN, as V_INTR_MASKING takes it as the mask of the host's interrupts while
 * the guest runs; GIF keeps them from being taken here.
 *
 * On the stack: [rsp] = vcpu, above it the host's callee-saved registers.
 *
 * An exit first saves the registers that C may use, which is all that most handlers need: C keeps the others. Only when
 * axvm_svm_exit() says so the rest goes to memory, too, and axvm_svm_exit_all() is called. After either axvm_svm_enter_again() says
 * whether the guest can be entered. They are two calls so that the first can end with that of a handler.
 */
#include "entry_regs.h"
#include "vmcb.h"

#define ALL_REGISTERS 0x100 /* SVM_ALL_REGISTERS */

	.section .text.axvm_svm_enter, "ax"
	.balign	16
	.globl	axvm_svm_enter
	.type	axvm_svm_enter, @function
axvm_svm_enter:
	push_host
	push	%rdi

/* rdi = vcpu */
enter_all:
	mov	VCPU_VMCB(%rdi), %rax
	mov	GPR(4)(%rdi), %rcx
	mov	%rcx, VMCB_RSP(%rax)
	load_kept

/* rdi = vcpu; rbp, r12 to r15, and in the VMCB rsp and rflags, are the guest's */
enter_guest:
	mov	VCPU_VMCB(%rdi), %rax
	mov	VCPU_RIP(%rdi), %rcx
	mov	%rcx, VMCB_RIP(%rax)
	mov	GPR(0)(%rdi), %rcx
	mov	%rcx, VMCB_RAX(%rax)
	mov	VCPU_VMCB_PA(%rdi), %rax
	load_used
	clgi
	sti
	vmload	%rax
	.globl	axvm_x86_guest_left, axvm_x86_host_back
axvm_x86_guest_left:
	vmrun	%rax
	vmsave	%rax
	/* rax, rsp and the host's segments, tables, control registers and flags are back; the rest is the guest's. */
	push	%rdi
	mov	8(%rsp), %rdi
	mov	VCPU_HOST_PA(%rdi), %rax
	vmload	%rax
axvm_x86_host_back:
	cli
	stgi
	save_used
	mov	VCPU_VMCB(%rdi), %rsi
	mov	VMCB_RIP(%rsi), %rcx
	mov	%rcx, VCPU_RIP(%rdi)
	mov	VMCB_RFLAGS(%rsi), %rcx
	mov	%rcx, VCPU_RFLAGS(%rdi)
	mov	VMCB_RAX(%rsi), %rcx
	mov	%rcx, GPR(0)(%rdi)
	call	axvm_svm_exit
	mov	(%rsp), %rdi
	test	%eax, %eax
	jnz	not_at_once
	call	axvm_svm_enter_again
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_guest

not_at_once:
	mov	VCPU_VMCB(%rdi), %rdx
	mov	VMCB_RSP(%rdx), %rcx
	mov	%rcx, GPR(4)(%rdi)
	save_kept
	cmp	$ALL_REGISTERS, %eax
	jne	leave
	forget_kept
	call	axvm_svm_exit_all
	mov	(%rsp), %rdi
	test	%eax, %eax
	jnz	leave
	call	axvm_svm_enter_again
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_all

leave:
	pop	%rdi
	pop_host
	ret
	.size	axvm_svm_enter, . - axvm_svm_enter

	.section .note.GNU-stack, "", @progbits
