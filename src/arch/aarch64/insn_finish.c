/* SPDX-License-Identifier: BSD-2-Clause */
/* Applying the result of an emulated load or store to the guest's registers. */
#include "insn.h"

#include "bits.h"
#include "el2.h"

#define SP_OR_ZR 31u

static void set_gpr(struct axvm_arch_vcpu *v, unsigned int reg, uint64_t val)
{
    if (reg != SP_OR_ZR)
        v->gpr[reg] = val;
}

static void set_base(struct axvm_arch_vcpu *v, unsigned int reg, uint64_t val)
{
    if (reg != SP_OR_ZR)
        v->gpr[reg] = val;
    else if ((v->pstate & PSR_MODE_MASK) == PSR_MODE_EL1H)
        v->el1.sp_el1 = val;
    else
        v->el0.sp_el0 = val;
}

/* Loading part of a SIMD&FP register zeroes the rest of it. */
static void load_fp(struct axvm_arch_vcpu *v, unsigned int reg, const uint64_t *val, const struct axvm_mmio *mmio)
{
    v->fp.v[reg][0] = axvm_extend(val[0], mmio->size, false);
    v->fp.v[reg][1] = mmio->arch.elems_per_reg == 2 ? val[1] : 0;
}

static void load_gpr(struct axvm_arch_vcpu *v, unsigned int reg, uint64_t val, const struct axvm_mmio *mmio)
{
    val = axvm_extend(val, mmio->size, mmio->arch.sign_extend);
    set_gpr(v, reg, mmio->arch.reg_bytes == 8 ? val : (uint32_t)val);
}

static void load_registers(struct axvm_arch_vcpu *v, const struct axvm_mmio *mmio)
{
    unsigned int step = mmio->arch.elems_per_reg;

    for (unsigned int i = 0; i * step < mmio->count; i++) {
        if (mmio->arch.fp)
            load_fp(v, mmio->arch.reg[i], &mmio->val[i * step], mmio);
        else
            load_gpr(v, mmio->arch.reg[i], mmio->val[i * step], mmio);
    }
}

/*
 * The exclusive monitor for devices. The real one is cleared on every exception return, so a loop of LDXR and STXR on a device
 * could never end; this one lasts from an emulated load to the next emulated exclusive.
 */
void axvm_insn_check_exclusive(const struct axvm_arch_vcpu *v, struct axvm_mmio *mmio)
{
    if (mmio->arch.excl_store && !(v->excl_valid && v->excl_addr == mmio->addr && v->excl_size == mmio->size))
        mmio->count = 0;
}

void axvm_insn_finish(struct axvm_arch_vcpu *v, const struct axvm_mmio *mmio)
{
    if (!mmio->write)
        load_registers(v, mmio);
    if (mmio->arch.writeback)
        set_base(v, mmio->arch.base_reg, mmio->arch.base_val);
    if (mmio->arch.excl_store) {
        set_gpr(v, mmio->arch.status_reg, mmio->count == 0);
        v->excl_valid = false;
    }
    if (mmio->arch.excl_load) {
        v->excl_valid = true;
        v->excl_addr = mmio->addr;
        v->excl_size = mmio->size;
    }
}
