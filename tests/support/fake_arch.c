/* SPDX-License-Identifier: BSD-2-Clause */
/* A backend whose guests are functions of the test: all of src/core/arch.h but interrupts (fake_arch_irq.c). */
#include "fake_arch.h"

#include <axvm/err.h>
#include <string.h>

#include "arch.h"
#include "bits.h"
#include "fdt_priv.h"
#include "fdt_writer.h"
#include "vmid.h"

#define MIB (UINT64_C(1) << 20)

struct fake_arch fake_arch;
_Thread_local bool fake_irqs_masked;

void fake_arch_reset(void)
{
    memset(&fake_arch, 0, sizeof(fake_arch));
    fake_irqs_masked = false;
}

/* An AArch64-like machine, so that the loaders find images they know. */
static const char *const irqchips[] = { "simple", "fancy", NULL };

const struct axvm_machine axvm_arch_machine = {
    .ram_base = 0x40000000,
    .firmware_base = 0,
    .firmware_size = 128 * MIB,
    .image_align = 2 * MIB,
    .image_offset = 0,
    .uart = AXVM_EMU_PL011,
    .uart_base = 0x09000000,
    .uart_irq = 33,
    .elf_machine = 183,
    .console_path = "/pl011@9000000",
    .linux_magic = 0x644d5241,
    .linux_old_offset = 0x80000,
    .fdt_window = 512 * MIB,
    .initrd_window = 32 * 1024 * MIB,
    .irqchips = irqchips,
};

/* ---- a physical CPU ---- */

int axvm_arch_cpu_enable(struct axvm_cpu *cpu, const struct axvm_cpu_config *cfg)
{
    (void)cfg;
    if (fake_arch.cpu_enable_error != AXVM_OK)
        return fake_arch.cpu_enable_error;
    cpu->arch.enabled = true;
    return AXVM_OK;
}

void axvm_arch_cpu_disable(struct axvm_cpu *cpu)
{
    cpu->resident = NULL;
    cpu->arch.enabled = false;
}

bool axvm_arch_host_irq(struct axvm_cpu *cpu, unsigned int irq)
{
    return cpu->arch.enabled && irq < 16;
}

void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu)
{
    cpu->arch.tlb_flushes++;
    fake_arch.tlb_flushes++;
}

/* ---- stage 2 ---- */

int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    unsigned int most = fake_arch.gpa_bits ? fake_arch.gpa_bits : 40;

    if (gpa_bits > most)
        return AXVM_ERR_NOSUP;
    *geo = (struct axvm_s2_geometry){ .gpa_bits = (uint8_t)(gpa_bits ? gpa_bits : most), .hpa_bits = 48, .max_block_level = 1 };
    /* As Arm does: up to 16 tables side by side save a level. */
    geo->root_level = geo->gpa_bits > 43 ? 0 : geo->gpa_bits > 34 ? 1 : 2;
    if (geo->gpa_bits > 39 + 9 * (geo->root_level == 0) - 9 * (geo->root_level == 2))
        geo->root_order = (uint8_t)(geo->gpa_bits - (39u + 9u * (geo->root_level == 0) - 9u * (geo->root_level == 2)));
    return AXVM_OK;
}

unsigned int axvm_arch_vmid_bits(void)
{
    return fake_arch.no_vmids ? 0 : fake_arch.vmid_bits ? fake_arch.vmid_bits : 8;
}

void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    (void)vm;
    fake_arch.s2_flushes++;
    fake_arch.last_flush_gpa = gpa;
    fake_arch.last_flush_len = len;
}

void axvm_arch_s2_sync(void)
{
    fake_arch.s2_syncs++;
    atomic_thread_fence(memory_order_seq_cst);
}

void axvm_arch_cache_sync(void *va, size_t len)
{
    (void)va;
    (void)len;
    fake_arch.cache_syncs++;
}

void axvm_arch_ram_publish(void *va, size_t len)
{
    (void)va;
    (void)len;
    fake_arch.publishes++;
}

/* ---- a VM ---- */

int axvm_arch_vm_init(struct axvm *vm)
{
    (void)vm;
    return fake_arch.vm_init_error;
}

void axvm_arch_vm_fini(struct axvm *vm)
{
    memset(&vm->arch, 0, sizeof(vm->arch));
}

