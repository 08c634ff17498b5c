/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch: axvm_guest_enter() and the vectors that are in place while a guest's state is loaded.
 *
 * While the guest runs, SP_EL2 points at struct host_frame on the host's own stack:
 *     [sp, #0], [sp, #8]   scratch for the vector: the guest's x0, x1
 *     [sp, #16]            struct axvm_vcpu *
 *     [sp, #24]            ~sp: marks the frame for host_exception; cleared on the way out
 *     [sp, #32 ... #128)   the host's x19..x30
 * The handlers are C functions that run on that stack. A handler returns 0 (AXVM_TRAP_RESUME): the guest goes on, nothing but
 * x0..x30 having been saved; or another enum axvm_trap_kind: axvm_guest_enter() returns it.
 */
#include "arch_types.h"

#define FRAME_VCPU 16
#define FRAME_MARK 24
#define FRAME_REGS 32
#define FRAME_SIZE 128

	.arch armv8-a

/* SP -> frame of axvm_guest_enter(). All of the guest's x0..x30 to its struct; leaves x0 = vcpu, the rest clobbered. */
	.macro save_guest
	stp	x0, x1, [sp]
	ldr	x0, [sp, #FRAME_VCPU]
	stp	x2, x3, [x0, #VCPU_GPR + 8 * 2]
	stp	x4, x5, [x0, #VCPU_GPR + 8 * 4]
	stp	x6, x7, [x0, #VCPU_GPR + 8 * 6]
	stp	x8, x9, [x0, #VCPU_GPR + 8 * 8]
	stp	x10, x11, [x0, #VCPU_GPR + 8 * 10]
	stp	x12, x13, [x0, #VCPU_GPR + 8 * 12]
	stp	x14, x15, [x0, #VCPU_GPR + 8 * 14]
	stp	x16, x17, [x0, #VCPU_GPR + 8 * 16]
	stp	x18, x19, [x0, #VCPU_GPR + 8 * 18]
	stp	x20, x21, [x0, #VCPU_GPR + 8 * 20]
	stp	x22, x23, [x0, #VCPU_GPR + 8 * 22]
	stp	x24, x25, [x0, #VCPU_GPR + 8 * 24]
	stp	x26, x27, [x0, #VCPU_GPR + 8 * 26]
	stp	x28, x29, [x0, #VCPU_GPR + 8 * 28]
	ldp	x2, x3, [sp]
	str	x30, [x0, #VCPU_GPR + 8 * 30]
	stp	x2, x3, [x0, #VCPU_GPR]
	.endm

/* x0 = vcpu: load x0..x30 and enter. Nothing may be executed behind the eret, not even by speculation. */
	.macro enter_guest
	ldp	x2, x3, [x0, #VCPU_GPR + 8 * 2]
	ldp	x4, x5, [x0, #VCPU_GPR + 8 * 4]
	ldp	x6, x7, [x0, #VCPU_GPR + 8 * 6]
	ldp	x8, x9, [x0, #VCPU_GPR + 8 * 8]
	ldp	x10, x11, [x0, #VCPU_GPR + 8 * 10]
	ldp	x12, x13, [x0, #VCPU_GPR + 8 * 12]
	ldp	x14, x15, [x0, #VCPU_GPR + 8 * 14]
	ldp	x16, x17, [x0, #VCPU_GPR + 8 * 16]
	ldp	x18, x19, [x0, #VCPU_GPR + 8 * 18]
	ldp	x20, x21, [x0, #VCPU_GPR + 8 * 20]
	ldp	x22, x23, [x0, #VCPU_GPR + 8 * 22]
	ldp	x24, x25, [x0, #VCPU_GPR + 8 * 24]
	ldp	x26, x27, [x0, #VCPU_GPR + 8 * 26]
	ldp	x28, x29, [x0, #VCPU_GPR + 8 * 28]
	ldr	x30, [x0, #VCPU_GPR + 8 * 30]
	ldp	x0, x1, [x0, #VCPU_GPR]
	eret
	dsb	nsh
	isb
	.endm

	.section .text.axvm_guest_enter, "ax"

/* enum axvm_trap_kind axvm_guest_enter(struct axvm_vcpu *vcpu); ELR_EL2, SPSR_EL2 and all else but x0..x30 are the guest's. */
	.globl	axvm_guest_enter
	.type	axvm_guest_enter, %function
axvm_guest_enter:
	sub	sp, sp, #FRAME_SIZE
	stp	x19, x20, [sp, #FRAME_REGS]
	stp	x21, x22, [sp, #FRAME_REGS + 16]
	stp	x23, x24, [sp, #FRAME_REGS + 32]
	stp	x25, x26, [sp, #FRAME_REGS + 48]
	stp	x27, x28, [sp, #FRAME_REGS + 64]
	stp	x29, x30, [sp, #FRAME_REGS + 80]
	mov	x1, sp
	mvn	x1, x1
	stp	x0, x1, [sp, #FRAME_VCPU]
	enter_guest

/* A handler came back; x0 = its answer. */
leave_or_resume:
	cbnz	x0, leave
	ldr	x0, [sp, #FRAME_VCPU]
	enter_guest

leave:
	str	xzr, [sp, #FRAME_MARK]
	ldp	x19, x20, [sp, #FRAME_REGS]
	ldp	x21, x22, [sp, #FRAME_REGS + 16]
	ldp	x23, x24, [sp, #FRAME_REGS + 32]
	ldp	x25, x26, [sp, #FRAME_REGS + 48]
	ldp	x27, x28, [sp, #FRAME_REGS + 64]
	ldp	x29, x30, [sp, #FRAME_REGS + 80]
	add	sp, sp, #FRAME_SIZE
	ret
	.size	axvm_guest_enter, . - axvm_guest_enter

/*
 * An exception of EL2 itself while guest state is loaded: the library's or a HAL callback's fault. The host's vectors shall see
 * it exactly as if they had been in place: put them there and run the faulting instruction again. The way to them is the frame,
 * which is somewhere above SP.
 */
	.macro host_exception
	.balign 128
	sub	sp, sp, #16
	stp	x0, x1, [sp]
	b	host_exception
	.endm

	.macro from_guest handler
	.balign 128
	save_guest
	mrs	x1, esr_el2
	bl	\handler
	b	leave_or_resume
	.endm

	.section .text.axvm_vectors, "ax"
	.balign	2048
	.globl	axvm_vectors
	.type	axvm_vectors, %function
axvm_vectors:
	/* Current EL with SP_EL0, then with SP_EL2 */
	.rept	8
	host_exception
	.endr
	/* Lower EL, AArch64 */
	from_guest axvm_exit_sync
	from_guest axvm_exit_irq
	from_guest axvm_exit_fiq
	from_guest axvm_exit_serror
	/* Lower EL, AArch32 */
	from_guest axvm_exit_sync
	from_guest axvm_exit_irq
	from_guest axvm_exit_fiq
	from_guest axvm_exit_serror

host_exception:
	mrs	x0, elr_el2
	adr	x1, at_insn
	cmp	x0, x1
	b.eq	at_failed
find_frame:
	mov	x0, sp
1:	add	x0, x0, #16
	ldr	x1, [x0, #FRAME_MARK]
	mvn	x1, x1
	cmp	x0, x1
	b.ne	1b
	ldr	x0, [x0, #FRAME_VCPU]
	ldr	x0, [x0, #VCPU_HOST_VBAR]
	msr	vbar_el2, x0
	ldp	x0, x1, [sp], #16
	eret
	dsb	nsh
	isb
	.size	axvm_vectors, . - axvm_vectors

/*
 * void axvm_at_s1e1r(uint64_t va): stage 1 (and 2) of the guest, the result in PAR_EL1. A walk that meets an external abort, as in the
 * page of a passthrough device, raises it at EL2: that is then a failed translation. ELR_EL2 and SPSR_EL2 may be lost.
 */
	.globl	axvm_at_s1e1r
	.type	axvm_at_s1e1r, %function
axvm_at_s1e1r:
at_insn:
	at	s1e1r, x0
	isb
	ret

at_failed:
	mrs	x0, esr_el2
	lsr	x0, x0, #26
	cmp	x0, #0x25		/* data abort without a change of EL */
	b.ne	find_frame
	mov	x0, #1			/* PAR_EL1.F */
	msr	par_el1, x0
	add	x1, x1, #4
	msr	elr_el2, x1
	ldp	x0, x1, [sp], #16
	eret
	dsb	nsh
	isb
	.size	axvm_at_s1e1r, . - axvm_at_s1e1r

	.section .note.GNU-stack, "", %progbits
