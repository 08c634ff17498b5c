/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VM and a vCPU need of VMX: bitmaps, the VMCS's memory. */
#include <axvm/err.h>

#include "mem.h"
#include "vmx.h"

#define IOPM_ORDER 1 /* bitmaps A and B */
#define MSRPM_ORDER 0
#define VMCS_ORDER 0
#define OWN_ORDER 1 /* struct axvm_vmx, and the virtual-APIC page */

static void *alloc_pages(const struct axvm_hal *hal, unsigned int order, uint64_t *pa)
{
    axvm_hpa_t hpa;

    if (!hal->page_alloc(hal->ctx, order, &hpa))
        return NULL;
    *pa = hpa.v;
    return hal->phys_to_virt(hal->ctx, hpa);
}

static void free_pages(const struct axvm_hal *hal, void *va, uint64_t pa, unsigned int order)
{
    if (va)
        hal->page_free(hal->ctx, axvm_hpa(pa), order);
}

/* ---- a VM ---- */

/* "MSR-Bitmap Address": read of low and of high numbers, then write of both, 1024 bytes each. */
static void open_msr(struct axvm *vm, uint32_t msr)
{
    uint32_t n = msr & 0x1fff, high = msr >> 31;
    uint8_t *read = vm->arch.msrpm + 1024 * high, *write = read + 2048;

    read[n / 8] &= (uint8_t) ~(1u << n % 8);
    write[n / 8] &= (uint8_t) ~(1u << n % 8);
}

/* Guest state of the VMCS; and KERNEL_GS_BASE, which SWAPGS changes anyway. The CPU checks what is written to them. */
static void open_guest_msrs(struct axvm *vm)
{
    static const uint32_t msrs[] = {
        MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
    };

    for (size_t i = 0; i < AXVM_ARRAY_LEN(msrs); i++)
        open_msr(vm, msrs[i]);
}

int axvm_vmx_vm_init(struct axvm *vm)
{
    struct axvm_arch_vm *a = &vm->arch;

    a->msrpm = alloc_pages(&vm->hal, MSRPM_ORDER, &a->msrpm_pa);
    a->iopm = alloc_pages(&vm->hal, IOPM_ORDER, &a->iopm_pa);
    if (!a->msrpm || !a->iopm)
        return AXVM_ERR_NOMEM;
    memset(a->msrpm, 0xff, AXVM_PAGE_SIZE << MSRPM_ORDER);
    memset(a->iopm, 0xff, AXVM_PAGE_SIZE << IOPM_ORDER);
    open_guest_msrs(vm);
    return AXVM_OK;
}

void axvm_vmx_vm_fini(struct axvm *vm)
{
    struct axvm_arch_vm *a = &vm->arch;

    free_pages(&vm->hal, a->msrpm, a->msrpm_pa, MSRPM_ORDER);
    free_pages(&vm->hal, a->iopm, a->iopm_pa, IOPM_ORDER);
    a->msrpm = NULL;
    a->iopm = NULL;
}

void axvm_vmx_open_ports(struct axvm *vm, uint16_t port, unsigned int count)
{
    for (unsigned int p = port; p < 0x10000u && p - port < count; p++)
        vm->arch.iopm[p / 8] &= (uint8_t) ~(1u << p % 8);
}

/* ---- a vCPU ---- */

int axvm_vmx_vcpu_init(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    struct axvm_vmx *vmx;
    uint64_t pa;

    vmx = alloc_pages(hal, OWN_ORDER, &pa);
    vcpu->arch.vmx = vmx;
    if (!vmx)
        return AXVM_ERR_NOMEM;
    vmx->own_pa = pa;
    vmx->vmcs = alloc_pages(hal, VMCS_ORDER, &vmx->vmcs_pa);
    return vmx->vmcs ? AXVM_OK : AXVM_ERR_NOMEM;
}

/* The VMCS is not active anywhere: axvm_vmx_put_from() has cleared it. */
void axvm_vmx_vcpu_fini(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    struct axvm_vmx *vmx = vcpu->arch.vmx;

    if (!vmx)
        return;
    free_pages(hal, vmx->vmcs, vmx->vmcs_pa, VMCS_ORDER);
    free_pages(hal, vmx, vmx->own_pa, OWN_ORDER);
    vcpu->arch.vmx = NULL;
}
_Static_assert(sizeof(struct axvm_vmx) <= AXVM_PAGE_SIZE, "struct axvm_vmx is too large for its page");