void axvm_arch_clock_stop(struct axvm *vm)
{
    vm->arch.clock_runs = false;
    vm->arch.clock_stops++;
}

void axvm_arch_clock_start(struct axvm *vm)
{
    vm->arch.clock_runs = true;
}

int axvm_arch_describe(struct axvm *vm, void *fdt)
{
    struct axvm_fdt_writer w = { .fdt = fdt };

    axvm_fw_begin(&w, "cpus");
    axvm_fw_u32(&w, "#address-cells", 1);
    axvm_fw_u32(&w, "#size-cells", 0);
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        axvm_fw_begin_at(&w, "cpu", i);
        axvm_fw_string(&w, "device_type", "cpu");
        axvm_fw_string(&w, "compatible", "axvm,fake-cpu");
        axvm_fw_u32(&w, "reg", i);
        axvm_fw_end(&w);
    }
    axvm_fw_end(&w);
    axvm_fw_begin(&w, "intc");
    axvm_fw_string(&w, "compatible", "axvm,fake-intc");
    axvm_fw_empty(&w, "interrupt-controller");
    axvm_fw_u32(&w, "#interrupt-cells", 3);
    axvm_fw_u32(&w, "phandle", AXVM_PHANDLE_INTC);
    axvm_fw_end(&w);
    return w.err;
}

/* ---- a vCPU ---- */

int axvm_arch_vcpu_init(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    return fake_arch.vcpu_init_error;
}

void axvm_arch_vcpu_fini(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
}

void axvm_arch_vcpu_reset(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    memset(v->gpr, 0, sizeof(v->gpr));
    v->gpr[0] = arg;
    v->entry = entry;
    v->boot_arg = arg;
    v->deadline_ns = 0;
    v->resets++;
}

enum axvm_trap_kind axvm_arch_vcpu_run(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    axvm_vmid_enter(cpu, vcpu->vm);
    cpu->resident = vcpu;
    v->entries++;
    if (v->guest)
        return (enum axvm_trap_kind)v->guest(vcpu, exit, v->arg);
    if (fake_arch.guest)
        return (enum axvm_trap_kind)fake_arch.guest(vcpu, exit, fake_arch.guest_arg);
    return AXVM_TRAP_IDLE;
}

static bool next_access(struct axvm_mmio *mmio)
{
    if (mmio->arch.more == 0)
        return false;
    mmio->arch.more--;
    mmio->addr += mmio->size;
    return true;
}

bool axvm_arch_mmio_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    mmio->arch.sum += mmio->val[0];
    if (next_access(mmio))
        return true;
    vcpu->arch.mmio_finished++;
    if (!mmio->write) {
        for (unsigned int i = 0; i < mmio->count; i++)
            vcpu->arch.loaded[i] = axvm_extend(mmio->val[i], mmio->size, mmio->arch.sign_extend);
        if (mmio->count == 1)
            vcpu->arch.loaded[0] = axvm_extend(mmio->arch.sum, mmio->size, mmio->arch.sign_extend);
    }
    return false;
}

bool axvm_arch_mmio_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    vcpu->arch.mmio_refused++;
    return next_access(mmio);
}

void axvm_arch_fault_refuse(struct axvm_vcpu *vcpu)
{
    vcpu->arch.faults_refused++;
}

void axvm_arch_hypercall_finish(struct axvm_vcpu *vcpu, bool answered, uint64_t value)
{
    vcpu->arch.gpr[0] = answered ? value : UINT64_MAX;
}

void axvm_arch_error_deliver(struct axvm_vcpu *vcpu)
{
    vcpu->arch.errors_delivered++;
}

int axvm_arch_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value)
{
    if (reg >= FAKE_GPRS)
        return AXVM_ERR_INVAL;
    if (fake_arch.reading)
        fake_arch.reading(vcpu);
    *value = vcpu->arch.gpr[reg];
    return AXVM_OK;
}

int axvm_arch_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value)
{
    if (reg >= FAKE_GPRS)
        return AXVM_ERR_INVAL;
    vcpu->arch.gpr[reg] = value;
    return AXVM_OK;
}

int axvm_arch_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value)
{
    static const char *const names[FAKE_GPRS] = { "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7" };

    if (index >= FAKE_GPRS)
        return AXVM_ERR_NOENT;
    *name = names[index];
    *value = vcpu->arch.gpr[index];
    return AXVM_OK;
}
