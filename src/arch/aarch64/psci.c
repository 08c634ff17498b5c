/* SPDX-License-Identifier: BSD-2-Clause */
#include "psci.h"

#include <axvm/err.h>

#include "bits.h"

#define SMCCC_1_2 0x10002u
#define PSCI_1_1 0x10001u
#define MIGRATE_NOT_REQUIRED 2u

/* CPU_SUSPEND power_state in the original format: what PSCI_FEATURES(CPU_SUSPEND) = 0 promises. */
#define POWER_STATE_RES0 (~(AXVM_BITS(25, 24) | AXVM_BIT(16) | AXVM_BITS(15, 0)) & AXVM_BITS(31, 0))

/* MPIDR fields that identify a PE; everything else of a target_cpu argument must be zero. */
#define MPIDR_AFF (AXVM_BITS(39, 32) | AXVM_BITS(23, 0))

/* A 32-bit call has 32-bit arguments, whatever the upper halves hold (SMCCC, "Register use in AArch64 SMC and HVC calls"). */
static uint64_t arg(const struct axvm_vcpu *vcpu, uint32_t fn, unsigned int n)
{
    uint64_t v = vcpu->arch.gpr[n];

    return fn & SMCCC_64 ? v : (uint32_t)v;
}

static enum axvm_trap_kind reply(struct axvm_vcpu *vcpu, int64_t ret)
{
    vcpu->arch.gpr[0] = (uint64_t)ret;
    return AXVM_TRAP_RESUME;
}

/* The vCPU with that affinity, or NULL. */
static struct axvm_vcpu *find_target(struct axvm *vm, uint64_t mpidr)
{
    uint64_t id = axvm_field(mpidr, AXVM_BITS(15, 8)) * 16 + axvm_field(mpidr, AXVM_BITS(7, 0));
    struct axvm_vcpu *vcpu;

    if (id >= vm->vcpu_count)
        return NULL;
    vcpu = vm->vcpus[axvm_nospec(id, vm->vcpu_count)];
    return (vcpu->arch.mpidr & MPIDR_AFF) == mpidr ? vcpu : NULL;
}

static enum axvm_trap_kind cpu_on(struct axvm_vcpu *vcpu, uint32_t fn, struct axvm_exit *exit)
{
    struct axvm_vcpu *target = find_target(vcpu->vm, arg(vcpu, fn, 1));
    uint64_t entry = arg(vcpu, fn, 2);
    int rc;

    if (!target)
        return reply(vcpu, PSCI_INVALID_PARAMETERS);
    if (!axvm_is_aligned(entry, 4) || !axvm_aspace_is_ram(vcpu->vm, entry, 4))
        return reply(vcpu, PSCI_INVALID_ADDRESS);
    rc = axvm_vcpu_power_on(target, entry, arg(vcpu, fn, 3));
    if (rc != AXVM_OK)
        return reply(vcpu, rc == AXVM_ERR_EXIST ? PSCI_ALREADY_ON : PSCI_ON_PENDING);
    reply(vcpu, PSCI_SUCCESS);
    exit->reason = AXVM_EXIT_CPU_UP;
    exit->u.cpu_up.target = target->id;
    return AXVM_TRAP_EXIT;
}

/*
 * A standby state is what WFI is. A powerdown state may be entered as standby (DEN0022, "CPU_SUSPEND": the implementation can
 * return success from a shallower state), so the entry point is only checked.
 */
static enum axvm_trap_kind cpu_suspend(struct axvm_vcpu *vcpu, uint32_t fn)
{
    uint64_t state = arg(vcpu, fn, 1);
    uint64_t entry = arg(vcpu, fn, 2);

    if (state & POWER_STATE_RES0)
        return reply(vcpu, PSCI_INVALID_PARAMETERS);
    if ((state & AXVM_BIT(16)) && (!axvm_is_aligned(entry, 4) || !axvm_aspace_is_ram(vcpu->vm, entry, 4)))
        return reply(vcpu, PSCI_INVALID_ADDRESS);
    reply(vcpu, PSCI_SUCCESS);
    return AXVM_TRAP_IDLE;
}

static enum axvm_trap_kind affinity_info(struct axvm_vcpu *vcpu, uint32_t fn)
{
    struct axvm_vcpu *target = find_target(vcpu->vm, arg(vcpu, fn, 1));

    /* Only level 0: PSCI 1.0 and later need not report higher levels. */
    if (!target || arg(vcpu, fn, 2) != 0)
        return reply(vcpu, PSCI_INVALID_PARAMETERS);
    switch (atomic_load(&target->power)) {
    case AXVM_POWER_OFF:
        return reply(vcpu, PSCI_AFF_OFF);
    case AXVM_POWER_ON:
        return reply(vcpu, PSCI_AFF_ON);
    default:
        return reply(vcpu, PSCI_AFF_ON_PENDING);
    }
}

