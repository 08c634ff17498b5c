/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual-instruction exceptions: what a guest may do on its own CPU but not on ours, and what it may do nowhere. */
#include "bits.h"
#include "hs.h"

#define INSN_WFI 0x10500073u
#define INSN_WRS_NTO 0x00d00073u
#define OP_SYSTEM 0x73u

static uint64_t illegal(struct axvm_vcpu *vcpu, uint64_t insn)
{
    axvm_raise_live(vcpu, CAUSE_ILLEGAL, insn);
    return AXVM_TRAP_RESUME;
}

static uint64_t step_over(struct axvm_vcpu *vcpu, unsigned int rd, uint64_t val)
{
    if (rd != 0)
        vcpu->arch.gpr[rd] = val;
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_SEPC) + 4);
    return AXVM_TRAP_RESUME;
}

/* A CSR of nobody: a device of AXVM_BUS_SYSREG, or none. Only plain reads and writes get there. */
static uint64_t csr_on_bus(struct axvm_vcpu *vcpu, uint32_t insn, uint32_t csr, bool write, uint64_t val)
{
    unsigned int rd = insn >> 7 & 31;

    if (!axvm_bus_find(&vcpu->vm->bus[AXVM_BUS_SYSREG], csr, 1) || (write && rd != 0))
        return illegal(vcpu, insn);
    vcpu->trap.mmio = (struct axvm_mmio){
        .addr = csr,
        .val = { val },
        .space = AXVM_BUS_SYSREG,
        .size = 8,
        .count = 1,
        .write = write,
        .arch = { .dest = AXVM_DEST_GPR, .reg = (uint8_t)rd, .insn_len = 4 },
    };
    vcpu->arch.cause = CAUSE_ILLEGAL;
    vcpu->arch.tval = insn;
    return AXVM_TRAP_MMIO;
}

/* "Zicsr": CSRRW always writes; the others do unless their operand is x0 or 0. */
static bool writes(uint32_t insn)
{
    return (insn >> 12 & 3) == 1 || (insn >> 15 & 31) != 0;
}

/* A function of its own, so that reading a counter does not pay for it. */
static __attribute__((noinline)) uint64_t exit_other_csr(struct axvm_vcpu *vcpu, uint32_t insn)
{
    uint32_t field = insn >> 15 & 31;
    uint64_t val = insn & 0x4000 ? field : vcpu->arch.gpr[field];

    if ((axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) == 0)
        return illegal(vcpu, insn);
    if (vcpu->arch.imsic && axvm_is_aia_csr(insn))
        return axvm_exit_csr_aia(vcpu, insn);
    if (writes(insn) && (insn >> 12 & 3) != 1)
        return illegal(vcpu, insn);
    return csr_on_bus(vcpu, insn, insn >> 20, writes(insn), val);
}

/* Of a guest that has configured its counters. */
static __attribute__((noinline)) uint64_t exit_counter(struct axvm_vcpu *vcpu, uint32_t insn)
{
    uint32_t csr = insn >> 20;
    uint64_t val;

    if (csr == CSR_TIME)
        val = axvm_guest_time(vcpu->vm);
    else if (!axvm_pmu_read_csr(vcpu, csr - CSR_CYCLE, &val))
        return exit_other_csr(vcpu, insn);
    return step_over(vcpu, insn >> 7 & 31, val);
}

static uint64_t exit_csr(struct axvm_vcpu *vcpu, uint32_t insn)
{
    const struct axvm_arch_cpu *h = &vcpu->arch.cpu->arch;
    uint32_t csr = insn >> 20;

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if (writes(insn) || csr < CSR_CYCLE || csr > CSR_INSTRET)
        return exit_other_csr(vcpu, insn);
    /* In VU-mode the guest's own scounteren decides; it is loaded. */
    if ((axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) == 0 && (axvm_csr_read(CSR_SCOUNTEREN) >> (csr - CSR_CYCLE) & 1) == 0)
        return illegal(vcpu, insn);
    if (vcpu->arch.pmu.used)
        return exit_counter(vcpu, insn);
    if (csr == CSR_CYCLE && h->has_cycle)
        return step_over(vcpu, insn >> 7 & 31, axvm_csr_read(CSR_CYCLE));
    if (csr == CSR_INSTRET && h->has_instret)
        return step_over(vcpu, insn >> 7 & 31, axvm_csr_read(CSR_INSTRET));
    return csr == CSR_TIME ? step_over(vcpu, insn >> 7 & 31, axvm_guest_time(vcpu->vm)) : exit_other_csr(vcpu, insn);
}

/* Wait for an interrupt: in VU-mode the guest's CPU has none. The host is asked once whether it may do so in the CPU itself. */
static uint64_t exit_wfi(struct axvm_vcpu *vcpu)
{
    if ((axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) == 0)
        return illegal(vcpu, INSN_WFI);
    axvm_stat_inc(vcpu, AXVM_STAT_WAIT);
    if (axvm_may_wait(vcpu)) {
        axvm_csr_clear(CSR_HSTATUS, HSTATUS_VTW);
        vcpu->arch.extra |= AXVM_EXTRA_WAITS;
        return AXVM_TRAP_RESUME;
    }
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_SEPC) + 4);
    /* One that is pending already: hip, as vsip hides what VS-mode has not delegated. */
    if (axvm_csr_read(CSR_VSIP) & axvm_csr_read(CSR_VSIE))
        return AXVM_TRAP_RESUME;
    return AXVM_TRAP_IDLE;
}

/* "Zawrs": a wait for a store of somebody else, which may end at any time. It traps as WFI does. */
static uint64_t exit_wrs(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_WAIT);
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_SEPC) + 4);
    if ((vcpu->vm->flags & AXVM_VM_YIELD_ON_SPIN) == 0)
        return AXVM_TRAP_RESUME;
    vcpu->arch.exit->reason = AXVM_EXIT_YIELD;
    return AXVM_TRAP_EXIT;
}

uint64_t axvm_exit_virtual_insn(struct axvm_vcpu *vcpu, uint64_t tval)
{
    uint32_t insn;

    if (!axvm_trapped_insn(tval, &insn))
        return AXVM_TRAP_RESUME;
    if (insn == INSN_WFI)
        return exit_wfi(vcpu);
    if (insn == INSN_WRS_NTO)
        return exit_wrs(vcpu);
    if ((insn & 0x7f) == OP_SYSTEM && (insn >> 12 & 3) != 0)
        return exit_csr(vcpu, insn);
    /* SRET, SFENCE.VMA and HINVAL where trapped, HLV, HSV, HFENCE: not for guests. */
    axvm_stat_inc(vcpu, AXVM_STAT_OTHER);
    return illegal(vcpu, insn);
}
