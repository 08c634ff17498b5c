/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX on and off. Intel SDM vol. 3C, "Introduction to Virtual Machine Extensions", "Enabling and Entering VMX Operation". */
#include <axvm/err.h>
#include <axvm/x86_64.h>

#include "cpu.h"
#include "mem.h"
#include "s2_format.h"
#include "vmx.h"

#define FEATURE_CONTROL_LOCK AXVM_BIT(0)
#define FEATURE_CONTROL_VMX AXVM_BIT(2) /* outside SMX */

static void read_caps(struct axvm_vmx_raw *raw)
{
    *raw = (struct axvm_vmx_raw){ .basic = axvm_rdmsr(MSR_VMX_BASIC) };
    if ((raw->basic & VMX_BASIC_TRUE) == 0)
        return;
    raw->misc = axvm_rdmsr(MSR_VMX_MISC);
    raw->cr0_fixed0 = axvm_rdmsr(MSR_VMX_CR0_FIXED0);
    raw->cr0_fixed1 = axvm_rdmsr(MSR_VMX_CR0_FIXED1);
    raw->cr4_fixed0 = axvm_rdmsr(MSR_VMX_CR4_FIXED0);
    raw->cr4_fixed1 = axvm_rdmsr(MSR_VMX_CR4_FIXED1);
    raw->pin = axvm_rdmsr(MSR_VMX_TRUE_PINBASED);
    raw->cpu = axvm_rdmsr(MSR_VMX_TRUE_PROCBASED);
    raw->exit = axvm_rdmsr(MSR_VMX_TRUE_EXIT);
    raw->entry = axvm_rdmsr(MSR_VMX_TRUE_ENTRY);
    /* Its MSR exists if the control does, and the next if EPT or VPID do. */
    if ((raw->cpu >> 32 & CPU_SECONDARY) == 0)
        return;
    raw->cpu2 = axvm_rdmsr(MSR_VMX_PROCBASED2);
    if (raw->cpu2 >> 32 & CPU2_EPT)
        raw->ept_vpid = axvm_rdmsr(MSR_VMX_EPT_VPID_CAP);
}

static bool probe(struct axvm_vmx_caps *caps)
{
    struct axvm_vmx_raw raw;
    uint64_t control;

    if ((axvm_cpuid(1, 0).ecx & AXVM_BIT(5)) == 0)
        return false;
    control = axvm_rdmsr(MSR_IA32_FEATURE_CONTROL);
    if ((control & FEATURE_CONTROL_LOCK) && !(control & FEATURE_CONTROL_VMX))
        return false;
    read_caps(&raw);
    return axvm_vmx_caps_init(caps, &raw);
}

bool axvm_vmx_present(void)
{
    struct axvm_vmx_caps caps;

    return probe(&caps);
}

unsigned int axvm_vmx_vmid_bits(void)
{
    struct axvm_vmx_caps caps;

    return probe(&caps) && caps.vpid ? 16 : 0;
}

void axvm_vmx_geometry(struct axvm_s2_geometry *geo)
{
    struct axvm_vmx_caps caps;

    geo->format = AXVM_S2F_EPT;
    geo->max_block_level = 3;
    if (probe(&caps) && caps.page_2m)
        geo->max_block_level = caps.page_1g ? 1 : 2;
}

/* ---- on ---- */

static bool vmxon(uint64_t pa)
{
    bool failed;

    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(pa) : "cc", "memory");
    return !failed;
}

static uint16_t read_tr(void)
{
    uint16_t tr;

    __asm__ volatile("str %0" : "=r"(tr));
    return tr;
}

