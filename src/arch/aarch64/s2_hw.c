/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage 2 on the hardware: what the CPU can do, and its cached translations. */
#include "s2_hw.h"

#include "arch.h"
#include "bits.h"
#include "s2_plan.h"
#include "sysreg.h"
#include "vmid.h"

#define HCR_TGE AXVM_BIT(27)

/* Above so many pages, forget all of the VM: cheaper than one by one, for us and for what has to be walked again. */
#define FLUSH_PAGES 64u

static struct axvm_mmfr read_id(void)
{
    return (struct axvm_mmfr){
        .mmfr0 = axvm_sysreg_read(id_aa64mmfr0_el1),
        .mmfr1 = axvm_sysreg_read(id_aa64mmfr1_el1),
        .mmfr2 = axvm_sysreg_read(S3_0_C0_C7_2),
    };
}

int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    struct axvm_mmfr id = read_id();

    return axvm_s2_plan(&id, gpa_bits, geo);
}

unsigned int axvm_arch_vmid_bits(void)
{
    struct axvm_mmfr id = read_id();

    return axvm_s2_vmid_bits(&id);
}

uint64_t axvm_s2_vtcr(const struct axvm_s2_geometry *geo)
{
    return axvm_s2_vtcr_value(geo, axvm_arch_vmid_bits());
}

void axvm_arch_s2_sync(void)
{
    axvm_dsb(ishst);
}

void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu)
{
    (void)cpu;
    axvm_dsb(nshst);
    /* Instruction caches of type VPIPT look at the VMID, too: Arm ARM, "Instruction caches". */
    __asm__ volatile("tlbi alle1\n\tic iallu" : : : "memory");
    axvm_dsb(nsh);
    axvm_isb();
}

/* What decides whose translations a TLBI for EL1&0 drops. */
struct context {
    uint64_t hcr, vttbr, vtcr;
};

/*
 * TLBI instructions for stage 2, and for stage 1 of guests, work on the VMID in VTTBR_EL2, as wide as VTCR_EL2.VS says; and
 * with HCR_EL2.{E2H,TGE} = {1,1}, as a VHE host has it, "EL1&0" means the host's own regime. Arm ARM (DDI 0487), "TLB
 * maintenance instructions", and HCR_EL2.TGE. So the VM's context is put in place; its guest is not entered, and interrupts are
 * off.
 */
static bool enter_context(const struct axvm *vm, uint64_t vmid, struct context *old)
{
    uint64_t vttbr = vm->arch.vttbr_base | axvm_put_field(VTTBR_VMID, vmid & AXVM_VMID_MASK);

    old->hcr = axvm_sysreg_read(hcr_el2);
    old->vttbr = axvm_sysreg_read(vttbr_el2);
    old->vtcr = axvm_sysreg_read(vtcr_el2);
    if ((old->hcr & HCR_TGE) == 0 && old->vttbr == vttbr && old->vtcr == vm->arch.vtcr)
        return false; /* this VM's guest is loaded */
    axvm_sysreg_write(vtcr_el2, vm->arch.vtcr);
    axvm_sysreg_write(vttbr_el2, vttbr);
    axvm_isb();
    axvm_sysreg_write(hcr_el2, old->hcr & ~HCR_TGE);
    axvm_isb();
    return true;
}

static void leave_context(const struct context *old)
{
    axvm_sysreg_write(hcr_el2, old->hcr);
    axvm_isb();
    axvm_sysreg_write(vttbr_el2, old->vttbr);
    axvm_sysreg_write(vtcr_el2, old->vtcr);
    axvm_isb();
}

static void flush_range(uint64_t gpa, uint64_t len)
{
    for (uint64_t off = 0; off < len; off += AXVM_PAGE_SIZE)
        __asm__ volatile("tlbi ipas2e1is, %0" : : "r"(axvm_s2_tlbi_operand(gpa + off)) : "memory");
    axvm_dsb(ish);
    /* Stage-1 entries may hold both stages combined, under the guest's virtual address, which we do not know. */
    __asm__ volatile("tlbi vmalle1is" : : : "memory");
}

void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    struct context old;
    uint64_t vmid;
    bool entered;

    axvm_dsb(ishst);
    /* After the write to the tables: see axvm_vmid_renew(). */
    vmid = atomic_load_explicit(&vm->vmid, memory_order_relaxed);
    if (vmid == 0)
        return; /* no CPU has ever entered it */
    entered = enter_context(vm, vmid, &old);
    if (len <= FLUSH_PAGES * (uint64_t)AXVM_PAGE_SIZE)
        flush_range(gpa, len);
    else
        __asm__ volatile("tlbi vmalls12e1is" : : : "memory");
    axvm_dsb(ish);
    axvm_isb();
    if (entered)
        leave_context(&old);
}