static enum axvm_trap_kind system_down(struct axvm_vcpu *vcpu, struct axvm_exit *exit, enum axvm_exit_reason reason,
                                       uint64_t type, uint64_t cookie)
{
    exit->reason = reason;
    exit->u.system.type = type;
    exit->u.system.code = cookie;
    axvm_vm_stop(vcpu->vm);
    return AXVM_TRAP_EXIT;
}

static enum axvm_trap_kind system_reset2(struct axvm_vcpu *vcpu, uint32_t fn, struct axvm_exit *exit)
{
    uint32_t type = (uint32_t)vcpu->arch.gpr[1];

    /* 0 is SYSTEM_WARM_RESET; with bit 31 the type is the vendor's, and we have none. */
    if (type != 0)
        return reply(vcpu, PSCI_INVALID_PARAMETERS);
    return system_down(vcpu, exit, AXVM_EXIT_SYSTEM_RESET, type, arg(vcpu, fn, 2));
}

static enum axvm_trap_kind features(struct axvm_vcpu *vcpu)
{
    switch ((uint32_t)vcpu->arch.gpr[1]) {
    case SMCCC_VERSION:
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | SMCCC_64:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | SMCCC_64:
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | SMCCC_64:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_SYSTEM_RESET2:
    case PSCI_SYSTEM_RESET2 | SMCCC_64:
    case PSCI_FEATURES:
        return reply(vcpu, 0);
    }
    return reply(vcpu, PSCI_NOT_SUPPORTED);
}

static enum axvm_trap_kind arch_features(struct axvm_vcpu *vcpu)
{
    uint32_t fn = (uint32_t)vcpu->arch.gpr[1];

    return reply(vcpu, fn == SMCCC_VERSION || fn == SMCCC_ARCH_FEATURES ? 0 : PSCI_NOT_SUPPORTED);
}

/* A call that is for the host, if it wants such; otherwise there is no such call. */
static enum axvm_trap_kind other_call(struct axvm_vcpu *vcpu, uint32_t fn, struct axvm_exit *exit)
{
    if (!(vcpu->vm->flags & AXVM_VM_HYPERCALLS) || (fn & SMCCC_OWNER_MASK) != SMCCC_OWNER_VENDOR_HYP || !(fn & SMCCC_FAST))
        return reply(vcpu, PSCI_NOT_SUPPORTED);
    exit->reason = AXVM_EXIT_HYPERCALL;
    exit->u.hypercall.nr = fn;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(exit->u.hypercall.args); i++)
        exit->u.hypercall.args[i] = vcpu->arch.gpr[i + 1] & (fn & SMCCC_64 ? UINT64_MAX : UINT32_MAX);
    vcpu->pending = AXVM_PENDING_HYPERCALL;
    return AXVM_TRAP_EXIT;
}

/* Calls that need more than a constant. */
static enum axvm_trap_kind power_call(struct axvm_vcpu *vcpu, uint32_t fn, struct axvm_exit *exit)
{
    switch (fn) {
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | SMCCC_64:
        return cpu_on(vcpu, fn, exit);
    case PSCI_CPU_OFF:
        axvm_vcpu_power_off(vcpu);
        return AXVM_TRAP_REQUEST;
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | SMCCC_64:
        return cpu_suspend(vcpu, fn);
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | SMCCC_64:
        return affinity_info(vcpu, fn);
    case PSCI_SYSTEM_OFF:
        return system_down(vcpu, exit, AXVM_EXIT_SYSTEM_OFF, 0, 0);
    case PSCI_SYSTEM_RESET:
        return system_down(vcpu, exit, AXVM_EXIT_SYSTEM_RESET, 0, 0);
    case PSCI_SYSTEM_RESET2:
    case PSCI_SYSTEM_RESET2 | SMCCC_64:
        return system_reset2(vcpu, fn, exit);
    }
    return other_call(vcpu, fn, exit);
}

/* Constants, and what only looks at its arguments. */
static enum axvm_trap_kind query_call(struct axvm_vcpu *vcpu, uint32_t fn, struct axvm_exit *exit)
{
    switch (fn) {
    case PSCI_FEATURES:
        return features(vcpu);
    case PSCI_MIGRATE_INFO_TYPE:
        return reply(vcpu, MIGRATE_NOT_REQUIRED);
    case SMCCC_VERSION:
        return reply(vcpu, SMCCC_1_2);
    case SMCCC_ARCH_FEATURES:
        return arch_features(vcpu);
    }
    return power_call(vcpu, fn, exit);
}

enum axvm_trap_kind axvm_smccc_call(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    uint32_t fn = (uint32_t)vcpu->arch.gpr[0];

    if (fn == PSCI_VERSION)
        return reply(vcpu, PSCI_1_1);
    if ((fn & SMCCC_OWNER_MASK) == SMCCC_OWNER_VENDOR_HYP)
        return other_call(vcpu, fn, exit);
    return query_call(vcpu, fn, exit);
}
