/* SPDX-License-Identifier: BSD-2-Clause */
/* v0..v31 and the CSRs of vectors to and from struct axvm_vector_regs at a0. By number, as assemblers differ in whether they know V;
 * sstatus.VS is not off. "V" Standard Extension, "Vector Load/Store Whole Register Instructions". */
#include "arch_types.h"

#define CSR_VSTART 0x008
#define CSR_VCSR 0x00f
#define CSR_VL 0xc20
#define CSR_VTYPE 0xc21
#define CSR_VLENB 0xc22

/* VS8R.V and VL8RE8.V of v\first..v\first + 7 at a0. */
	.macro vs8r first
	.4byte	0xe2850027 | \first << 7
	.endm
	.macro vl8r first
	.4byte	0xe2850007 | \first << 7
	.endm

	.section .text.axvm_vector_regs, "ax"
	.globl	axvm_vector_save_regs
	.type	axvm_vector_save_regs, @function
axvm_vector_save_regs:
	csrr	t0, CSR_VSTART
	csrr	t1, CSR_VCSR
	csrr	t2, CSR_VL
	csrr	t3, CSR_VTYPE
	sd	t0, VECTOR_VSTART(a0)
	sd	t1, VECTOR_VCSR(a0)
	sd	t2, VECTOR_VL(a0)
	sd	t3, VECTOR_VTYPE(a0)
	csrw	CSR_VSTART, zero	/* where the stores would begin */
	csrr	t0, CSR_VLENB
	slli	t0, t0, 3
	addi	a0, a0, VECTOR_DATA
	vs8r	0
	add	a0, a0, t0
	vs8r	8
	add	a0, a0, t0
	vs8r	16
	add	a0, a0, t0
	vs8r	24
	ret
	.size	axvm_vector_save_regs, . - axvm_vector_save_regs

	.globl	axvm_vector_load_regs
	.type	axvm_vector_load_regs, @function
axvm_vector_load_regs:
	ld	t1, VECTOR_VL(a0)
	ld	t2, VECTOR_VTYPE(a0)
	ld	t3, VECTOR_VCSR(a0)
	ld	t4, VECTOR_VSTART(a0)
	csrw	CSR_VSTART, zero
	csrr	t0, CSR_VLENB
	slli	t0, t0, 3
	addi	a0, a0, VECTOR_DATA
	vl8r	0
	add	a0, a0, t0
	vl8r	8
	add	a0, a0, t0
	vl8r	16
	add	a0, a0, t0
	vl8r	24
	.4byte	0x80737057	/* vsetvl x0, t1, t2 */
	csrw	CSR_VCSR, t3
	csrw	CSR_VSTART, t4
	ret
	.size	axvm_vector_load_regs, . - axvm_vector_load_regs

/* uint64_t axvm_vlenb(void) */
	.globl	axvm_vlenb
	.type	axvm_vlenb, @function
axvm_vlenb:
	csrr	a0, CSR_VLENB
	ret
	.size	axvm_vlenb, . - axvm_vlenb

	.section .note.GNU-stack, "", @progbits
