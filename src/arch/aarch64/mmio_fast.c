/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way of a register access: the syndrome describes it, the device is the one that answered last, and it needs neither
 * a lock of ours nor the host. What does not fit goes the long way, from the beginning: axvm_exit_dabt_slow().
 */
#include <axvm/err.h>

#include "el2.h"
#include "esr.h"
#include "exit.h"
#include "skip.h"
#include "sysreg.h"

/* A translation fault of any level, with a valid syndrome, not on a walk, not of cache maintenance. */
#define PLAIN_MASK (ESR_ABT_ISV | ESR_ABT_FNV | ESR_ABT_EA | ESR_ABT_CM | ESR_ABT_S1PTW | (ESR_ABT_FSC & ~UINT64_C(3)))
#define PLAIN (ESR_ABT_ISV | FSC_TRANSLATION)

static unsigned int srt(uint64_t esr)
{
    return (unsigned int)axvm_field(esr, ESR_ABT_SRT);
}

static uint64_t load_value(uint64_t esr, uint64_t val)
{
    /* Devices answer zero-extended. */
    return esr & ESR_ABT_SSE ? axvm_esr_load_value(esr, val) : val;
}

static void step_over(uint64_t esr)
{
    if (axvm_sysreg_read(spsr_el2) & (PSR_M4_AARCH32 | PSR_SS))
        axvm_skip_live(esr);
    else
        axvm_sysreg_write(elr_el2, axvm_sysreg_read(elr_el2) + 4);
}

uint64_t axvm_exit_dabt(struct axvm_vcpu *vcpu, uint64_t esr)
{
    const struct axvm_bus_slot *slot = vcpu->hit[AXVM_BUS_MMIO];
    uint64_t gpa = axvm_field(axvm_sysreg_read(hpfar_el2), HPFAR_FIPA) << 12 |
                   (axvm_sysreg_read(far_el2) & (AXVM_PAGE_SIZE - 1));
    uint64_t off = gpa - slot->base;
    bool write = (esr & ESR_ABT_WNR) != 0;
    struct axvm_access acc;

    if ((esr & PLAIN_MASK) != PLAIN || srt(esr) == 31 || off >= slot->fast_len)
        return axvm_exit_dabt_slow(vcpu, esr);
    acc.off = axvm_nospec(off, slot->fast_len);
    acc.size = (uint8_t)(1u << axvm_field(esr, ESR_ABT_SAS));
    acc.val = write ? axvm_extend(vcpu->arch.gpr[srt(esr)], acc.size, false) : 0;
    acc.may_call_host = false;
    acc.vcpu = vcpu;
    if (axvm_bus_call(slot, &acc, write) != AXVM_OK)
        return axvm_exit_dabt_slow(vcpu, esr);
    if (!write)
        vcpu->arch.gpr[srt(esr)] = load_value(esr, acc.val);
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    step_over(esr);
    return axvm_wake_trap(vcpu->vm);
}
