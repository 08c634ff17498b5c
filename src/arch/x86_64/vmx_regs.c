/* SPDX-License-Identifier: BSD-2-Clause */
/* A loaded guest's registers, in the VMCS; what of them is the host's to say; events and windows. */
#include <axvm/err.h>

#include "cpu.h"
#include "vmx.h"

/* ---- segments ---- */

/* The VMCS has bits 15:12 where the VMCB has 11:8, and "unusable" at 16. */
struct axvm_x86_seg axvm_vmx_get_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg)
{
    uint64_t n = 2 * (uint64_t)reg, attr = axvm_vmread(VMCS_GUEST_ES_ATTR + n);
    struct axvm_x86_seg s = {
        .sel = (uint16_t)axvm_vmread(VMCS_GUEST_ES + n),
        .attr = (uint16_t)((attr & ATTR_LOW) | (attr & ATTR_HIGH) >> 4 | (attr & ATTR_UNUSABLE ? SEG_UNUSABLE : 0)),
        .limit = (uint32_t)axvm_vmread(VMCS_GUEST_ES_LIMIT + n),
        .base = axvm_vmread(VMCS_GUEST_ES_BASE + n),
    };

    (void)vcpu;
    return s;
}

void axvm_vmx_set_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg, struct axvm_x86_seg seg)
{
    uint64_t n = 2 * (uint64_t)reg, attr = (seg.attr & ATTR_LOW) | ((uint64_t)seg.attr << 4 & ATTR_HIGH);

    (void)vcpu;
    if ((seg.attr & SEG_UNUSABLE) || (seg.attr & SEG_P) == 0)
        attr = ATTR_UNUSABLE;
    axvm_vmwrite(VMCS_GUEST_ES_ATTR + n, attr);
    axvm_vmwrite(VMCS_GUEST_ES + n, seg.sel);
    axvm_vmwrite(VMCS_GUEST_ES_LIMIT + n, seg.limit);
    axvm_vmwrite(VMCS_GUEST_ES_BASE + n, seg.base);
}

struct axvm_x86_seg axvm_vmx_get_table(struct axvm_vcpu *vcpu, bool idt)
{
    struct axvm_x86_seg s = {
        .limit = (uint32_t)axvm_vmread(idt ? VMCS_GUEST_IDTR_LIMIT : VMCS_GUEST_GDTR_LIMIT),
        .base = axvm_vmread(idt ? VMCS_GUEST_IDTR_BASE : VMCS_GUEST_GDTR_BASE),
    };

    (void)vcpu;
    return s;
}

void axvm_vmx_set_table(struct axvm_vcpu *vcpu, bool idt, struct axvm_x86_seg seg)
{
    (void)vcpu;
    axvm_vmwrite(idt ? VMCS_GUEST_IDTR_LIMIT : VMCS_GUEST_GDTR_LIMIT, seg.limit & 0xffff);
    axvm_vmwrite(idt ? VMCS_GUEST_IDTR_BASE : VMCS_GUEST_GDTR_BASE, seg.base);
}

/* ---- control registers ---- */

/* Bits of CR4 that the guest changes without an exit: they change nothing but its own. */
#define CR4_GUEST_OWNED (CR4_PGE | CR4_TSD)

static uint64_t cr4_owned(const struct axvm_vcpu *vcpu)
{
    return CR4_GUEST_OWNED & vcpu->vm->arch.cpuid->limits.cr4;
}

static uint64_t get_cr4(struct axvm_vcpu *vcpu)
{
    uint64_t owned = cr4_owned(vcpu);

    return (axvm_vmread(VMCS_GUEST_CR4) & owned) | (axvm_vmread(VMCS_CR4_SHADOW) & ~owned);
}

static void set_cr4(struct axvm_vcpu *vcpu, uint64_t val)
{
    axvm_vmwrite(VMCS_GUEST_CR4, val | axvm_vmx_of(vcpu)->caps->cr4_fixed0);
    axvm_vmwrite(VMCS_CR4_SHADOW, val);
    axvm_vmwrite(VMCS_CR4_MASK, ~cr4_owned(vcpu));
}

static void set_efer(struct axvm_vcpu *vcpu, uint64_t val)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint32_t entry = (uint32_t)(vmx->entry & ~ENTRY_LONG_MODE);

    /* "Checks on Guest Control Registers, Debug Registers, and MSRs": LMA is the control. */
    if (val & EFER_LMA)
        entry |= ENTRY_LONG_MODE;
    vmx->efer = val;
    axvm_vmwrite(VMCS_GUEST_EFER, val);
    axvm_vmx_set_syscall(vmx, (val & EFER_SCE) != 0);
    if (entry != vmx->entry) {
        vmx->entry = entry;
        axvm_vmwrite(VMCS_ENTRY_CONTROLS, entry);
    }
}

