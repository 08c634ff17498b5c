/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmid.h"

#include <axvm/err.h>

#include "arch.h"
#include "bits.h"

/* Numbers beyond are left unused; a new generation every 4095 VMs costs nothing. */
#define VMID_MAX 4096u
#define VMID_GENERATION (AXVM_VMID_MASK + 1)

/* What lies in struct axvm_host. */
struct vmid_host {
    struct axvm_lock lock;
    struct axvm_cpu *cpus; /* all enabled ones */
    uint64_t generation;   /* a multiple of VMID_GENERATION, never 0 once a CPU is enabled */
    uint32_t count;        /* numbers 1..count - 1 are given out; 0: the CPU has no VMIDs */
    uint32_t cpu_count;
    uint32_t cursor; /* the lowest number that may be free */
    uint64_t used[VMID_MAX / 64];
};
_Static_assert(sizeof(struct vmid_host) <= sizeof(struct axvm_host), "struct axvm_host is too small");

static struct vmid_host *host_of(const struct axvm_hal *hal)
{
    return (struct vmid_host *)(void *)hal->host->opaque;
}

static uint32_t numbers(unsigned int bits)
{
    if (bits == 0)
        return 0;
    return bits < 12 ? 1u << bits : VMID_MAX;
}

/* ---- the CPUs ---- */

static int add_locked(struct vmid_host *host, struct axvm_cpu *cpu)
{
    uint32_t count = numbers(axvm_arch_vmid_bits());

    if (host->generation == 0) {
        host->generation = VMID_GENERATION;
        host->cursor = 1;
        host->count = count;
    }
    if (count < host->count)
        return AXVM_ERR_NOSUP;
    /* A new generation has to leave a number for the VM that asked for one, when all other CPUs keep theirs. */
    if (host->count != 0 && host->cpu_count + 1 >= host->count)
        return AXVM_ERR_NOSPC;
    host->cpu_count++;
    cpu->next = host->cpus;
    host->cpus = cpu;
    return AXVM_OK;
}

int axvm_vmid_cpu_add(struct axvm_cpu *cpu)
{
    struct vmid_host *host = host_of(&cpu->hal);
    unsigned long irqs = axvm_lock_irqsave(&host->lock);
    int rc;

    atomic_store_explicit(&cpu->active_vmid, AXVM_VMID_NONE, memory_order_relaxed);
    cpu->reserved_vmid = AXVM_VMID_NONE;
    cpu->vmid_flush = true; /* what an earlier user of this CPU has left */
    rc = add_locked(host, cpu);
    axvm_unlock_irqrestore(&host->lock, irqs);
    return rc;
}

int axvm_vmid_cpu_remove(struct axvm_cpu *cpu)
{
    struct vmid_host *host = host_of(&cpu->hal);
    unsigned long irqs = axvm_lock_irqsave(&host->lock);
    bool held = cpu->holders != 0;

    for (struct axvm_cpu **link = &host->cpus; !held && *link; link = &(*link)->next) {
        if (*link == cpu) {
            *link = cpu->next;
            host->cpu_count--;
            break;
        }
    }
    axvm_unlock_irqrestore(&host->lock, irqs);
    return held ? AXVM_ERR_BUSY : AXVM_OK;
}

struct axvm_cpu *axvm_cpu_hold(const struct axvm_hal *hal, unsigned int pcpu)
{
    struct vmid_host *host = host_of(hal);
    unsigned long irqs = axvm_lock_irqsave(&host->lock);
    struct axvm_cpu *cpu = host->cpus;

    while (cpu && cpu->pcpu != pcpu)
        cpu = cpu->next;
    if (cpu)
        cpu->holders++;
    axvm_unlock_irqrestore(&host->lock, irqs);
    return cpu;
}

void axvm_cpu_release(struct axvm_cpu *cpu)
{
    struct vmid_host *host = host_of(&cpu->hal);
    unsigned long irqs = axvm_lock_irqsave(&host->lock);

    cpu->holders--;
    axvm_unlock_irqrestore(&host->lock, irqs);
}

/* ---- the numbers ---- */

