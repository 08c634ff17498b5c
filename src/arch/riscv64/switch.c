/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch, as far as it is more than x1..x31 (those are entry.S).
 *
 * Three kinds of registers:
 *  - the host's own (stvec, sscratch, sstatus, hstatus, scounteren, senvcfg): exchanged on every entry and exit;
 *  - the guest's alone (the VS CSRs, hgatp, htimedelta): saved on exit, as the vCPU may go on elsewhere, but loaded only if
 *    somebody else was loaded here in between (cpu->resident). axvm_cpu_disable() puts back what the host had in them;
 *  - lazily exchanged: FP (fp.c), vectors (vector.c).
 */
#include "bits.h"
#include "guest_file.h"
#include "hs.h"
#include "vector.h"
#include "vmid.h"

/* All but what is not there on each CPU, and hie. */
static inline void vs_save_most(struct axvm_vs_regs *r)
{
    r->vsstatus = axvm_csr_read(CSR_VSSTATUS);
    r->hvip = axvm_csr_read(CSR_HVIP);
    r->vstvec = axvm_csr_read(CSR_VSTVEC);
    r->vsscratch = axvm_csr_read(CSR_VSSCRATCH);
    r->vsepc = axvm_csr_read(CSR_VSEPC);
    r->vscause = axvm_csr_read(CSR_VSCAUSE);
    r->vstval = axvm_csr_read(CSR_VSTVAL);
    r->vsatp = axvm_csr_read(CSR_VSATP);
}

static inline void vs_save_optional(struct axvm_vs_regs *r, bool sstc, bool iselect)
{
    if (sstc)
        r->vstimecmp = axvm_csr_read(CSR_VSTIMECMP);
    if (iselect)
        r->vsiselect = axvm_csr_read(CSR_VSISELECT);
}

void axvm_vs_save(struct axvm_vs_regs *r, bool sstc, bool iselect)
{
    vs_save_most(r);
    r->hie = axvm_csr_read(CSR_HIE);
    vs_save_optional(r, sstc, iselect);
}

void axvm_vs_load(const struct axvm_vs_regs *r, bool sstc, bool iselect)
{
    axvm_csr_write(CSR_VSSTATUS, r->vsstatus);
    axvm_csr_write(CSR_HIE, r->hie);
    axvm_csr_write(CSR_HVIP, r->hvip);
    axvm_csr_write(CSR_VSTVEC, r->vstvec);
    axvm_csr_write(CSR_VSSCRATCH, r->vsscratch);
    axvm_csr_write(CSR_VSEPC, r->vsepc);
    axvm_csr_write(CSR_VSCAUSE, r->vscause);
    axvm_csr_write(CSR_VSTVAL, r->vstval);
    axvm_csr_write(CSR_VSATP, r->vsatp);
    if (sstc)
        axvm_csr_write(CSR_VSTIMECMP, r->vstimecmp);
    if (iselect)
        axvm_csr_write(CSR_VSISELECT, r->vsiselect);
}

/* ---- the host's, where it uses VS registers itself: AXVM_CPU_HOST_USES_GUEST_REGS ---- */

static AXVM_COLD void save_host_vs(struct axvm_arch_cpu *h)
{
    axvm_vs_save(&h->vs, h->sstc, h->has_aia);
    h->vs.hie &= ~h->hie;
}

static AXVM_COLD void restore_host_vs(struct axvm_cpu *cpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;

    axvm_vs_load(&h->vs, h->sstc, h->has_aia);
    axvm_csr_write(CSR_HIE, h->hie | h->vs.hie);
    cpu->resident = NULL;
}

/* ---- the guest's ---- */

/*
 * Two vCPUs of a VM share its VMID, but what each of them caches with local fences in mind is not the other's to see: when they
 * take turns on a CPU, or one comes from another CPU, it starts afresh.
 */
static void separate_vcpus(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint8_t *last = &vcpu->vm->arch.last_vcpu[cpu->pcpu];
    uint8_t me = (uint8_t)(vcpu->id + 1);
    uint64_t vmid = atomic_load_explicit(&vcpu->vm->vmid, memory_order_relaxed);

    if (*last != me || v->last_cpu != cpu || v->last_vmid != vmid) {
        axvm_fence_guest_local();
        *last = me;
        v->last_cpu = cpu;
        v->last_vmid = vmid;
    }
}

