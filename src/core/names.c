/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for the public enums. */
#include <axvm/err.h>
#include <axvm/exit.h>
#include <axvm/vcpu.h>
#include <axvm/vm.h>

#include "bits.h"

static const char *name_of(const char *const *names, size_t count, unsigned int value)
{
    return value < count && names[value] ? names[value] : "?";
}

const char *axvm_err_name(int err)
{
    static const char *const names[] = {
        [-AXVM_OK] = "OK",           [-AXVM_ERR_INVAL] = "INVAL", [-AXVM_ERR_EXIST] = "EXIST", [-AXVM_ERR_NOENT] = "NOENT",
        [-AXVM_ERR_STATE] = "STATE", [-AXVM_ERR_BUSY] = "BUSY",   [-AXVM_ERR_RANGE] = "RANGE", [-AXVM_ERR_FORMAT] = "FORMAT",
        [-AXVM_ERR_NOMEM] = "NOMEM", [-AXVM_ERR_NOSUP] = "NOSUP", [-AXVM_ERR_NOSPC] = "NOSPC", [-AXVM_ERR_IO] = "IO",
        [-AXVM_ERR_GUEST] = "GUEST", [-AXVM_ERR_AGAIN] = "AGAIN",
    };

    /* INT_MIN has no negative; unsigned, it is too big. */
    return name_of(names, AXVM_ARRAY_LEN(names), 0u - (unsigned int)err);
}

const char *axvm_exit_name(enum axvm_exit_reason reason)
{
    static const char *const names[] = {
        [AXVM_EXIT_NONE] = "NONE",
        [AXVM_EXIT_IDLE] = "IDLE",
        [AXVM_EXIT_YIELD] = "YIELD",
        [AXVM_EXIT_KICKED] = "KICKED",
        [AXVM_EXIT_CPU_UP] = "CPU_UP",
        [AXVM_EXIT_CPU_OFF] = "CPU_OFF",
        [AXVM_EXIT_SUSPENDED] = "SUSPENDED",
        [AXVM_EXIT_SHUTDOWN] = "SHUTDOWN",
        [AXVM_EXIT_SYSTEM_OFF] = "SYSTEM_OFF",
        [AXVM_EXIT_SYSTEM_RESET] = "SYSTEM_RESET",
        [AXVM_EXIT_SYSTEM_CRASH] = "SYSTEM_CRASH",
        [AXVM_EXIT_MMIO] = "MMIO",
        [AXVM_EXIT_IO] = "IO",
        [AXVM_EXIT_SYSREG] = "SYSREG",
        [AXVM_EXIT_HYPERCALL] = "HYPERCALL",
        [AXVM_EXIT_HOST_ERROR] = "HOST_ERROR",
        [AXVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
    };
    _Static_assert(AXVM_ARRAY_LEN(names) == AXVM_EXIT_REASONS, "an exit has no name");

    return name_of(names, AXVM_ARRAY_LEN(names), (unsigned int)reason);
}

const char *axvm_state_name(enum axvm_state state)
{
    static const char *const names[] = {
        [AXVM_LOADING] = "LOADING",     [AXVM_LOADED] = "LOADED",     [AXVM_RUNNING] = "RUNNING",
        [AXVM_SUSPENDED] = "SUSPENDED", [AXVM_STOPPING] = "STOPPING", [AXVM_STOPPED] = "STOPPED",
    };

    return name_of(names, AXVM_ARRAY_LEN(names), (unsigned int)state);
}

const char *axvm_vcpu_state_name(enum axvm_vcpu_state state)
{
    static const char *const names[] = {
        [AXVM_VCPU_CREATED] = "CREATED", [AXVM_VCPU_FREE] = "FREE",       [AXVM_VCPU_READY] = "READY",
        [AXVM_VCPU_RUNNING] = "RUNNING", [AXVM_VCPU_BLOCKED] = "BLOCKED",
    };

    return name_of(names, AXVM_ARRAY_LEN(names), (unsigned int)state);
}

const char *axvm_stat_name(enum axvm_stat stat)
{
    static const char *const names[] = {
        [AXVM_STAT_ENTRIES] = "entries",
        [AXVM_STAT_HYPERCALL] = "hypercall",
        [AXVM_STAT_MMIO] = "mmio",
        [AXVM_STAT_FAULT] = "fault",
        [AXVM_STAT_SYSREG] = "sysreg",
        [AXVM_STAT_IO] = "io",
        [AXVM_STAT_WAIT] = "wait",
        [AXVM_STAT_FPU] = "fpu",
        [AXVM_STAT_GUEST_IRQ] = "guest_irq",
        [AXVM_STAT_HOST_IRQ] = "host_irq",
        [AXVM_STAT_FAULT_INJECTED] = "fault_injected",
        [AXVM_STAT_OTHER] = "other",
    };
    _Static_assert(AXVM_ARRAY_LEN(names) == AXVM_STATS, "a counter has no name");

    return name_of(names, AXVM_ARRAY_LEN(names), (unsigned int)stat);
}
