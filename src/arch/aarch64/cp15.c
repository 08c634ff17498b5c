/* SPDX-License-Identifier: BSD-2-Clause */
/* Trapped coprocessor accesses of AArch32 code at EL0. Only the physical timer is there for it. User mode's R0..R14 are
 * X0..X14, and the syndrome has the registers by those numbers. */
#include <axvm/aarch64.h>

#include "bits.h"
#include "esr.h"
#include "sysreg_trap.h"

#define CNT(crm, op2) AXVM_AARCH64_SYSREG(3, 3, 14, crm, op2)
#define CNTPCT_EL0 CNT(0, 1)
#define CNTP_CVAL_EL0 CNT(2, 2)

#define PSR_N AXVM_BIT(31)
#define PSR_Z AXVM_BIT(30)
#define PSR_C AXVM_BIT(29)
#define PSR_V AXVM_BIT(28)
#define PSR_IT_HI AXVM_BITS(15, 10) /* ITSTATE[7:2]; its top four bits are the condition */
#define PSR_IT_LO AXVM_BITS(26, 25)

#define COND_ALWAYS 14u

static unsigned int condition(uint64_t esr, uint64_t pstate)
{
    if (esr & ESR_CV)
        return (unsigned int)axvm_field(esr, ESR_COND);
    if (axvm_field(pstate, PSR_IT_HI) == 0 && axvm_field(pstate, PSR_IT_LO) == 0)
        return COND_ALWAYS;
    return (unsigned int)axvm_field(pstate, PSR_IT_HI) >> 2;
}

/* "ConditionHolds" of the Arm ARM. Instructions that fail their condition may trap too. */
static bool condition_holds(unsigned int cond, uint64_t pstate)
{
    bool n = (pstate & PSR_N) != 0, z = (pstate & PSR_Z) != 0, c = (pstate & PSR_C) != 0, v = (pstate & PSR_V) != 0;
    const bool base[] = { z, c, n, v, c && !z, n == v, n == v && !z, true };

    return base[cond >> 1] != ((cond & 1) && cond != 15);
}

/* MRC and MCR of CNTP_TVAL and CNTP_CTL: p15, 0, <Rt>, c14, c2, {0, 1} */
static bool mrc_register(uint64_t esr, uint64_t *enc)
{
    uint64_t opc2 = axvm_field(esr, ESR_CP_OPC2);

    *enc = CNT(2, opc2);
    return axvm_field(esr, ESR_CP_OPC1) == 0 && axvm_field(esr, ESR_CP_CRN) == 14 && axvm_field(esr, ESR_CP_CRM) == 2 &&
           opc2 <= 1;
}

/* MRRC and MCRR of CNTPCT and CNTP_CVAL: p15, {0, 2}, <Rt>, <Rt2>, c14 */
static bool mrrc_register(uint64_t esr, uint64_t *enc)
{
    uint64_t opc1 = axvm_field(esr, ESR_CP64_OPC1);

    *enc = opc1 == 0 ? CNTPCT_EL0 : CNTP_CVAL_EL0;
    return axvm_field(esr, ESR_CP_CRM) == 14 && (opc1 == 0 || opc1 == 2);
}

static enum axvm_sysreg_result access_timer(struct axvm_vcpu *vcpu, uint64_t enc, uint64_t esr, bool pair)
{
    uint64_t *gpr = vcpu->arch.gpr;
    unsigned int rt = (unsigned int)axvm_field(esr, ESR_CP_RT);
    unsigned int rt2 = pair ? (unsigned int)axvm_field(esr, ESR_CP64_RT2) : 0;
    bool write = (esr & ESR_CP_READ) == 0;
    enum axvm_sysreg_result result;
    uint64_t val;

    if (rt > 14 || rt2 > 14)
        return AXVM_SYSREG_UNDEF;
    val = (uint32_t)gpr[rt] | (pair ? gpr[rt2] << 32 : 0);
    result = axvm_sysreg_access(vcpu, enc, write, &val);
    if (result == AXVM_SYSREG_DONE && !write) {
        gpr[rt] = (uint32_t)val;
        if (pair)
            gpr[rt2] = val >> 32;
    }
    return result;
}

enum axvm_sysreg_result axvm_cp15_access(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t pstate)
{
    uint64_t ec = axvm_field(esr, ESR_EC), enc;
    bool pair = ec == ESR_EC_CP15_64;

    if (ec != ESR_EC_CP15_32 && !pair)
        return AXVM_SYSREG_UNDEF;
    if (!(pair ? mrrc_register(esr, &enc) : mrc_register(esr, &enc)))
        return AXVM_SYSREG_UNDEF;
    if (!condition_holds(condition(esr, pstate), pstate))
        return AXVM_SYSREG_DONE;
    return access_timer(vcpu, enc, esr, pair);
}
