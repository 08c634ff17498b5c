/* SPDX-License-Identifier: BSD-2-Clause */
/* What this backend's parts offer each other; all with interrupts off. */
#ifndef AXVM_RISCV64_HS_H
#define AXVM_RISCV64_HS_H

#include "arch.h"
#include "csr.h"

/* ---- switch.c ---- */
/* Loaded: hvip and what else waits for the vCPU. */
void axvm_irqs_refresh(struct axvm_vcpu *vcpu);
/* The VS registers of the CPU to and from memory. */
void axvm_vs_save(struct axvm_vs_regs *r, bool sstc, bool iselect);
void axvm_vs_load(const struct axvm_vs_regs *r, bool sstc, bool iselect);

/*
 * VSEIP, on the CPU where @vcpu is loaded. With the AIA hvictl says so, too: its priority then is known without an interrupt file, and
 * QEMU's vstopi, which guests with an IMSIC ask, takes no notice of hvip for this interrupt.
 */
static inline void axvm_set_external(struct axvm_vcpu *vcpu, bool level)
{
    if (level)
        axvm_csr_set(CSR_HVIP, IRQ_VSE);
    else
        axvm_csr_clear(CSR_HVIP, IRQ_VSE);
    if (vcpu->vm->arch.hvictl)
        axvm_csr_write(CSR_HVICTL, HVICTL_IID_EXTERNAL | (level ? HVICTL_IPRIO_1 : 0));
}

/* The host may be asked whether the guest may wait for interrupts in the CPU. Interrupts off. */
static inline bool axvm_may_wait(const struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;

    return hal->may_wait_in_guest && hal->may_wait_in_guest(hal->ctx);
}

/* What axvm_guest_enter() comes back through: the host's state is to be as before. Returns @kind. */
enum axvm_trap_kind axvm_guest_left(enum axvm_trap_kind kind, struct axvm_vcpu *vcpu);

/* ---- entry.S ---- */
enum axvm_trap_kind axvm_guest_enter(struct axvm_vcpu *vcpu);
extern const char axvm_vector[];
bool axvm_hlvx_hu(uint64_t va, uint64_t *val);
bool axvm_hlvx_wu(uint64_t va, uint64_t *val);
bool axvm_misaligned_traps(uint64_t at[2]);
bool axvm_csr_exists_hgatp(void);
bool axvm_csr_exists_henvcfg(void);
bool axvm_csr_exists_hstateen0(void);
bool axvm_csr_exists_vsiselect(void);
bool axvm_csr_exists_vstimecmp(void);
bool axvm_csr_exists_hvictl(void);
bool axvm_csr_exists_cycle(void);
bool axvm_csr_exists_instret(void);
bool axvm_csr_exists_vlenb(void);

/* ---- fp.c: F and D. The first use after an entry is an illegal instruction, and then the host's registers make room ---- */
void axvm_fp_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
void axvm_fp_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
/* hedeleg for illegal instructions: whenever FP or vectors (vector.h) come or go. Loaded. */
void axvm_illegal_delegate(struct axvm_vcpu *vcpu);
/* Has this CPU F and D? */
bool axvm_fp_present(void);
/* fp_regs.S */
void axvm_fp_save_regs(struct axvm_fp_regs *fp);
void axvm_fp_load_regs(const struct axvm_fp_regs *fp);

/* ---- sbi_pmu.c ---- */
void axvm_pmu_reset(struct axvm_pmu *pmu);
/* Hardware counters begin and end to count, as the vCPU is loaded. */
void axvm_pmu_load(struct axvm_pmu *pmu);
void axvm_pmu_put(struct axvm_pmu *pmu);
void axvm_pmu_count(struct axvm_pmu *pmu, enum axvm_pmu_event event);
static inline void axvm_pmu_event(struct axvm_vcpu *vcpu, enum axvm_pmu_event event)
{
    if (vcpu->arch.pmu.events >> event & 1)
        axvm_pmu_count(&vcpu->arch.pmu, event);
}
/* cycle or instret (@idx 0, 2) as the guest sees it. False: there is none. Loaded. */
bool axvm_pmu_read_csr(struct axvm_vcpu *vcpu, unsigned int idx, uint64_t *value);

/* ---- sbi_sta.c ---- */
void axvm_sta_reset(struct axvm_sta *sta);
/* The host takes the CPU from a vCPU with memory for it; and it is entered again after that. */
void axvm_sta_leave(struct axvm_vcpu *vcpu);
void axvm_sta_update(struct axvm_vcpu *vcpu);

/* ---- sbi_sse_run.c; all but the resets in the fast tier ---- */
/* The VM's vCPUs are off. */
void axvm_sse_vm_reset(struct axvm *vm);
/* It is about to be started. Any context. */
void axvm_sse_hart_reset(struct axvm_vcpu *vcpu);
/* It has just turned itself off. */
void axvm_sse_hart_stopped(struct axvm_vcpu *vcpu);
/* @vcpu, which may be anywhere, has to call axvm_sse_dispatch(). */
void axvm_sse_post(struct axvm_vcpu *vcpu);
/* Let @vcpu enter the handler of an event that is pending and may be delivered, and tell another if one is for it. */
void axvm_sse_dispatch(struct axvm_vcpu *vcpu);
/* @vcpu leaves the handler that it entered last. False: it is in none. */
bool axvm_sse_complete(struct axvm_vcpu *vcpu);

/* ---- sbi.c: what a call returns, in a0 and a1 ---- */
static inline uint64_t axvm_sbi_reply(struct axvm_vcpu *vcpu, int64_t error, uint64_t value)
{
    vcpu->arch.gpr[10] = (uint64_t)error;
    vcpu->arch.gpr[11] = value;
    return AXVM_TRAP_RESUME;
}

