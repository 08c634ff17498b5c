/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend's side of src/core/arch.h: CPUs, VMs and vCPUs come and go. */
#include "arch.h"

#include <axvm/aarch64.h>
#include <axvm/err.h>

#include "el2.h"
#include "exit.h"
#include "idregs.h"
#include "mem.h"
#include "s2_hw.h"
#include "switch.h"
#include "sysreg.h"
#include "timer.h"
#include "vgic.h"

/* Arm ARM, "CurrentEL" */
#define CURRENT_EL_2 (2u << 2)

#define ID_AA64PFR0_GIC AXVM_BITS(27, 24)
#define ID_AA64PFR0_RAS AXVM_BITS(31, 28)
#define ID_AA64PFR0_DIT AXVM_BITS(51, 48)
#define ID_AA64PFR1_SSBS AXVM_BITS(7, 4)
#define ID_AA64PFR1_MTE AXVM_BITS(11, 8)
#define ID_AA64PFR1_SME AXVM_BITS(27, 24)
#define ID_AA64MMFR0_FGT AXVM_BITS(59, 56)
#define ID_AA64MMFR1_PAN AXVM_BITS(23, 20)
#define ID_AA64MMFR1_HCX AXVM_BITS(43, 40)
#define ID_AA64MMFR2_UAO AXVM_BITS(7, 4)
#define ID_AA64DFR0_PMUVER AXVM_BITS(11, 8)
#define ID_AA64DFR0_PMSVER AXVM_BITS(35, 32)
#define ID_AA64DFR0_TRACEFILT AXVM_BITS(43, 40)
#define PMUVER_IMPDEF 0xfu

/* ---- a physical CPU ---- */

static void probe_features(struct axvm_arch_cpu *h)
{
    uint64_t pfr0 = axvm_sysreg_read(id_aa64pfr0_el1), pfr1 = axvm_sysreg_read(id_aa64pfr1_el1);
    uint64_t mmfr1 = axvm_sysreg_read(id_aa64mmfr1_el1), mmfr2 = axvm_sysreg_read(S3_0_C0_C7_2);
    uint64_t dfr0 = axvm_sysreg_read(id_aa64dfr0_el1);
    uint64_t pmu = axvm_field(dfr0, ID_AA64DFR0_PMUVER);

    h->pstate_bits = (uint8_t)((axvm_field(mmfr1, ID_AA64MMFR1_PAN) != 0 ? HAS_PAN : 0) |
                               (axvm_field(mmfr2, ID_AA64MMFR2_UAO) != 0 ? HAS_UAO : 0) |
                               (axvm_field(pfr0, ID_AA64PFR0_DIT) != 0 ? HAS_DIT : 0) |
                               (axvm_field(pfr1, ID_AA64PFR1_SSBS) >= 2 ? HAS_SSBS : 0) |
                               (axvm_field(pfr1, ID_AA64PFR1_MTE) >= 2 ? HAS_TCO : 0));
    h->has_hcx = axvm_field(mmfr1, ID_AA64MMFR1_HCX) != 0;
    h->has_fgt = axvm_field(axvm_sysreg_read(id_aa64mmfr0_el1), ID_AA64MMFR0_FGT) != 0;
    h->has_ras = axvm_field(pfr0, ID_AA64PFR0_RAS) != 0;
    h->has_sme = axvm_field(pfr1, ID_AA64PFR1_SME) != 0;
    h->mdcr_traps = MDCR_TDA | MDCR_TDOSA | MDCR_TDRA;
    if (pmu != 0 && pmu != PMUVER_IMPDEF)
        h->mdcr_traps |= MDCR_TPM | MDCR_TPMCR;
    if (axvm_field(dfr0, ID_AA64DFR0_PMSVER) != 0)
        h->mdcr_traps |= MDCR_TPMS;
    if (axvm_field(dfr0, ID_AA64DFR0_TRACEFILT) != 0)
        h->mdcr_traps |= MDCR_TTRF;
}

