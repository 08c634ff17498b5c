/* SPDX-License-Identifier: BSD-2-Clause */
/* Arm ARM (DDI 0487), pseudocode "AArch64.TakeException", with EL1 as the target. */
#include "inject.h"

#include "bits.h"
#include "el2.h"
#include "idregs.h"

/* PSTATE as in SPSR_ELx, of an exception taken from AArch64; N, Z, C, V, DIT and PAN stand there for AArch32 too. */
#define PSR_NZCV AXVM_BITS(31, 28)
#define PSR_DIT AXVM_BIT(24)
#define PSR_PAN AXVM_BIT(22)
#define PSR_SSBS AXVM_BIT(12)
#define PSR_DAIF AXVM_BITS(9, 6)

#define SCTLR_SPAN AXVM_BIT(23)   /* 0: an exception to EL1 sets PAN */
#define SCTLR_DSSBS AXVM_BIT(44)  /* SSBS after an exception */

/* "Vector offsets from vector table base address", synchronous ones */
#define VECTOR_SP0 0x000u
#define VECTOR_SPX 0x200u
#define VECTOR_LOWER_64 0x400u
#define VECTOR_LOWER_32 0x600u

#define VBAR_RES0 AXVM_BITS(10, 0)

/* EC of an abort "taken without a change in Exception level" is the next one. */
#define EC_SAME_EL 1u

static bool from_el1(uint64_t pstate)
{
    return !(pstate & PSR_M4_AARCH32) && (pstate & PSR_MODE_MASK) != PSR_MODE_EL0T;
}

static uint64_t vector(uint64_t pstate)
{
    if (pstate & PSR_M4_AARCH32)
        return VECTOR_LOWER_32;
    if (!from_el1(pstate))
        return VECTOR_LOWER_64;
    return (pstate & PSR_MODE_MASK) == PSR_MODE_EL1H ? VECTOR_SPX : VECTOR_SP0;
}

/* What is not kept or set here is zero: UAO, SS, IL, BTYPE, and what an AArch32 state has more. */
static uint64_t handler_pstate(const struct axvm_arch_vcpu *v, const struct axvm_inject_ctx *ctx)
{
    uint64_t pstate = (v->pstate & (PSR_NZCV | PSR_DIT | PSR_PAN)) | PSR_DAIF | PSR_MODE_EL1H;

    if (ctx->has_pan && !(v->el1.sctlr & SCTLR_SPAN))
        pstate |= PSR_PAN;
    if (ctx->has_ssbs && (v->el1.sctlr & SCTLR_DSSBS))
        pstate |= PSR_SSBS;
    return pstate;
}

static bool is_abort(uint64_t esr)
{
    uint64_t ec = axvm_field(esr, ESR_EC);

    return ec == ESR_EC_DABT_LOWER || ec == ESR_EC_IABT_LOWER;
}

void axvm_inject_exception(struct axvm_arch_vcpu *v, const struct axvm_inject_ctx *ctx)
{
    uint64_t pstate = handler_pstate(v, ctx);

    v->el1.esr = ctx->esr;
    if (is_abort(ctx->esr) && from_el1(v->pstate))
        v->el1.esr += axvm_put_field(ESR_EC, EC_SAME_EL);
    if (ctx->has_far)
        v->el1.far = ctx->far;
    v->el1.elr = v->pc;
    v->el1.spsr = v->pstate;
    v->pc = (v->el1.vbar & ~VBAR_RES0) + vector(v->pstate);
    v->pstate = pstate;
}

static struct axvm_inject_ctx context(const struct axvm_arch_vm *vm, uint64_t esr)
{
    return (struct axvm_inject_ctx){
        .esr = esr,
        .has_pan = axvm_field(vm->id_regs[IDREG_MMFR1], MMFR1_PAN) != 0,
        .has_ssbs = axvm_field(vm->id_regs[IDREG_PFR1], PFR1_SSBS) != 0,
    };
}

void axvm_inject_undef(struct axvm_arch_vcpu *v, const struct axvm_arch_vm *vm)
{
    struct axvm_inject_ctx ctx = context(vm, axvm_put_field(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL);

    axvm_inject_exception(v, &ctx);
}

/* "ESR_EL1": an abort there never has a valid instruction syndrome, and then IL is 1. */
void axvm_inject_abort(struct axvm_arch_vcpu *v, const struct axvm_arch_vm *vm, uint64_t esr, uint64_t far, enum axvm_fsc fsc)
{
    uint64_t ec = axvm_field(esr, ESR_EC);
    uint64_t iss = axvm_put_field(ESR_ABT_FSC, (uint64_t)fsc);
    struct axvm_inject_ctx ctx;

    if (ec != ESR_EC_IABT_LOWER) {
        ec = ESR_EC_DABT_LOWER;
        iss |= esr & (ESR_ABT_WNR | ESR_ABT_CM);
    }
    ctx = context(vm, axvm_put_field(ESR_EC, ec) | ESR_IL | iss);
    ctx.far = far;
    ctx.has_far = true;
    axvm_inject_exception(v, &ctx);
}
