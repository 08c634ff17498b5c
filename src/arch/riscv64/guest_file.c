/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest interrupt files: the hardware's IMSIC for a vCPU. Advanced Interrupt Architecture, "VS-level external interrupts with a
 * guest interrupt file".
 *
 * A file belongs to one CPU, and only that CPU reaches its registers; so those vCPUs get one that may run on one CPU only, and
 * keep it while they live. Their page of guest-physical memory is the file's page in stage 2: MSIs, and accesses of the guest
 * to its registers, are no exits. What the library sends (an APLIC's MSIs) it stores there as well.
 *
 * While such a vCPU runs its file is hstatus.VGEIN's. While it waits for an interrupt in the host, hgeie makes the file raise
 * the supervisor guest external interrupt of its CPU, which the host brings to axvm_host_irq().
 */
#include "guest_file.h"

#include <axvm/err.h>
#include <axvm/memory.h>
#include <axvm/riscv64.h>

#include "../../devices/imsic.h"
#include "bits.h"
#include "fence.h"
#include "hs.h"
#include "vmid.h"

/* ---- registers of a file; interrupts are off ---- */

static void file_write(uint64_t reg, uint64_t val)
{
    axvm_csr_write(CSR_VSISELECT, reg);
    axvm_csr_write(CSR_VSIREG, val);
}

/* What selects a file and a register of it, while we use them. */
struct selection {
    uint64_t hstatus, vsiselect;
};

static struct selection select_file(uint32_t file)
{
    struct selection was = { axvm_csr_read(CSR_HSTATUS), axvm_csr_read(CSR_VSISELECT) };

    axvm_csr_write(CSR_HSTATUS, (was.hstatus & ~HSTATUS_VGEIN) | axvm_put_field(HSTATUS_VGEIN, file));
    return was;
}

static void unselect(const struct selection *was)
{
    axvm_csr_write(CSR_HSTATUS, was->hstatus);
    axvm_csr_write(CSR_VSISELECT, was->vsiselect);
}

/* Nothing of an earlier owner: with delivery off, so that nothing is signalled meanwhile. */
static void clear(uint32_t words)
{
    file_write(AXVM_IMSIC_EIDELIVERY, 0);
    file_write(AXVM_IMSIC_EITHRESHOLD, 0);
    for (uint32_t w = 0; w < words; w++) {
        file_write(AXVM_IMSIC_EIE + 2 * w, 0);
        file_write(AXVM_IMSIC_EIP + 2 * w, 0);
    }
}

/* ---- a CPU ---- */

/* GEILEN: "the least-significant bits of hgeie, apart from bit 0, are writable". */
static uint32_t probe_count(void)
{
    uint64_t geie;
    uint32_t count = 0;

    axvm_csr_write(CSR_HGEIE, UINT64_MAX);
    geie = axvm_csr_read(CSR_HGEIE);
    axvm_csr_write(CSR_HGEIE, 0);
    while (count < AXVM_GUEST_FILES && (geie >> (count + 1) & 1))
        count++;
    return count;
}

void axvm_guest_files_enable(struct axvm_arch_cpu *h, const struct axvm_riscv64_cpu_config *r)
{
    struct axvm_guest_files *files = &h->files;

    files->hgeie = axvm_csr_read(CSR_HGEIE);
    axvm_csr_write(CSR_HGEIE, 0);
    /* Guests are promised so many identities. */
    if (!h->has_aia || !r->imsic || !axvm_is_aligned(r->imsic_hpa, AXVM_PAGE_SIZE) || r->imsic_ids < AXVM_IMSIC_IDS)
        return;
    files->count = probe_count();
    files->words = (uint32_t)axvm_min((r->imsic_ids + UINT64_C(1)) / 64, AXVM_GUEST_FILE_WORDS);
    files->pages = r->imsic;
    files->pages_hpa = r->imsic_hpa;
    h->hie = files->count != 0 ? IRQ_SGE : 0;
}

void axvm_guest_files_disable(struct axvm_arch_cpu *h)
{
    axvm_csr_write(CSR_HGEIE, h->files.hgeie);
}

/* ---- who has which ---- */

static uint32_t take(struct axvm_guest_files *files, struct axvm_vcpu *vcpu)
{
    unsigned long irqs = axvm_lock_irqsave(&files->lock);
    uint32_t file = 1;

    while (file <= files->count && files->owners[file])
        file++;
    if (file <= files->count)
        files->owners[file] = vcpu;
    axvm_unlock_irqrestore(&files->lock, irqs);
    return file <= files->count ? file : 0;
}

static void give_back(struct axvm_guest_files *files, uint32_t file)
{
    unsigned long irqs = axvm_lock_irqsave(&files->lock);

    files->owners[file] = NULL;
    axvm_unlock_irqrestore(&files->lock, irqs);
}

static int map(struct axvm_vcpu *vcpu, const struct axvm_guest_files *files, uint32_t file)
{
    const struct axvm_region region = {
        .gpa = axvm_gpa(AXVM_RISCV64_IMSIC_BASE + vcpu->id * AXVM_PAGE_SIZE),
        .hpa = axvm_hpa(files->pages_hpa + file * AXVM_PAGE_SIZE),
        .len = AXVM_PAGE_SIZE,
        .kind = AXVM_REGION_DEVICE,
    };

    return axvm_aspace_map_over_device(vcpu->vm, &region);
}

/* Number of the only CPU of a mask; -1: there are others. */
static int only_cpu(uint64_t mask)
{
    return (mask & (mask - 1)) == 0 ? (int)axvm_ctz64(mask) : -1;
}

/* Without one, for whatever reason, the model serves it. */
void axvm_guest_file_get(struct axvm_vcpu *vcpu)
{
    int pcpu = only_cpu(vcpu->pcpu_mask);
    struct axvm_cpu *cpu = pcpu >= 0 && vcpu->vm->arch.imsic ? axvm_cpu_hold(&vcpu->vm->hal, (unsigned int)pcpu) : NULL;
    uint32_t file;

    if (!cpu)
        return;
    file = take(&cpu->arch.files, vcpu);
    if (file != 0 && map(vcpu, &cpu->arch.files, file) == AXVM_OK) {
        vcpu->arch.file = file;
        vcpu->arch.file_cpu = cpu;
        vcpu->arch.hstatus |= axvm_put_field(HSTATUS_VGEIN, file);
        return;
    }
    if (file != 0)
        give_back(&cpu->arch.files, file);
    axvm_cpu_release(cpu);
}

void axvm_guest_file_put(struct axvm_vcpu *vcpu)
{
    struct axvm_cpu *cpu = vcpu->arch.file_cpu;

    if (!cpu)
        return;
    give_back(&cpu->arch.files, vcpu->arch.file);
    vcpu->arch.file = 0;
    vcpu->arch.file_cpu = NULL;
    axvm_cpu_release(cpu);
}

/* ---- running ---- */

void axvm_guest_file_send(struct axvm_vcpu *vcpu, uint32_t id)
{
    const struct axvm_guest_files *files = &vcpu->arch.file_cpu->arch.files;
    volatile uint32_t *seteipnum_le = (volatile uint32_t *)(files->pages + vcpu->arch.file * AXVM_PAGE_SIZE);

    /* What is signalled has been written before. */
    FENCE_DEVICE();
    *seteipnum_le = id;
}

/* The first time on its CPU: what the model has got for it so far goes into the file, and what comes from now on, too. */
static void begin(struct axvm_vcpu *vcpu)
{
    const struct axvm_guest_files *files = &vcpu->arch.file_cpu->arch.files;
    struct selection was = select_file(vcpu->arch.file);
    struct axvm_imsic_state state;

    clear(files->words);
    axvm_imsic_divert(vcpu->vm->arch.imsic, vcpu->id, &state);
    for (uint32_t w = 0; w < AXVM_IMSIC_WORDS; w++) {
        file_write(AXVM_IMSIC_EIE + 2 * w, state.eie[w]);
        axvm_csr_write(CSR_VSISELECT, AXVM_IMSIC_EIP + 2 * w);
        axvm_csr_set(CSR_VSIREG, state.eip[w]);
    }
    file_write(AXVM_IMSIC_EITHRESHOLD, state.eithreshold);
    file_write(AXVM_IMSIC_EIDELIVERY, state.eidelivery);
    unselect(&was);
    vcpu->arch.file_ready = true;
}

void axvm_guest_file_load(struct axvm_vcpu *vcpu)
{
    if (!vcpu->arch.file_ready)
        begin(vcpu);
    axvm_csr_clear(CSR_HGEIE, UINT64_C(1) << vcpu->arch.file);
    atomic_store_explicit(&vcpu->arch.file_fired, 0, memory_order_relaxed);
}

bool axvm_guest_file_pending(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint64_t bit = UINT64_C(1) << v->file;
    unsigned long irqs = axvm_irq_save();
    struct axvm_cpu *cpu = vcpu->vm->hal.this_cpu(vcpu->vm->hal.ctx);
    bool pending = atomic_load(&v->file_fired) != 0;

    /* First the interrupt is enabled, then looked for: what comes later raises it. */
    if (cpu == v->file_cpu && v->file_ready && !v->loaded) {
        axvm_csr_set(CSR_HGEIE, bit);
        pending |= (axvm_csr_read(CSR_HGEIP) & bit) != 0;
        if (pending)
            axvm_csr_clear(CSR_HGEIE, bit);
    }
    axvm_irq_restore(irqs);
    return pending;
}

/* ---- the interrupt of those that wait ---- */

/* Whoever has it is woken by number: it may go as soon as the lock is not held. */
static bool fire(struct axvm_guest_files *files, uint32_t file, struct axvm_hal *hal, unsigned int *vm_id,
                 unsigned int *vcpu_id)
{
    unsigned long irqs = axvm_lock_irqsave(&files->lock);
    struct axvm_vcpu *owner = files->owners[file];

    if (owner) {
        atomic_store(&owner->arch.file_fired, 1);
        atomic_fetch_or(&owner->requests, AXVM_REQ_IRQ);
        *hal = owner->vm->hal;
        *vm_id = owner->vm->id;
        *vcpu_id = owner->id;
    }
    axvm_unlock_irqrestore(&files->lock, irqs);
    return owner != NULL;
}

bool axvm_guest_files_irq(struct axvm_cpu *cpu)
{
    uint64_t set = axvm_csr_read(CSR_HGEIP) & axvm_csr_read(CSR_HGEIE);
    unsigned int vm_id, vcpu_id;
    struct axvm_hal hal;

    axvm_csr_clear(CSR_HGEIE, set);
    for (; set != 0; set &= set - 1) {
        uint32_t file = axvm_ctz64(set);

        if (file < AXVM_ARRAY_LEN(cpu->arch.files.owners) && fire(&cpu->arch.files, file, &hal, &vm_id, &vcpu_id))
            hal.wake_vcpu(hal.ctx, vm_id, vcpu_id);
    }
    return true;
}
