/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend's side of src/core/arch.h: CPUs, VMs and vCPUs come and go. */
#include "arch.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "bits.h"
#include "guest_file.h"
#include "hs.h"
#include "isa.h"
#include "mem.h"
#include "sbi.h"
#include "str.h"
#include "vector.h"
#include "virq.h"
#include "vmid.h"

/* ---- a physical CPU ---- */

/* henvcfg is WARL: ADUE sticks if the CPU has Svadu, and the firmware allows it. */
static bool has_adue(const struct axvm_arch_cpu *h)
{
    uint64_t was, got;

    if (!h->has_henvcfg)
        return false;
    was = axvm_csr_read(CSR_HENVCFG);
    axvm_csr_write(CSR_HENVCFG, was | HENVCFG_ADUE);
    got = axvm_csr_read(CSR_HENVCFG);
    axvm_csr_write(CSR_HENVCFG, was);
    return (got & HENVCFG_ADUE) != 0;
}

static void probe_features(struct axvm_arch_cpu *h, const struct axvm_riscv64_cpu_config *r)
{
    uint64_t scratch[2] = { 0, 0 };

    h->has_fp = axvm_fp_present();
    h->misaligned_traps = axvm_misaligned_traps(scratch);
    h->has_henvcfg = axvm_csr_exists_henvcfg();
    h->has_adue = has_adue(h);
    h->has_stateen = axvm_csr_exists_hstateen0();
    h->has_aia = axvm_csr_exists_hvictl() && axvm_csr_exists_vsiselect();
    h->has_cycle = axvm_csr_exists_cycle();
    h->has_instret = axvm_csr_exists_instret();
    h->sstc = !(r->flags & AXVM_RISCV64_NO_SSTC) && h->has_henvcfg && axvm_csr_exists_vstimecmp();
    h->vlenb = axvm_vector_probe();
    h->vmid_bits = (uint8_t)axvm_arch_vmid_bits();
}

/* What the host has in the registers that belong to guests from now on. */
static void save_guest_regs_of_host(struct axvm_arch_cpu *h)
{
    axvm_vs_save(&h->vs, h->sstc, h->has_aia);
    h->hedeleg = axvm_csr_read(CSR_HEDELEG);
    h->hideleg = axvm_csr_read(CSR_HIDELEG);
    h->hcounteren = axvm_csr_read(CSR_HCOUNTEREN);
    h->htimedelta = axvm_csr_read(CSR_HTIMEDELTA);
    h->hgatp = axvm_csr_read(CSR_HGATP);
    if (h->has_henvcfg)
        h->henvcfg = axvm_csr_read(CSR_HENVCFG);
    if (h->has_stateen)
        h->hstateen0 = axvm_csr_read(CSR_HSTATEEN0);
}

/* No virtual interrupts but the three of hvip, all of default priority: "Interrupts at VS level". */
static void take_aia(struct axvm_arch_cpu *h)
{
    h->hvien = axvm_csr_swap(CSR_HVIEN, 0);
    h->hvictl = axvm_csr_swap(CSR_HVICTL, 0);
    h->hviprio1 = axvm_csr_swap(CSR_HVIPRIO1, 0);
    h->hviprio2 = axvm_csr_swap(CSR_HVIPRIO2, 0);
}

static void give_aia_back(const struct axvm_arch_cpu *h)
{
    axvm_csr_write(CSR_HVIEN, h->hvien);
    axvm_csr_write(CSR_HVICTL, h->hvictl);
    axvm_csr_write(CSR_HVIPRIO1, h->hviprio1);
    axvm_csr_write(CSR_HVIPRIO2, h->hviprio2);
}

static void take_config(struct axvm_arch_cpu *h, const struct axvm_riscv64_cpu_config *r)
{
    h->hartid = r->hartid;
    if (h->hartid / 64 < AXVM_HART_WORDS) {
        h->hart_word = (uint32_t)(h->hartid / 64);
        h->hart_bit = UINT64_C(1) << h->hartid % 64;
    }
    h->timebase_hz = r->timebase_hz;
    h->take_kick = r->take_kick;
}

