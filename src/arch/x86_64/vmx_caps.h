/* SPDX-License-Identifier: BSD-2-Clause */
/* Which VMX controls this CPU has, and which of them are used. Pure logic. Intel SDM vol. 3D, appendix A "VMX Capability
 * Reporting Facility". */
#ifndef AXVM_X86_64_VMX_CAPS_H
#define AXVM_X86_64_VMX_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#define MSR_VMX_BASIC 0x480u
#define MSR_VMX_MISC 0x485u
#define MSR_VMX_CR0_FIXED0 0x486u
#define MSR_VMX_CR0_FIXED1 0x487u
#define MSR_VMX_CR4_FIXED0 0x488u
#define MSR_VMX_CR4_FIXED1 0x489u
#define MSR_VMX_PROCBASED2 0x48bu
#define MSR_VMX_EPT_VPID_CAP 0x48cu
#define MSR_VMX_TRUE_PINBASED 0x48du
#define MSR_VMX_TRUE_PROCBASED 0x48eu
#define MSR_VMX_TRUE_EXIT 0x48fu
#define MSR_VMX_TRUE_ENTRY 0x490u

/* The MSRs. Without the "true" ones, bit 55 of BASIC, CR3 exits could not be done without: such CPUs have no unrestricted
 * guest. */
struct axvm_vmx_raw {
    uint64_t basic, cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    uint64_t pin, cpu, cpu2, exit, entry; /* allowed 0-settings [31:0] and 1-settings [63:32] */
    uint64_t ept_vpid;
    uint64_t misc;
};

struct axvm_vmx_caps {
    uint32_t revision;
    uint32_t pin, cpu, cpu2, exit, entry; /* controls as a VMCS begins with */
    uint64_t cr0_fixed0, cr4_fixed0;      /* bits that are always set */
    uint64_t cr4_fixed1;                  /* bits that can be set */
    bool vpid, page_1g, page_2m, rdtscp, invpcid, pause_loop;
    bool timer;          /* VMX-preemption timer */
    bool deaf;           /* interrupts of the host do not end a guest's run that began with RFLAGS.IF clear: vmx_timer.c */
    uint32_t apicv;      /* secondary controls that serve a local APIC, which begin clear */
    uint8_t timer_shift; /* it counts TSC ticks >> this */
    uint8_t invept;      /* type to use: 1 single context, 2 all */
};

#define VMX_BASIC_REVISION AXVM_BITS(30, 0)
#define VMX_BASIC_SIZE AXVM_BITS(44, 32)
#define VMX_BASIC_32BIT AXVM_BIT(48) /* addresses of VMCS and the like are below 4 GiB */
#define VMX_BASIC_WB AXVM_BITS(53, 50)
#define VMX_BASIC_TRUE AXVM_BIT(55)

/*
 * Which of .apicv to use for a local APIC with IA32_APIC_BASE @base. @page: where registers are in xAPIC mode after a reset the
 * CPU finds its APIC-access page, which must not be there without "virtualize APIC accesses". What is not software enabled drops
 * interrupts, also those that it sends itself; no hardware looks after that.
 */
uint32_t axvm_vmx_apicv_choose(uint32_t apicv, uint64_t base, bool software_enabled, bool page);

/* False: something is missing that this library cannot do without. */
bool axvm_vmx_caps_init(struct axvm_vmx_caps *caps, const struct axvm_vmx_raw *raw);

#endif
