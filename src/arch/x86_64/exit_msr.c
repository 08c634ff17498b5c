/* SPDX-License-Identifier: BSD-2-Clause */
/* RDMSR and WRMSR: msr.c decides; here is what lives in hardware, in the APIC, or with the host. */
#include <axvm/err.h>

#include "cpu.h"
#include "exit.h"
#include "vlapic.h"

static const struct axvm_x86_limits *limits(const struct axvm_vcpu *vcpu)
{
    return &vcpu->vm->arch.cpuid->limits;
}

static void set_result(struct axvm_vcpu *vcpu, uint64_t val)
{
    vcpu->arch.gpr[AXVM_RAX] = (uint32_t)val;
    vcpu->arch.gpr[AXVM_RDX] = val >> 32;
}

/* ---- registers of the CPU ---- */

static int read_hw(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val)
{
    switch (msr) {
    case MSR_EFER:
        *val = axvm_x86_get_efer(vcpu);
        return AXVM_OK;
    case MSR_IA32_PAT:
        *val = axvm_x86_get_pat(vcpu);
        return AXVM_OK;
    case MSR_TSC_AUX:
        *val = vcpu->arch.tsc_aux;
        return AXVM_OK;
    default:
        return axvm_x86_hw(vcpu, read_msr, msr, val);
    }
}

static int write_efer(struct axvm_vcpu *vcpu, uint64_t val)
{
    struct axvm_cr_state s = { .cr0 = axvm_x86_get_cr0(vcpu),
                               .cr3 = axvm_x86_get_cr3(vcpu),
                               .cr4 = axvm_x86_get_cr4(vcpu),
                               .efer = axvm_x86_get_efer(vcpu) };
    struct axvm_cr_next next;

    if (axvm_efer_write(limits(vcpu), &s, val, &next) != AXVM_OK)
        return AXVM_ERR_GUEST;
    axvm_x86_set_efer(vcpu, next.efer);
    if (next.flush)
        axvm_x86_hw0(vcpu, flush);
    return AXVM_OK;
}

static void set_tsc_aux(struct axvm_vcpu *vcpu, uint64_t val)
{
    vcpu->arch.tsc_aux = (uint32_t)val;
    if (vcpu->arch.cpu->arch.has_rdtscp)
        axvm_wrmsr(MSR_TSC_AUX, vcpu->arch.tsc_aux);
}

static int write_hw(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    switch (msr) {
    case MSR_EFER:
        return write_efer(vcpu, val);
    case MSR_IA32_PAT:
        axvm_x86_set_pat(vcpu, val);
        return AXVM_OK;
    case MSR_TSC_AUX:
        set_tsc_aux(vcpu, val);
        return AXVM_OK;
    default:
        return axvm_x86_hw(vcpu, write_msr, msr, val);
    }
}

/* ---- nobody's here: a device of the bus, the host, or none ---- */

static enum axvm_trap_kind exit_unknown_msr(struct axvm_vcpu *vcpu, uint32_t msr, bool write, uint64_t val, uint64_t next)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    *mmio = (struct axvm_mmio){
        .addr = msr,
        .val = { val },
        .space = AXVM_BUS_SYSREG,
        .size = 8,
        .count = 1,
        .write = write,
        .arch = { .kind = AXVM_X86_MMIO_MSR, .next = next },
    };
    return axvm_x86_answer(vcpu, mmio);
}

static enum axvm_trap_kind done(struct axvm_vcpu *vcpu, int rc, uint64_t next)
{
    if (rc == AXVM_OK)
        axvm_x86_step_to(vcpu, next);
    else
        axvm_x86_raise_error(vcpu, X86_GP, 0);
    return AXVM_TRAP_RESUME;
}

/* ---- the local APIC ---- */

/* It sets its own attention if it may have something to deliver now. TPR and the timer are the hardware's business, too. */
void axvm_x86_lapic_touched(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (axvm_vlapic_get_cr8(vcpu) != v->cr8)
        v->work |= AXVM_WORK_IRQ;
    if (axvm_lapic_deadline(&v->lapic) != v->lapic_deadline)
        v->work |= AXVM_WORK_TIMER;
}

/* From TPR to IRR, SVR among them, they may be lent; in x2APIC mode no others. */
static void before_apic(struct axvm_vcpu *vcpu, uint32_t msr, bool write)
{
    if (axvm_x86_has_lapic(vcpu) && (msr - MSR_X2APIC_TPR < 0x20 || (write && msr == MSR_IA32_APIC_BASE)))
        axvm_x86_want_lapic_back(vcpu);
}

static int read_apic(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val)
{
    if (!vcpu->vm->arch.vintc)
        return AXVM_ERR_GUEST;
    before_apic(vcpu, msr, false);
    return axvm_vlapic_msr_read(vcpu, msr, val);
}

static int write_apic(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    int rc;

    before_apic(vcpu, msr, true);
    rc = vcpu->vm->arch.vintc ? axvm_vlapic_msr_write(vcpu, msr, val) : AXVM_ERR_GUEST;
    axvm_x86_lapic_touched(vcpu);
    return rc;
}

static AXVM_COLD enum axvm_trap_kind write_any_x2apic(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val, uint64_t next)
{
    return done(vcpu, write_apic(vcpu, msr, val), next);
}