/* From now on this CPU may cache translations of the VM: axvm_arch_s2_flush() asks it, too. */
static void note_hart(struct axvm_arch_vm *vm, const struct axvm_arch_cpu *h)
{
    if (h->hart_bit == 0)
        atomic_store(&vm->far_harts, 1);
    else if (!(atomic_load_explicit(&vm->harts[h->hart_word], memory_order_relaxed) & h->hart_bit))
        atomic_fetch_or(&vm->harts[h->hart_word], h->hart_bit);
}

/* Tables have changed since this CPU was last in the VM: axvm_arch_s2_flush(). */
static void fence_if_stale(struct axvm_arch_vm *vm, const struct axvm_arch_cpu *h)
{
    if ((atomic_load_explicit(&vm->stale[h->hart_word], memory_order_relaxed) & h->hart_bit) != 0) {
        atomic_fetch_and(&vm->stale[h->hart_word], ~h->hart_bit);
        axvm_arch_cpu_flush_tlb(NULL);
    }
}

static void load_translation(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;
    uint64_t vmid = axvm_vmid_enter(cpu, vcpu->vm);
    uint64_t hgatp = vcpu->vm->arch.hgatp_base | axvm_put_field(HGATP_VMID, vmid);

    if (h->guest_hgatp == hgatp && cpu->resident != NULL)
        return;
    note_hart(&vcpu->vm->arch, h);
    axvm_csr_write(CSR_HGATP, hgatp);
    /* Without VMIDs all VMs' translations look alike. */
    if (h->vmid_bits == 0) {
        axvm_arch_cpu_flush_tlb(cpu);
        vcpu->arch.last_cpu = NULL;
    }
    h->guest_hgatp = hgatp;
}

static void load_vm(struct axvm_cpu *cpu, const struct axvm_vcpu *vcpu)
{
    const struct axvm *vm = vcpu->vm;

    axvm_csr_write(CSR_HTIMEDELTA, vm->arch.htimedelta);
    axvm_csr_write(CSR_HEDELEG, vm->arch.hedeleg);
    if (cpu->arch.has_henvcfg)
        axvm_csr_write(CSR_HENVCFG, vcpu->arch.henvcfg);
    if (cpu->arch.has_stateen)
        axvm_csr_write(CSR_HSTATEEN0, vm->arch.hstateen0);
}

/* AXVM_EXTRA_MACHINE and what is like it: the same from one entry on a CPU to the next. */
static void note_machine(const struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vm *a = &vcpu->vm->arch;
    struct axvm_arch_vcpu *v = &vcpu->arch;

    v->extra &= ~(AXVM_EXTRA_MACHINE | AXVM_EXTRA_ISELECT);
    if (cpu->arch.eager_vs || v->file_cpu || !a->sstc)
        v->extra |= AXVM_EXTRA_MACHINE;
    if (a->iselect)
        v->extra |= AXVM_EXTRA_ISELECT;
}

/* This CPU holds another's registers, or had other numbers for its VM. Whoever is resident has no need of it, which keeps it
 * out of line. */
static __attribute__((noinline)) void take_over(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, bool resident)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    /* How translations are made, before those of others go. */
    if (!resident) {
        cpu->resident = NULL;
        load_vm(cpu, vcpu);
    }
    load_translation(cpu, vcpu);
    separate_vcpus(cpu, vcpu);
    if (!resident) {
        axvm_vs_load(&v->vs, vcpu->vm->arch.sstc, vcpu->vm->arch.iselect);
        cpu->resident = vcpu;
        v->resident_on = cpu;
        v->cpu = cpu;
        atomic_store_explicit(&v->hart, cpu->arch.hartid, memory_order_relaxed);
        note_machine(cpu, vcpu);
    }
}

/* Its VS registers are still in this CPU as it left them. */
static inline bool is_resident(const struct axvm_cpu *cpu, const struct axvm_vcpu *vcpu)
{
    return cpu->resident == vcpu && vcpu->arch.resident_on == cpu;
}

/* And hgatp is: it holds what take_over() has loaded for last_vmid. Whoever takes the number from the VM takes it from its CPUs
 * first: vmid.h. */
static inline bool has_vmid(const struct axvm_cpu *cpu, const struct axvm_vcpu *vcpu)
{
    return vcpu->arch.last_vmid == atomic_load_explicit(&cpu->active_vmid, memory_order_relaxed);
}

