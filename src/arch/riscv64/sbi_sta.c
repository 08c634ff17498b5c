/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Steal-time Accounting Extension". Stolen is the time from an interrupt of the host, with which it takes the CPU, until the
 * vCPU is entered again. What the host does for the guest is not; neither is a wait for an interrupt.
 */
#include <axvm/err.h>

#include "hs.h"
#include "sbi.h"

#define SHMEM_SIZE 64u
enum { SHMEM_SEQUENCE = 0, SHMEM_STEAL = 8, SHMEM_PREEMPTED = 16 };
/* Both are written at once. */
struct shmem_state {
    uint64_t steal;
    uint8_t preempted, pad[7];
};
#define STATE_SIZE (offsetof(struct shmem_state, preempted) + 1)
_Static_assert(SHMEM_STEAL + offsetof(struct shmem_state, preempted) == SHMEM_PREEMPTED, "as the specification has it");

/* Every write is complete, in this order, for readers on the guest's other vCPUs. */
static void put(struct axvm_vcpu *vcpu, uint64_t offset, const void *value, size_t len)
{
    axvm_aspace_write(vcpu->vm, axvm_gpa(vcpu->arch.sta.shmem + offset), value, len);
    atomic_thread_fence(memory_order_release);
}

/* For those who would wait for it. */
void axvm_sta_leave(struct axvm_vcpu *vcpu)
{
    static const uint8_t preempted = 1;
    struct axvm_sta *sta = &vcpu->arch.sta;

    sta->left_ns = vcpu->vm->hal.time_ns(vcpu->vm->hal.ctx);
    sta->preempted = true;
    axvm_aspace_write(vcpu->vm, axvm_gpa(sta->shmem + SHMEM_PREEMPTED), &preempted, sizeof(preempted));
}

void axvm_sta_update(struct axvm_vcpu *vcpu)
{
    struct axvm_sta *sta = &vcpu->arch.sta;
    uint64_t now = vcpu->vm->hal.time_ns(vcpu->vm->hal.ctx);
    struct shmem_state state = { 0 };

    if (now > sta->left_ns)
        sta->steal_ns += now - sta->left_ns;
    sta->preempted = false;
    state.steal = sta->steal_ns;
    /* The memory is the guest's to write; what we count is ours. */
    sta->sequence++;
    put(vcpu, SHMEM_SEQUENCE, &sta->sequence, sizeof(sta->sequence));
    put(vcpu, SHMEM_STEAL, &state, STATE_SIZE);
    sta->sequence++;
    put(vcpu, SHMEM_SEQUENCE, &sta->sequence, sizeof(sta->sequence));
}

void axvm_sta_reset(struct axvm_sta *sta)
{
    *sta = (struct axvm_sta){ .shmem = AXVM_STA_OFF };
}

uint64_t axvm_sbi_sta(struct axvm_vcpu *vcpu, uint64_t fid)
{
    uint64_t low = vcpu->arch.gpr[10], high = vcpu->arch.gpr[11], flags = vcpu->arch.gpr[12];

    if (fid != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if (flags == 0 && low == UINT64_MAX && high == UINT64_MAX) {
        axvm_sta_reset(&vcpu->arch.sta);
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    }
    if (flags != 0 || !axvm_is_aligned(low, SHMEM_SIZE))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (!axvm_sbi_is_shmem(vcpu->vm, low, high, SHMEM_SIZE))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_ADDRESS, 0);
    return axvm_sbi_defer(vcpu, AXVM_SBI_STA_SHMEM);
}

/* In the host tier, where memory that has not been touched yet can be had. */
void axvm_sbi_sta_set_shmem(struct axvm_vcpu *vcpu)
{
    static const uint8_t zero[SHMEM_SIZE];
    uint64_t low = vcpu->arch.gpr[10];

    if (axvm_write_guest(vcpu->vm, axvm_gpa(low), zero, sizeof(zero)) != AXVM_OK) {
        axvm_sbi_reply(vcpu, SBI_ERR_FAILED, 0);
        return;
    }
    axvm_sta_reset(&vcpu->arch.sta);
    vcpu->arch.sta.shmem = low;
    axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
}
