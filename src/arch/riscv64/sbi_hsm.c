/* SPDX-License-Identifier: BSD-2-Clause */
/* "Hart State Management Extension", "System Suspend Extension". */
#include <axvm/err.h>

#include "hs.h"
#include "sbi.h"

enum { HSM_START = 0, HSM_STOP = 1, HSM_STATUS = 2, HSM_SUSPEND = 3 };
enum hsm_state { HSM_STARTED = 0, HSM_STOPPED = 1, HSM_START_PENDING = 2, HSM_SUSPENDED = 4 };
#define SUSPEND_RETENTIVE 0u
#define SUSPEND_NON_RETENTIVE 0x80000000u
#define SUSP_TO_RAM 0u

static bool is_entry(struct axvm_vcpu *vcpu, uint64_t entry)
{
    return axvm_is_aligned(entry, 2) && axvm_aspace_is_ram(vcpu->vm, entry, 2);
}

static uint64_t hart_start(struct axvm_vcpu *vcpu)
{
    uint64_t id = vcpu->arch.gpr[10], entry = vcpu->arch.gpr[11];
    struct axvm *vm = vcpu->vm;
    struct axvm_vcpu *target;

    if (id >= vm->vcpu_count)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (!is_entry(vcpu, entry))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_ADDRESS, 0);
    target = vm->vcpus[axvm_nospec(id, vm->vcpu_count)];
    if (axvm_vcpu_power_on(target, entry, vcpu->arch.gpr[12]) != AXVM_OK)
        return axvm_sbi_reply(vcpu, SBI_ERR_ALREADY_AVAILABLE, 0);
    axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    vcpu->arch.exit->reason = AXVM_EXIT_CPU_UP;
    vcpu->arch.exit->u.cpu_up.target = target->id;
    return AXVM_TRAP_EXIT;
}

static uint64_t hart_status(struct axvm_vcpu *vcpu)
{
    uint64_t id = vcpu->arch.gpr[10];
    struct axvm *vm = vcpu->vm;
    struct axvm_vcpu *target;
    enum hsm_state state;

    if (id >= vm->vcpu_count)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    target = vm->vcpus[axvm_nospec(id, vm->vcpu_count)];
    switch (atomic_load(&target->power)) {
    case AXVM_POWER_OFF:
        state = HSM_STOPPED;
        break;
    case AXVM_POWER_ON:
        state = atomic_load(&target->arch.suspended) ? HSM_SUSPENDED : HSM_STARTED;
        break;
    default:
        state = HSM_START_PENDING;
    }
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, state);
}

/* The registers with which a hart comes back from a suspend that keeps none: "Register State". */
static void restart_at(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t opaque)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    v->gpr[10] = vcpu->id;
    v->gpr[11] = opaque;
    axvm_csr_write(CSR_SEPC, entry);
    axvm_csr_write(CSR_VSATP, 0);
    axvm_csr_clear(CSR_VSSTATUS, SSTATUS_SIE);
    axvm_set_privilege(true);
}

/* Until it is entered again. */
static uint64_t suspend(struct axvm_vcpu *vcpu)
{
    atomic_store(&vcpu->arch.suspended, 1);
    vcpu->arch.extra |= AXVM_EXTRA_SUSPENDED;
    return AXVM_TRAP_IDLE;
}

/* Both kinds wait for an interrupt, as WFI does. Types are 32 bits wide, whatever is above. */
static uint64_t hart_suspend(struct axvm_vcpu *vcpu)
{
    uint32_t type = (uint32_t)vcpu->arch.gpr[10];
    uint64_t entry = vcpu->arch.gpr[11], opaque = vcpu->arch.gpr[12];

    /* "reserved or platform-specific and unimplemented" */
    if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (type == SUSPEND_NON_RETENTIVE) {
        if (!is_entry(vcpu, entry))
            return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_ADDRESS, 0);
        restart_at(vcpu, entry, opaque);
    } else {
        axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    }
    return suspend(vcpu);
}

uint64_t axvm_sbi_hsm(struct axvm_vcpu *vcpu, uint64_t fid)
{
    switch (fid) {
    case HSM_START:
        return hart_start(vcpu);
    case HSM_STOP:
        axvm_vcpu_power_off(vcpu);
        axvm_sse_hart_stopped(vcpu);
        return AXVM_TRAP_REQUEST;
    case HSM_STATUS:
        return hart_status(vcpu);
    case HSM_SUSPEND:
        return hart_suspend(vcpu);
    }
    return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
}

static bool alone(const struct axvm_vcpu *vcpu)
{
    for (uint32_t i = 0; i < vcpu->vm->vcpu_count; i++) {
        struct axvm_vcpu *other = vcpu->vm->vcpus[i];

        if (other != vcpu && atomic_load(&other->power) != AXVM_POWER_OFF)
            return false;
    }
    return true;
}

uint64_t axvm_sbi_susp(struct axvm_vcpu *vcpu, uint64_t fid)
{
    uint64_t entry = vcpu->arch.gpr[11], opaque = vcpu->arch.gpr[12];

    if (fid != 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if ((uint32_t)vcpu->arch.gpr[10] != SUSP_TO_RAM)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (!is_entry(vcpu, entry))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_ADDRESS, 0);
    if (!alone(vcpu))
        return axvm_sbi_reply(vcpu, SBI_ERR_DENIED, 0);
    restart_at(vcpu, entry, opaque);
    return suspend(vcpu);
}
