/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the payload guests, by multiboot 1 (eax = 0x2badb002, ebx = its information) or by PVH (ebx = struct hvm_start_info): both in
 * 32-bit protected mode. To long mode with the first 4 GiB mapped 1:1 in pages of 2 MiB. Other CPUs come by INIT and SIPI through
 * ap_trampoline, copied to AP_PAGE. An ELF32 file of 64-bit code: see CMakeLists.txt.
 */
#include "layout.h"

	.set	MULTIBOOT_FLAGS, 3	/* modules on page boundaries, memory information */

#ifndef NO_MULTIBOOT
	.section .head, "a"
	.balign	4
	.long	0x1badb002, MULTIBOOT_FLAGS, -(0x1badb002 + MULTIBOOT_FLAGS)
#endif

	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	pvh_start

	.text
	.code32
	.globl	_start
_start:
	mov	%eax, %edi
	jmp	1f
pvh_start:
	mov	$BOOT_PVH, %edi
1:	cli
	cld
	mov	%ebx, %esi
	mov	$_stacks + STACK_SIZE, %esp
	movl	$boot_pdpt + 7, boot_pml4
	mov	$boot_pd + 7, %eax
	xor	%ecx, %ecx
2:	mov	%eax, boot_pdpt(, %ecx, 8)
	add	$4096, %eax
	inc	%ecx
	cmp	$4, %ecx
	jne	2b
	xor	%ecx, %ecx
3:	mov	%ecx, %eax
	shl	$21, %eax
	or	$0x87, %eax		/* present, writable, user, 2 MiB */
	mov	%eax, boot_pd(, %ecx, 8)
	inc	%ecx
	cmp	$2048, %ecx
	jne	3b
	lgdt	boot_gdtr
	mov	$start64, %ebx

/* ebx = where to go in 64-bit mode; edi and esi stay. */
enter_long:
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	$0x80010033, %eax	/* PG, WP, NE, ET, MP, PE */
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $in_long
	.code64
in_long:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	%ebx, %ebx
	jmp	*%rbx

start64:
	mov	$_stacks + STACK_SIZE, %rsp
	mov	%edi, %edi
	mov	%esi, %esi
	call	guest_boot
	.globl	guest_park
guest_park:
	cli
	hlt
	jmp	guest_park

/* Its number is how many have come before it. */
ap64:
	mov	$1, %eax
	lock xadd %eax, guest_cpu_count
	cmp	$MAX_CPUS, %eax
	jae	guest_park
	mov	%eax, %edi
	inc	%eax
	shl	$STACK_SHIFT, %rax
	lea	_stacks(%rax), %rsp
	call	guest_ap_boot
	jmp	guest_park

	.code16
	.globl	ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AP_PAGE + (ap_gdtr - ap_trampoline)
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $ap32
	.balign	4
ap_gdtr:
	.word	GDT_LIMIT
	.long	boot_gdt
ap_trampoline_end:

	.code32
ap32:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$ap64, %ebx
	jmp	enter_long
	.code64

/* One entry of 16 bytes for each vector: a zero where the CPU pushes no error code, then the vector's number. */
	.balign	16
	.globl	guest_vectors
guest_vectors:
vector = 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push	$0
	.endif
	pushq	$vector
	jmp	save_and_call
	vector = vector + 1
	.endr

save_and_call:
	cld
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	guest_exception
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	.data
	.balign	16
	.globl	boot_gdt
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* SEL_CODE64 */
	.quad	0x00cf93000000ffff	/* SEL_DATA */
	.quad	0x00cf9b000000ffff	/* SEL_CODE32 */
	.quad	0x00cff3000000ffff	/* SEL_USER_DATA */
	.quad	0x00affb000000ffff	/* SEL_USER_CODE64 */
	.quad	0x00cffb000000ffff	/* SEL_USER_CODE32 */
	.quad	0x008f9b000000ffff	/* SEL_CODE16 */
	.fill	2 * MAX_CPUS, 8, 0	/* a TSS each */
boot_gdtr:
	.word	GDT_LIMIT
	.long	boot_gdt, 0

	.bss
	.balign	4096
	.globl	boot_pml4, boot_pdpt, boot_pd
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4 * 4096

	.section .note.GNU-stack, "", @progbits
