/* SPDX-License-Identifier: BSD-2-Clause */
/* What struct axvm and struct axvm_vcpu are made of. Core and backends only. */
#ifndef AXVM_CORE_VM_PRIV_H
#define AXVM_CORE_VM_PRIV_H

#include <axvm/device.h>
#include <axvm/vcpu.h>
#include <axvm/vm.h>
#include <stdatomic.h>

#include "arch_types.h" /* from the chosen src/arch/<cpu>/: struct axvm_arch_vm, axvm_arch_vcpu, axvm_arch_cpu */
#include "arena.h"
#include "aspace.h"
#include "bus.h"
#include "count.h"
#include "lock.h"

/* A physical CPU with virtualization on. In pages of the HAL; the host returns it from this_cpu(). */
struct axvm_cpu {
    struct axvm_arch_cpu arch;
    struct axvm_hal hal;
    unsigned int pcpu;
    uint64_t mask;              /* its bit in axvm_vcpu.pcpu_mask, which is about CPUs 0..63; a later one: all of them */
    struct axvm_vcpu *resident; /* whose guest registers the hardware still holds; NULL: nobody's */
    struct axvm_vcpu *running;  /* inside axvm_run_vcpu() here */
    struct axvm_cpu *next;      /* list of the host's enabled CPUs: vmid.c */
    uint32_t holders;           /* axvm_cpu_hold(): guarded by the list's lock */
    _Atomic uint64_t active_vmid;
    uint64_t reserved_vmid;
    bool vmid_flush;
};

/*
 * A load, store or port access of a guest instruction that the bus answers, decoded by the backend into CPU-neutral terms;
 * what its result does to the guest's registers is the backend's business again (axvm_arch_mmio_finish()).
 * More than one element (LDP, SIMD pairs, page-crossing accesses): addr + i * size.
 */
#define AXVM_MMIO_MAX_ELEMS 8
struct axvm_mmio {
    uint64_t addr;
    uint64_t val[AXVM_MMIO_MAX_ELEMS]; /* zero-extended */
    enum axvm_bus_space space;
    uint8_t size; /* of one element: 1, 2, 4, 8 */
    uint8_t count;
    bool write;
    struct axvm_arch_mmio arch;
};

/* Why the backend came out of the fast tier. */
enum axvm_trap_kind {
    AXVM_TRAP_RESUME,   /* nothing to do: enter again */
    AXVM_TRAP_HOST_IRQ, /* the host's vectors shall take an interrupt */
    AXVM_TRAP_REQUEST,  /* a request bit may be set */
    AXVM_TRAP_MMIO,     /* trap.mmio, for a device that must call the host, or for nobody */
    AXVM_TRAP_FAULT,    /* trap.gpa, trap.prot: memory for it has to be had first */
    AXVM_TRAP_IDLE,     /* wait for interrupt */
    AXVM_TRAP_EXIT,     /* the backend has filled in the exit for the host */
};

struct axvm_trap {
    struct axvm_mmio mmio;
    axvm_gpa_t gpa;
    uint32_t prot;
};

/* Bits of axvm_vcpu.requests; set from any CPU with axvm_vcpu_request(). */
#define AXVM_REQ_KICK (1u << 0) /* come back to the host */
#define AXVM_REQ_IRQ (1u << 1)  /* look at pending interrupts */
#define AXVM_REQ_STOP (1u << 2) /* the VM's state has changed */
#define AXVM_REQ_END (1u << 3)  /* stop the VM and leave with the reason vcpu->end_reason; the vCPU asks itself */

/* axvm_vcpu.power */
enum axvm_power {
    AXVM_POWER_OFF,
    AXVM_POWER_CLAIMED,    /* somebody is starting it and writes start_entry, start_arg */
    AXVM_POWER_ON_PENDING, /* its thread resets and starts it */
    AXVM_POWER_ON,
};

/* What the host may answer with axvm_vcpu_answer() */
enum axvm_pending { AXVM_PENDING_NONE, AXVM_PENDING_MMIO, AXVM_PENDING_HYPERCALL, AXVM_PENDING_ERROR };

struct axvm_vcpu {
    struct axvm_arch_vcpu arch; /* first: assembly uses offsets into it */
    struct axvm *vm;
    uint32_t id;
    _Atomic uint32_t requests; /* AXVM_REQ_*; pairs with in_guest: see axvm_vcpu_request() */
    _Atomic uint32_t in_guest; /* pcpu + 1 while the guest may be executing there */
    const struct axvm_bus_slot *hit[AXVM_BUS_SPACES];

    _Atomic uint32_t state; /* enum axvm_vcpu_state */
    _Atomic uint32_t power; /* enum axvm_power */
    _Atomic uint32_t refs;
    uint64_t pcpu_mask;
    uint64_t start_entry, start_arg; /* for AXVM_POWER_ON_PENDING */

    struct axvm_page_cache pages;
    struct axvm_trap trap;
    enum axvm_pending pending;
    bool answered;
    uint64_t answer;
    enum axvm_exit_reason end_reason; /* of AXVM_REQ_END */
    _Atomic uint64_t stats[AXVM_STATS];
};