uint64_t axvm_vmx_get_reg(struct axvm_vcpu *vcpu, enum axvm_vmx_reg reg)
{
    switch (reg) {
    case AXVM_VMX_CR0: /* as it is in hardware */
        return axvm_vmread(VMCS_GUEST_CR0);
    case AXVM_VMX_CR2: /* in the CPU, as DR6: vmx_switch.c */
        return axvm_read_cr2();
    case AXVM_VMX_CR3:
        return axvm_vmread(VMCS_GUEST_CR3);
    case AXVM_VMX_CR4:
        return get_cr4(vcpu);
    case AXVM_VMX_EFER:
        return axvm_vmx_of(vcpu)->efer;
    case AXVM_VMX_DR6:
        return axvm_read_dr6();
    case AXVM_VMX_DR7:
        return axvm_vmread(VMCS_GUEST_DR7);
    case AXVM_VMX_PAT:
        return axvm_vmread(VMCS_GUEST_PAT);
    case AXVM_VMX_CPL:
        return axvm_field(axvm_vmread(VMCS_GUEST_SS_ATTR), SEG_DPL);
    }
    return 0;
}

void axvm_vmx_set_reg(struct axvm_vcpu *vcpu, enum axvm_vmx_reg reg, uint64_t val)
{
    switch (reg) {
    case AXVM_VMX_CR2:
        axvm_write_cr2(val);
        break;
    case AXVM_VMX_CR3:
        axvm_vmwrite(VMCS_GUEST_CR3, val);
        break;
    case AXVM_VMX_CR4:
        set_cr4(vcpu, val);
        break;
    case AXVM_VMX_EFER:
        set_efer(vcpu, val);
        break;
    case AXVM_VMX_DR6:
        axvm_write_dr6(val);
        break;
    case AXVM_VMX_DR7:
        axvm_vmwrite(VMCS_GUEST_DR7, val);
        break;
    case AXVM_VMX_PAT:
        axvm_vmwrite(VMCS_GUEST_PAT, val);
        break;
    case AXVM_VMX_CR0: /* axvm_vmx_set_cr0() */
    case AXVM_VMX_CPL:
        break;
    }
}

void axvm_vmx_set_pdptes(struct axvm_vcpu *vcpu, const uint64_t pdpte[4])
{
    (void)vcpu;
    for (unsigned int i = 0; i < 4; i++)
        axvm_vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, pdpte[i]);
}

/* ---- MSRs ---- */

/* In vmx->msr: the guest does not write them without our knowing. */
static int msr_slot(uint32_t msr)
{
    switch (msr) {
    case MSR_STAR:
        return VMX_STAR;
    case MSR_LSTAR:
        return VMX_LSTAR;
    case MSR_CSTAR:
        return VMX_CSTAR;
    case MSR_SFMASK:
        return VMX_SFMASK;
    default:
        return -1;
    }
}

/* Fields of the VMCS; the guest reaches them without an exit. */
static uint64_t msr_field(uint32_t msr)
{
    switch (msr) {
    case MSR_FS_BASE:
        return VMCS_GUEST_ES_BASE + 2 * AXVM_X86_FS;
    case MSR_GS_BASE:
        return VMCS_GUEST_ES_BASE + 2 * AXVM_X86_GS;
    case MSR_IA32_SYSENTER_CS:
        return VMCS_GUEST_SYSENTER_CS;
    case MSR_IA32_SYSENTER_ESP:
        return VMCS_GUEST_SYSENTER_ESP;
    case MSR_IA32_SYSENTER_EIP:
        return VMCS_GUEST_SYSENTER_EIP;
    default:
        return 0;
    }
}

int axvm_vmx_read_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val)
{
    int slot = msr_slot(msr);
    uint64_t field = msr_field(msr);

    if (slot >= 0)
        *val = axvm_vmx_of(vcpu)->msr[slot];
    else if (field != 0)
        *val = axvm_vmread(field);
    else if (msr == MSR_KERNEL_GS_BASE)
        *val = axvm_rdmsr(msr);
    else
        return AXVM_ERR_GUEST;
    return AXVM_OK;
}

int axvm_vmx_write_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    int slot = msr_slot(msr);
    uint64_t field = msr_field(msr);

    if (slot >= 0)
        vmx->msr[slot] = val;
    if (field != 0)
        axvm_vmwrite(field, val);
    else if (msr == MSR_KERNEL_GS_BASE || (slot >= 0 && vmx->syscall))
        axvm_wrmsr(msr, val);
    else if (slot < 0)
        return AXVM_ERR_GUEST;
    return AXVM_OK;
}

/* ---- what is exchanged lazily ---- */

static void set_exceptions(struct axvm_vmx *vmx, uint32_t exceptions)
{
    if (exceptions == vmx->exceptions)
        return;
    vmx->exceptions = exceptions;
    axvm_vmwrite(VMCS_EXCEPTIONS, exceptions);
}

