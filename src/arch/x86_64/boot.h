/* SPDX-License-Identifier: BSD-2-Clause */
/* How vCPU 0 starts: what the loaders (boot.c) write into vm->arch.boot, and the vCPU's reset reads. */
#ifndef AXVM_X86_64_BOOT_H
#define AXVM_X86_64_BOOT_H

#include <stdint.h>

/*
 * In every mode: interrupts off, all general registers not named are 0, the FPU as after reset. But for RESET: segments are
 * flat, from the GDT at @gdt with the selectors below; limits 4 GiB.
 */
enum axvm_x86_boot_mode {
    /* Real mode as after power-on: CS base 0xffff0000, selector 0xf000, IP 0xfff0; the entry that is passed is not looked at.
     */
    AXVM_X86_BOOT_RESET,
    /* 32-bit protected mode, paging off, eip = entry, ebx = info (struct hvm_start_info). Xen, "x86/HVM direct boot ABI". */
    AXVM_X86_BOOT_PVH,
    /* The same, eax = AXVM_X86_MULTIBOOT_MAGIC, ebx = info. Multiboot Specification 0.6.96, "Machine state". */
    AXVM_X86_BOOT_MULTIBOOT,
    /* 64-bit mode, cr3 = the first 4 GiB one to one, rip = entry, rsi = info (struct boot_params). Linux,
     * Documentation/x86/boot.rst, "64-bit Boot Protocol". */
    AXVM_X86_BOOT_LINUX,
    /* The same for any ELF64 file: rdi = rbx = info (struct hvm_start_info). */
    AXVM_X86_BOOT_ELF64,
};

/* In the GDT: 0x10 code (execute/read, 64-bit or 32-bit as the mode is), 0x18 data (read/write), 0x20 a busy TSS (32 or 64
 * bit). */
#define AXVM_X86_BOOT_CS 0x10
#define AXVM_X86_BOOT_DS 0x18
#define AXVM_X86_BOOT_TR 0x20
#define AXVM_X86_MULTIBOOT_MAGIC 0x2badb002u

struct axvm_x86_boot {
    enum axvm_x86_boot_mode mode;
    uint64_t info; /* guest-physical address of what the mode passes; also the arg of axvm_arch_vcpu_reset() for vCPU 0 */
    uint64_t cr3;  /* of the 64-bit modes */
    uint64_t gdt;  /* guest-physical address; 0 for RESET */
    uint16_t gdt_limit;
};

#endif
