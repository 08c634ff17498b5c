/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lazy FP/SIMD. The guest enters with FP trapped; axvm_exit_sync() calls axvm_fp_load() on its first use, and when the guest
 * leaves the CPU for the host axvm_fp_put() exchanges the registers again. Guests have no SVE; but as writing V<n> zeroes the
 * rest of Z<n>, a host that uses SVE gets its whole Z, P and FFR registers saved.
 */
#include <axvm/err.h>

#include "el2.h"
#include "switch.h"
#include "sysreg.h"

/* fp_regs.S */
void axvm_sve_save_regs(void *area, uint64_t vl_bytes);
void axvm_sve_load_regs(const void *area, uint64_t vl_bytes);
uint64_t axvm_sve_vl(void);

/* 32 Z registers, 16 P and FFR of an eighth of that each, at the longest vector there is. */
#define SVE_MAX_VL 256u
#define SVE_AREA_ORDER 2u /* 32 * 256 + 17 * 32 bytes */

#define ID_AA64PFR0_SVE AXVM_BITS(35, 32)

int axvm_fp_cpu_init(struct axvm_cpu *cpu)
{
    axvm_hpa_t pa;

    if ((axvm_sysreg_read(id_aa64pfr0_el1) & ID_AA64PFR0_SVE) == 0)
        return AXVM_OK;
    if (!cpu->hal.page_alloc(cpu->hal.ctx, SVE_AREA_ORDER, &pa))
        return AXVM_ERR_NOMEM;
    cpu->arch.sve = cpu->hal.phys_to_virt(cpu->hal.ctx, pa);
    return AXVM_OK;
}

void axvm_fp_cpu_fini(struct axvm_cpu *cpu)
{
    if (cpu->arch.sve)
        cpu->hal.page_free(cpu->hal.ctx, cpu->hal.virt_to_phys(cpu->hal.ctx, cpu->arch.sve), SVE_AREA_ORDER);
    cpu->arch.sve = NULL;
}

/* Does the host leave SVE untrapped for itself, so that it may have something in the registers? */
static bool host_uses_sve(const struct axvm_cpu *cpu)
{
    if (!cpu->arch.sve)
        return false;
    return cpu->arch.vhe ? (cpu->arch.cptr & CPTR_VHE_ZEN) != 0 : (cpu->arch.cptr & CPTR_TZ) == 0;
}

/* What CPTR_EL2 lets through: nothing of FP/SIMD/SVE is trapped, or all of SVE and SME. */
static void allow(const struct axvm_cpu *cpu, bool sve)
{
    uint64_t v;

    if (cpu->arch.vhe)
        v = CPTR_VHE_TTA | CPTR_TAM | CPTR_VHE_FPEN | (sve ? CPTR_VHE_ZEN : 0);
    else
        v = CPTR_RES1 | CPTR_TSM | CPTR_TTA | CPTR_TAM | (sve ? 0 : CPTR_TZ);
    axvm_sysreg_write(cptr_el2, v);
    axvm_isb();
}

void axvm_fp_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    bool sve = host_uses_sve(cpu);

    allow(cpu, sve);
    if (sve)
        axvm_sve_save_regs(cpu->arch.sve, axvm_sve_vl());
    axvm_fp_save_regs(&cpu->arch.fp);
    axvm_fp_load_regs(&vcpu->arch.fp);
    if (sve)
        allow(cpu, false);
    vcpu->arch.fp_loaded = true;
}

void axvm_fp_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    bool sve = host_uses_sve(cpu);

    allow(cpu, sve);
    axvm_fp_save_regs(&vcpu->arch.fp);
    axvm_fp_load_regs(&cpu->arch.fp);
    /* After V0..V31, as loading those clears the rest of the Z registers. */
    if (sve)
        axvm_sve_load_regs(cpu->arch.sve, axvm_sve_vl());
    vcpu->arch.fp_loaded = false;
}
