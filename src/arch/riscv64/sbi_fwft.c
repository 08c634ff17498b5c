/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "SBI Firmware Features Extension" of SBI 3.0. Of its features guests have one: who emulates misaligned accesses. Exceptions
 * for them are always delegated; a guest that wants none has its way where there are none, as the CPU or the machine's firmware
 * does all such accesses. Emulating them is not our business.
 */
#include "hs.h"
#include "sbi.h"

enum fwft_function { FWFT_SET = 0, FWFT_GET = 1 };
enum fwft_feature { FWFT_MISALIGNED_EXC_DELEG = 0, FWFT_LAST = 5 };
#define FWFT_LOCK AXVM_BIT(0)

/* Features that are defined, but that the CPU of a guest has not; and reserved ones and platforms' own. */
static uint64_t not_here(struct axvm_vcpu *vcpu, uint64_t feature)
{
    return axvm_sbi_reply(vcpu, feature <= FWFT_LAST ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_DENIED, 0);
}

static uint64_t fwft_set(struct axvm_vcpu *vcpu, uint64_t feature)
{
    uint64_t value = vcpu->arch.gpr[11], flags = vcpu->arch.gpr[12];

    if (feature != FWFT_MISALIGNED_EXC_DELEG)
        return not_here(vcpu, feature);
    if (value > 1 || (flags & ~FWFT_LOCK) != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (vcpu->arch.fwft_locked)
        return axvm_sbi_reply(vcpu, SBI_ERR_DENIED_LOCKED, 0);
    if (value == 0 && vcpu->arch.cpu->arch.misaligned_traps)
        return axvm_sbi_reply(vcpu, SBI_ERR_DENIED, 0);
    vcpu->arch.misaligned_done = value == 0;
    vcpu->arch.fwft_locked = (flags & FWFT_LOCK) != 0;
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
}

uint64_t axvm_sbi_fwft(struct axvm_vcpu *vcpu, uint64_t fid)
{
    uint64_t feature = (uint32_t)vcpu->arch.gpr[10];

    switch (fid) {
    case FWFT_SET:
        return fwft_set(vcpu, feature);
    case FWFT_GET:
        if (feature != FWFT_MISALIGNED_EXC_DELEG)
            return not_here(vcpu, feature);
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, !vcpu->arch.misaligned_done);
    }
    return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
}