int axvm_arch_cpu_enable(struct axvm_cpu *cpu, const struct axvm_cpu_config *cfg)
{
    const struct axvm_riscv64_cpu_config *r = cfg ? cfg->riscv64 : NULL;
    struct axvm_arch_cpu *h = &cpu->arch;
    unsigned long irqs;

    if (!r || r->timebase_hz == 0 || cpu->pcpu >= AXVM_MAX_PCPUS)
        return AXVM_ERR_INVAL;
    irqs = axvm_irq_save();
    if (!axvm_csr_exists_hgatp()) {
        axvm_irq_restore(irqs);
        return AXVM_ERR_NOSUP;
    }
    h->eager_vs = (cfg->flags & AXVM_CPU_HOST_USES_GUEST_REGS) != 0;
    take_config(h, r);
    probe_features(h, r);
    h->isa = r->isa ? r->isa : h->has_fp ? "rv64imafdc" : "rv64imac";
    save_guest_regs_of_host(h);
    axvm_csr_write(CSR_HIDELEG, IRQ_VS_ALL);
    axvm_csr_write(CSR_HCOUNTEREN, HCOUNTEREN_TM);
    axvm_guest_files_enable(h, r);
    axvm_csr_write(CSR_HIE, h->hie);
    if (h->has_aia)
        take_aia(h);
    axvm_irq_restore(irqs);
    return AXVM_OK;
}

void axvm_arch_cpu_disable(struct axvm_cpu *cpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;
    unsigned long irqs = axvm_irq_save();

    axvm_vs_load(&h->vs, h->sstc, h->has_aia);
    axvm_csr_write(CSR_HEDELEG, h->hedeleg);
    axvm_csr_write(CSR_HIDELEG, h->hideleg);
    axvm_csr_write(CSR_HCOUNTEREN, h->hcounteren);
    axvm_csr_write(CSR_HTIMEDELTA, h->htimedelta);
    axvm_csr_write(CSR_HGATP, h->hgatp);
    if (h->has_henvcfg)
        axvm_csr_write(CSR_HENVCFG, h->henvcfg);
    if (h->has_stateen)
        axvm_csr_write(CSR_HSTATEEN0, h->hstateen0);
    if (h->has_aia)
        give_aia_back(h);
    axvm_guest_files_disable(h);
    axvm_irq_restore(irqs);
}

/* Guests' interrupts are delegated to them. What the host sees is that a guest interrupt file has something for one that waits.
 */
bool axvm_arch_host_irq(struct axvm_cpu *cpu, unsigned int irq)
{
    return irq == AXVM_RISCV64_GUEST_IRQ && axvm_guest_files_irq(cpu);
}

/* ---- a VM ---- */

/* Exceptions that VS-mode handles itself. Illegal instructions only while its FP registers are loaded: fp.c. */
#define DELEGATED                                                                                                              \
    (AXVM_BIT(CAUSE_FETCH_MISALIGNED) | AXVM_BIT(CAUSE_FETCH_ACCESS) | AXVM_BIT(CAUSE_BREAKPOINT) |                            \
     AXVM_BIT(CAUSE_LOAD_MISALIGNED) | AXVM_BIT(CAUSE_LOAD_ACCESS) | AXVM_BIT(CAUSE_STORE_MISALIGNED) |                        \
     AXVM_BIT(CAUSE_STORE_ACCESS) | AXVM_BIT(CAUSE_ECALL_U) | AXVM_BIT(CAUSE_FETCH_PAGE) | AXVM_BIT(CAUSE_LOAD_PAGE) |         \
     AXVM_BIT(CAUSE_STORE_PAGE))

