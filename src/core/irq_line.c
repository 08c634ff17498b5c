/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt lines of devices, wired to the backend's interrupt controller. */
#include <axvm/device.h>
#include <axvm/err.h>

#include "arch.h"

int axvm_irq_line_init(struct axvm_irq_line *line, struct axvm *vm, uint32_t irq, bool edge)
{
    int rc;

    if (!line || !vm)
        return AXVM_ERR_INVAL;
    rc = axvm_arch_irq_claim(vm, irq, edge);
    if (rc != AXVM_OK)
        return rc;
    line->vm = vm;
    line->irq = irq;
    line->level = 0;
    line->edge = edge;
    return AXVM_OK;
}

void axvm_irq_line_flush(struct axvm_irq_line *line)
{
    if (line->vm)
        axvm_wake_flush(line->vm);
}

/* With interrupts on we hold no lock and no guest is loaded, so the host may be called. */
static bool may_call_host(void)
{
    unsigned long flags = axvm_irq_save();

    axvm_irq_restore(flags);
    return axvm_irqs_enabled(flags);
}

void axvm_irq_line_set(struct axvm_irq_line *line, bool level)
{
    if (!line->vm || line->level == level)
        return;
    line->level = level;
    axvm_arch_irq_set(line->vm, line->irq, level);
    if (axvm_wake_trap(line->vm) != AXVM_TRAP_RESUME && may_call_host())
        axvm_wake_flush(line->vm);
}

void axvm_irq_line_pulse(struct axvm_irq_line *line)
{
    axvm_irq_line_set(line, false);
    axvm_irq_line_set(line, true);
    axvm_irq_line_set(line, false);
}

unsigned int axvm_irq_line_cells(const struct axvm_irq_line *line, uint32_t cells[3])
{
    return line->vm ? axvm_arch_irq_cells(line->vm, line->irq, line->edge != 0, cells) : 0;
}