static void mark_used(struct vmid_host *host, uint64_t vmid)
{
    uint64_t number = vmid & AXVM_VMID_MASK;

    host->used[number / 64] |= UINT64_C(1) << number % 64;
}

/* The lowest free number from the cursor on, or 0. */
static uint32_t take_number(struct vmid_host *host)
{
    for (uint32_t word = host->cursor / 64; word * 64 < host->count; word++) {
        uint64_t free = ~host->used[word];

        if (word == host->cursor / 64)
            free &= ~UINT64_C(0) << host->cursor % 64;
        if (free != 0) {
            uint32_t number = word * 64 + axvm_ctz64(free);

            if (number >= host->count)
                break;
            host->cursor = number + 1;
            mark_used(host, number);
            return number;
        }
    }
    return 0;
}

/* Begin a generation. @self is between two VMs, so what it ran is not running here any more. */
static void next_generation(struct vmid_host *host, struct axvm_cpu *self)
{
    host->generation += VMID_GENERATION;
    host->cursor = 1;
    for (uint32_t word = 0; word < AXVM_ARRAY_LEN(host->used); word++)
        host->used[word] = 0;
    for (struct axvm_cpu *cpu = host->cpus; cpu; cpu = cpu->next) {
        uint64_t vmid = atomic_exchange_explicit(&cpu->active_vmid, AXVM_VMID_NONE, memory_order_relaxed);

        /* Two generations since its last entry: it may still be inside the guest it entered then. */
        if (vmid == AXVM_VMID_NONE)
            vmid = cpu->reserved_vmid;
        if (cpu == self)
            vmid = AXVM_VMID_NONE;
        cpu->reserved_vmid = vmid;
        cpu->vmid_flush = true;
        if (vmid != AXVM_VMID_NONE)
            mark_used(host, vmid);
    }
}

/* If a CPU may be running the VM under @old since an earlier generation, it goes on as @new. */
static bool carry_over(struct vmid_host *host, uint64_t old, uint64_t new)
{
    bool found = false;

    for (struct axvm_cpu *cpu = host->cpus; cpu; cpu = cpu->next) {
        if (cpu->reserved_vmid == old) {
            cpu->reserved_vmid = new;
            found = true;
        }
    }
    return found;
}

/* A vmid of the current generation for a VM that has @old. */
static uint64_t current_vmid(struct vmid_host *host, struct axvm_cpu *self, uint64_t old)
{
    uint64_t number = old & AXVM_VMID_MASK;

    if (host->count == 0) {
        /* No VMIDs: a name for the VM is all that is needed, so that a CPU sees which it ran last. */
        if (old == 0)
            host->generation += VMID_GENERATION;
        return old == 0 ? host->generation : old;
    }
    if (old - number == host->generation)
        return old;
    if (old != 0 && carry_over(host, old, host->generation | number))
        return host->generation | number;
    number = take_number(host);
    if (number == 0) {
        next_generation(host, self);
        number = take_number(host);
    }
    return host->generation | number;
}

void axvm_vmid_renew(struct axvm_cpu *cpu, struct axvm *vm)
{
    struct vmid_host *host = host_of(&cpu->hal);
    unsigned long irqs = axvm_lock_irqsave(&host->lock);
    uint64_t vmid = current_vmid(host, cpu, atomic_load_explicit(&vm->vmid, memory_order_relaxed));
    bool flush = cpu->vmid_flush || host->count == 0;

    /* Pairs with axvm_arch_s2_flush(): it writes a table and then reads vm->vmid; we write vm->vmid and then the CPU reads the
     * tables. One of the two sees the other's write. */
    atomic_store_explicit(&vm->vmid, vmid, memory_order_relaxed);
    axvm_arch_s2_sync();
    atomic_store_explicit(&cpu->active_vmid, vmid, memory_order_relaxed);
    cpu->reserved_vmid = AXVM_VMID_NONE;
    cpu->vmid_flush = false;
    axvm_unlock_irqrestore(&host->lock, irqs);
    if (flush)
        axvm_arch_cpu_flush_tlb(cpu);
}

void axvm_vmid_free(struct axvm *vm)
{
    /* The number is not used again before the next generation, and by then nobody has translations of it. */
    atomic_store_explicit(&vm->vmid, 0, memory_order_relaxed);
}
