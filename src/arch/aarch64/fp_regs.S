/* SPDX-License-Identifier: BSD-2-Clause */
/* FP/SIMD and SVE registers to and from memory. FP (and SVE) must not be trapped at EL2. Each clobbers x0..x3 at most. */

	.arch	armv8.2-a+fp+simd+sve

	.text

/* struct axvm_fp_regs: v0..v31, fpcr, fpsr */
	.globl	axvm_fp_save_regs
	.type	axvm_fp_save_regs, %function
axvm_fp_save_regs:
	stp	q0, q1, [x0]
	stp	q2, q3, [x0, #32]
	stp	q4, q5, [x0, #64]
	stp	q6, q7, [x0, #96]
	stp	q8, q9, [x0, #128]
	stp	q10, q11, [x0, #160]
	stp	q12, q13, [x0, #192]
	stp	q14, q15, [x0, #224]
	stp	q16, q17, [x0, #256]
	stp	q18, q19, [x0, #288]
	stp	q20, q21, [x0, #320]
	stp	q22, q23, [x0, #352]
	stp	q24, q25, [x0, #384]
	stp	q26, q27, [x0, #416]
	stp	q28, q29, [x0, #448]
	stp	q30, q31, [x0, #480]
	mrs	x1, fpcr
	mrs	x2, fpsr
	add	x0, x0, #512
	stp	x1, x2, [x0]
	ret
	.size	axvm_fp_save_regs, . - axvm_fp_save_regs

	.globl	axvm_fp_load_regs
	.type	axvm_fp_load_regs, %function
axvm_fp_load_regs:
	ldp	q0, q1, [x0]
	ldp	q2, q3, [x0, #32]
	ldp	q4, q5, [x0, #64]
	ldp	q6, q7, [x0, #96]
	ldp	q8, q9, [x0, #128]
	ldp	q10, q11, [x0, #160]
	ldp	q12, q13, [x0, #192]
	ldp	q14, q15, [x0, #224]
	ldp	q16, q17, [x0, #256]
	ldp	q18, q19, [x0, #288]
	ldp	q20, q21, [x0, #320]
	ldp	q22, q23, [x0, #352]
	ldp	q24, q25, [x0, #384]
	ldp	q26, q27, [x0, #416]
	ldp	q28, q29, [x0, #448]
	ldp	q30, q31, [x0, #480]
	add	x0, x0, #512
	ldp	x1, x2, [x0]
	msr	fpcr, x1
	msr	fpsr, x2
	ret
	.size	axvm_fp_load_regs, . - axvm_fp_load_regs

/* bytes in a vector at the current ZCR */
	.globl	axvm_sve_vl
	.type	axvm_sve_vl, %function
axvm_sve_vl:
	rdvl	x0, #1
	ret
	.size	axvm_sve_vl, . - axvm_sve_vl

	.macro	each_z op
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op	z\n, [x0, #\n, mul vl]
	.endr
	.endm

	.macro	each_p op
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	\op	p\n, [x2, #\n, mul vl]
	.endr
	.endm

/* x0: area; x1: vector length in bytes. z0..z31 first, then p0..p15, then ffr. */
	.globl	axvm_sve_save_regs
	.type	axvm_sve_save_regs, %function
axvm_sve_save_regs:
	add	x2, x0, x1, lsl #5
	each_z	str
	each_p	str
	rdffr	p0.b
	str	p0, [x2, #16, mul vl]
	ldr	p0, [x2]
	ret
	.size	axvm_sve_save_regs, . - axvm_sve_save_regs

	.globl	axvm_sve_load_regs
	.type	axvm_sve_load_regs, %function
axvm_sve_load_regs:
	add	x2, x0, x1, lsl #5
	ldr	p0, [x2, #16, mul vl]
	wrffr	p0.b
	each_z	ldr
	each_p	ldr
	ret
	.size	axvm_sve_load_regs, . - axvm_sve_load_regs

	.section .note.GNU-stack, "", %progbits
