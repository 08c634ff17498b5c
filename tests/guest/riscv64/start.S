/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry of the payload guests: a RISC-V Image, S-mode, no translation. Other harts come in at guest_secondary: hart in a0. */
#define FRAME_SIZE 272

	.option norelax
	.section .text.head, "ax"
	.globl	_start
_start:
	.option push
	.option norvc
	j	entry
	nop
	.option pop
	.quad	0x200000		/* text_offset */
	.quad	_image_size
	.quad	0			/* little-endian */
	.long	2			/* version 0.2 */
	.long	0
	.quad	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\x05"
	.long	0

entry:
	mv	s0, a0
	mv	s1, a1
	lla	t0, _bss_start
	lla	t1, _bss_end
1:	bgeu	t0, t1, 2f
	sd	zero, 0(t0)
	addi	t0, t0, 8
	j	1b
2:	mv	a0, s0
	call	cpu_setup
	mv	a0, s1
	call	guest_main
	j	guest_park

	.balign	4
	.globl	guest_secondary
guest_secondary:
	mv	s0, a0
	mv	s1, a1
	call	cpu_setup
	mv	a0, s0
	mv	a1, s1
	call	guest_secondary_main
	.globl	guest_park
guest_park:
	wfi
	j	guest_park

/* a0 = number of this hart: its stack, vector, number in tp. */
cpu_setup:
	csrw	sie, zero
	csrci	sstatus, 2
	mv	tp, a0
	lla	t0, _stacks
	addi	t1, a0, 1
	slli	t1, t1, 14
	add	sp, t0, t1
	lla	t0, vector
	csrw	stvec, t0
	ret

	.balign	4
vector:
	addi	sp, sp, -FRAME_SIZE
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, (8 * \n)(sp)
	.endr
	csrr	t0, sepc
	sd	t0, (8 * 32)(sp)
	csrr	a0, scause
	mv	a1, sp
	call	guest_exception
	ld	t0, (8 * 32)(sp)
	csrw	sepc, t0
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, (8 * \n)(sp)
	.endr
	addi	sp, sp, FRAME_SIZE
	sret

	.section .note.GNU-stack, "", @progbits
