/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The APIC-access page of a VM: where its guest's local APICs have their registers in xAPIC mode after a reset, the
 * second-level tables have a page by which CPUs recognize accesses to them; nothing is ever in it. Intel SDM vol. 3C,
 * "Virtualizing Memory-Mapped APIC Accesses". All vCPUs share the tables, so it is there only until one of them is about to run
 * that does not have such accesses looked after by its CPU, as its registers are elsewhere or gone: then all do without, until
 * a reset.
 */
#include <axvm/err.h>

#include "maps.h"
#include "s2.h"
#include "vmx.h"

#define PAGE_ORDER 0
#define WANTED (CPU2_APIC_ACCESSES | CPU2_APIC_REGISTERS)

/* The CPU we are on stands for all. */
static bool is_wanted(struct axvm *vm)
{
    unsigned long irqs = axvm_irq_save();
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);
    uint32_t apicv = cpu ? axvm_vmx_cpu_of(cpu)->caps.apicv : 0;

    axvm_irq_restore(irqs);
    return vm->cfg.irq_mode != AXVM_IRQ_NONE && (apicv & WANTED) == WANTED;
}

int axvm_vmx_apic_page_init(struct axvm *vm)
{
    struct axvm_arch_vm *a = &vm->arch;

    if (!is_wanted(vm))
        return AXVM_OK;
    a->apic_page = axvm_x86_pages_alloc(&vm->hal, PAGE_ORDER, &a->apic_page_pa);
    if (!a->apic_page)
        return AXVM_ERR_NOMEM;
    axvm_vmx_apic_page_map(vm);
    return AXVM_OK;
}

static void free_tables(struct axvm *vm)
{
    struct axvm_page_list list = { .top = vm->arch.apic_page_tables };

    vm->arch.apic_page_tables = NULL;
    axvm_page_list_free(&list, &vm->hal);
}

void axvm_vmx_apic_page_fini(struct axvm *vm)
{
    struct axvm_arch_vm *a = &vm->arch;

    if (axvm_vmx_apic_page_is_mapped(vm))
        axvm_vmx_apic_page_unmap(vm);
    free_tables(vm);
    axvm_x86_pages_free(&vm->hal, a->apic_page, a->apic_page_pa, PAGE_ORDER);
    a->apic_page = NULL;
}

void axvm_vmx_apic_page_map(struct axvm *vm)
{
    struct axvm_arch_vm *a = &vm->arch;
    struct axvm_page_cache cache = { .count = 0 };
    unsigned long irqs;

    free_tables(vm);
    if (!a->apic_page || axvm_vmx_apic_page_is_mapped(vm))
        return;
    if (axvm_page_cache_fill(&cache, &vm->hal, AXVM_S2_MAP_TABLES) == AXVM_OK) {
        irqs = axvm_lock_irqsave(&vm->as.lock);
        axvm_s2_map(vm, &cache, AXVM_LAPIC_BASE, AXVM_LAPIC_BASE + AXVM_PAGE_SIZE, a->apic_page_pa,
                    AXVM_PROT_READ | AXVM_PROT_WRITE);
        axvm_unlock_irqrestore(&vm->as.lock, irqs);
        atomic_store(&a->apic_page_mapped, 1);
    }
    axvm_page_cache_drain(&cache, &vm->hal);
}

/* Tables that are empty now are freed later: here the HAL may not be called. */
void axvm_vmx_apic_page_unmap(struct axvm *vm)
{
    struct axvm_arch_vm *a = &vm->arch;
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

    if (axvm_vmx_apic_page_is_mapped(vm)) {
        struct axvm_page_list list = { .top = NULL };

        axvm_s2_unmap(vm, AXVM_LAPIC_BASE, AXVM_LAPIC_BASE + AXVM_PAGE_SIZE, false, &list);
        a->apic_page_tables = list.top;
        atomic_store(&a->apic_page_mapped, 0);
    }
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
}

void axvm_vmx_vm_reset(struct axvm *vm)
{
    axvm_vmx_apic_page_map(vm);
}
