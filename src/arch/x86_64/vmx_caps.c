/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx_caps.h"

#include "../../devices/lapic.h"
#include "vmcs.h"

/* MSR_VMX_EPT_VPID_CAP */
#define EPT_CAP_4_LEVELS AXVM_BIT(6)
#define EPT_CAP_WB AXVM_BIT(14)
#define EPT_CAP_2M AXVM_BIT(16)
#define EPT_CAP_1G AXVM_BIT(17)
#define EPT_CAP_INVEPT AXVM_BIT(20)
#define EPT_CAP_INVEPT_SINGLE AXVM_BIT(25)
#define EPT_CAP_INVEPT_ALL AXVM_BIT(26)
#define EPT_CAP_INVVPID AXVM_BIT(32)
#define EPT_CAP_INVVPID_ALL AXVM_BIT(42)

#define VMX_MISC_TIMER_SHIFT AXVM_BITS(4, 0)
#define CR0_PE_PG (AXVM_BIT(0) | AXVM_BIT(31))

/* A word of controls: what it must have, may have, and must be able to do without. */
struct want {
    uint64_t must, may, not ;
};

static const struct want pin = { PIN_EXTERNAL | PIN_NMI | PIN_VIRTUAL_NMI, PIN_TIMER, 0 };
static const struct want cpu = {
    CPU_TSC_OFFSET | CPU_HLT | CPU_MWAIT | CPU_RDPMC | CPU_TPR_SHADOW | CPU_MOV_DR | CPU_IO_BITMAPS | CPU_MSR_BITMAPS |
        CPU_MONITOR | CPU_SECONDARY,
    0,
    CPU_IRQ_WINDOW | CPU_NMI_WINDOW | CPU_INVLPG | CPU_RDTSC | CPU_CR3_LOAD | CPU_CR3_STORE | CPU_CR8_LOAD | CPU_CR8_STORE |
        CPU_PAUSE,
};
#define CPU2_APICV (CPU2_APIC_ACCESSES | CPU2_X2APIC | CPU2_APIC_REGISTERS | CPU2_VIRTUAL_IRQS)

static const struct want cpu2 = {
    CPU2_EPT | CPU2_UNRESTRICTED,
    CPU2_VPID | CPU2_WBINVD | CPU2_RDTSCP | CPU2_INVPCID | CPU2_PAUSE_LOOP | CPU2_ENCLS | CPU2_APICV,
    0,
};
static const struct want exit_controls = { EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_LOAD_PAT | EXIT_LOAD_EFER, 0, 0 };
static const struct want entry = { ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, 0, ENTRY_LONG_MODE };

/* @msr: bits that are set in its lower half must be, those clear in its upper half must not be. */
static bool choose(const struct want *w, uint64_t msr, uint32_t *out)
{
    uint32_t fixed = (uint32_t)msr, possible = (uint32_t)(msr >> 32);

    if ((w->must & ~(uint64_t)possible) != 0 || (w->not &fixed) != 0)
        return false;
    *out = fixed | ((uint32_t)(w->must | w->may) & possible);
    return true;
}

static bool ept_usable(uint64_t cap)
{
    uint64_t need = EPT_CAP_4_LEVELS | EPT_CAP_WB | EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL;

    return (cap & need) == need;
}

uint32_t axvm_vmx_apicv_choose(uint32_t apicv, uint64_t base, bool software_enabled, bool page)
{
    const uint32_t xapic = (uint32_t)(CPU2_APIC_ACCESSES | CPU2_APIC_REGISTERS);
    const uint32_t x2apic = (uint32_t)(CPU2_X2APIC | CPU2_APIC_REGISTERS | CPU2_VIRTUAL_IRQS);
    uint32_t deliver = software_enabled ? apicv & (uint32_t)CPU2_VIRTUAL_IRQS : 0;

    if ((base & AXVM_LAPIC_BASE_ENABLE) == 0)
        return 0;
    if (base & AXVM_LAPIC_BASE_X2APIC)
        return deliver && (apicv & x2apic) == x2apic ? x2apic : 0;
    if (!page || (base & ~AXVM_BITS(11, 0)) != AXVM_LAPIC_BASE || (apicv & xapic) != xapic)
        return 0;
    return xapic | deliver;
}

bool axvm_vmx_caps_init(struct axvm_vmx_caps *caps, const struct axvm_vmx_raw *raw)
{
    struct axvm_vmx_caps c = { .revision = (uint32_t)axvm_field(raw->basic, VMX_BASIC_REVISION) };

    if ((raw->basic & VMX_BASIC_TRUE) == 0 || axvm_field(raw->basic, VMX_BASIC_SIZE) > 4096 ||
        axvm_field(raw->basic, VMX_BASIC_WB) != 6 || !ept_usable(raw->ept_vpid))
        return false;
    if (!choose(&pin, raw->pin, &c.pin) || !choose(&cpu, raw->cpu, &c.cpu) || !choose(&cpu2, raw->cpu2, &c.cpu2) ||
        !choose(&exit_controls, raw->exit, &c.exit) || !choose(&entry, raw->entry, &c.entry))
        return false;
    c.vpid = (c.cpu2 & CPU2_VPID) && (raw->ept_vpid & EPT_CAP_INVVPID) && (raw->ept_vpid & EPT_CAP_INVVPID_ALL);
    c.cpu2 &= c.vpid ? ~0u : ~(uint32_t)CPU2_VPID;
    c.apicv = c.cpu2 & (uint32_t)CPU2_APICV;
    c.cpu2 &= ~(uint32_t)CPU2_APICV;
    c.rdtscp = (c.cpu2 & CPU2_RDTSCP) != 0;
    c.invpcid = (c.cpu2 & CPU2_INVPCID) != 0;
    c.pause_loop = (c.cpu2 & CPU2_PAUSE_LOOP) != 0;
    c.page_1g = (raw->ept_vpid & EPT_CAP_1G) != 0;
    c.page_2m = (raw->ept_vpid & EPT_CAP_2M) != 0;
    c.timer = (c.pin & PIN_TIMER) != 0;
    c.timer_shift = (uint8_t)axvm_field(raw->misc, VMX_MISC_TIMER_SHIFT);
    c.invept = raw->ept_vpid & EPT_CAP_INVEPT_SINGLE ? 1 : 2;
    /* "Unrestricted guest": CR0.PE and PG are free. */
    c.cr0_fixed0 = raw->cr0_fixed0 & ~CR0_PE_PG;
    c.cr4_fixed0 = raw->cr4_fixed0;
    c.cr4_fixed1 = raw->cr4_fixed1;
    *caps = c;
    return true;
}
