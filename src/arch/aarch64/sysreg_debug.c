/* SPDX-License-Identifier: BSD-2-Clause */
/* Trapped debug registers: op0 = 2. Arm ARM (DDI 0487), "Debug registers". There is no external debugger, no trace, no ROM
 * table, and nobody at the other end of the debug communications channel. */
#include <axvm/aarch64.h>

#include "debug.h"
#include "idregs.h"
#include "sysreg_trap.h"

#define SYS(op1, crn, crm, op2) AXVM_AARCH64_SYSREG(2, op1, crn, crm, op2)

#define SYS_OSDTRRX_EL1 SYS(0, 0, 0, 2)
#define SYS_MDCCINT_EL1 SYS(0, 0, 2, 0)
#define SYS_MDSCR_EL1 SYS(0, 0, 2, 2)
#define SYS_OSDTRTX_EL1 SYS(0, 0, 3, 2)
#define SYS_OSECCR_EL1 SYS(0, 0, 6, 2)
#define SYS_MDRAR_EL1 SYS(0, 1, 0, 0)
#define SYS_OSLAR_EL1 SYS(0, 1, 0, 4)
#define SYS_OSLSR_EL1 SYS(0, 1, 1, 4)
#define SYS_OSDLR_EL1 SYS(0, 1, 3, 4)
#define SYS_DBGPRCR_EL1 SYS(0, 1, 4, 4)
#define SYS_DBGCLAIMSET_EL1 SYS(0, 7, 8, 6)
#define SYS_DBGCLAIMCLR_EL1 SYS(0, 7, 9, 6)
#define SYS_DBGAUTHSTATUS_EL1 SYS(0, 7, 14, 6)
#define SYS_MDCCSR_EL0 SYS(3, 0, 1, 0)
#define SYS_DBGDTR_EL0 SYS(3, 0, 4, 0)
#define SYS_DBGDTRX_EL0 SYS(3, 0, 5, 0) /* DBGDTRRX_EL0 when read, DBGDTRTX_EL0 when written */

#define OSLSR_OSLM AXVM_BIT(3) /* there is an OS lock */
#define OSLSR_OSLK AXVM_BIT(1)
#define OSLAR_OSLK AXVM_BIT(0)
#define OSDLR_DLK AXVM_BIT(0)
#define CLAIM_TAGS AXVM_BITS(7, 0)
/* Non-secure debug, invasive and not: implemented and disabled */
#define DBGAUTHSTATUS_NS_OFF (UINT64_C(2) << 2 | UINT64_C(2))

/* Breakpoints can match at EL0 and EL1: no HMC and SSC, nor types 8 and up, which compare with the VMID and CONTEXTIDR_EL2. */
#define BCR_GUEST (AXVM_BITS(2, 0) | AXVM_BITS(8, 5) | AXVM_BITS(19, 16) | AXVM_BITS(22, 20))
#define WCR_GUEST (AXVM_BITS(12, 0) | AXVM_BITS(20, 16) | AXVM_BITS(28, 24))
#define WVR_GUEST (~AXVM_BITS(1, 0))

static enum axvm_sysreg_result read_only(bool write, uint64_t *val, uint64_t is)
{
    if (write)
        return AXVM_SYSREG_UNDEF;
    *val = is;
    return AXVM_SYSREG_DONE;
}

static enum axvm_sysreg_result read_zero_write_ignore(bool write, uint64_t *val)
{
    if (!write)
        *val = 0;
    return AXVM_SYSREG_DONE;
}

/* A register of which the guest has the bits @mask. */
static enum axvm_sysreg_result stored(struct axvm_vcpu *vcpu, uint64_t *reg, uint64_t mask, bool write, uint64_t *val)
{
    if (!write) {
        *val = *reg;
        return AXVM_SYSREG_DONE;
    }
    *reg = *val & mask;
    if (axvm_debug_wanted(&vcpu->arch.debug))
        axvm_debug_load(vcpu->arch.cpu, vcpu);
    else if (vcpu->arch.debug_loaded)
        axvm_debug_put(vcpu->arch.cpu, vcpu);
    return AXVM_SYSREG_DONE;
}

