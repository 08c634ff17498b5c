/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exchanging the debug registers. At EL2 none of this can cause a debug exception: with MDCR_EL2.TDE clear they go to EL1, and
 * are never taken to a lower level.
 */
#include "debug.h"

#include "idregs.h"
#include "sysreg.h"

#define OSLSR_OSLK AXVM_BIT(1)

#define EACH_BREAKPOINT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static void save_breakpoint(struct axvm_debug_regs *d, unsigned int n)
{
    switch (n) {
#define X(i)                                            \
    case i:                                             \
        d->bvr[i] = axvm_sysreg_read(dbgbvr##i##_el1);  \
        d->bcr[i] = axvm_sysreg_read(dbgbcr##i##_el1);  \
        break;
        EACH_BREAKPOINT(X)
#undef X
    }
}

static void load_breakpoint(const struct axvm_debug_regs *d, unsigned int n)
{
    switch (n) {
#define X(i)                                            \
    case i:                                             \
        axvm_sysreg_write(dbgbvr##i##_el1, d->bvr[i]);  \
        axvm_sysreg_write(dbgbcr##i##_el1, d->bcr[i]);  \
        break;
        EACH_BREAKPOINT(X)
#undef X
    }
}

static void save_watchpoint(struct axvm_debug_regs *d, unsigned int n)
{
    switch (n) {
#define X(i)                                            \
    case i:                                             \
        d->wvr[i] = axvm_sysreg_read(dbgwvr##i##_el1);  \
        d->wcr[i] = axvm_sysreg_read(dbgwcr##i##_el1);  \
        break;
        EACH_BREAKPOINT(X)
#undef X
    }
}

static void load_watchpoint(const struct axvm_debug_regs *d, unsigned int n)
{
    switch (n) {
#define X(i)                                            \
    case i:                                             \
        axvm_sysreg_write(dbgwvr##i##_el1, d->wvr[i]);  \
        axvm_sysreg_write(dbgwcr##i##_el1, d->wcr[i]);  \
        break;
        EACH_BREAKPOINT(X)
#undef X
    }
}

static void save_host(struct axvm_debug_regs *d, const struct axvm_arch_vm *vm)
{
    d->mdscr = axvm_sysreg_read(mdscr_el1);
    d->os_unlocked = (axvm_sysreg_read(oslsr_el1) & OSLSR_OSLK) == 0;
    d->osdlr = axvm_sysreg_read(osdlr_el1);
    for (unsigned int n = 0; n < axvm_brp_count(vm); n++)
        save_breakpoint(d, n);
    for (unsigned int n = 0; n < axvm_wrp_count(vm); n++)
        save_watchpoint(d, n);
}

/* @mdscr: what MDSCR_EL1 gets; the locks come last, as with one held some of its bits mean other things. */
static void load(const struct axvm_debug_regs *d, uint64_t mdscr, const struct axvm_arch_vm *vm)
{
    for (unsigned int n = 0; n < axvm_brp_count(vm); n++)
        load_breakpoint(d, n);
    for (unsigned int n = 0; n < axvm_wrp_count(vm); n++)
        load_watchpoint(d, n);
    axvm_sysreg_write(mdscr_el1, mdscr);
    axvm_sysreg_write(oslar_el1, d->os_unlocked ? 0 : 1);
    axvm_sysreg_write(osdlr_el1, d->osdlr);
}

void axvm_debug_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_debug_regs *host = &cpu->arch.debug;

    if (!vcpu->arch.debug_loaded)
        save_host(host, &vcpu->vm->arch);
    vcpu->arch.debug_loaded = true;
    /* What guests have not in MDSCR_EL1 stays the host's. */
    load(&vcpu->arch.debug, (host->mdscr & ~MDSCR_GUEST) | vcpu->arch.debug.mdscr, &vcpu->vm->arch);
}

void axvm_debug_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    load(&cpu->arch.debug, cpu->arch.debug.mdscr, &vcpu->vm->arch);
    vcpu->arch.debug_loaded = false;
}
