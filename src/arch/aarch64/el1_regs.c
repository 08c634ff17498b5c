/* SPDX-License-Identifier: BSD-2-Clause */
/* The EL1 system registers that a guest has to itself. */
#include "switch.h"
#include "sysreg.h"

/*
 * X(member, name with E2H = 0, name with E2H = 1). Those without an _EL12 name are not redirected by E2H.
 * Not here: ACTLR_EL1 (trapped), and all that the ID registers hide from guests, which is trapped as well.
 */
#define EL1_REGS(X)                         \
    X(sctlr, sctlr_el1, SCTLR_EL12)         \
    X(ttbr0, ttbr0_el1, TTBR0_EL12)         \
    X(ttbr1, ttbr1_el1, TTBR1_EL12)         \
    X(tcr, tcr_el1, TCR_EL12)               \
    X(esr, esr_el1, ESR_EL12)               \
    X(far, far_el1, FAR_EL12)               \
    X(afsr0, afsr0_el1, AFSR0_EL12)         \
    X(afsr1, afsr1_el1, AFSR1_EL12)         \
    X(mair, mair_el1, MAIR_EL12)            \
    X(amair, amair_el1, AMAIR_EL12)         \
    X(vbar, vbar_el1, VBAR_EL12)            \
    X(contextidr, contextidr_el1, CONTEXTIDR_EL12) \
    X(cpacr, cpacr_el1, CPACR_EL12)         \
    X(elr, elr_el1, ELR_EL12)               \
    X(spsr, spsr_el1, SPSR_EL12)            \
    X(cntkctl, cntkctl_el1, CNTKCTL_EL12)   \
    X(sp_el1, sp_el1, sp_el1)               \
    X(par, par_el1, par_el1)                \
    X(tpidr_el1, tpidr_el1, tpidr_el1)      \
    X(csselr, csselr_el1, csselr_el1)

/* Not axvm_sysreg_read(): without its "memory" the compiler may store registers in pairs. */
#define READ(reg)                                                       \
    __extension__({                                                     \
        uint64_t v_;                                                    \
        __asm__ volatile("mrs %0, " AXVM_STRINGIFY(reg) : "=r"(v_));   \
        v_;                                                             \
    })
#define WRITE(reg, val) __asm__ volatile("msr " AXVM_STRINGIFY(reg) ", %0" : : "r"(val))

static void save_nvhe(struct axvm_el1_regs *r)
{
#define X(member, nvhe, vhe) r->member = READ(nvhe);
    EL1_REGS(X)
#undef X
}

static void save_vhe(struct axvm_el1_regs *r)
{
#define X(member, nvhe, vhe) r->member = READ(vhe);
    EL1_REGS(X)
#undef X
}

static void load_nvhe(const struct axvm_el1_regs *r)
{
#define X(member, nvhe, vhe) WRITE(nvhe, r->member);
    EL1_REGS(X)
#undef X
}

static void load_vhe(const struct axvm_el1_regs *r)
{
#define X(member, nvhe, vhe) WRITE(vhe, r->member);
    EL1_REGS(X)
#undef X
}

void axvm_el1_save(struct axvm_el1_regs *r, bool vhe)
{
    if (vhe)
        save_vhe(r);
    else
        save_nvhe(r);
}

void axvm_el1_load(const struct axvm_el1_regs *r, bool vhe)
{
    if (vhe)
        load_vhe(r);
    else
        load_nvhe(r);
}
