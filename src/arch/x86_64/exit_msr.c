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

static enum axvm_trap_kind exit_unknown_msr(struct axvm_vcpu *vcpu, uint32_t msr, bool write, uint64_t val, unsigned int len)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    *mmio = (struct axvm_mmio){
        .addr = msr,
        .val = { val },
        .space = AXVM_BUS_SYSREG,
        .size = 8,
        .count = 1,
        .write = write,
        .arch = { .kind = AXVM_X86_MMIO_MSR, .insn_len = (uint8_t)len },
    };
    return axvm_x86_answer(vcpu, mmio);
}

static enum axvm_trap_kind done(struct axvm_vcpu *vcpu, int rc, unsigned int len)
{
    if (rc == AXVM_OK)
        axvm_x86_step_over(vcpu, len);
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
    if (vcpu->arch.lapic_lent && (msr - MSR_X2APIC_TPR < 0x20 || (write && msr == MSR_IA32_APIC_BASE)))
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

static bool is_x2apic(uint32_t msr)
{
    return (msr & ~0xffu) == MSR_X2APIC;
}

/* ---- */

enum axvm_trap_kind axvm_x86_exit_rdmsr(struct axvm_vcpu *vcpu, unsigned int len)
{
    uint32_t msr = (uint32_t)vcpu->arch.gpr[AXVM_RCX];
    uint64_t val = 0;
    int rc = AXVM_OK;

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    switch (is_x2apic(msr) ? AXVM_MSR_APIC : axvm_msr_read(&vcpu->arch.msrs, limits(vcpu), msr, &val)) {
    case AXVM_MSR_APIC:
        rc = read_apic(vcpu, msr, &val);
        break;
    case AXVM_MSR_HW:
        rc = read_hw(vcpu, msr, &val);
        break;
    case AXVM_MSR_TSC:
        val = axvm_x86_guest_tsc(vcpu);
        break;
    case AXVM_MSR_UNKNOWN:
        return exit_unknown_msr(vcpu, msr, false, 0, len);
    case AXVM_MSR_GP:
        rc = AXVM_ERR_GUEST;
        break;
    default:
        break;
    }
    if (rc == AXVM_OK)
        set_result(vcpu, val);
    return done(vcpu, rc, len);
}

enum axvm_trap_kind axvm_x86_exit_wrmsr(struct axvm_vcpu *vcpu, unsigned int len)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint32_t msr = (uint32_t)v->gpr[AXVM_RCX];
    uint64_t val = v->gpr[AXVM_RDX] << 32 | (uint32_t)v->gpr[AXVM_RAX];
    uint64_t delta;
    int rc = AXVM_OK;

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    switch (is_x2apic(msr) ? AXVM_MSR_APIC : axvm_msr_write(&v->msrs, limits(vcpu), msr, &val)) {
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
        return exit_unknown_msr(vcpu, msr, true, val, len);
    case AXVM_MSR_GP:
        rc = AXVM_ERR_GUEST;
        break;
    default:
        break;
    }
    return done(vcpu, rc, len);
}
