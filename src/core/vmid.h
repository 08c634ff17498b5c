/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMIDs: the numbers that keep the cached translations of VMs apart. There are fewer numbers than VMs may come, so they are
 * handed out in generations: when a generation has used them up, the next one begins, every CPU drops all its cached
 * translations before it next enters a guest, and only VMs that are running on some CPU at that moment keep their number.
 *
 * vm->vmid and cpu->active_vmid hold generation << AXVM_VMID_SHIFT | number; they are written with the lock in struct axvm_host
 * held. A CPU whose active_vmid equals vm->vmid may enter that VM at once: whoever begins a generation takes active_vmid away
 * from all CPUs, and remembers what it was.
 */
#ifndef AXVM_CORE_VMID_H
#define AXVM_CORE_VMID_H

#include "vm_priv.h"

#define AXVM_VMID_SHIFT 16
#define AXVM_VMID_MASK UINT64_C(0xffff)
/* Equals no VM's vmid: of generation 0, which no VM gets. */
#define AXVM_VMID_NONE UINT64_C(1)

/* A CPU is enabled, or disabled; on it, interrupts off.
 * @retval AXVM_ERR_NOSUP  its VMIDs have fewer bits than those of the CPUs before it
 * @retval AXVM_ERR_NOSPC  more CPUs than there are VMIDs */
int axvm_vmid_cpu_add(struct axvm_cpu *cpu);
/* AXVM_ERR_BUSY: somebody holds it. */
int axvm_vmid_cpu_remove(struct axvm_cpu *cpu);
/* The enabled CPU of this number, which stays enabled until axvm_cpu_release(). NULL: there is none. Any context. */
struct axvm_cpu *axvm_cpu_hold(const struct axvm_hal *hal, unsigned int pcpu);
void axvm_cpu_release(struct axvm_cpu *cpu);
/* The VM is going: no CPU enters it any more. */
void axvm_vmid_free(struct axvm *vm);

/* Get a number of the current generation for @vm, drop stale translations of this CPU. Interrupts off. */
void axvm_vmid_renew(struct axvm_cpu *cpu, struct axvm *vm);

/* This CPU is about to enter @vm: the number to put in its translation base register. Interrupts off. */
static inline uint64_t axvm_vmid_enter(struct axvm_cpu *cpu, struct axvm *vm)
{
    if (atomic_load_explicit(&cpu->active_vmid, memory_order_relaxed) != atomic_load_explicit(&vm->vmid, memory_order_relaxed))
        axvm_vmid_renew(cpu, vm);
    return atomic_load_explicit(&vm->vmid, memory_order_relaxed) & AXVM_VMID_MASK;
}

#endif
