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
#include "entry_regs.h"
#include "vmcs.h"

#define ALL_REGISTERS 0x100 /* VMX_ALL_REGISTERS */

	.macro field_from name, where
	mov	$\name, %eax
	vmwrite	\where, %rax
	.endm

/* RIP, RFLAGS and what C does not keep across calls. */
	.macro load_state
	field_from VMCS_GUEST_RIP, VCPU_RIP(%rdi)
	field_from VMCS_GUEST_RFLAGS, VCPU_RFLAGS(%rdi)
	mov	GPR(0)(%rdi), %rax
	load_used
	.endm

/* RSP and what it does. */
	.macro save_rest
	mov	$VMCS_GUEST_RSP, %ecx
	vmread	%rcx, GPR(4)(%rdi)
	save_kept
	.endm

	.section .text.axvm_vmx_enter, "ax"
	.balign	16
	.globl	axvm_vmx_enter
	.type	axvm_vmx_enter, @function
axvm_vmx_enter:
	push_host
	push	%rdi
	cmp	%rsp, VCPU_HOST_SP(%rdi)
	je	1f
	mov	%rsp, VCPU_HOST_SP(%rdi)
	field_from VMCS_HOST_RSP, %rsp
1:	field_from VMCS_GUEST_RSP, GPR(4)(%rdi)
	load_kept
	load_state
	vmlaunch
	jmp	not_entered

/* rdi = vcpu */
enter_all:
	field_from VMCS_GUEST_RSP, GPR(4)(%rdi)
	load_kept
/* rbp, r12 to r15 and RSP in the VMCS are the guest's */
enter_guest:
	load_state
	vmresume
/* Neither changes any register but the flags when it fails. */
not_entered:
	mov	(%rsp), %rdi
	save_rest
	call	axvm_vmx_not_entered
	jmp	leave

	.balign	16
	.globl	axvm_vmx_exit_rip
axvm_vmx_exit_rip:
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, GPR(0)(%rdi)
	save_used
	mov	$VMCS_GUEST_RIP, %eax
	vmread	%rax, VCPU_RIP(%rdi)
	mov	$VMCS_GUEST_RFLAGS, %eax
	vmread	%rax, VCPU_RFLAGS(%rdi)
	call	axvm_vmx_exit
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_guest

	save_rest
	cmp	$ALL_REGISTERS, %eax
	jne	leave
	forget_kept
	call	axvm_vmx_exit_all
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_all

leave:
	pop	%rdi
	pop_host
	ret
	.size	axvm_vmx_enter, . - axvm_vmx_enter

	.section .note.GNU-stack, "", @progbits
