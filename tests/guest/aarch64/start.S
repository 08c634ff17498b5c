/* SPDX-License-Identifier: BSD-2-Clause */
/* Entry of the payload guests: an arm64 Image, EL1, MMU off. Secondary CPUs come in at guest_secondary with their number in x0. */

#define FRAME_SIZE 288

	.section .text.head, "ax"
	.globl	_start
_start:
	b	entry
	nop
	.quad	0			/* text_offset */
	.quad	_image_end		/* image_size */
	.quad	0xa			/* little-endian, 4 KiB pages, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

entry:
	mov	x20, x0
	adrp	x1, _bss_start
	add	x1, x1, :lo12:_bss_start
	adrp	x2, _bss_end
	add	x2, x2, :lo12:_bss_end
1:	cmp	x1, x2
	b.hs	2f
	str	xzr, [x1], #8
	b	1b
2:	mov	x0, #0
	bl	cpu_setup
	mov	x0, x20
	bl	guest_main
	b	guest_park

	.globl	guest_secondary
guest_secondary:
	mov	x20, x0
	bl	cpu_setup
	mov	x0, x20
	bl	guest_secondary_main
	.globl	guest_park
guest_park:
	wfi
	b	guest_park

/* x0 = number of this CPU: its stack, vectors, FP on. */
cpu_setup:
	adrp	x1, _stacks
	add	x1, x1, :lo12:_stacks
	add	x2, x0, #1
	add	x1, x1, x2, lsl #14
	mov	sp, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	msr	tpidr_el1, x0
	mov	x1, #(3 << 20)
	msr	cpacr_el1, x1
	isb
	ret

	.macro	vector kind
	.balign	128
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	x0, #\kind
	b	save_and_call
	.endm

	.section .text.vectors, "ax"
	.balign	2048
vectors:
	.irp	kind, 0,1,2,3, 0,1,2,3, 4,5,6,7, 8,9,10,11
	vector	\kind
	.endr

save_and_call:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x30, x2, [sp, #240]
	str	x3, [sp, #256]
	mov	x1, sp
	bl	guest_exception
	ldp	x30, x2, [sp, #240]
	ldr	x3, [sp, #256]
	msr	elr_el1, x2
	msr	spsr_el1, x3
	ldp	x28, x29, [sp, #224]
	ldp	x26, x27, [sp, #208]
	ldp	x24, x25, [sp, #192]
	ldp	x22, x23, [sp, #176]
	ldp	x20, x21, [sp, #160]
	ldp	x18, x19, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret

	.section .note.GNU-stack, "", %progbits