/*
 * Does it come straight back, with nothing changed in between? Others that want something of it (fence_one(), flush_others(),
 * axvm_virq_output(), send_ipi()) first leave a mark in "posted" and then look at vcpu->in_guest and vcpu->arch.hart, all
 * sequentially consistent. Core has written in_guest, and there was a fence after it: either they see where we are, or we see
 * the mark.
 */
static inline bool has_stayed(const struct axvm_cpu *cpu, const struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;

    return is_resident(cpu, vcpu) && has_vmid(cpu, vcpu) &&
           (atomic_load_explicit(&v->posted, memory_order_relaxed) |
            atomic_load_explicit(&vcpu->requests, memory_order_relaxed) | (v->extra & ~AXVM_EXTRA_ISELECT)) == 0;
}

static void load_guest_regs(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    bool resident = is_resident(cpu, vcpu);

    if (!resident || !has_vmid(cpu, vcpu))
        take_over(cpu, vcpu, resident);
}

/* Stage 2's, after load_guest_regs(): that has written vcpu->arch.hart, and whoever leaves a mark looks at it afterwards. */
static void take_marks(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    atomic_thread_fence(memory_order_seq_cst);
    fence_if_stale(&vcpu->vm->arch, &cpu->arch);
}

/* The level of its line is looked at anyway, and stage 2's translations before. */
static __attribute__((noinline)) void take_posted(struct axvm_vcpu *vcpu)
{
    uint32_t posted = atomic_exchange(&vcpu->arch.posted, 0);

    if (posted & AXVM_POSTED_FENCE)
        axvm_fence_guest_local();
    if (posted & AXVM_POSTED_SSIP) {
        axvm_pmu_event(vcpu, AXVM_PMU_IPI_RECEIVED);
        axvm_csr_set(CSR_HVIP, IRQ_VSS);
    }
    if (posted & AXVM_POSTED_SSE)
        axvm_sse_dispatch(vcpu);
}

/* Who changes any of it leaves a mark, and asks for a look after that. */
static inline void refresh_irqs(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (atomic_load_explicit(&v->posted, memory_order_relaxed))
        take_posted(vcpu);
    axvm_set_external(vcpu, atomic_load_explicit(&v->external, memory_order_relaxed) != 0);
    if (!vcpu->vm->arch.sstc)
        axvm_timer_update(vcpu);
}

void axvm_irqs_refresh(struct axvm_vcpu *vcpu)
{
    refresh_irqs(vcpu);
}

/* ---- to the guest ---- */

/* What is exchanged on every entry. */
static inline void switch_to_guest(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_arch_cpu *h = &cpu->arch;

    v->loaded = true;
    axvm_csr_write(CSR_HIE, v->vs.hie | h->hie);
    h->shared.scounteren = axvm_csr_swap(CSR_SCOUNTEREN, v->shared.scounteren);
    h->shared.senvcfg = axvm_csr_swap(CSR_SENVCFG, v->shared.senvcfg);
    h->hstatus = axvm_csr_swap(CSR_HSTATUS, v->hstatus);
    h->sstatus = axvm_csr_swap(CSR_SSTATUS, v->sstatus);
    axvm_csr_write(CSR_SEPC, v->pc);
}

/* The host took the CPU from it: that may be stolen time. May its waits for an interrupt happen in the CPU itself? Those who
 * wait are asked about here; exit_wfi() asks for the others. */
static bool go_on_after_interruption(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.sta.preempted)
        axvm_sta_update(vcpu);
    return axvm_may_wait(vcpu);
}

/* Whatever kept it from its guest is over. */
static void end_pause(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint32_t pause = v->extra & (AXVM_EXTRA_INTERRUPTED | AXVM_EXTRA_WAITS | AXVM_EXTRA_SUSPENDED);

    if (pause == 0)
        return;
    v->extra &= ~pause;
    v->hstatus |= HSTATUS_VTW;
    atomic_store_explicit(&v->suspended, 0, memory_order_relaxed);
    if ((pause & AXVM_EXTRA_INTERRUPTED) && go_on_after_interruption(vcpu)) {
        v->hstatus &= ~HSTATUS_VTW;
        v->extra |= AXVM_EXTRA_WAITS;
    }
}

