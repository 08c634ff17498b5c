/* SPDX-License-Identifier: BSD-2-Clause */
#include "sysreg_world.h"

#include <string.h>

#include "debug.h"
#include "idregs.h"

struct sysreg_world world;

int sysreg_world_setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.vcpu.vm = &world.vm;
    world.vm.cfg.irq_mode = AXVM_IRQ_EMULATED;
    for (unsigned int i = 0; i < AXVM_ID_REGS; i++)
        world.vm.arch.id_regs[i] = UINT64_C(0x1d00000000000000) + i;
    world.vm.arch.id_regs[IDREG_DFR0] = 0x10305006;
    for (unsigned int i = 0; i <= AXVM_PTIMER_COUNT; i++)
        world.timer[i] = UINT64_C(0x71e500000000) + i;
    return 0;
}

uint64_t axvm_ptimer_read(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg)
{
    (void)vcpu;
    world.timer_reads++;
    return world.timer[reg];
}

void axvm_ptimer_write(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg, uint64_t val)
{
    (void)vcpu;
    world.timer_writes++;
    world.timer[reg] = val;
}

void axvm_vgic_sgi(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val)
{
    (void)vcpu;
    world.sgis++;
    world.sgi_reg = reg;
    world.sgi_val = val;
}

void axvm_vgic_dir(struct axvm_vcpu *vcpu, uint64_t val)
{
    (void)vcpu;
    world.dirs++;
    world.dir_val = val;
}

const struct axvm_bus_slot *axvm_bus_find(const struct axvm_bus *bus, uint64_t addr, unsigned int size)
{
    uint64_t off = addr - world.bus_base;

    return off < world.bus_len && size <= world.bus_len - off ? &bus->slots[0] : NULL;
}

void axvm_debug_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    (void)cpu;
    vcpu->arch.debug_loaded = true;
    world.debug_loads++;
}

void axvm_debug_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    (void)cpu;
    vcpu->arch.debug_loaded = false;
    world.debug_puts++;
}