/*
 * Fine-grained traps do not concern a host at EL2, nor its EL0 with TGE set. All zero: what a guest might not reach by the
 * coarser traps, it does; what came after FEAT_FGT (TPIDR2, SMPRI, PIR, POR, GCS, BRBE: bits named n...) is trapped.
 */
static void exchange_fgt(const uint64_t *in, uint64_t *out)
{
    out[0] = axvm_sysreg_read(HFGRTR_EL2);
    out[1] = axvm_sysreg_read(HFGWTR_EL2);
    out[2] = axvm_sysreg_read(HFGITR_EL2);
    out[3] = axvm_sysreg_read(HDFGRTR_EL2);
    out[4] = axvm_sysreg_read(HDFGWTR_EL2);
    axvm_sysreg_write(HFGRTR_EL2, in[0]);
    axvm_sysreg_write(HFGWTR_EL2, in[1]);
    axvm_sysreg_write(HFGITR_EL2, in[2]);
    axvm_sysreg_write(HDFGRTR_EL2, in[3]);
    axvm_sysreg_write(HDFGWTR_EL2, in[4]);
}

/* What the host has in the registers that belong to guests from now on. */
static void save_guest_regs_of_host(struct axvm_arch_cpu *h)
{
    axvm_el1_save(&h->el1, h->vhe);
    h->vttbr = axvm_sysreg_read(vttbr_el2);
    h->vtcr = axvm_sysreg_read(vtcr_el2);
    h->vmpidr = axvm_sysreg_read(vmpidr_el2);
    h->vpidr = axvm_sysreg_read(vpidr_el2);
    h->hstr = axvm_sysreg_read(hstr_el2);
    h->icc_sre = axvm_sysreg_read(ICC_SRE_EL2);
    if (h->has_ras)
        h->vsesr = axvm_sysreg_read(VSESR_EL2);
}

static void take_config(struct axvm_arch_cpu *h, const struct axvm_aarch64_cpu_config *a)
{
    h->vtimer_intid = a->vtimer_intid ? a->vtimer_intid : 27;
    h->maint_intid = a->maintenance_intid ? a->maintenance_intid : 25;
    h->kick_intid = a->kick_sgi_plus_1 - 1; /* none: UINT32_MAX, which is no INTID */
    h->handle_irq = a->handle_irq;
}

int axvm_arch_cpu_enable(struct axvm_cpu *cpu, const struct axvm_cpu_config *cfg)
{
    const struct axvm_aarch64_cpu_config *a = cfg ? cfg->aarch64 : NULL;
    struct axvm_arch_cpu *h = &cpu->arch;
    unsigned long irqs;
    int rc;

    if (axvm_sysreg_read(CurrentEL) != CURRENT_EL_2 || axvm_field(axvm_sysreg_read(id_aa64pfr0_el1), ID_AA64PFR0_GIC) == 0 ||
        (axvm_sysreg_read(ICC_SRE_EL2) & 1) == 0)
        return AXVM_ERR_NOSUP;
    if (!a || !a->handle_irq)
        return AXVM_ERR_INVAL;
    rc = axvm_fp_cpu_init(cpu);
    if (rc != AXVM_OK)
        return rc;
    irqs = axvm_irq_save();
    h->vhe = (axvm_sysreg_read(hcr_el2) & HCR_E2H) != 0;
    h->eager_el1 = (cfg->flags & AXVM_CPU_HOST_USES_GUEST_REGS) != 0;
    take_config(h, a);
    h->icc_ctlr = axvm_sysreg_read(ICC_CTLR_EL1); /* its EOImode is a choice that hosts make once */
    probe_features(h);
    save_guest_regs_of_host(h);
    axvm_sysreg_write(hstr_el2, 0);
    if (h->has_ras)
        axvm_sysreg_write(VSESR_EL2, 0); /* guests read it as the syndrome of a virtual SError */
    if (h->has_fgt)
        exchange_fgt((const uint64_t[5]){ 0 }, h->fgt);
    axvm_sysreg_write(ICC_SRE_EL2, h->icc_sre | AXVM_BIT(3)); /* Enable: EL1 may see its own SRE */
    axvm_irq_restore(irqs);
    return AXVM_OK;
}