/* EOI and IPIs come most. With these values they cannot be refused; and neither TPR nor the timer changes. */
static inline enum axvm_trap_kind write_x2apic(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val, uint64_t next)
{
    struct axvm_lapic *apic = &vcpu->arch.lapic;

    if (!axvm_lapic_is_x2apic(apic) || axvm_x86_has_lapic(vcpu) || axvm_x86_is_stepping(vcpu))
        return write_any_x2apic(vcpu, msr, val, next);
    if (msr == AXVM_MSR_X2APIC_EOI && val == 0) {
        vcpu->arch.rip = next;
        axvm_lapic_eoi(apic);
    } else if (msr == AXVM_MSR_X2APIC_ICR && (val & ~AXVM_LAPIC_ICR_BITS) == 0) {
        vcpu->arch.rip = next;
        axvm_lapic_write_icr(apic, val);
    } else if (msr == AXVM_MSR_X2APIC_SELF_IPI && val <= 0xff) {
        vcpu->arch.rip = next;
        axvm_lapic_self_ipi(apic, (uint32_t)val);
    } else {
        return write_any_x2apic(vcpu, msr, val, next);
    }
    return AXVM_TRAP_RESUME;
}

/* ---- */

static inline enum axvm_trap_kind finish_read(struct axvm_vcpu *vcpu, uint64_t val, uint64_t next)
{
    set_result(vcpu, val);
    return axvm_x86_step_to(vcpu, next);
}

/* What it is, msr.c does not know. */
static __attribute__((noinline)) enum axvm_trap_kind read_elsewhere(struct axvm_vcpu *vcpu, enum axvm_msr_result where,
                                                                    uint64_t next)
{
    uint32_t msr = (uint32_t)vcpu->arch.gpr[AXVM_RCX];
    int rc = AXVM_ERR_GUEST;
    uint64_t val = 0;

    switch (where) {
    case AXVM_MSR_APIC:
        rc = read_apic(vcpu, msr, &val);
        break;
    case AXVM_MSR_HW:
        rc = read_hw(vcpu, msr, &val);
        break;
    case AXVM_MSR_TSC:
        return finish_read(vcpu, axvm_x86_guest_tsc(vcpu), next);
    case AXVM_MSR_UNKNOWN:
        return exit_unknown_msr(vcpu, msr, false, 0, next);
    default:
        break;
    }
    return rc == AXVM_OK ? finish_read(vcpu, val, next) : done(vcpu, rc, next);
}

static __attribute__((noinline)) enum axvm_trap_kind read_x2apic(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t next)
{
    uint64_t val;
    int rc = read_apic(vcpu, msr, &val);

    return rc == AXVM_OK ? finish_read(vcpu, val, next) : done(vcpu, rc, next);
}

static __attribute__((noinline)) enum axvm_trap_kind read_other(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t next)
{
    uint64_t val;
    enum axvm_msr_result where = axvm_msr_read(&vcpu->arch.msrs, limits(vcpu), msr, &val);

    return where == AXVM_MSR_DONE ? finish_read(vcpu, val, next) : read_elsewhere(vcpu, where, next);
}

enum axvm_trap_kind axvm_x86_exit_rdmsr(struct axvm_vcpu *vcpu, uint64_t next)
{
    uint32_t msr = (uint32_t)vcpu->arch.gpr[AXVM_RCX];
    const uint64_t *kept;

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if (msr == MSR_IA32_APIC_BASE && vcpu->vm->arch.vintc)
        return finish_read(vcpu, axvm_lapic_base(&vcpu->arch.lapic), next);
    if ((msr & ~0xffu) == MSR_X2APIC)
        return read_x2apic(vcpu, msr, next);
    kept = axvm_msr_kept(&vcpu->arch.msrs, msr);
    return kept ? finish_read(vcpu, *kept, next) : read_other(vcpu, msr, next);
}

/* It takes more than to keep the value, which msr.c has done or refused. */
static __attribute__((noinline)) enum axvm_trap_kind write_elsewhere(struct axvm_vcpu *vcpu, enum axvm_msr_result where,
                                                                     uint64_t val, uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint32_t msr = (uint32_t)v->gpr[AXVM_RCX];
    uint64_t delta;
    int rc = AXVM_OK;

    switch (where) {
    case AXVM_MSR_APIC:
        rc = write_apic(vcpu, msr, val);
        break;
    case AXVM_MSR_HW:
        rc = write_hw(vcpu, msr, val);
        break;
    case AXVM_MSR_TSC:
        delta = val - axvm_x86_guest_tsc(vcpu);
        axvm_msr_tsc_moved(&v->msrs, delta);
        axvm_x86_tsc_move(vcpu, delta);
        break;
    case AXVM_MSR_TSC_ADJUST:
        axvm_x86_tsc_move(vcpu, val);
        break;
    case AXVM_MSR_PV:
        axvm_x86_pv_written(vcpu, msr);
        break;
    case AXVM_MSR_UNKNOWN:
        return exit_unknown_msr(vcpu, msr, true, val, next);
    default:
        rc = AXVM_ERR_GUEST;
        break;
    }
    return done(vcpu, rc, next);
}

static __attribute__((noinline)) enum axvm_trap_kind write_other(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val,
                                                                 uint64_t next)
{
    enum axvm_msr_result where = axvm_msr_write(&vcpu->arch.msrs, limits(vcpu), msr, &val);

    return where == AXVM_MSR_DONE ? axvm_x86_step_to(vcpu, next) : write_elsewhere(vcpu, where, val, next);
}

enum axvm_trap_kind axvm_x86_exit_wrmsr(struct axvm_vcpu *vcpu, uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint32_t msr = (uint32_t)v->gpr[AXVM_RCX];
    uint64_t val = v->gpr[AXVM_RDX] << 32 | (uint32_t)v->gpr[AXVM_RAX];

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    return (msr & ~0xffu) == MSR_X2APIC ? write_x2apic(vcpu, msr, val, next) : write_other(vcpu, msr, val, next);
}
