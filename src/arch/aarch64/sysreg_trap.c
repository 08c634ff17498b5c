/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest gets for the registers it does not reach itself. What is not found here does not exist for it: it belongs to an
 * extension that its ID registers hide, or is the CPU's own (TIDCP). */
#include "sysreg_trap.h"

#include <axvm/aarch64.h>

#include "bits.h"
#include "timer.h"
#include "vgic.h"

#define SYS(op0, op1, crn, crm, op2) AXVM_AARCH64_SYSREG(op0, op1, crn, crm, op2)

#define SYS_ACTLR_EL1 SYS(3, 0, 1, 0, 1)
#define SYS_AIDR_EL1 SYS(3, 1, 0, 0, 7)
#define SYS_ICC_DIR_EL1 SYS(3, 0, 12, 11, 1)
#define SYS_ICC_SGI1R_EL1 SYS(3, 0, 12, 11, 5)
#define SYS_ICC_ASGI1R_EL1 SYS(3, 0, 12, 11, 6)
#define SYS_ICC_SGI0R_EL1 SYS(3, 0, 12, 11, 7)
#define SYS_CNTPCT_EL0 SYS(3, 3, 14, 0, 1)
#define SYS_CNTP_TVAL_EL0 SYS(3, 3, 14, 2, 0)
#define SYS_CNTP_CTL_EL0 SYS(3, 3, 14, 2, 1)
#define SYS_CNTP_CVAL_EL0 SYS(3, 3, 14, 2, 2)
#define SYS_DC_ISW SYS(1, 0, 7, 6, 2)
#define SYS_DC_CSW SYS(1, 0, 7, 10, 2)
#define SYS_DC_CISW SYS(1, 0, 7, 14, 2)

/* The ID registers: op0 = 3, op1 = 0, CRn = 0, CRm = 0..7 */
#define SYS_ID_FIRST SYS(3, 0, 0, 0, 0)

static enum axvm_sysreg_result read_as_zero(bool write, uint64_t *val)
{
    if (write)
        return AXVM_SYSREG_UNDEF;
    *val = 0;
    return AXVM_SYSREG_DONE;
}

static enum axvm_sysreg_result send_sgi(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, bool write, uint64_t val)
{
    if (!write || vcpu->vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return AXVM_SYSREG_UNDEF;
    axvm_vgic_sgi(vcpu, reg, val);
    return AXVM_SYSREG_DONE;
}

/* Only trapped while the interrupt controller asks for it. */
static enum axvm_sysreg_result deactivate(struct axvm_vcpu *vcpu, bool write, uint64_t val)
{
    if (!write || vcpu->vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return AXVM_SYSREG_UNDEF;
    axvm_vgic_dir(vcpu, val);
    return AXVM_SYSREG_DONE;
}

static enum axvm_sysreg_result access_timer(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg, bool write, uint64_t *val)
{
    if (!write)
        *val = axvm_ptimer_read(vcpu, reg);
    else if (reg != AXVM_PTIMER_COUNT)
        axvm_ptimer_write(vcpu, reg, *val);
    else
        return AXVM_SYSREG_UNDEF;
    return AXVM_SYSREG_DONE;
}

/* A register that only a device of this VM may have. */
static enum axvm_sysreg_result access_other(struct axvm_vcpu *vcpu, uint64_t enc)
{
    const struct axvm_bus *bus = &vcpu->vm->bus[AXVM_BUS_SYSREG];

    return bus->count != 0 && axvm_bus_find(bus, enc, 1) ? AXVM_SYSREG_BUS : AXVM_SYSREG_UNDEF;
}

/* Not inline: reading an ID register shall not pay for its stack frame. */
__attribute__((noinline)) static enum axvm_sysreg_result access_register(struct axvm_vcpu *vcpu, uint64_t enc, bool write,
                                                                         uint64_t *val)
{
    if (enc == SYS_ICC_SGI1R_EL1)
        return send_sgi(vcpu, AXVM_SGI1R, write, *val);
    switch (enc) {
    case SYS_CNTPCT_EL0:
        return access_timer(vcpu, AXVM_PTIMER_COUNT, write, val);
    case SYS_CNTP_TVAL_EL0:
        return access_timer(vcpu, AXVM_PTIMER_TVAL, write, val);
    case SYS_CNTP_CTL_EL0:
        return access_timer(vcpu, AXVM_PTIMER_CTL, write, val);
    case SYS_CNTP_CVAL_EL0:
        return access_timer(vcpu, AXVM_PTIMER_CVAL, write, val);
    case SYS_ICC_DIR_EL1:
        return deactivate(vcpu, write, *val);
    case SYS_ICC_SGI0R_EL1:
        return send_sgi(vcpu, AXVM_SGI0R, write, *val);
    case SYS_ICC_ASGI1R_EL1:
        return send_sgi(vcpu, AXVM_ASGI1R, write, *val);
    case SYS_ACTLR_EL1:
        /* IMPLEMENTATION DEFINED in all its bits; ours has none. */
        return write ? AXVM_SYSREG_DONE : read_as_zero(write, val);
    case SYS_AIDR_EL1:
        return read_as_zero(write, val);
    case SYS_DC_ISW:
    case SYS_DC_CSW:
    case SYS_DC_CISW:
        /* By set and way a guest can reach only caches of the CPU it is on at that moment, while its memory may be in those
         * of others. Nothing has to be done: caches are coherent, and the host cleans what a guest may read with its caches
         * off. */
        return write ? AXVM_SYSREG_DONE : AXVM_SYSREG_UNDEF;
    default:
        return access_other(vcpu, enc);
    }
}

enum axvm_sysreg_result axvm_sysreg_access(struct axvm_vcpu *vcpu, uint64_t enc, bool write, uint64_t *val)
{
    uint64_t id = enc - SYS_ID_FIRST;

    if (id < AXVM_ID_REGS) {
        if (write)
            return AXVM_SYSREG_UNDEF;
        *val = vcpu->vm->arch.id_regs[axvm_nospec(id, AXVM_ID_REGS)];
        return AXVM_SYSREG_DONE;
    }
    if (enc >> 14 == 2)
        return axvm_sysreg_debug(vcpu, enc, write, val);
    return access_register(vcpu, enc, write, val);
}