/* The CPU we are on stands for all: they have been enabled the same way. */
static const struct axvm_arch_cpu *any_cpu(struct axvm *vm)
{
    unsigned long irqs = axvm_irq_save();
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);

    axvm_irq_restore(irqs);
    return cpu ? &cpu->arch : NULL;
}

/* A vCPU that has chosen it may come to any of them. */
static bool all_cpus_have_adue(const struct axvm *vm)
{
    bool all = true;

    for (unsigned int pcpu = 0; all && pcpu < AXVM_MAX_PCPUS; pcpu++) {
        struct axvm_cpu *cpu = axvm_cpu_hold(&vm->hal, pcpu);

        if (!cpu)
            continue;
        all = cpu->arch.has_adue;
        axvm_cpu_release(cpu);
    }
    return all;
}

/*
 * What of the CPU's state guests reach: envcfg, which is switched; and with an IMSIC, what of the AIA works without a guest
 * interrupt file. On a CPU without Smstateen they reach all there is. One without the AIA has its CSRs among the illegal
 * instructions.
 */
static void allow_state(struct axvm_arch_vm *a, const struct axvm_arch_cpu *h)
{
    bool aia = a->imsic && h->has_aia;

    a->hstateen0 = HSTATEEN0_ENVCFG | (aia ? HSTATEEN0_IMSIC | HSTATEEN0_AIA | HSTATEEN0_CSRIND : 0);
    a->hvictl = h->has_aia;
    a->iselect = h->has_aia && (a->imsic || !h->has_stateen);
    a->hedeleg_fp = a->imsic && !aia ? 0 : AXVM_BIT(CAUSE_ILLEGAL);
}

/* What a guest is told of beside what its host is: svade, svadu, ssaia, with underscores. */
#define ISA_EXTRA 32u

static int make_isa(struct axvm *vm, const struct axvm_arch_cpu *h)
{
    const struct axvm_isa_policy policy = { .sstc = h->sstc, .fp = h->has_fp, .vector = h->vlenb != 0, .svadu = vm->arch.adue };
    struct axvm_arch_vm *a = &vm->arch;

    a->isa_size = axvm_strlen(h->isa) + ISA_EXTRA;
    a->isa = axvm_arena_alloc(&vm->arena, &vm->hal, a->isa_size);
    if (!a->isa)
        return AXVM_ERR_NOMEM;
    return axvm_isa_for_guest(h->isa, &policy, a->isa, a->isa_size) ? AXVM_OK : AXVM_ERR_NOSUP;
}

int axvm_arch_vm_init(struct axvm *vm)
{
    const struct axvm_arch_cpu *h = any_cpu(vm);
    struct axvm_arch_vm *a = &vm->arch;
    int rc;

    if (!h)
        return AXVM_ERR_NOSUP;
    a->adue = h->has_adue && all_cpus_have_adue(vm);
    rc = make_isa(vm, h);
    if (rc != AXVM_OK)
        return rc;
    a->sstc = h->sstc;
    /* Those that are not told of vectors have none, or they would find state of others in them. */
    a->vlenb = axvm_isa_has_vector(a->isa) ? h->vlenb : 0;
    a->timebase_hz = h->timebase_hz;
    a->hedeleg = DELEGATED;
    a->henvcfg = a->sstc ? HENVCFG_STCE : 0;
    a->hgatp_base =
        axvm_put_field(HGATP_MODE, vm->as.geo.format) | axvm_put_field(HGATP_PPN, vm->as.root_hpa.v >> AXVM_PAGE_SHIFT);
    axvm_sse_vm_reset(vm);
    rc = axvm_sbi_console_create(vm);
    if (rc == AXVM_OK && vm->cfg.irq_mode != AXVM_IRQ_NONE)
        rc = axvm_virq_create(vm);
    allow_state(a, h);
    return rc;
}

/* All of it is in the arena, or is a device. */
void axvm_arch_vm_fini(struct axvm *vm)
{
    (void)vm;
}