/* DBGBVR<n>_EL1, DBGBCR<n>_EL1, DBGWVR<n>_EL1, DBGWCR<n>_EL1: op2 = 4..7, n in CRm. */
static enum axvm_sysreg_result breakpoint(struct axvm_vcpu *vcpu, uint64_t enc, bool write, uint64_t *val)
{
    struct axvm_debug_regs *d = &vcpu->arch.debug;
    unsigned int n = (unsigned int)(enc >> 3 & 15), op2 = enc & 7;
    unsigned int count = op2 <= 5 ? axvm_brp_count(&vcpu->vm->arch) : axvm_wrp_count(&vcpu->vm->arch);

    if (n >= count)
        return AXVM_SYSREG_UNDEF;
    n = (unsigned int)axvm_nospec(n, count);
    switch (op2) {
    case 4:
        return stored(vcpu, &d->bvr[n], UINT64_MAX, write, val);
    case 5:
        return stored(vcpu, &d->bcr[n], BCR_GUEST, write, val);
    case 6:
        return stored(vcpu, &d->wvr[n], WVR_GUEST, write, val);
    default:
        return stored(vcpu, &d->wcr[n], WCR_GUEST, write, val);
    }
}

static enum axvm_sysreg_result os_lock(struct axvm_vcpu *vcpu, bool write, const uint64_t *val)
{
    uint64_t unlocked;

    if (!write)
        return AXVM_SYSREG_UNDEF;
    unlocked = (*val & OSLAR_OSLK) == 0;
    return stored(vcpu, &vcpu->arch.debug.os_unlocked, 1, write, &unlocked);
}

static enum axvm_sysreg_result double_lock(struct axvm_vcpu *vcpu, bool write, uint64_t *val)
{
    bool exists = axvm_field(vcpu->vm->arch.id_regs[IDREG_DFR0], DFR0_DOUBLELOCK) == 0;

    return stored(vcpu, &vcpu->arch.debug.osdlr, exists ? OSDLR_DLK : 0, write, val);
}

/* CLAIM tags: SET reads as all that there are, CLR as those that are set. */
static enum axvm_sysreg_result claim_set(struct axvm_debug_regs *d, bool write, uint64_t *val)
{
    if (write)
        d->claim |= *val & CLAIM_TAGS;
    else
        *val = CLAIM_TAGS;
    return AXVM_SYSREG_DONE;
}

static enum axvm_sysreg_result claim_clear(struct axvm_debug_regs *d, bool write, uint64_t *val)
{
    if (write)
        d->claim &= ~*val;
    else
        *val = d->claim;
    return AXVM_SYSREG_DONE;
}

enum axvm_sysreg_result axvm_sysreg_debug(struct axvm_vcpu *vcpu, uint64_t enc, bool write, uint64_t *val)
{
    struct axvm_debug_regs *d = &vcpu->arch.debug;

    if (enc >> 7 == SYS(0, 0, 0, 0) >> 7 && (enc & 4))
        return breakpoint(vcpu, enc, write, val);
    switch (enc) {
    case SYS_MDSCR_EL1:
        return stored(vcpu, &d->mdscr, MDSCR_GUEST, write, val);
    case SYS_OSLAR_EL1:
        return os_lock(vcpu, write, val);
    case SYS_OSLSR_EL1:
        return read_only(write, val, OSLSR_OSLM | (d->os_unlocked ? 0 : OSLSR_OSLK));
    case SYS_OSDLR_EL1:
        return double_lock(vcpu, write, val);
    case SYS_DBGCLAIMSET_EL1:
        return claim_set(d, write, val);
    case SYS_DBGCLAIMCLR_EL1:
        return claim_clear(d, write, val);
    case SYS_DBGAUTHSTATUS_EL1:
        return read_only(write, val, DBGAUTHSTATUS_NS_OFF);
    case SYS_MDRAR_EL1:
    case SYS_MDCCSR_EL0:
        return read_only(write, val, 0);
    case SYS_OSDTRRX_EL1:
    case SYS_OSDTRTX_EL1:
    case SYS_OSECCR_EL1:
    case SYS_MDCCINT_EL1:
    case SYS_DBGPRCR_EL1:
    case SYS_DBGDTR_EL0:
    case SYS_DBGDTRX_EL0:
        return read_zero_write_ignore(write, val);
    default:
        return AXVM_SYSREG_UNDEF;
    }
}
