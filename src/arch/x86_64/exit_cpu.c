/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID, control and debug registers, FP. What is allowed is cpuid.c's and cr.c's business. */
#include <axvm/err.h>

#include "cpu.h"
#include "exit.h"
#include "mem.h"
#include "vlapic.h"
#include "walk.h"

static const struct axvm_x86_limits *limits(const struct axvm_vcpu *vcpu)
{
    return &vcpu->vm->arch.cpuid->limits;
}

static enum axvm_trap_kind general_protection(struct axvm_vcpu *vcpu)
{
    axvm_x86_raise_error(vcpu, X86_GP, 0);
    return AXVM_TRAP_RESUME;
}

/* ---- CPUID ---- */

static void patch(struct axvm_vcpu *vcpu, const struct axvm_cpuid_entry *e, uint32_t r[4])
{
    struct axvm_cpuid_state state = {
        .apic_id = vcpu->id,
        .apic_enabled = vcpu->vm->arch.vintc && axvm_vlapic_enabled(vcpu),
        .cr4 = axvm_x86_get_cr4(vcpu),
        .xcr0 = vcpu->arch.xcr0,
    };

    if (vcpu->arch.osxsave && vcpu->arch.cpu->arch.has_xsave)
        state.xcr0 = axvm_xgetbv(0);
    for (int i = 0; i < 4; i++)
        r[i] = e->r[i];
    axvm_cpuid_patch(vcpu->vm->arch.cpuid, e, (uint32_t)vcpu->arch.gpr[AXVM_RCX], &state, r);
}

static inline enum axvm_trap_kind answer(struct axvm_vcpu *vcpu, const uint32_t r[4], uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    v->gpr[AXVM_RAX] = r[AXVM_EAX];
    v->gpr[AXVM_RBX] = r[AXVM_EBX];
    v->gpr[AXVM_RCX] = r[AXVM_ECX];
    v->gpr[AXVM_RDX] = r[AXVM_EDX];
    return axvm_x86_step_to(vcpu, next);
}

static __attribute__((noinline)) enum axvm_trap_kind answer_patched(struct axvm_vcpu *vcpu, const struct axvm_cpuid_entry *e,
                                                                    uint64_t next)
{
    uint32_t r[4];

    patch(vcpu, e, r);
    return answer(vcpu, r, next);
}

static __attribute__((noinline)) enum axvm_trap_kind answer_any(struct axvm_vcpu *vcpu, uint64_t next)
{
    const uint64_t *gpr = vcpu->arch.gpr;
    const struct axvm_cpuid_entry *e = axvm_cpuid_find(vcpu->vm->arch.cpuid, (uint32_t)gpr[AXVM_RAX], (uint32_t)gpr[AXVM_RCX]);

    return e->dynamic == AXVM_CPUID_STATIC ? answer(vcpu, e->r, next) : answer_patched(vcpu, e, next);
}

enum axvm_trap_kind axvm_x86_exit_cpuid(struct axvm_vcpu *vcpu, uint64_t next)
{
    const struct axvm_cpuid_entry *e = axvm_cpuid_plain(vcpu->vm->arch.cpuid, (uint32_t)vcpu->arch.gpr[AXVM_RAX]);

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    return e ? answer(vcpu, e->r, next) : answer_any(vcpu, next);
}

/* ---- control registers ---- */

static struct axvm_cr_state cr_state(struct axvm_vcpu *vcpu)
{
    return (struct axvm_cr_state){
        .cr0 = axvm_x86_get_cr0(vcpu),
        .cr3 = axvm_x86_get_cr3(vcpu),
        .cr4 = axvm_x86_get_cr4(vcpu),
        .efer = axvm_x86_get_efer(vcpu),
        .cs_l = (axvm_x86_get_seg(vcpu, AXVM_X86_CS).attr & SEG_L) != 0,
        .tss16 = (axvm_x86_get_seg(vcpu, AXVM_X86_TR).attr & 8) == 0,
    };
}

static void store(struct axvm_vcpu *vcpu, const struct axvm_cr_state *s, const struct axvm_cr_next *next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (next->efer != s->efer)
        axvm_x86_set_efer(vcpu, next->efer);
    if (next->cr0 != s->cr0)
        axvm_x86_set_cr0(vcpu, next->cr0);
    if (next->cr3 != s->cr3)
        axvm_x86_set_cr3(vcpu, next->cr3);
    if (next->cr4 != s->cr4)
        axvm_x86_set_cr4(vcpu, next->cr4);
    if (v->osxsave != ((next->cr4 & CR4_OSXSAVE) != 0)) {
        v->osxsave = !v->osxsave;
        axvm_x86_xcr0_changed(vcpu);
        if (!v->fp_loaded)
            axvm_x86_fp_enter(vcpu);
    }
    if (next->flush)
        axvm_x86_hw0(vcpu, flush);
}