/* While the guest's FP registers are loaded it sets and clears CR0.TS by itself; without them TS is set, and #NM exits. */
void axvm_vmx_set_cr0(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    bool fp = vcpu->arch.fp_loaded;
    uint64_t val = vcpu->arch.cr0;

    axvm_vmwrite(VMCS_GUEST_CR0, (val & ~CR0_HIDDEN) | vmx->caps->cr0_fixed0 | (fp ? 0 : CR0_TS));
    axvm_vmwrite(VMCS_CR0_SHADOW, val);
    axvm_vmwrite(VMCS_CR0_MASK, fp ? ~CR0_LAZY : UINT64_MAX);
    set_exceptions(vmx, (vmx->exceptions & ~(1u << X86_NM)) | (fp ? 0 : 1u << X86_NM));
}

void axvm_vmx_fp_access(struct axvm_vcpu *vcpu, bool on)
{
    (void)on;
    axvm_vmx_set_cr0(vcpu);
}

static void set_cpu_control(struct axvm_vmx *vmx, uint32_t bit, bool on)
{
    uint32_t cpu = on ? vmx->cpu | bit : vmx->cpu & ~bit;

    if (cpu == vmx->cpu)
        return;
    vmx->cpu = cpu;
    axvm_vmwrite(VMCS_CPU_CONTROLS, cpu);
}

void axvm_vmx_dr_access(struct axvm_vcpu *vcpu, bool on)
{
    set_cpu_control(axvm_vmx_of(vcpu), CPU_MOV_DR, !on);
}

void axvm_vmx_set_tsc_offset(struct axvm_vcpu *vcpu, uint64_t offset)
{
    axvm_vmx_of(vcpu)->tsc_offset = offset;
    axvm_vmwrite(VMCS_TSC_OFFSET, offset);
}

/* ---- events ---- */

/* Error codes have 16 bits; the upper ones have to be clear. "VM-Entry Controls for Event Injection" */
void axvm_vmx_inject(struct axvm_vcpu *vcpu, uint64_t event)
{
    (void)vcpu;
    axvm_vmwrite(VMCS_ENTRY_EVENT, event & (EVENT_INFO | EVENT_VALID));
    if (event & EVENT_HAS_ERROR)
        axvm_vmwrite(VMCS_ENTRY_ERROR, axvm_field(event, EVENT_ERROR) & 0xffff);
}

bool axvm_vmx_int_shadow(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    return (axvm_vmread(VMCS_BLOCKING) & (BLOCKING_STI | BLOCKING_MOV_SS)) != 0;
}

void axvm_vmx_clear_int_shadow(struct axvm_vcpu *vcpu)
{
    uint64_t blocking = axvm_vmread(VMCS_BLOCKING);

    (void)vcpu;
    if (__builtin_expect((blocking & (BLOCKING_STI | BLOCKING_MOV_SS)) != 0, 0))
        axvm_vmwrite(VMCS_BLOCKING, blocking & ~(BLOCKING_STI | BLOCKING_MOV_SS));
}

void axvm_vmx_irq_window(struct axvm_vcpu *vcpu, bool on)
{
    set_cpu_control(axvm_vmx_of(vcpu), CPU_IRQ_WINDOW, on);
}

bool axvm_vmx_nmi_blocked(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    return (axvm_vmread(VMCS_BLOCKING) & BLOCKING_NMI) != 0;
}

bool axvm_vmx_nmi_allowed(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    return (axvm_vmread(VMCS_BLOCKING) & (BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_NMI)) == 0;
}

void axvm_vmx_nmi_window(struct axvm_vcpu *vcpu, bool on)
{
    set_cpu_control(axvm_vmx_of(vcpu), CPU_NMI_WINDOW, on);
}

/* ---- TPR: byte 80h of the virtual-APIC page ---- */

/* The threshold must not be beyond TPR: "VM-Execution Control Fields", checks. */
void axvm_vmx_set_cr8(struct axvm_vcpu *vcpu, uint8_t cr8, uint8_t threshold)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint8_t t = threshold < cr8 ? threshold : cr8;

    /* All of TPR: the guest may read it there. */
    vmx->tpr = (uint8_t)atomic_load_explicit(&vcpu->arch.lapic.tpr, memory_order_relaxed);
    ((uint8_t *)axvm_vmx_vapic(vmx))[VMX_VAPIC_TPR] = vmx->tpr;
    if (t != vmx->tpr_threshold) {
        vmx->tpr_threshold = t;
        axvm_vmwrite(VMCS_TPR_THRESHOLD, t);
    }
}

/* ---- translations ---- */

/* Both the guest-physical ones and those combined with the guest's own tables, under all numbers. */
void axvm_vmx_flush(struct axvm_vcpu *vcpu)
{
    const struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    axvm_invept(vmx->caps->invept, vmx->eptp);
}
