/* SPDX-License-Identifier: BSD-2-Clause */
/* State of "Supervisor Software Events Extension" of SBI 3.0: of a vCPU, and of a VM. */
#ifndef AXVM_RISCV64_SBI_SSE_H
#define AXVM_RISCV64_SBI_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

/* "SSE Event Attributes" */
enum axvm_sse_attr {
    AXVM_SSE_STATUS = 0,
    AXVM_SSE_PRIORITY = 1,
    AXVM_SSE_CONFIG = 2,
    AXVM_SSE_PREFERRED_HART = 3,
    AXVM_SSE_ENTRY_PC = 4,
    AXVM_SSE_ENTRY_ARG = 5,
    AXVM_SSE_INTERRUPTED_SEPC = 6,
    AXVM_SSE_INTERRUPTED_FLAGS = 7,
    AXVM_SSE_INTERRUPTED_A6 = 8,
    AXVM_SSE_INTERRUPTED_A7 = 9,
    AXVM_SSE_ATTRS,
};

/* STATUS[1:0] */
#define AXVM_SSE_STATE UINT64_C(3)
enum axvm_sse_state { AXVM_SSE_UNUSED, AXVM_SSE_REGISTERED, AXVM_SSE_ENABLED, AXVM_SSE_RUNNING };
#define AXVM_SSE_PENDING UINT64_C(4)
#define AXVM_SSE_INJECTABLE UINT64_C(8)

#define AXVM_SSE_ONE_SHOT UINT64_C(1) /* CONFIG */

/* INTERRUPTED_FLAGS; the others are of extensions that guests do not have, and are kept for them all the same. */
#define AXVM_SSE_FLAG_SPP UINT64_C(1)
#define AXVM_SSE_FLAG_SPIE UINT64_C(2)
#define AXVM_SSE_FLAGS UINT64_C(0x3f)

/* All of it is guarded by axvm_sse_vm.lock, also what belongs to a vCPU: others inject there. */
struct axvm_sse_event {
    uint64_t attr[AXVM_SSE_ATTRS]; /* as guests read them */
    uint32_t hart;                 /* RUNNING: on which vCPU */
    bool hart_chosen;              /* the guest has written PREFERRED_HART */
};

struct axvm_sse_hart {
    struct axvm_sse_event local;
    bool unmasked;
};

/* The lock is taken with interrupts off, and no other is taken while it is held. */
struct axvm_sse_vm {
    struct axvm_lock lock;
    struct axvm_sse_event global;
};

static inline enum axvm_sse_state axvm_sse_state(const struct axvm_sse_event *e)
{
    return (enum axvm_sse_state)(e->attr[AXVM_SSE_STATUS] & AXVM_SSE_STATE);
}

static inline void axvm_sse_set_state(struct axvm_sse_event *e, enum axvm_sse_state state)
{
    e->attr[AXVM_SSE_STATUS] = (e->attr[AXVM_SSE_STATUS] & ~AXVM_SSE_STATE) | (uint64_t)state;
}

static inline bool axvm_sse_is_pending(const struct axvm_sse_event *e)
{
    return (e->attr[AXVM_SSE_STATUS] & AXVM_SSE_PENDING) != 0;
}

#endif
