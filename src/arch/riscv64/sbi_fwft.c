/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "SBI Firmware Features Extension" of SBI 3.0. Of its features guests have two:
 *  - who emulates misaligned accesses. Exceptions for them are always delegated; a guest that wants none has its way where
 * there are none, as the CPU or the machine's firmware does all such accesses. Emulating them is not our business;
 *  - whether the CPU sets A and D bits in the guest's page tables, where all CPUs of the host have Svadu for guests.
 */
#include "hs.h"
#include "sbi.h"

enum fwft_function { FWFT_SET = 0, FWFT_GET = 1 };
enum fwft_feature { FWFT_MISALIGNED_EXC_DELEG = 0, FWFT_PTE_AD_HW_UPDATING = 4, FWFT_LAST = 5 };
#define FWFT_LOCK AXVM_BIT(0)

static bool is_here(const struct axvm_vcpu *vcpu, uint64_t feature)
{
    return feature == FWFT_MISALIGNED_EXC_DELEG || (feature == FWFT_PTE_AD_HW_UPDATING && vcpu->vm->arch.adue);
}

/* Features that are defined, but that the CPU of a guest has not; and reserved ones and platforms' own. */
static uint64_t not_here(struct axvm_vcpu *vcpu, uint64_t feature)
{
    return axvm_sbi_reply(vcpu, feature <= FWFT_LAST ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_DENIED, 0);
}

static enum sbi_error set_misaligned(struct axvm_vcpu *vcpu, bool delegated)
{
    if (!delegated && vcpu->arch.cpu->arch.misaligned_traps)
        return SBI_ERR_DENIED;
    vcpu->arch.misaligned_done = !delegated;
    return SBI_SUCCESS;
}

/* What is cached of VS-stage tables may not go by the new setting: "henvcfg". */
static void set_ad_updating(struct axvm_vcpu *vcpu, bool on)
{
    uint64_t henvcfg = on ? vcpu->arch.henvcfg | HENVCFG_ADUE : vcpu->arch.henvcfg & ~HENVCFG_ADUE;

    if (henvcfg == vcpu->arch.henvcfg)
        return;
    vcpu->arch.henvcfg = henvcfg;
    axvm_csr_write(CSR_HENVCFG, henvcfg);
    axvm_fence_guest_local();
}

static uint64_t fwft_set(struct axvm_vcpu *vcpu, uint64_t feature)
{
    uint64_t value = vcpu->arch.gpr[11], flags = vcpu->arch.gpr[12];
    enum sbi_error error = SBI_SUCCESS;

    if (value > 1 || (flags & ~FWFT_LOCK) != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (vcpu->arch.fwft_locked >> feature & 1)
        return axvm_sbi_reply(vcpu, SBI_ERR_DENIED_LOCKED, 0);
    if (feature == FWFT_PTE_AD_HW_UPDATING)
        set_ad_updating(vcpu, value != 0);
    else
        error = set_misaligned(vcpu, value != 0);
    if (error == SBI_SUCCESS && (flags & FWFT_LOCK) != 0)
        vcpu->arch.fwft_locked |= UINT32_C(1) << feature;
    return axvm_sbi_reply(vcpu, error, 0);
}

static uint64_t fwft_get(struct axvm_vcpu *vcpu, uint64_t feature)
{
    if (feature == FWFT_PTE_AD_HW_UPDATING)
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, (vcpu->arch.henvcfg & HENVCFG_ADUE) != 0);
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, !vcpu->arch.misaligned_done);
}

uint64_t axvm_sbi_fwft(struct axvm_vcpu *vcpu, uint64_t fid)
{
    uint64_t feature = (uint32_t)vcpu->arch.gpr[10];

    if (fid != FWFT_SET && fid != FWFT_GET)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if (!is_here(vcpu, feature))
        return not_here(vcpu, feature);
    return fid == FWFT_SET ? fwft_set(vcpu, feature) : fwft_get(vcpu, feature);
}
