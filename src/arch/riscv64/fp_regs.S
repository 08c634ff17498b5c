/* SPDX-License-Identifier: BSD-2-Clause */
/* f0..f31 and fcsr to and from struct axvm_fp_regs at a0. Built with the D extension; sstatus.FS is not off. */
#include "arch_types.h"

#define ALL_FP 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31

	.section .text.axvm_fp_regs, "ax"
	.globl	axvm_fp_save_regs
	.type	axvm_fp_save_regs, @function
axvm_fp_save_regs:
	.irp n, ALL_FP
	fsd	f\n, (8 * \n)(a0)
	.endr
	frcsr	t0
	sd	t0, FP_FCSR(a0)
	ret
	.size	axvm_fp_save_regs, . - axvm_fp_save_regs

	.globl	axvm_fp_load_regs
	.type	axvm_fp_load_regs, @function
axvm_fp_load_regs:
	.irp n, ALL_FP
	fld	f\n, (8 * \n)(a0)
	.endr
	ld	t0, FP_FCSR(a0)
	fscsr	t0
	ret
	.size	axvm_fp_load_regs, . - axvm_fp_load_regs

	.section .note.GNU-stack, "", @progbits
