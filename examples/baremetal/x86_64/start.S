/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each CPU's way from the boot loader to C. The boot CPU comes by multiboot 1: 32-bit protected mode without paging, eax = 0x2badb002, ebx =
 * struct multiboot_info. The others come by SIPI, in real mode. The first 4 GiB are mapped 1:1 in pages of 2 MiB, of which only
 * the one with our code is executable; board_map_ram() adds what is above.
 */
#include "x86.h"

    .set MULTIBOOT_FLAGS, 3 /* modules on page boundaries; we want the memory map */

    .section .head, "a"
    .balign 4
    .long 0x1badb002, MULTIBOOT_FLAGS, -(0x1badb002 + MULTIBOOT_FLAGS)

    .section .text.start, "ax"
    .code32
    .global image_entry
image_entry:
    cli
    cld
    mov %eax, %edi
    mov %ebx, %esi
    mov $boot_stack_top, %esp
    /* 3: present and writable */
    movl $boot_pdpt + 3, boot_pml4
    xor %ecx, %ecx
    mov $boot_pd + 3, %eax
1:  mov %eax, boot_pdpt(, %ecx, 8)
    add $4096, %eax
    inc %ecx
    cmp $4, %ecx
    jne 1b
    /* 0x83: and a page of 2 MiB; bit 63: not executable */
    xor %ecx, %ecx
2:  mov %ecx, %eax
    shl $21, %eax
    or $0x83, %eax
    mov %eax, boot_pd(, %ecx, 8)
    movl $0x80000000, boot_pd + 4(, %ecx, 8)
    inc %ecx
    cmp $2048, %ecx
    jne 2b
    /* Ours: executable, and not writable. */
    movl $IMAGE_BASE + 0x81, boot_pd + (IMAGE_BASE >> 21) * 8
    movl $0, boot_pd + (IMAGE_BASE >> 21) * 8 + 4
    lgdt boot_gdtr
    mov $start64, %ebx

/* ebx: where to go in 64-bit mode; edi and esi stay. */
enter_long:
    mov $0x20, %eax /* PAE */
    mov %eax, %cr4
    mov $boot_pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* EFER */
    rdmsr
    or $0x901, %eax /* NXE, LME, SCE */
    wrmsr
    mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
    mov %eax, %cr0
    ljmp $SEL_CODE64, $in_long
    .code64
in_long:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov %ebx, %ebx
    jmp *%rbx

start64:
    mov $boot_stack_top, %rsp
    mov %edi, %edi
    mov %esi, %esi
    xor %ebp, %ebp
    call board_start
1:  cli
    hlt
    jmp 1b

ap64:
    mov ap_stack, %rsp
    mov -16(%rsp), %rdi
    xor %ebp, %ebp
    call secondary_main

    .code16
    .global ap_trampoline, ap_trampoline_end
ap_trampoline:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl AP_PAGE + (ap_gdtr - ap_trampoline)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $ap32
    .balign 4
ap_gdtr:
    .word GDT_ENTRIES * 8 - 1
    .long gdt
ap_trampoline_end:

    .code32
ap32:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $ap64, %ebx
    jmp enter_long

    .data
    .balign 16
    .global gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* SEL_CODE64 */
    .quad 0x00cf93000000ffff /* SEL_DATA */
    .quad 0x00cf9b000000ffff /* SEL_CODE32 */
    .fill GDT_ENTRIES - 4, 8, 0
boot_gdtr:
    .word GDT_ENTRIES * 8 - 1
    .long gdt, 0
    .balign 8
    /* The stack of the CPU that is being started; below its top is the CPU's struct cpu. */
    .global ap_stack
ap_stack:
    .quad 0

    .bss
    .balign 4096
    .global boot_pml4, boot_pdpt, boot_pd
boot_pml4:
    .space 4096
boot_pdpt:
    .space 4096
boot_pd:
    .space 4 * 4096
    .global boot_stack
boot_stack:
    .space 16384
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