void axvm_arch_cpu_disable(struct axvm_cpu *cpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;
    unsigned long irqs = axvm_irq_save();

    axvm_el1_load(&h->el1, h->vhe);
    axvm_sysreg_write(vttbr_el2, h->vttbr);
    axvm_sysreg_write(vtcr_el2, h->vtcr);
    axvm_sysreg_write(vmpidr_el2, h->vmpidr);
    axvm_sysreg_write(vpidr_el2, h->vpidr);
    axvm_sysreg_write(hstr_el2, h->hstr);
    axvm_sysreg_write(ICC_SRE_EL2, h->icc_sre);
    if (h->has_ras)
        axvm_sysreg_write(VSESR_EL2, h->vsesr);
    if (h->has_fgt) {
        uint64_t ours[5];

        exchange_fgt(h->fgt, ours);
    }
    axvm_isb();
    axvm_irq_restore(irqs);
    axvm_fp_cpu_fini(cpu);
}

/*
 * The guest's timer is off and its list registers are empty while the host runs, so an interrupt of theirs that the host still
 * sees is one that arrived in the moment of leaving. It is level-triggered and its cause is gone: there is nothing to do.
 */
bool axvm_arch_host_irq(struct axvm_cpu *cpu, unsigned int irq)
{
    return irq == cpu->arch.vtimer_intid || irq == cpu->arch.maint_intid;
}

/* ---- a VM ---- */

int axvm_arch_vm_init(struct axvm *vm)
{
    if (axvm_sysreg_read(CurrentEL) != CURRENT_EL_2)
        return AXVM_ERR_NOSUP;
    axvm_idregs_init(vm);
    vm->arch.vttbr_base = vm->as.root_hpa.v;
    vm->arch.vtcr = axvm_s2_vtcr(&vm->as.geo);
    return vm->cfg.irq_mode == AXVM_IRQ_NONE ? AXVM_OK : axvm_vgic_init(vm);
}

void axvm_arch_vm_fini(struct axvm *vm)
{
    axvm_vgic_fini(vm);
}

void axvm_arch_vm_reset(struct axvm *vm)
{
    if (vm->cfg.irq_mode != AXVM_IRQ_NONE)
        axvm_vgic_reset(vm);
    vm->arch.cntvoff = 0;
    vm->arch.paused_at = 0;
}

/* The guest's clock is CNTPCT - cntvoff. While it stands, paused_at is what it shows. */
void axvm_arch_clock_stop(struct axvm *vm)
{
    axvm_isb();
    vm->arch.paused_at = axvm_sysreg_read(cntpct_el0) - vm->arch.cntvoff;
}

void axvm_arch_clock_start(struct axvm *vm)
{
    axvm_isb();
    vm->arch.cntvoff = axvm_sysreg_read(cntpct_el0) - vm->arch.paused_at;
}

/* ---- a vCPU ---- */

int axvm_arch_vcpu_init(struct axvm_vcpu *vcpu)
{
    /* Aff0 0..15, as SGIs reach 16 of a cluster by list; RES1 bit 31. */
    vcpu->arch.mpidr = AXVM_BIT(31) | (uint64_t)(vcpu->id / 16) << 8 | vcpu->id % 16;
    axvm_arch_vcpu_reset(vcpu, 0, 0);
    return AXVM_OK;
}

void axvm_arch_vcpu_fini(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
}

static uint64_t guest_hcr(const struct axvm_vcpu *vcpu)
{
    uint64_t hcr = HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TID1 | HCR_TID3 | HCR_TSC |
                   HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_RW | HCR_TLOR | HCR_TERR;

    if (vcpu->vm->flags & AXVM_VM_YIELD_ON_SPIN)
        hcr |= HCR_TWE;
    return hcr | axvm_s2_hcr(&vcpu->vm->as.geo) | (axvm_sysreg_read(hcr_el2) & HCR_E2H);
}