/* Firmware that has left the choice to software: for as long as the machine runs. */
static void unlock(void)
{
    uint64_t control = axvm_rdmsr(MSR_IA32_FEATURE_CONTROL);

    if ((control & FEATURE_CONTROL_LOCK) == 0)
        axvm_wrmsr(MSR_IA32_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
}

static bool turn_on(struct axvm_vmx_cpu *x)
{
    x->old_cr0 = axvm_read_cr0();
    x->old_cr4 = axvm_read_cr4();
    unlock();
    /* CR0.NE has to be set, nothing else is missing in a 64-bit host. */
    if ((x->old_cr0 & x->caps.cr0_fixed0) != x->caps.cr0_fixed0)
        axvm_write_cr0(x->old_cr0 | x->caps.cr0_fixed0);
    axvm_write_cr4(x->old_cr4 | x->caps.cr4_fixed0);
    if (vmxon(x->region_pa))
        return true;
    axvm_write_cr4(x->old_cr4);
    axvm_write_cr0(x->old_cr0);
    return false;
}

static void free_page(struct axvm_cpu *cpu, uint64_t pa)
{
    cpu->hal.page_free(cpu->hal.ctx, axvm_hpa(pa), VMX_PAGE_ORDER);
}

/* Two pages: our own structure, and the CPU's. */
static struct axvm_vmx_cpu *alloc(struct axvm_cpu *cpu)
{
    const struct axvm_hal *hal = &cpu->hal;
    struct axvm_vmx_cpu *x;
    axvm_hpa_t own, region;

    if (!hal->page_alloc(hal->ctx, VMX_PAGE_ORDER, &own))
        return NULL;
    if (!hal->page_alloc(hal->ctx, VMX_PAGE_ORDER, &region)) {
        free_page(cpu, own.v);
        return NULL;
    }
    x = hal->phys_to_virt(hal->ctx, own);
    x->region_pa = region.v;
    x->region = hal->phys_to_virt(hal->ctx, region);
    return x;
}

static void free_both(struct axvm_cpu *cpu, struct axvm_vmx_cpu *x)
{
    const struct axvm_hal *hal = &cpu->hal;

    free_page(cpu, x->region_pa);
    free_page(cpu, hal->virt_to_phys(hal->ctx, x).v);
    cpu->arch.vmx = NULL;
}

/* A host without a task register cannot be come back to; one that has VMX on already uses it itself. */
static int host_fits(void)
{
    if (axvm_read_cr4() & CR4_VMXE)
        return AXVM_ERR_BUSY;
    return read_tr() != 0 ? AXVM_OK : AXVM_ERR_NOSUP;
}

/*
 * Bochs 2.7 delivers a virtual interrupt that waits for RFLAGS.IF as soon as an interrupt of the host comes, and tells
 * exits in the middle of that of another event. Linux hangs of it sooner or later. And see .deaf. Most of its models have a
 * revision that no real CPU has; and all that deliver virtual interrupts lack posted ones, which came together.
 */
#define BOCHS_REVISION 0x2bu
#define PIN_POSTED (AXVM_BIT(7) << 32) /* allowed to be set */

static bool is_bochs(const struct axvm_vmx_caps *caps)
{
    bool delivers = (caps->apicv & CPU2_VIRTUAL_IRQS) != 0;

    return caps->revision == BOCHS_REVISION || (delivers && (axvm_rdmsr(MSR_VMX_TRUE_PINBASED) & PIN_POSTED) == 0);
}

static void choose_apicv(struct axvm_vmx_caps *caps, uint32_t flags)
{
    caps->deaf = is_bochs(caps);
    if (flags & AXVM_X86_NO_APICV)
        caps->apicv = 0;
    if (caps->deaf && (flags & AXVM_X86_TRUST_APICV) == 0)
        caps->apicv &= ~(uint32_t)CPU2_VIRTUAL_IRQS;
}

int axvm_vmx_cpu_enable(struct axvm_cpu *cpu, const struct axvm_x86_cpu_config *cfg)
{
    struct axvm_vmx_caps caps;
    struct axvm_vmx_cpu *x;
    unsigned long irqs;
    int rc = host_fits();
    bool on;

    if (rc != AXVM_OK)
        return rc;
    if (!probe(&caps)) {
        axvm_log(&cpu->hal, AXVM_LOG_ERROR, "x86_64: VMX lacks EPT, unrestricted guests, or another control that is needed");
        return AXVM_ERR_NOSUP;
    }
    x = alloc(cpu);
    if (!x)
        return AXVM_ERR_NOMEM;
    choose_apicv(&caps, cfg->flags);
    x->caps = caps;
    memcpy(x->region, &caps.revision, sizeof(caps.revision));
    cpu->arch.vmx = x;
    irqs = axvm_irq_save();
    on = turn_on(x);
    axvm_irq_restore(irqs);
    if (!on) {
        free_both(cpu, x);
        return AXVM_ERR_NOSUP;
    }
    /* Whoever used VMX here before may have left something under the same numbers. */
    cpu->arch.flush_all = true;
    return AXVM_OK;
}

/* Every VMCS is cleared when its vCPU leaves the CPU: none is active here. */
void axvm_vmx_cpu_disable(struct axvm_cpu *cpu)
{
    struct axvm_vmx_cpu *x = cpu->arch.vmx;
    unsigned long irqs = axvm_irq_save();
    uint64_t cr4 = axvm_read_cr4();

    __asm__ volatile("vmxoff" : : : "cc", "memory");
    axvm_write_cr4(cr4 & ~CR4_VMXE);
    if ((x->old_cr0 & CR0_NE) == 0)
        axvm_write_cr0(axvm_read_cr0() & ~CR0_NE);
    axvm_irq_restore(irqs);
    free_both(cpu, x);
}
