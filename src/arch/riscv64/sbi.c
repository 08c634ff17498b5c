/* SPDX-License-Identifier: BSD-2-Clause */
#include "sbi.h"

#include <axvm/err.h>

#include "hs.h"

#define SPEC_3_0 0x3000000u
#define IMPL_ID 0x4158564du /* "AXVM": none of the assigned ones */
#define IMPL_VERSION 1u

/* Keeps the registers that a handler needs from being saved by those that share its caller. */
#define NOINLINE __attribute__((noinline))

/* ---- BASE ---- */

static bool has_extension(const struct axvm *vm, uint64_t eid)
{
    switch (eid) {
    case SBI_LEGACY_SET_TIMER ... SBI_LEGACY_CLEAR_IPI:
    case SBI_LEGACY_FENCE_I ... SBI_LEGACY_SHUTDOWN:
        return (vm->flags & AXVM_VM_LEGACY_SBI) != 0;
    case SBI_EXT_BASE:
    case SBI_EXT_TIME:
    case SBI_EXT_IPI:
    case SBI_EXT_RFNC:
    case SBI_EXT_HSM:
    case SBI_EXT_SRST:
    case SBI_EXT_DBCN:
    case SBI_EXT_SUSP:
    case SBI_EXT_PMU:
    case SBI_EXT_STA:
    case SBI_EXT_FWFT:
    case SBI_EXT_SSE:
        return true;
    }
    return false;
}

static NOINLINE uint64_t sbi_base(struct axvm_vcpu *vcpu, uint64_t fid)
{
    switch (fid) {
    case 0:
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, SPEC_3_0);
    case 1:
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, IMPL_ID);
    case 2:
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, IMPL_VERSION);
    case 3:
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, has_extension(vcpu->vm, vcpu->arch.gpr[10]));
    case 4: /* mvendorid, marchid, mimpid: 0 is always legal, and says nothing of the host */
    case 5:
    case 6:
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    }
    return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
}

/* ---- TIME, IPI ---- */

