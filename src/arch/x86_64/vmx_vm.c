/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VM and a vCPU need of VMX: bitmaps, the VMCS's memory. */
#include <axvm/err.h>

#include "maps.h"
#include "vmx.h"

#define IOPM_ORDER 1 /* bitmaps A and B */
#define MSRPM_ORDER 1 /* a bitmap for guests with their local APIC in x2APIC mode comes second */
#define VMCS_ORDER 0
#define OWN_ORDER 1 /* struct axvm_vmx, and the virtual-APIC page */

/* ---- a VM ---- */

/* "MSR-Bitmap Address": read of low and of high numbers, then write of both, 1024 bytes each. */
static void open_one_way(uint8_t *map, uint32_t msr, bool write)
{
    uint32_t n = msr & 0x1fff;

    map[1024 * (msr >> 31) + (write ? 2048 : 0) + n / 8] &= (uint8_t) ~(1u << n % 8);
}

static void open_msr(uint8_t *map, uint32_t msr)
{
    open_one_way(map, msr, false);
    open_one_way(map, msr, true);
}

/* Guest state of the VMCS; and KERNEL_GS_BASE, which SWAPGS changes anyway. The CPU checks what is written to them. */
static void open_guest_msrs(uint8_t *map)
{
    static const uint32_t msrs[] = {
        MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
    };

    for (size_t i = 0; i < AXVM_ARRAY_LEN(msrs); i++)
        open_msr(map, msrs[i]);
}

/* Those that are on the virtual-APIC page while CPU2_X2APIC makes the CPU look there: without it they would be the host's. */
static void open_x2apic(uint8_t *map)
{
    open_msr(map, MSR_X2APIC_TPR);
    open_one_way(map, MSR_X2APIC_PPR, false);
    for (uint32_t i = 0; i < 8; i++) {
        open_one_way(map, MSR_X2APIC_ISR + i, false);
        open_one_way(map, MSR_X2APIC_IRR + i, false);
    }
    open_one_way(map, MSR_X2APIC_EOI, true);
    open_one_way(map, MSR_X2APIC_SELF_IPI, true);
}

int axvm_vmx_vm_init(struct axvm *vm)
{
    int rc = axvm_x86_maps_init(vm, MSRPM_ORDER, IOPM_ORDER);

    if (rc != AXVM_OK)
        return rc;
    open_guest_msrs(vm->arch.msrpm);
    open_guest_msrs(vm->arch.msrpm + AXVM_PAGE_SIZE);
    open_x2apic(vm->arch.msrpm + AXVM_PAGE_SIZE);
    return axvm_vmx_apic_page_init(vm);
}

void axvm_vmx_vm_fini(struct axvm *vm)
{
    axvm_vmx_apic_page_fini(vm);
    axvm_x86_maps_fini(vm, MSRPM_ORDER, IOPM_ORDER);
}

/* ---- a vCPU ---- */

int axvm_vmx_vcpu_init(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    struct axvm_vmx *vmx;
    uint64_t pa;

    vmx = axvm_x86_pages_alloc(hal, OWN_ORDER, &pa);
    vcpu->arch.vmx = vmx;
    if (!vmx)
        return AXVM_ERR_NOMEM;
    vmx->own_pa = pa;
    vmx->vmcs = axvm_x86_pages_alloc(hal, VMCS_ORDER, &vmx->vmcs_pa);
    return vmx->vmcs ? AXVM_OK : AXVM_ERR_NOMEM;
}

/* The VMCS is not active anywhere: axvm_vmx_visit() has cleared it. */
void axvm_vmx_vcpu_fini(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    struct axvm_vmx *vmx = vcpu->arch.vmx;

    if (!vmx)
        return;
    axvm_x86_pages_free(hal, vmx->vmcs, vmx->vmcs_pa, VMCS_ORDER);
    axvm_x86_pages_free(hal, vmx, vmx->own_pa, OWN_ORDER);
    vcpu->arch.vmx = NULL;
}
_Static_assert(sizeof(struct axvm_vmx) <= AXVM_PAGE_SIZE, "struct axvm_vmx is too large for its page");