/* Interrupt controllers are reset as devices. */
void axvm_arch_vm_reset(struct axvm *vm)
{
    vm->arch.htimedelta = 0;
    vm->arch.paused_at = 0;
    axvm_sse_vm_reset(vm);
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        vm->vcpus[i]->arch.file_ready = false;
}

/* The guest's clock is time + htimedelta. While it stands, paused_at is what it shows. */
void axvm_arch_clock_stop(struct axvm *vm)
{
    vm->arch.paused_at = axvm_guest_time(vm);
}

void axvm_arch_clock_start(struct axvm *vm)
{
    vm->arch.htimedelta = vm->arch.paused_at - axvm_csr_read(CSR_TIME);
    /* htimedelta is loaded with the VS registers. */
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        vm->vcpus[i]->arch.resident_on = NULL;
}

/* ---- a vCPU ---- */

int axvm_arch_vcpu_init(struct axvm_vcpu *vcpu)
{
    int rc = axvm_vector_alloc(vcpu, vcpu->vm->arch.vlenb);

    if (rc != AXVM_OK)
        return rc;
    axvm_arch_vcpu_reset(vcpu, 0, 0);
    vcpu->arch.imsic = vcpu->vm->arch.imsic != NULL;
    axvm_guest_file_get(vcpu);
    return AXVM_OK;
}

void axvm_arch_vcpu_fini(struct axvm_vcpu *vcpu)
{
    axvm_guest_file_put(vcpu);
}

/* SBI, "Hart State Management": satp = 0, SIE = 0, a0 = hartid, a1 = opaque. */
void axvm_arch_vcpu_reset(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    memset(v->gpr, 0, sizeof(v->gpr));
    memset(&v->vs, 0, sizeof(v->vs));
    memset(&v->shared, 0, sizeof(v->shared));
    memset(&v->fp, 0, sizeof(v->fp));
    axvm_vector_reset(vcpu);
    v->gpr[10] = vcpu->id;
    v->gpr[11] = arg;
    v->pc = entry;
    v->sstatus = SSTATUS_SPP | axvm_put_field(SSTATUS_UXL, XL_64);
    v->hstatus = HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VTW | axvm_put_field(HSTATUS_VSXL, XL_64);
    v->hstatus |= axvm_put_field(HSTATUS_VGEIN, v->file);
    v->vs.vsstatus = axvm_put_field(SSTATUS_UXL, XL_64);
    v->vs.vstimecmp = UINT64_MAX;
    v->resident_on = NULL;
    v->last_cpu = NULL;
    v->extra = 0;
    axvm_pmu_reset(&v->pmu);
    axvm_sta_reset(&v->sta);
    axvm_sse_hart_reset(vcpu);
    v->henvcfg = vcpu->vm->arch.henvcfg;
    v->fwft_locked = 0;
    v->misaligned_done = false;
    v->timer_armed = false;
    v->ram_hint = UINT64_MAX;
    atomic_store(&v->posted, 0);
    atomic_store(&v->suspended, 0);
}

/* ---- interrupts ---- */

bool axvm_arch_vcpu_wakes(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint64_t pending = v->vs.hvip & IRQ_VSS;
    uint32_t posted = atomic_load(&v->posted);

    if (posted & AXVM_POSTED_SSE)
        return true;
    if (posted & AXVM_POSTED_SSIP)
        pending |= IRQ_VSS;
    if (atomic_load(&v->external) || (v->file_cpu && (v->vs.hie & IRQ_VSE) && axvm_guest_file_pending(vcpu)))
        pending |= IRQ_VSE;
    if ((v->vs.hie & IRQ_VST) && axvm_timer_due(vcpu))
        pending |= IRQ_VST;
    return (pending & v->vs.hie) != 0;
}

uint64_t axvm_arch_vcpu_deadline(struct axvm_vcpu *vcpu)
{
    return axvm_timer_deadline(vcpu);
}