static NOINLINE uint64_t sbi_time(struct axvm_vcpu *vcpu, uint64_t fid)
{
    if (fid != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    axvm_pmu_event(vcpu, AXVM_PMU_SET_TIMER);
    axvm_timer_set(vcpu, vcpu->arch.gpr[10]);
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
}

static void send_ipi(struct axvm_vcpu *vcpu, struct axvm_vcpu *target)
{
    axvm_pmu_event(vcpu, AXVM_PMU_IPI_SENT);
    if (target == vcpu) {
        axvm_pmu_event(vcpu, AXVM_PMU_IPI_RECEIVED);
        axvm_csr_set(CSR_HVIP, IRQ_VSS);
    } else if (atomic_load(&target->power) == AXVM_POWER_ON) {
        atomic_fetch_or(&target->arch.posted, AXVM_POSTED_SSIP);
        axvm_vcpu_request(target, AXVM_REQ_IRQ);
    }
}

static NOINLINE uint64_t sbi_ipi(struct axvm_vcpu *vcpu, uint64_t fid)
{
    struct axvm *vm = vcpu->vm;
    struct axvm_vcpu_set set;

    if (fid != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    /* Most are for one. */
    if (vcpu->arch.gpr[10] == 1 && vcpu->arch.gpr[11] < vm->vcpu_count) {
        send_ipi(vcpu, vm->vcpus[axvm_nospec(vcpu->arch.gpr[11], vm->vcpu_count)]);
        axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
        return axvm_wake_trap(vm);
    }
    if (axvm_sbi_harts(vcpu->arch.gpr[10], vcpu->arch.gpr[11], vm->vcpu_count, &set) != SBI_SUCCESS)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    for (unsigned int w = 0; w < AXVM_MAX_VCPUS / 64; w++) {
        for (uint64_t left = set.bits[w]; left != 0; left &= left - 1)
            send_ipi(vcpu, vm->vcpus[w * 64 + axvm_ctz64(left)]);
    }
    axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    return axvm_wake_trap(vm);
}

/* ---- SRST ---- */

enum { SRST_SHUTDOWN = 0, SRST_COLD_REBOOT = 1, SRST_WARM_REBOOT = 2 };
enum { SRST_REASON_NONE = 0, SRST_REASON_FAILURE = 1 };
/* Reasons from here on are the implementation's and the platform's: the host may know them. */
#define SRST_REASON_OTHERS 0xe0000000u

uint64_t axvm_sbi_srst(struct axvm_vcpu *vcpu, uint64_t fid)
{
    struct axvm_exit *exit = vcpu->arch.exit;
    uint32_t type = (uint32_t)vcpu->arch.gpr[10], reason = (uint32_t)vcpu->arch.gpr[11];

    if (fid != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if (type > SRST_WARM_REBOOT || (reason > SRST_REASON_FAILURE && reason < SRST_REASON_OTHERS))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    exit->reason = type == SRST_SHUTDOWN ? AXVM_EXIT_SYSTEM_OFF : AXVM_EXIT_SYSTEM_RESET;
    exit->u.system.type = type;
    exit->u.system.code = reason;
    axvm_vm_stop(vcpu->vm);
    return AXVM_TRAP_EXIT;
}

/* ---- the rest ---- */

/* A call that is for the host, if it wants such. */
static uint64_t firmware_call(struct axvm_vcpu *vcpu, uint64_t fid, uint64_t eid)
{
    struct axvm_exit *exit = vcpu->arch.exit;

    if (!(vcpu->vm->flags & AXVM_VM_HYPERCALLS))
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    exit->reason = AXVM_EXIT_HYPERCALL;
    exit->u.hypercall.nr = eid << 32 | (uint32_t)fid;
    exit->u.hypercall.args[0] = vcpu->arch.gpr[10];
    exit->u.hypercall.args[1] = vcpu->arch.gpr[11];
    exit->u.hypercall.args[2] = vcpu->arch.gpr[12];
    exit->u.hypercall.args[3] = vcpu->arch.gpr[13];
    exit->u.hypercall.args[4] = vcpu->arch.gpr[14];
    exit->u.hypercall.args[5] = vcpu->arch.gpr[15];
    vcpu->pending = AXVM_PENDING_HYPERCALL;
    return AXVM_TRAP_EXIT;
}

static NOINLINE uint64_t rare_call(struct axvm_vcpu *vcpu, uint64_t fid, uint64_t eid)
{
    if (eid - SBI_EXT_FIRMWARE_FIRST <= SBI_EXT_FIRMWARE_LAST - SBI_EXT_FIRMWARE_FIRST)
        return firmware_call(vcpu, fid, eid);
    switch (eid) {
    case SBI_LEGACY_SET_TIMER ... SBI_LEGACY_CLEAR_IPI:
    case SBI_LEGACY_FENCE_I ... SBI_LEGACY_SHUTDOWN:
        if (vcpu->vm->flags & AXVM_VM_LEGACY_SBI)
            return axvm_sbi_legacy(vcpu, eid);
        break;
    case SBI_EXT_HSM:
        return axvm_sbi_hsm(vcpu, fid);
    case SBI_EXT_SRST:
        return axvm_sbi_srst(vcpu, fid);
    case SBI_EXT_DBCN:
        return axvm_sbi_dbcn(vcpu, fid);
    case SBI_EXT_SUSP:
        return axvm_sbi_susp(vcpu, fid);
    case SBI_EXT_PMU:
        return axvm_sbi_pmu(vcpu, fid);
    case SBI_EXT_STA:
        return axvm_sbi_sta(vcpu, fid);
    case SBI_EXT_FWFT:
        return axvm_sbi_fwft(vcpu, fid);
    case SBI_EXT_SSE:
        return axvm_sbi_sse(vcpu, fid);
    }
    return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
}

/* Only jumps, the commonest first. */
uint64_t axvm_sbi_call(struct axvm_vcpu *vcpu)
{
    uint64_t eid = vcpu->arch.gpr[17], fid = vcpu->arch.gpr[16];

    if (eid == SBI_EXT_BASE)
        return sbi_base(vcpu, fid);
    if (eid == SBI_EXT_IPI)
        return sbi_ipi(vcpu, fid);
    if (eid == SBI_EXT_RFNC)
        return axvm_sbi_rfence(vcpu, fid);
    if (eid == SBI_EXT_TIME)
        return sbi_time(vcpu, fid);
    return rare_call(vcpu, fid, eid);
}