/* After whatever may have happened since it was here last, if it ever was. */
static __attribute__((noinline)) enum axvm_trap_kind come_back(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    /* What was asked for until now is looked at by loading; what comes later kicks this CPU. */
    if (atomic_load_explicit(&vcpu->requests, memory_order_relaxed) & AXVM_REQ_IRQ)
        atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ);
    end_pause(vcpu);
    if (cpu->arch.eager_vs)
        save_host_vs(&cpu->arch);
    load_guest_regs(cpu, vcpu);
    take_marks(cpu, vcpu);
    if (v->file_cpu)
        axvm_guest_file_load(vcpu);
    switch_to_guest(cpu, vcpu);
    if (v->extra & AXVM_EXTRA_COUNTERS)
        axvm_pmu_load(&v->pmu);
    /* From here on it is as in the fast tier: it may enter the handler of a software event. */
    refresh_irqs(vcpu);
    return axvm_guest_enter(vcpu);
}

enum axvm_trap_kind axvm_arch_vcpu_run(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    vcpu->arch.exit = exit;
    if (!has_stayed(cpu, vcpu))
        return come_back(cpu, vcpu);
    switch_to_guest(cpu, vcpu);
    /* It is there already. But QEMU loses interrupts of vstimecmp, and finds them again when this is written, as a full entry
     * does: docs/testing.md. */
    axvm_csr_write(CSR_HVIP, vcpu->arch.vs.hvip);
    return axvm_guest_enter(vcpu);
}

/* ---- and back: in parts that end with the next one, so that the ordinary way saves no registers ---- */

/* What only some have to do, and what an interrupt leaves to do. */
static __attribute__((noinline)) enum axvm_trap_kind switch_extra(enum axvm_trap_kind kind, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    vs_save_optional(&v->vs, vcpu->vm->arch.sstc, vcpu->vm->arch.iselect);
    if (v->cpu->arch.eager_vs)
        restore_host_vs(v->cpu);
    if (kind == AXVM_TRAP_HOST_IRQ) {
        v->extra |= AXVM_EXTRA_INTERRUPTED;
        if (v->sta.shmem != AXVM_STA_OFF)
            axvm_sta_leave(vcpu);
    }
    return kind;
}

static __attribute__((noinline)) enum axvm_trap_kind switch_to_host(enum axvm_trap_kind kind, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    const struct axvm_arch_cpu *h = &v->cpu->arch;

    v->pc = axvm_csr_read(CSR_SEPC);
    v->sstatus = axvm_csr_swap(CSR_SSTATUS, h->sstatus);
    v->hstatus = axvm_csr_swap(CSR_HSTATUS, h->hstatus);
    v->shared.scounteren = axvm_csr_swap(CSR_SCOUNTEREN, h->shared.scounteren);
    v->shared.senvcfg = axvm_csr_swap(CSR_SENVCFG, h->shared.senvcfg);
    vs_save_most(&v->vs);
    /* A guest's pending interrupt would end every WFI of the host. */
    v->vs.hie = axvm_csr_swap(CSR_HIE, h->hie) & IRQ_VS_ALL;
    if ((v->extra & (AXVM_EXTRA_MACHINE | AXVM_EXTRA_ISELECT)) || kind == AXVM_TRAP_HOST_IRQ)
        return switch_extra(kind, vcpu);
    v->vs.vstimecmp = axvm_csr_read(CSR_VSTIMECMP);
    return kind;
}

/* What the guest has used, or counts with, gets its values in memory again, and the host's. */
static __attribute__((noinline)) enum axvm_trap_kind put_registers(enum axvm_trap_kind kind, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->extra & AXVM_EXTRA_COUNTERS)
        axvm_pmu_put(&v->pmu);
    if (v->extra & AXVM_EXTRA_FP)
        axvm_fp_put(v->cpu, vcpu);
    if (v->extra & AXVM_EXTRA_VECTOR)
        axvm_vector_put(vcpu);
    return switch_to_host(kind, vcpu);
}

enum axvm_trap_kind axvm_guest_left(enum axvm_trap_kind kind, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    axvm_csr_write(CSR_STVEC, v->host_stvec);
    axvm_csr_write(CSR_SSCRATCH, v->host_sscratch);
    v->loaded = false;
    if (v->extra & (AXVM_EXTRA_COUNTERS | AXVM_EXTRA_FP | AXVM_EXTRA_VECTOR))
        return put_registers(kind, vcpu);
    return switch_to_host(kind, vcpu);
}
