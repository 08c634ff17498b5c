/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Legacy Extensions", for VMs with AXVM_VM_LEGACY_SBI: deprecated, and what small kernels use all the same. They have no
 * function number, answer in a0 and leave all other registers alone. Hart masks are at virtual addresses: fences are for all
 * harts, which is more than was asked for; sending IPIs is not here.
 */
#include "hs.h"
#include "sbi.h"
#include "sbi_host.h"

static void fence_all(struct axvm_vcpu *vcpu, uint64_t fid)
{
    uint64_t *gpr = vcpu->arch.gpr, a1 = gpr[11], a2 = gpr[12], a3 = gpr[13], a4 = gpr[14];

    gpr[11] = SBI_ALL_HARTS;
    gpr[12] = a1;
    gpr[13] = a2;
    gpr[14] = a3;
    axvm_sbi_rfence(vcpu, fid);
    gpr[11] = a1;
    gpr[12] = a2;
    gpr[13] = a3;
    gpr[14] = a4;
}

uint64_t axvm_sbi_legacy(struct axvm_vcpu *vcpu, uint64_t eid)
{
    uint64_t result = SBI_SUCCESS, *gpr = vcpu->arch.gpr;

    switch (eid) {
    case SBI_LEGACY_SET_TIMER:
        axvm_timer_set(vcpu, gpr[10]);
        break;
    case SBI_LEGACY_PUTCHAR:
        return axvm_sbi_defer(vcpu, AXVM_SBI_PUTCHAR);
    case SBI_LEGACY_GETCHAR: /* Input belongs to the UART. */
        result = UINT64_MAX;
        break;
    case SBI_LEGACY_CLEAR_IPI:
        axvm_csr_clear(CSR_HVIP, IRQ_VSS);
        break;
    case SBI_LEGACY_SHUTDOWN:
        gpr[10] = 0;
        gpr[11] = 0;
        return axvm_sbi_srst(vcpu, 0);
    default:
        fence_all(vcpu, eid - SBI_LEGACY_FENCE_I);
        break;
    }
    gpr[10] = result;
    return AXVM_TRAP_RESUME;
}