bool axvm_x86_read_pdptes(struct axvm_vcpu *vcpu, uint64_t cr3, uint64_t pdpte[4])
{
    struct axvm_x86_walk_cache *cache = &vcpu->arch.emul.cache;
    uint64_t base = cr3 & AXVM_BITS(31, 5);
    uint8_t *va = NULL;
    unsigned long irqs = axvm_x86_walk_lock(vcpu->vm, cache);

    /* What is not RAM is all ones; RAM that nobody has touched is zero. */
    for (int i = 0; i < 4; i++)
        pdpte[i] = UINT64_MAX;
    switch (axvm_x86_walk_page(vcpu->vm, cache, 0, base & ~(uint64_t)(AXVM_PAGE_SIZE - 1), AXVM_PROT_READ, &va)) {
    case AXVM_OK:
        memcpy(pdpte, va + (base & (AXVM_PAGE_SIZE - 1)), 32);
        break;
    case AXVM_ERR_AGAIN:
        memset(pdpte, 0, 32);
        break;
    }
    axvm_x86_walk_unlock(vcpu->vm, irqs);
    return axvm_pdptes_valid(limits(vcpu), pdpte);
}

static int write_cr8(struct axvm_vcpu *vcpu, uint64_t val)
{
    if (axvm_cr8_write(val) != AXVM_OK)
        return AXVM_ERR_GUEST;
    axvm_vlapic_set_cr8(vcpu, val);
    vcpu->arch.work |= AXVM_WORK_IRQ;
    return AXVM_OK;
}

static int write_cr(struct axvm_vcpu *vcpu, unsigned int n, uint64_t val)
{
    struct axvm_cr_state s = cr_state(vcpu);
    struct axvm_cr_next next;
    uint64_t pdpte[4];
    int rc;

    switch (n) {
    case 0:
        rc = axvm_cr0_write(&s, val, &next);
        break;
    case 3:
        rc = axvm_cr3_write(limits(vcpu), &s, val, &next);
        break;
    case 4:
        rc = axvm_cr4_write(limits(vcpu), &s, val, &next);
        break;
    default:
        return write_cr8(vcpu, val);
    }
    if (rc != AXVM_OK || (next.pdptes && !axvm_x86_read_pdptes(vcpu, next.cr3, pdpte)))
        return AXVM_ERR_GUEST;
    store(vcpu, &s, &next);
    if (next.pdptes)
        axvm_x86_hw(vcpu, set_pdptes, pdpte);
    return AXVM_OK;
}

static uint64_t read_cr(struct axvm_vcpu *vcpu, unsigned int n)
{
    switch (n) {
    case 0:
        return axvm_x86_get_cr0(vcpu);
    case 3:
        return axvm_x86_get_cr3(vcpu);
    case 4:
        return axvm_x86_get_cr4(vcpu);
    default:
        return axvm_vlapic_get_cr8(vcpu);
    }
}

enum axvm_trap_kind axvm_x86_exit_cr(struct axvm_vcpu *vcpu, unsigned int n, bool write, unsigned int reg, uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    bool wide = axvm_x86_is_64bit(vcpu);

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    reg &= 15;
    if (!write) {
        v->gpr[reg] = wide ? read_cr(vcpu, n) : (uint32_t)read_cr(vcpu, n);
    } else if (write_cr(vcpu, n, wide ? v->gpr[reg] : (uint32_t)v->gpr[reg]) != AXVM_OK) {
        return general_protection(vcpu);
    }
    return axvm_x86_step_to(vcpu, next);
}

enum axvm_trap_kind axvm_x86_exit_clts(struct axvm_vcpu *vcpu, uint64_t next)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    axvm_x86_set_cr0(vcpu, axvm_x86_get_cr0(vcpu) & ~CR0_TS);
    return axvm_x86_step_to(vcpu, next);
}

bool axvm_x86_load_msw(struct axvm_vcpu *vcpu, uint16_t msw)
{
    return write_cr(vcpu, 0, axvm_lmsw_operand(axvm_x86_get_cr0(vcpu), msw)) == AXVM_OK;
}

enum axvm_trap_kind axvm_x86_exit_lmsw(struct axvm_vcpu *vcpu, uint16_t msw, uint64_t next)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if (!axvm_x86_load_msw(vcpu, msw))
        return general_protection(vcpu);
    return axvm_x86_step_to(vcpu, next);
}

enum axvm_trap_kind axvm_x86_exit_xsetbv(struct axvm_vcpu *vcpu, uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint64_t val = v->gpr[AXVM_RDX] << 32 | (uint32_t)v->gpr[AXVM_RAX];

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if ((axvm_x86_get_cr4(vcpu) & CR4_OSXSAVE) == 0) {
        axvm_x86_raise(vcpu, X86_UD);
        return AXVM_TRAP_RESUME;
    }
    if (axvm_x86_get_cpl(vcpu) != 0 || axvm_xcr0_write(limits(vcpu), (uint32_t)v->gpr[AXVM_RCX], val) != AXVM_OK)
        return general_protection(vcpu);
    v->xcr0 = val;
    axvm_x86_xcr0_changed(vcpu);
    return axvm_x86_step_to(vcpu, next);
}

/* ---- lazily exchanged ---- */

enum axvm_trap_kind axvm_x86_exit_nm(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_FPU);
    if (vcpu->arch.fp_loaded || (vcpu->arch.cr0 & (CR0_TS | CR0_EM)) != 0)
        axvm_x86_raise(vcpu, X86_NM);
    else
        axvm_x86_fp_load(vcpu);
    return AXVM_TRAP_RESUME;
}

enum axvm_trap_kind axvm_x86_exit_dr(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    axvm_x86_dr_load(vcpu);
    return AXVM_TRAP_RESUME;
}
