/* SPDX-License-Identifier: BSD-2-Clause */
#include "s2_hw.h"

#include <axvm/err.h>

#include "cpu.h"

/* The CPU we are on stands for all. */
static enum axvm_x86_vendor vendor(void)
{
    return axvm_svm_present() ? AXVM_X86_SVM : axvm_vmx_present() ? AXVM_X86_VMX : AXVM_X86_NONE;
}

/* APM vol. 3, "Function 8000_0008h"; without it: 36 bits. */
static uint8_t phys_bits(void)
{
    uint32_t bits = axvm_cpuid(0x80000000u, 0).eax >= 0x80000008u ? axvm_cpuid(0x80000008u, 0).eax & 0xff : 36;

    return (uint8_t)(bits > 52 ? 52 : bits);
}

int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    enum axvm_x86_vendor v = vendor();

    /* Four levels; a guest-physical address is no wider than the CPU's physical ones. */
    if (v == AXVM_X86_NONE || gpa_bits > 48 || gpa_bits > phys_bits())
        return AXVM_ERR_NOSUP;
    *geo = (struct axvm_s2_geometry){ .gpa_bits = 48, .hpa_bits = phys_bits(), .root_level = 0, .root_order = 0 };
    if (geo->gpa_bits > geo->hpa_bits)
        geo->gpa_bits = geo->hpa_bits;
    if (v == AXVM_X86_SVM)
        axvm_svm_geometry(geo);
    else
        axvm_vmx_geometry(geo);
    return AXVM_OK;
}

unsigned int axvm_arch_vmid_bits(void)
{
    switch (vendor()) {
    case AXVM_X86_SVM:
        return axvm_svm_vmid_bits();
    case AXVM_X86_VMX:
        return axvm_vmx_vmid_bits();
    default:
        return 0;
    }
}

/* Carried out with the next entry of any guest. */
void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu)
{
    cpu->arch.flush_all = true;
}

/* One that may be executing with what was there before. */
static void wait_for(struct axvm *vm, struct axvm_vcpu *vcpu)
{
    uint64_t mode = atomic_load(&vcpu->arch.mode);
    uint32_t where;

    if ((mode & 1) == 0)
        return;
    where = atomic_load(&vcpu->in_guest);
    if (where != 0)
        vm->hal.kick_cpu(vm->hal.ctx, where - 1);
    while (atomic_load(&vcpu->arch.mode) == mode)
        axvm_cpu_relax();
}

/* Which part has changed does not matter: there are no ranges in the hardware's invalidations. */
void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    (void)gpa;
    (void)len;
    atomic_fetch_add(&vm->arch.tlb_gen, 1);
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        wait_for(vm, vm->vcpus[i]);
}

enum axvm_trap_kind axvm_x86_catch_up(struct axvm_vcpu *vcpu, uint64_t tlb_gen)
{
    vcpu->arch.tlb_seen = tlb_gen;
    axvm_x86_hw0(vcpu, flush);
    return AXVM_TRAP_RESUME;
}

/* Stores are seen in order, table walks are coherent: only the compiler has to be kept from reordering. */
void axvm_arch_s2_sync(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

/* Caches are coherent, also with instruction fetch, and with guests that have them off. */
void axvm_arch_cache_sync(void *va, size_t len)
{
    (void)va;
    (void)len;
}

void axvm_arch_ram_publish(void *va, size_t len)
{
    (void)va;
    (void)len;
}
