/* SPDX-License-Identifier: BSD-2-Clause */
/* "RFENCE Extension". A vCPU that is not loaded is fenced when it next enters; one that is, through the host's firmware, which
 * reaches the hardware of its CPU whatever runs there. */
#include "fence.h"
#include "hs.h"
#include "sbi.h"
#include "sbi_host.h"

/* Pages that are fenced one by one; for more, everything is. */
#define MAX_PAGES 64u

static void fence_self(const struct axvm_host_fence *f)
{
    if (f->op == SBI_REMOTE_FENCE_I)
        FENCE_I();
    else if (f->size == UINT64_MAX)
        axvm_fence_guest_local();
    else
        axvm_fence_guest_range(f->start, f->size);
}

/* It sees the mark when it enters, or we see where it is: has_stayed() and take_marks() in switch.c. */
static void fence_one(struct axvm_vcpu *vcpu, struct axvm_vcpu *target, struct axvm_host_fence *f)
{
    if (target == vcpu) {
        fence_self(f);
        return;
    }
    axvm_pmu_event(vcpu, f->op == SBI_REMOTE_FENCE_I       ? AXVM_PMU_FENCE_I_SENT
                         : f->op == SBI_REMOTE_HFENCE_VVMA ? AXVM_PMU_SFENCE_VMA_SENT
                                                           : AXVM_PMU_SFENCE_VMA_ASID_SENT);
    atomic_fetch_or(&target->arch.posted, AXVM_POSTED_FENCE);
    if (atomic_load(&target->in_guest) != 0)
        axvm_host_fence_hart(f, atomic_load(&target->arch.hart));
}

static bool describe(struct axvm_vcpu *vcpu, uint64_t fid, struct axvm_host_fence *f)
{
    uint64_t start = vcpu->arch.gpr[12], size = vcpu->arch.gpr[13];

    *f = (struct axvm_host_fence){ .op = SBI_REMOTE_FENCE_I };
    if (fid == SBI_REMOTE_FENCE_I)
        return true;
    if (fid != SBI_REMOTE_SFENCE_VMA && fid != SBI_REMOTE_SFENCE_VMA_ASID)
        return false;
    f->op = SBI_REMOTE_HFENCE_VVMA;
    /* "start_addr and size must be 0, or size -1": all. More of a range is always right. */
    if ((start == 0 && size == 0) || size > MAX_PAGES * AXVM_PAGE_SIZE || start > UINT64_MAX - size) {
        start = 0;
        size = UINT64_MAX;
    } else {
        size = axvm_align_up((start & (AXVM_PAGE_SIZE - 1)) + size, AXVM_PAGE_SIZE);
        start = axvm_align_down(start, AXVM_PAGE_SIZE);
    }
    f->start = start;
    f->size = size;
    if (fid == SBI_REMOTE_SFENCE_VMA_ASID) {
        f->op = SBI_REMOTE_HFENCE_VVMA_ASID;
        f->id = vcpu->arch.gpr[14] & 0xffff;
    }
    return true;
}

uint64_t axvm_sbi_rfence(struct axvm_vcpu *vcpu, uint64_t fid)
{
    struct axvm_host_fence f;
    struct axvm_vcpu_set set;

    /* Those for hypervisors: our guests have no H extension. */
    if (!describe(vcpu, fid, &f))
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if (axvm_sbi_harts(vcpu->arch.gpr[10], vcpu->arch.gpr[11], vcpu->vm->vcpu_count, &set) != SBI_SUCCESS)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    for (unsigned int w = 0; w < AXVM_MAX_VCPUS / 64; w++) {
        for (uint64_t left = set.bits[w]; left != 0; left &= left - 1)
            fence_one(vcpu, vcpu->vm->vcpus[w * 64 + axvm_ctz64(left)], &f);
    }
    axvm_host_fence_send(&f);
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
}
