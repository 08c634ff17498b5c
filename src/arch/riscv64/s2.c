/* SPDX-License-Identifier: BSD-2-Clause */
/* The G-stage as hardware sees it: which modes and VMIDs there are, and fences. */
#include <axvm/err.h>

#include "bits.h"
#include "fence.h"
#include "hs.h"
#include "sbi_host.h"
#include "vmid.h"

/* hgatp is WARL: a mode that does not stick is not there. No guest runs; the register gets its value back. */
static bool has_mode(enum hgatp_mode mode)
{
    uint64_t was = axvm_csr_read(CSR_HGATP), want = axvm_put_field(HGATP_MODE, mode), got;

    axvm_csr_write(CSR_HGATP, want);
    got = axvm_csr_read(CSR_HGATP);
    axvm_csr_write(CSR_HGATP, was);
    return got == want;
}

/* "Guest Physical Address Translation": the root is four pages, its input two bits wider. */
static const struct {
    enum hgatp_mode mode;
    uint8_t gpa_bits;
    int8_t root_level;
} modes[] = { { HGATP_SV39X4, 41, 1 }, { HGATP_SV48X4, 50, 0 }, { HGATP_SV57X4, 59, -1 } };

int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    unsigned long irqs = axvm_irq_save();
    int found = -1;

    if (axvm_csr_exists_hgatp()) {
        for (int i = 0; i < (int)AXVM_ARRAY_LEN(modes); i++) {
            if (has_mode(modes[i].mode) && modes[i].gpa_bits >= gpa_bits && (found < 0 || gpa_bits == 0))
                found = i;
        }
    }
    axvm_irq_restore(irqs);
    if (found < 0)
        return AXVM_ERR_NOSUP;
    *geo = (struct axvm_s2_geometry){
        .gpa_bits = modes[found].gpa_bits,
        .hpa_bits = 56,
        .root_level = modes[found].root_level,
        .root_order = 2,
        .max_block_level = 1,
        .format = (uint8_t)modes[found].mode,
    };
    return AXVM_OK;
}

unsigned int axvm_arch_vmid_bits(void)
{
    unsigned long irqs = axvm_irq_save();
    uint64_t was = axvm_csr_read(CSR_HGATP), got;
    unsigned int bits = 0;

    axvm_csr_write(CSR_HGATP, was | HGATP_VMID);
    got = axvm_field(axvm_csr_read(CSR_HGATP), HGATP_VMID);
    axvm_csr_write(CSR_HGATP, was);
    axvm_irq_restore(irqs);
    while (got >> bits & 1)
        bits++;
    return bits;
}

void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu)
{
    (void)cpu;
    HFENCE_GVMA_ALL();
}

/*
 * Other CPUs: those that are in a guest of this VM are fenced through the firmware, which interrupts them; the others where it
 * has run fence themselves before they enter it again (fence_if_stale() in switch.c), which the mark of the vCPU tells them to
 * look for. Either we see such a CPU in the guest, or it sees the mark: has_stayed() and take_marks().
 */
static void flush_others(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    uint64_t vmid = atomic_load(&vm->vmid) & AXVM_VMID_MASK;
    struct axvm_host_fence f = {
        .op = vmid != 0 ? SBI_REMOTE_HFENCE_GVMA_VMID : SBI_REMOTE_HFENCE_GVMA,
        .start = gpa,
        .size = len,
        .id = vmid,
    };

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        struct axvm_vcpu *vcpu = vm->vcpus[i];

        if (!vcpu)
            continue;
        atomic_fetch_or(&vcpu->arch.posted, AXVM_POSTED_STALE);
        if (atomic_load(&vcpu->in_guest) != 0)
            axvm_host_fence_hart(&f, atomic_load(&vcpu->arch.hart));
    }
    axvm_host_fence_send(&f);
    if (atomic_load_explicit(&vm->arch.far_harts, memory_order_relaxed)) {
        f.base = SBI_ALL_HARTS;
        axvm_host_fence(&f);
    }
}

void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    HFENCE_GVMA_ALL();
    /* Pairs with note_hart(): either we see the CPU there, or it sees the tables as they are now. */
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned int w = 0; w < AXVM_HART_WORDS; w++) {
        uint64_t harts = atomic_load_explicit(&vm->arch.harts[w], memory_order_relaxed);

        if (harts != 0)
            atomic_fetch_or(&vm->arch.stale[w], harts);
    }
    if (vm->vcpus)
        flush_others(vm, gpa, len);
}

void axvm_arch_s2_sync(void)
{
    FENCE_TABLES();
}

/* Of images, before the guest runs: a vCPU that starts fences instructions on whatever CPU that is (separate_vcpus() in
 * switch.c). */
void axvm_arch_cache_sync(void *va, size_t len)
{
    (void)va;
    (void)len;
    FENCE_TABLES();
}

/* Caches are coherent, and never off. */
void axvm_arch_ram_publish(void *va, size_t len)
{
    (void)va;
    (void)len;
    FENCE_TABLES();
}

void axvm_fence_gpa_local(uint64_t gpa)
{
    HFENCE_GVMA_GPA(gpa >> 2);
}

void axvm_fence_guest_local(void)
{
    HFENCE_VVMA_ALL();
    FENCE_I();
}

void axvm_fence_guest_range(uint64_t va, uint64_t len)
{
    for (uint64_t done = 0; done < len; done += AXVM_PAGE_SIZE)
        HFENCE_VVMA_VA(va + done);
}
