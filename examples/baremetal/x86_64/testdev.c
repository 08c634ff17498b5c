/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's pc-testdev and isa-debug-exit, as far as test kernels use them. Only if asked for (test-device): they are where a PC
 * has nothing, and a guest that sweeps ports would end itself.
 */
#include "machine.h"
#include "vms_priv.h"

#include <axvm/device.h>

/* Ports */
#define LATCH 0xe0u /* four bytes that are kept */
#define FLUSH 0xe4u /* to drop a page's translations: guests cannot tell */
#define DEBUG_EXIT 0xf4u
#define IRQ_LINES 0x2000u /* one port a line */
#define LINES 24u
/* Memory that is not RAM: every access exits. */
#define IO_MEMORY 0xff000000u
#define IO_MEMORY_SIZE 0x10000u

static struct test_device {
    uint8_t latch[8];
    struct axvm_irq_line lines[LINES];
    uint8_t memory[IO_MEMORY_SIZE];
} devices[MAX_VMS];

/* Little-endian, 1 to 8 bytes of @mem. */
static void transfer(struct vcpu *vcpu, const struct axvm_exit *exit, uint8_t *mem)
{
    uint64_t val = exit->u.access.data;

    for (unsigned int i = 0; i < exit->u.access.size && exit->u.access.write; i++)
        mem[i] = (uint8_t)(val >> 8 * i);
    if (exit->u.access.write)
        return;
    val = 0;
    for (unsigned int i = 0; i < exit->u.access.size; i++)
        val |= (uint64_t)mem[i] << 8 * i;
    axvm_vcpu_answer(vcpu->axvm, val);
}

static bool io_memory(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    uint64_t off = exit->u.access.addr - IO_MEMORY;

    if (off >= IO_MEMORY_SIZE || exit->u.access.size > IO_MEMORY_SIZE - off || exit->u.access.fetch)
        return false;
    transfer(vcpu, exit, devices[vcpu->vm->index].memory + off);
    return true;
}

static void set_line(struct vcpu *vcpu, unsigned int n, bool level)
{
    struct axvm_irq_line *line = &devices[vcpu->vm->index].lines[n];

    if (!line->vm && axvm_irq_line_init(line, vcpu->vm->axvm, n, false) != AXVM_OK)
        return;
    axvm_irq_line_set(line, level);
}

static bool port(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    uint64_t addr = exit->u.access.addr;

    if (addr >= LATCH && addr < LATCH + 4) {
        transfer(vcpu, exit, devices[vcpu->vm->index].latch + (addr - LATCH));
    } else if (addr == DEBUG_EXIT && exit->u.access.write) {
        if ((uint32_t)exit->u.access.data == 0)
            vm_ends(vcpu->vm, OUTCOME_OFF, "powered off");
        else
            vm_ends(vcpu->vm, OUTCOME_FAILED, "says that it failed, with code %u", (unsigned int)exit->u.access.data);
        axvm_shutdown(vcpu->vm->axvm);
    } else if (addr >= IRQ_LINES && addr < IRQ_LINES + LINES && exit->u.access.write) {
        set_line(vcpu, (unsigned int)(addr - IRQ_LINES), exit->u.access.data != 0);
    } else {
        return addr == FLUSH;
    }
    return true;
}

bool test_device(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    if (!options.test_device)
        return false;
    return exit->reason == AXVM_EXIT_IO ? port(vcpu, exit) : exit->reason == AXVM_EXIT_MMIO && io_memory(vcpu, exit);
}
