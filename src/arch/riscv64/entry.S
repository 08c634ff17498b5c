/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch: axvm_guest_enter(), the trap vector that is in place while a guest's state is loaded, and accesses that may
 * trap in HS-mode.
 *
 * While the guest runs sscratch holds struct axvm_vcpu *; while a handler runs it is 0, which tells a trap of HS-mode itself. On the
 * host's own stack is a frame:
 *     [sp, 0]          struct axvm_vcpu *
 *     [sp, 8]          ~sp: marks the frame for host_trap; cleared on the way out
 *     [sp, 16 ... 144) the host's ra, gp, tp, s0..s11
 * Handlers are C functions that run on that stack, with the host's gp and tp. They return 0 (AXVM_TRAP_RESUME): the guest goes on,
 * nothing but x1..x31 having been saved; or another enum axvm_trap_kind: axvm_guest_enter() returns it by way of axvm_guest_left().
 *
 * The first one, axvm_exit_quick(), finds only those registers of the guest in memory that C would overwrite. s0..s11 are still in the
 * CPU, and are there again when it returns; if it needs one of them it returns AXVM_TRAP_SAVE_ALL, having done nothing, and
 * axvm_exit() finds all of them.
 */
#include "arch_types.h"

#define FRAME_VCPU 0
#define FRAME_MARK 8
#define FRAME_REGS 16
#define FRAME_SIZE 144

/* \op is ld or sd, for x\first..x\last at \base. */
	.macro gprs op, base, numbers:vararg
	.irp n, \numbers
	\op	x\n, (VCPU_GPR + 8 * \n)(\base)
	.endr
	.endm

/* What C overwrites, but for a0; and what it keeps. */
	.macro gprs_of_caller op, base
	gprs	\op, \base, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	.endm
	.macro gprs_of_callee op, base
	gprs	\op, \base, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	.endm

/* a0 = vcpu, which is in sscratch: load what C has overwritten and enter. */
	.macro enter_guest
	gprs_of_caller ld, a0
	ld	a0, (VCPU_GPR + 8 * 10)(a0)
	sret
	.endm

	.macro resume_guest
	csrw	sscratch, a0
	enter_guest
	.endm

	.section .text.axvm_guest_enter, "ax"
	.balign	4

/* enum axvm_trap_kind axvm_guest_enter(struct axvm_vcpu *vcpu); sepc, sstatus, hstatus and all else but x1..x31, stvec and
 * sscratch are the guest's. */
	.globl	axvm_guest_enter
	.type	axvm_guest_enter, @function
axvm_guest_enter:
	addi	sp, sp, -FRAME_SIZE
	sd	ra, (FRAME_REGS + 0)(sp)
	sd	gp, (FRAME_REGS + 8)(sp)
	sd	tp, (FRAME_REGS + 16)(sp)
	sd	s0, (FRAME_REGS + 24)(sp)
	sd	s1, (FRAME_REGS + 32)(sp)
	sd	s2, (FRAME_REGS + 40)(sp)
	sd	s3, (FRAME_REGS + 48)(sp)
	sd	s4, (FRAME_REGS + 56)(sp)
	sd	s5, (FRAME_REGS + 64)(sp)
	sd	s6, (FRAME_REGS + 72)(sp)
	sd	s7, (FRAME_REGS + 80)(sp)
	sd	s8, (FRAME_REGS + 88)(sp)
	sd	s9, (FRAME_REGS + 96)(sp)
	sd	s10, (FRAME_REGS + 104)(sp)
	sd	s11, (FRAME_REGS + 112)(sp)
	sd	a0, FRAME_VCPU(sp)
	not	t0, sp
	sd	t0, FRAME_MARK(sp)
	sd	sp, VCPU_HOST_SP(a0)
	lla	t0, axvm_vector
	csrrw	t0, stvec, t0
	csrrw	t1, sscratch, a0
	sd	t0, VCPU_HOST_STVEC(a0)
	sd	t1, VCPU_HOST_SSCRATCH(a0)
	gprs_of_callee ld, a0
	enter_guest
	.size	axvm_guest_enter, . - axvm_guest_enter

	.balign	4
	.globl	axvm_vector
	.type	axvm_vector, @function
axvm_vector:
	csrrw	a0, sscratch, a0
	beqz	a0, host_trap
	gprs_of_caller sd, a0
	csrrw	t0, sscratch, zero
	sd	t0, (VCPU_GPR + 8 * 10)(a0)
	ld	sp, VCPU_HOST_SP(a0)
	ld	gp, (FRAME_REGS + 8)(sp)
	ld	tp, (FRAME_REGS + 16)(sp)
	csrr	a1, scause
	call	axvm_exit_quick
	bnez	a0, 1f
	ld	a0, FRAME_VCPU(sp)
	resume_guest
1:	ld	a1, FRAME_VCPU(sp)
	gprs_of_callee sd, a1
	bgtz	a0, leave
	mv	a0, a1
	csrr	a1, scause
	call	axvm_exit
	ld	a1, FRAME_VCPU(sp)
	bnez	a0, leave
	mv	a0, a1
	gprs_of_callee ld, a0
	resume_guest