/* "Shared memory physical address range parameter": RAM that the guest may read and write, all of it. */
static inline bool axvm_sbi_is_shmem(struct axvm *vm, uint64_t low, uint64_t high, uint64_t size)
{
    return high == 0 && size <= UINT64_MAX - low && axvm_aspace_allows(vm, low, size, AXVM_PROT_READ | AXVM_PROT_WRITE);
}

/* ---- exit.c: what entry.S calls ---- */
/* With s0..s11 of the guest still in the CPU. Returns an enum axvm_trap_kind, or AXVM_TRAP_SAVE_ALL having done nothing. */
uint64_t axvm_exit_quick(struct axvm_vcpu *vcpu, uint64_t scause);
#define AXVM_TRAP_SAVE_ALL UINT64_MAX /* negative for entry.S */
/* With all of x1..x31 in memory. Returns an enum axvm_trap_kind. */
uint64_t axvm_exit(struct axvm_vcpu *vcpu, uint64_t scause);

/* Is this a register that entry.S saves for axvm_exit_quick()? The others are s0..s11. */
static inline bool axvm_is_caller_saved(uint32_t reg)
{
    return (UINT32_C(0x0ffc0300) >> reg & 1) == 0;
}

/* ---- abort.c ---- */
uint64_t axvm_exit_guest_page_fault(struct axvm_vcpu *vcpu, uint64_t cause);
/* The instruction at sepc. False: it cannot be fetched any more; the guest shall try again. Loaded. */
bool axvm_fetch_insn(uint32_t *insn);

/* The same where memory is likelier than a device, as axvm_exit_quick(). */
uint64_t axvm_quick_ram(struct axvm_vcpu *vcpu, uint64_t gpa, bool write);

/* ---- abort_short.c: true: the access is done, or the guest shall try again ---- */
bool axvm_short_load(struct axvm_vcpu *vcpu, uint64_t gpa, uint64_t va);
bool axvm_short_store(struct axvm_vcpu *vcpu, uint64_t gpa, uint64_t va);

/* ---- raise.c: an exception for the guest, in the fast tier ("live": its registers are in the CPU) or with them in memory ---- */
void axvm_raise_live(struct axvm_vcpu *vcpu, uint64_t cause, uint64_t tval);
void axvm_raise(struct axvm_vcpu *vcpu, uint64_t cause, uint64_t tval);

/* vsstatus after a trap into VS-mode. @from_s: the guest was in VS-mode, and not in VU-mode. */
static inline uint64_t axvm_vsstatus_after_trap(uint64_t vsstatus, bool from_s)
{
    uint64_t status = vsstatus & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);

    status |= from_s ? SSTATUS_SPP : 0;
    return status | ((vsstatus & SSTATUS_SIE) ? SSTATUS_SPIE : 0);
}

/* In the fast tier: where the guest goes on, VS-mode (@s) or VU-mode. */
static inline void axvm_set_privilege(bool s)
{
    if (s) {
        axvm_csr_set(CSR_SSTATUS, SSTATUS_SPP);
        axvm_csr_set(CSR_HSTATUS, HSTATUS_SPVP);
    } else {
        axvm_csr_clear(CSR_SSTATUS, SSTATUS_SPP);
        axvm_csr_clear(CSR_HSTATUS, HSTATUS_SPVP);
    }
}

/* ---- csr_trap.c ---- */
uint64_t axvm_exit_virtual_insn(struct axvm_vcpu *vcpu, uint64_t insn);

/* The instruction at sepc, which scause's trap may have left in stval already. False: it cannot be fetched any more. */
static inline bool axvm_trapped_insn(uint64_t tval, uint32_t *insn)
{
    /* "Illegal-Instruction and Virtual-Instruction Exceptions": stval may be 0. */
    *insn = (uint32_t)tval;
    return tval != 0 || axvm_fetch_insn(insn);
}

/* ---- csr_aia.c: an instruction for one of these, in VS-mode, of a guest with an IMSIC ---- */
static inline bool axvm_is_aia_csr(uint32_t insn)
{
    uint32_t csr = insn >> 20;

    return (insn & 0x7f) == 0x73 && (insn >> 12 & 3) != 0 &&
           (csr == CSR_STOPEI || csr == CSR_SIREG || csr == CSR_SISELECT || csr == CSR_STOPI);
}
uint64_t axvm_exit_csr_aia(struct axvm_vcpu *vcpu, uint32_t insn);

/* ---- s2.c ---- */
/* Fences of this CPU for the VM whose hgatp is loaded. */
void axvm_fence_guest_local(void); /* instructions, too */
void axvm_fence_guest_range(uint64_t va, uint64_t len);
void axvm_fence_gpa_local(uint64_t gpa);

/* ---- timer.c ---- */
/* The guest's clock, now. */
uint64_t axvm_guest_time(const struct axvm *vm);
/* SBI set_timer, or a write of stimecmp. Loaded. */
void axvm_timer_set(struct axvm_vcpu *vcpu, uint64_t deadline);
/* Without Sstc, loaded: give VSTIP to the guest, or arm the host's timer for it. */
void axvm_timer_update(struct axvm_vcpu *vcpu);
/* Without Sstc, loaded: the host's timer has fired. True: it was for the guest, which has its interrupt now. */
bool axvm_timer_fired(struct axvm_vcpu *vcpu);
/* Not loaded: is it due? When is it? */
bool axvm_timer_due(struct axvm_vcpu *vcpu);
uint64_t axvm_timer_deadline(struct axvm_vcpu *vcpu);

#endif
