/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical CPUs: virtualization on and off. */
#include <axvm/err.h>
#include <axvm/vcpu.h>

#include "arch.h"
#include "hal_priv.h"
#include "vmid.h"

/* Pages of the object: the HAL counts in powers of two. */
static unsigned int cpu_order(void)
{
    unsigned int order = 0;

    while (((size_t)AXVM_PAGE_SIZE << order) < sizeof(struct axvm_cpu))
        order++;
    return order;
}

static void free_cpu(struct axvm_cpu *cpu)
{
    struct axvm_hal hal = cpu->hal;

    hal.page_free(hal.ctx, hal.virt_to_phys(hal.ctx, cpu), cpu_order());
}

int axvm_cpu_enable(const struct axvm_hal *hal, const struct axvm_cpu_config *cfg, struct axvm_cpu **out)
{
    struct axvm_hal copy;
    struct axvm_cpu *cpu;
    axvm_hpa_t pa;
    int rc;

    if (!hal || !out)
        return AXVM_ERR_INVAL;
    rc = axvm_hal_copy(&copy, hal);
    if (rc != AXVM_OK)
        return rc;
    if (!copy.page_alloc(copy.ctx, cpu_order(), &pa))
        return AXVM_ERR_NOMEM;
    cpu = copy.phys_to_virt(copy.ctx, pa);
    cpu->hal = copy;
    cpu->pcpu = copy.pcpu_id(copy.ctx);
    cpu->mask = cpu->pcpu < 64 ? UINT64_C(1) << cpu->pcpu : UINT64_MAX;
    rc = axvm_arch_cpu_enable(cpu, cfg);
    if (rc == AXVM_OK) {
        rc = axvm_vmid_cpu_add(cpu);
        if (rc != AXVM_OK)
            axvm_arch_cpu_disable(cpu);
    }
    if (rc != AXVM_OK) {
        free_cpu(cpu);
        return rc;
    }
    *out = cpu;
    return AXVM_OK;
}

int axvm_cpu_disable(struct axvm_cpu *cpu)
{
    unsigned long irqs;
    int rc;

    if (!cpu)
        return AXVM_ERR_INVAL;
    irqs = axvm_irq_save();
    rc = cpu->running ? AXVM_ERR_BUSY : axvm_vmid_cpu_remove(cpu);
    axvm_irq_restore(irqs);
    if (rc != AXVM_OK)
        return rc;
    axvm_arch_cpu_disable(cpu);
    free_cpu(cpu);
    return rc;
}

bool axvm_host_irq(struct axvm_cpu *cpu, unsigned int irq)
{
    return cpu && axvm_arch_host_irq(cpu, irq);
}