struct axvm {
    struct axvm_hal hal;
    struct axvm_lock lock; /* devices come; the clock stops and goes on */
    /* enum axvm_state and, below it, how many vCPUs are inside axvm_run_vcpu(), and others who must not find it gone. One word:
     * a vCPU that comes or goes and somebody who changes the state cannot miss each other. */
    _Atomic uint32_t life;
    uint32_t id;
    uint32_t flags;
    uint32_t vcpu_count;
    struct axvm_vcpu **vcpus;
    _Atomic uint64_t wake[AXVM_MAX_VCPUS / 64]; /* vCPUs to be woken by whoever next may call the host */
    _Atomic int32_t wake_trap;                  /* AXVM_TRAP_REQUEST while there are any, otherwise AXVM_TRAP_RESUME */
    _Atomic uint64_t vmid;                      /* generation and number: vmid.c */
    struct axvm_arch_vm arch;                   /* in front of what is large: its members are wanted in every exit */
    struct axvm_aspace as;
    struct axvm_bus bus[AXVM_BUS_SPACES];
    struct axvm_device *devices, *last_device;
    _Atomic uint64_t next_deadline; /* no device's timer is due before, in axvm_device_time_ns(): device_timer.c */
    uint64_t suspended_at;          /* in hal->time_ns(); moves on while vCPUs still leave */
    uint64_t suspended_ns;          /* for how long it was, in all; no vCPU runs when it changes */
    struct axvm_arena arena;
    struct axvm_config cfg; /* arrays and strings copied into the arena */
    struct axvm_device *console;
    uint64_t boot_entry, boot_arg;
    uint64_t firmware_gpa, firmware_len; /* memory that load.c mapped for a firmware image; 0: none. Not in the guest's tree */
    _Atomic uint64_t log_paid_ns;        /* rate limit of guest-caused lines: log.c */
    _Atomic uint32_t log_suppressed;
    char name[32];
};

/* Fields of axvm.life. */
#define AXVM_LIFE_STATE 16 /* from this bit on */
#define AXVM_LIFE(state, inside) ((uint32_t)(state) << AXVM_LIFE_STATE | (inside))
_Static_assert(AXVM_MAX_VCPUS < UINT32_C(1) << AXVM_LIFE_STATE, "so many do not fit inside");

static inline enum axvm_state axvm_life_state(uint32_t life)
{
    return (enum axvm_state)(life >> AXVM_LIFE_STATE);
}

static inline uint32_t axvm_life_inside(uint32_t life)
{
    return life & ((UINT32_C(1) << AXVM_LIFE_STATE) - 1);
}

/* ---- what backends and devices may call in core ---- */

/* Count. The vCPU's own thread only. */
static inline void axvm_stat_inc(struct axvm_vcpu *vcpu, enum axvm_stat stat)
{
    axvm_count(&vcpu->stats[stat]);
}

/* Set request bits of a vCPU and make it notice: kicks the CPU it runs on; a blocked one is put on vm->wake. Any context.
 * Whoever called it in a context that may call the host must run axvm_wake_flush() before returning. */
void axvm_vcpu_request(struct axvm_vcpu *vcpu, uint32_t bits);
/* How the fast tier ends an exit after which somebody may have to be woken: AXVM_TRAP_RESUME, or for the host if so. */
static inline uint64_t axvm_wake_trap(struct axvm *vm)
{
    return (uint64_t)atomic_load_explicit(&vm->wake_trap, memory_order_relaxed);
}
/* Call hal->wake_vcpu() for all on vm->wake. Host context. */
void axvm_wake_flush(struct axvm *vm);

/*
 * Start a vCPU that is off: exactly one caller wins. What PSCI CPU_ON, SBI hart_start and SIPI are made of. Any context.
 * @retval AXVM_ERR_EXIST  it is on
 * @retval AXVM_ERR_BUSY   somebody else is starting it
 */
int axvm_vcpu_power_on(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg);
/* The calling vCPU turns itself off; it leaves the guest with AXVM_EXIT_CPU_OFF. */
void axvm_vcpu_power_off(struct axvm_vcpu *vcpu);

/*
 * Timers of devices, see axvm_device_set_deadline(). A backend that has such devices lets one vCPU, number 0, come out of its
 * guest when axvm_timers_deadline() has come, and call axvm_timers_poll() then; when a device sets an earlier one it is sent
 * AXVM_REQ_IRQ. Any context, with interrupts off.
 */
static inline uint64_t axvm_timers_deadline(struct axvm *vm)
{
    uint64_t next = atomic_load_explicit(&vm->next_deadline, memory_order_relaxed);

    return next <= AXVM_TIME_NEVER - vm->suspended_ns ? next + vm->suspended_ns : AXVM_TIME_NEVER;
}
void axvm_timers_expire(struct axvm *vm, uint64_t host_ns);
static inline void axvm_timers_poll(struct axvm *vm, uint64_t host_ns)
{
    if (host_ns >= axvm_timers_deadline(vm))
        axvm_timers_expire(vm, host_ns);
}

/*
 * One fewer inside; the last one out of a VM that is STOPPING makes it STOPPED, and touches it no more, as it may be destroyed
 * from then on. @ran: its guest did run, perhaps after the VM was suspended, whose clock then stands from now on.
 */
void axvm_vm_leave(struct axvm *vm, bool ran);

/* Stop the VM for a reason the guest or the CPU gave: RUNNING -> STOPPING. Any context. The caller is inside. */
void axvm_vm_stop(struct axvm *vm);

/* A line for the host about something a guest did: rate-limited. Any context. */
void axvm_log_guest(struct axvm *vm, enum axvm_log_level level, const char *msg, uint64_t value);
/* A line about something else. */
void axvm_log(const struct axvm_hal *hal, enum axvm_log_level level, const char *msg);

/* The time of day, as guests' clocks get it. Any context. */
uint64_t axvm_vm_wall_time_s(const struct axvm *vm);

#endif