/* SCTLR_EL1 after reset: RES1 bits of Armv8.0 (LSMAOE, nTLSMD, SPAN, EIS, TSCXT, EOS), MMU and caches off. */
#define SCTLR_EL1_RESET UINT64_C(0x30d00800)

void axvm_arch_vcpu_reset(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    memset(v->gpr, 0, sizeof(v->gpr));
    memset(&v->el1, 0, sizeof(v->el1));
    memset(&v->el0, 0, sizeof(v->el0));
    memset(&v->fp, 0, sizeof(v->fp));
    memset(&v->debug, 0, sizeof(v->debug));
    v->gpr[0] = arg;
    v->pc = entry;
    v->pstate = PSR_MODE_EL1H | PSR_D | PSR_A | PSR_I | PSR_F;
    v->hcr = guest_hcr(vcpu);
    v->el1.sctlr = SCTLR_EL1_RESET;
    v->excl_valid = false;
    v->ram_hint = UINT64_MAX;
    v->resident_on = NULL;
    v->acked_irq = NO_IRQ;
    axvm_timer_reset(vcpu);
    if (vcpu->vm->cfg.irq_mode != AXVM_IRQ_NONE)
        axvm_vgic_vcpu_reset(vcpu);
}

enum axvm_trap_kind axvm_arch_vcpu_run(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    enum axvm_trap_kind kind;

    vcpu->arch.exit = exit;
    /* What was asked for until now is looked at by loading; what comes later kicks this CPU. */
    if (atomic_load_explicit(&vcpu->requests, memory_order_relaxed) & AXVM_REQ_IRQ)
        atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ);
    axvm_switch_to_guest(cpu, vcpu);
    kind = (enum axvm_trap_kind)axvm_guest_enter(vcpu);
    axvm_switch_to_host(cpu, vcpu);
    if (vcpu->arch.acked_irq != NO_IRQ) {
        cpu->arch.handle_irq(vcpu->vm->hal.ctx, vcpu->arch.acked_irq);
        vcpu->arch.acked_irq = NO_IRQ;
    }
    return kind;
}

int axvm_arch_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value)
{
    if (reg > 30)
        return AXVM_ERR_INVAL;
    *value = vcpu->arch.gpr[reg];
    return AXVM_OK;
}

int axvm_arch_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value)
{
    if (reg > 30)
        return AXVM_ERR_INVAL;
    vcpu->arch.gpr[reg] = value;
    return AXVM_OK;
}

/* ---- interrupts ---- */

int axvm_arch_irq_claim(struct axvm *vm, uint32_t irq, bool edge)
{
    return vm->cfg.irq_mode == AXVM_IRQ_NONE ? AXVM_ERR_NOSUP : axvm_vgic_claim(vm, irq, edge);
}

void axvm_arch_irq_set(struct axvm *vm, uint32_t irq, bool level)
{
    axvm_vgic_set_spi(vm, irq, level);
}

int axvm_arch_irq_inject(struct axvm_vcpu *vcpu, uint32_t irq)
{
    return axvm_vgic_inject(vcpu, irq);
}

int axvm_arch_irq_bind(struct axvm *vm, uint32_t guest_irq, uint32_t host_irq, bool edge)
{
    return axvm_vgic_bind(vm, guest_irq, host_irq, edge);
}

int axvm_arch_irq_forward(struct axvm *vm, uint32_t host_irq)
{
    return axvm_vgic_forward(vm, host_irq);
}

bool axvm_arch_vcpu_wakes(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.hcr & HCR_VSE)
        return true;
    return vcpu->vm->cfg.irq_mode != AXVM_IRQ_NONE && (axvm_vgic_pending(vcpu) || axvm_timer_due(vcpu));
}

uint64_t axvm_arch_vcpu_deadline(struct axvm_vcpu *vcpu)
{
    return vcpu->vm->cfg.irq_mode == AXVM_IRQ_NONE ? AXVM_TIME_NEVER : axvm_timer_deadline(vcpu);
}
