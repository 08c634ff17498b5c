/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch of VMX. Intel SDM vol. 3C, "VM Entries", "VM Exits".
 *
 * enum axvm_trap_kind axvm_vmx_enter(struct axvm_vcpu *vcpu): enter and handle exits until axvm_vmx_exit() wants out. Interrupts are off
 * before, after, and while handling; a VM exit brings back all of the host's registers that its handlers could need.
 *
 * On the stack: [rsp] = vcpu, above it the host's callee-saved registers. Between exit and entry rbx and rbp hold RFLAGS and RSP as the
 * VMCS has them.
 */
#include "arch_types.h"
#include "vmcs.h"

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
	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
1:	mov	VCPU_RFLAGS(%rdi), %rbx
	mov	$VMCS_GUEST_RFLAGS, %eax
	vmwrite	%rbx, %rax
	mov	(VCPU_GPR + 8 * 4)(%rdi), %rbp
	mov	$VMCS_GUEST_RSP, %eax
	vmwrite	%rbp, %rax

/* rdi = vcpu */
enter_guest:
	mov	$VMCS_GUEST_RIP, %eax
	vmwrite	VCPU_RIP(%rdi), %rax
	cmp	VCPU_RFLAGS(%rdi), %rbx
	jne	write_rflags
rflags_written:
	cmp	(VCPU_GPR + 8 * 4)(%rdi), %rbp
	jne	write_rsp
rsp_written:
	mov	VCPU_CR2(%rdi), %rax
	mov	%cr2, %rcx
	cmp	%rcx, %rax
	jne	write_cr2
cr2_written:
	cmpq	$0, VCPU_LAUNCHED(%rdi)
	mov	VCPU_GPR(%rdi), %rax
	mov	(VCPU_GPR + 8 * 1)(%rdi), %rcx
	mov	(VCPU_GPR + 8 * 2)(%rdi), %rdx
	mov	(VCPU_GPR + 8 * 3)(%rdi), %rbx
	mov	(VCPU_GPR + 8 * 5)(%rdi), %rbp
	mov	(VCPU_GPR + 8 * 6)(%rdi), %rsi
	mov	(VCPU_GPR + 8 * 8)(%rdi), %r8
	mov	(VCPU_GPR + 8 * 9)(%rdi), %r9
	mov	(VCPU_GPR + 8 * 10)(%rdi), %r10
	mov	(VCPU_GPR + 8 * 11)(%rdi), %r11
	mov	(VCPU_GPR + 8 * 12)(%rdi), %r12
	mov	(VCPU_GPR + 8 * 13)(%rdi), %r13
	mov	(VCPU_GPR + 8 * 14)(%rdi), %r14
	mov	(VCPU_GPR + 8 * 15)(%rdi), %r15
	mov	(VCPU_GPR + 8 * 7)(%rdi), %rdi
	je	launch
	vmresume
	jmp	not_entered
launch:
	vmlaunch

/* Neither changes any register but the flags when it fails. */
not_entered:
	mov	(%rsp), %rdi
	call	axvm_vmx_not_entered
	jmp	leave

write_rflags:
	mov	VCPU_RFLAGS(%rdi), %rcx
	mov	$VMCS_GUEST_RFLAGS, %eax
	vmwrite	%rcx, %rax
	jmp	rflags_written
write_rsp:
	mov	(VCPU_GPR + 8 * 4)(%rdi), %rcx
	mov	$VMCS_GUEST_RSP, %eax
	vmwrite	%rcx, %rax
	jmp	rsp_written
write_cr2:
	mov	%rax, %cr2
	jmp	cr2_written

	.balign	16
	.globl	axvm_vmx_exit_rip
axvm_vmx_exit_rip:
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, VCPU_GPR(%rdi)
	mov	%rcx, (VCPU_GPR + 8 * 1)(%rdi)
	mov	%rdx, (VCPU_GPR + 8 * 2)(%rdi)
	mov	%rbx, (VCPU_GPR + 8 * 3)(%rdi)
	mov	%rbp, (VCPU_GPR + 8 * 5)(%rdi)
	mov	%rsi, (VCPU_GPR + 8 * 6)(%rdi)
	popq	(VCPU_GPR + 8 * 7)(%rdi)
	mov	%r8, (VCPU_GPR + 8 * 8)(%rdi)
	mov	%r9, (VCPU_GPR + 8 * 9)(%rdi)
	mov	%r10, (VCPU_GPR + 8 * 10)(%rdi)
	mov	%r11, (VCPU_GPR + 8 * 11)(%rdi)
	mov	%r12, (VCPU_GPR + 8 * 12)(%rdi)
	mov	%r13, (VCPU_GPR + 8 * 13)(%rdi)
	mov	%r14, (VCPU_GPR + 8 * 14)(%rdi)
	mov	%r15, (VCPU_GPR + 8 * 15)(%rdi)
	mov	$VMCS_GUEST_RIP, %eax
	vmread	%rax, VCPU_RIP(%rdi)
	mov	$VMCS_GUEST_RFLAGS, %eax
	vmread	%rax, %rbx
	mov	%rbx, VCPU_RFLAGS(%rdi)
	mov	$VMCS_GUEST_RSP, %eax
	vmread	%rax, %rbp
	mov	%rbp, (VCPU_GPR + 8 * 4)(%rdi)
	mov	%cr2, %rax
	mov	%rax, VCPU_CR2(%rdi)
	movq	$1, VCPU_LAUNCHED(%rdi)
	/* What the guest has left in registers that C keeps across calls is not to be speculated on. */
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	call	axvm_vmx_exit
	mov	(%rsp), %rdi
	test	%eax, %eax
	jz	enter_guest

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
