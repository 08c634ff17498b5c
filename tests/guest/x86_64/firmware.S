/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firmware image of 64 KiB that ends at 4 GiB: from the reset vector through what firmware does in real mode, with a line on COM1 for
 * each step. Its interrupt handlers are called at F000:xxxx, the image's copy below 1 MiB. Also for qemu-system-x86_64 -bios.
 */
	.set	COM1, 0x3f8
	.set	STACK, 0x7000
	.set	TICKS, 0x500		/* counted by the timer's handler */
	.set	CALLS, 0x504		/* by the software interrupt's */

	.macro	say text
	.section .rodata
9999:	.asciz	"\text\r\n"
	.text
	mov	$9999b, %si
	call	print
	.endm

	.text
	.code16
	.globl	_start
_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$STACK, %sp
	mov	$COM1 + 3, %dx		/* 8 bits, no parity */
	mov	$3, %al
	out	%al, %dx
	say	"firmware: reset vector"

	/* A far jump takes CS to the copy. */
	ljmp	$0xf000, $1f
1:	say	"firmware: below 1 MiB"

	movw	$software, 4 * 0x40
	movw	$0xf000, 4 * 0x40 + 2
	movl	$0, CALLS
	mov	$0x1234, %ax
	int	$0x40
	cmp	$0x4321, %ax
	jne	fail
	cmpl	$1, CALLS
	jne	fail
	say	"firmware: int"

	/* Protected mode and back, which leaves a segment of 4 GiB in real mode. */
	lgdtl	%cs:gdtr
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$8, %bx
	mov	%bx, %fs
	and	$0xfe, %al
	mov	%eax, %cr0
	movl	$0x200000, %ebx
	movl	$0x5aa55aa5, %fs:(%ebx)
	cmpl	$0x5aa55aa5, %fs:(%ebx)
	jne	fail
	say	"firmware: segment of 4 GiB"

	/* The local APIC lets the PIC's interrupts through: spurious vector and enable, LINT0 = ExtINT. */
	movl	$0xfee00000, %ebx
	movl	$0x1ff, %fs:0xf0(%ebx)
	movl	$0x700, %fs:0x350(%ebx)
	cmpl	$0x700, %fs:0x350(%ebx)
	jne	fail
	say	"firmware: virtual wire"

	/* PIT channel 0 every millisecond, PIC inputs at 8 and up, all masked but the first. */
	movw	$timer, 4 * 8
	movw	$0xf000, 4 * 8 + 2
	movl	$0, TICKS
	mov	$0x11, %al
	out	%al, $0x20
	mov	$8, %al
	out	%al, $0x21
	mov	$4, %al
	out	%al, $0x21
	mov	$1, %al
	out	%al, $0x21
	mov	$0xfe, %al
	out	%al, $0x21
	mov	$0x34, %al
	out	%al, $0x43
	mov	$1193 & 255, %al
	out	%al, $0x40
	mov	$1193 >> 8, %al
	out	%al, $0x40
1:	sti
	hlt
	cli
	cmpl	$5, TICKS
	jb	1b
	mov	$0xff, %al
	out	%al, $0x21
	say	"firmware: 5 timer interrupts"

	/* 32-bit code in protected mode, and back. */
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$16, $0xf0000 + in_32
	.code32
in_32:	mov	$8, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	$0x300000, %edi
	mov	$0x1000, %ecx
	mov	$0x11223344, %eax
	rep	stosl
	mov	$0x300000, %esi
	mov	$0x400000, %edi
	mov	$0x1000, %ecx
	rep	movsl
	mov	0x400000 + 0x3ffc, %edx
	ljmp	$24, $out_32
	.code16
out_32:	mov	$32, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%cr0, %eax
	and	$0xfe, %al
	mov	%eax, %cr0
	ljmp	$0xf000, $1f
1:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	cmp	$0x11223344, %edx
	jne	fail
	say	"firmware: protected mode and back"

	/* EFER.LME changes nothing before paging, whatever comes in between. */
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	xor	%eax, %eax
	cpuid
	mov	$0xc0000080, %ecx
	rdmsr
	test	$0x100, %eax
	jz	fail
	and	$~0x100, %eax
	wrmsr
	say	"firmware: long mode enabled, and not entered"

	mov	$0xf000, %ax
	mov	%ax, %ds
	mov	$string, %si
	mov	$string_end - string, %cx
	mov	$COM1, %dx
	rep	outsb
	xor	%ax, %ax
	mov	%ax, %ds
	say	"firmware: done"
	jmp	off
string:	.ascii	"firmware: string\r\n"
string_end:

fail:	say	"firmware: FAIL"
off:	mov	$COM1 + 5, %dx
1:	in	%dx, %al
	test	$0x40, %al
	jz	1b
	mov	$0x604, %dx
	mov	$0x2000, %ax
	out	%ax, %dx
1:	hlt
	jmp	1b

/* cs:si; changes al, dx, si */
print:
	mov	$COM1 + 5, %dx
1:	in	%dx, %al
	test	$0x20, %al
	jz	1b
	lodsb	%cs:(%si), %al
	test	%al, %al
	jz	2f
	mov	$COM1, %dx
	out	%al, %dx
	jmp	print
2:	ret

software:
	xchg	%al, %ah
	ror	$4, %al
	ror	$4, %ah
	incl	CALLS
	iret

timer:
	push	%ax
	incl	TICKS
	mov	$0x20, %al
	out	%al, $0x20
	pop	%ax
	iret

	.section .rodata
	.balign	8
gdt:	.quad	0
	.quad	0x00cf93000000ffff	/* 8: data of 4 GiB */
	.quad	0x00cf9b000000ffff	/* 16: 32-bit code of 4 GiB */
	.quad	0x00009b0f0000ffff	/* 24: 16-bit code at 0xf0000 */
	.quad	0x000093000000ffff	/* 32: 16-bit data at 0 */
gdtr:	.word	39
	.long	0xf0000 + gdt

	.section .reset, "ax"
	.code16
	jmp	_start
	.balign	16, 0

	.section .note.GNU-stack, "", @progbits