/* a0 = why, a1 = vcpu. All else, stvec and sscratch too, C gives back to the host, and returns to who called axvm_guest_enter(). */
leave:
	sd	zero, FRAME_MARK(sp)
	ld	ra, (FRAME_REGS + 0)(sp)
	ld	s0, (FRAME_REGS + 24)(sp)
	ld	s1, (FRAME_REGS + 32)(sp)
	ld	s2, (FRAME_REGS + 40)(sp)
	ld	s3, (FRAME_REGS + 48)(sp)
	ld	s4, (FRAME_REGS + 56)(sp)
	ld	s5, (FRAME_REGS + 64)(sp)
	ld	s6, (FRAME_REGS + 72)(sp)
	ld	s7, (FRAME_REGS + 80)(sp)
	ld	s8, (FRAME_REGS + 88)(sp)
	ld	s9, (FRAME_REGS + 96)(sp)
	ld	s10, (FRAME_REGS + 104)(sp)
	ld	s11, (FRAME_REGS + 112)(sp)
	addi	sp, sp, FRAME_SIZE
	tail	axvm_guest_left
	.size	axvm_vector, . - axvm_vector

/*
 * A trap of HS-mode itself while guest state is loaded: the library's or a HAL callback's fault. The host's vector shall see it
 * exactly as if it had been in place: put it there and run the faulting instruction again. The way to it is the frame, which is
 * somewhere above sp. a0 and sscratch are exchanged.
 */
host_trap:
	csrrw	a0, sscratch, a0
	addi	sp, sp, -16
	sd	t0, 0(sp)
	sd	t1, 8(sp)
	mv	t0, sp
1:	addi	t0, t0, 16
	ld	t1, FRAME_MARK(t0)
	not	t1, t1
	bne	t0, t1, 1b
	ld	t0, FRAME_VCPU(t0)
	ld	t0, VCPU_HOST_STVEC(t0)
	csrw	stvec, t0
	ld	t0, 0(sp)
	ld	t1, 8(sp)
	addi	sp, sp, 16
	sret

/*
 * bool axvm_hlvx_hu(uint64_t va, uint64_t *val), axvm_hlvx_wu(): fetch 16 or 32 bits as the guest that hstatus.SPVP describes would
 * fetch them. False when that traps: sepc, scause, stval, htval, htinst, hstatus and sstatus are then those of the trap.
 */
	.macro hlvx name, which
	.section .text.axvm_\name, "ax"
	.balign	4
	.globl	axvm_\name
	.type	axvm_\name, @function
axvm_\name:
	lla	t0, 1f
	csrrw	t0, stvec, t0
	mv	t1, a0
	li	a0, 0
	.insn	r 0x73, 0x4, \which, t2, t1, x3	/* hlvx t2, (t1) */
	li	a0, 1
	sd	t2, 0(a1)
	.balign	4
1:	csrw	stvec, t0
	ret
	.size	axvm_\name, . - axvm_\name
	.endm

	hlvx	hlvx_hu, 0x32
	hlvx	hlvx_wu, 0x34

/*
 * bool axvm_csr_exists_<name>(void): does reading it trap? Interrupts are off; sepc and sstatus stay as they were.
 */
	.macro csr_exists name, number
	.section .text.axvm_csr_exists_\name, "ax"
	.balign	4
	.globl	axvm_csr_exists_\name
	.type	axvm_csr_exists_\name, @function
axvm_csr_exists_\name:
	csrr	t2, sepc
	csrr	t3, sstatus
	lla	t0, 1f
	csrrw	t0, stvec, t0
	li	a0, 0
	csrr	t1, \number
	li	a0, 1
	.balign	4
1:	csrw	stvec, t0
	csrw	sstatus, t3
	csrw	sepc, t2
	ret
	.size	axvm_csr_exists_\name, . - axvm_csr_exists_\name
	.endm

	csr_exists hgatp, 0x680
	csr_exists henvcfg, 0x60a
	csr_exists hstateen0, 0x60c
	csr_exists vsiselect, 0x250
	csr_exists vstimecmp, 0x24d
	csr_exists hvictl, 0x609
	csr_exists cycle, 0xc00
	csr_exists instret, 0xc02
	csr_exists vlenb, 0xc22

/*
 * bool axvm_misaligned_traps(uint64_t at[2]): does a misaligned load or store bring HS-mode an exception? If not, CPU or firmware do all
 * of them. Interrupts are off; sepc and sstatus stay as they were.
 */
	.section .text.axvm_misaligned_traps, "ax"
	.balign	4
	.globl	axvm_misaligned_traps
	.type	axvm_misaligned_traps, @function
axvm_misaligned_traps:
	csrr	t2, sepc
	csrr	t3, sstatus
	lla	t0, 1f
	csrrw	t0, stvec, t0
	mv	t4, a0
	li	a0, 1
	ld	t1, 1(t4)
	sd	t1, 1(t4)
	li	a0, 0
	.balign	4
1:	csrw	stvec, t0
	csrw	sstatus, t3
	csrw	sepc, t2
	ret
	.size	axvm_misaligned_traps, . - axvm_misaligned_traps

	.section .note.GNU-stack, "", @progbits
