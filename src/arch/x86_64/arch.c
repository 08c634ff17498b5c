/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend's side of src/core/arch.h: CPUs, VMs and vCPUs come and go. */
#include "arch.h"

#include <axvm/err.h>
#include <axvm/x86_64.h>

#include "cpu.h"
#include "exit.h"
#include "maps.h"
#include "mem.h"
#include "platform.h"
#include "vlapic.h"

/* ---- a physical CPU ---- */

static int vendor_enable(struct axvm_cpu *cpu, const struct axvm_x86_cpu_config *cfg)
{
    if (axvm_svm_present()) {
        cpu->arch.vendor = AXVM_X86_SVM;
        return axvm_svm_cpu_enable(cpu, cfg);
    }
    if (axvm_vmx_present()) {
        cpu->arch.vendor = AXVM_X86_VMX;
        return axvm_vmx_cpu_enable(cpu, cfg);
    }
    axvm_log(&cpu->hal, AXVM_LOG_ERROR, "x86_64: neither SVM with nested paging nor VMX, or firmware has locked it");
    return AXVM_ERR_NOSUP;
}

int axvm_arch_cpu_enable(struct axvm_cpu *cpu, const struct axvm_cpu_config *cfg)
{
    const struct axvm_x86_cpu_config *x = cfg ? cfg->x86_64 : NULL;
    struct axvm_arch_cpu *h = &cpu->arch;
    int rc;

    if (!x || x->tsc_hz == 0 || cpu->pcpu >= AXVM_MAX_PCPUS)
        return AXVM_ERR_INVAL;
    h->tsc_hz = x->tsc_hz;
    h->flags = x->flags;
    h->take_irq = x->take_irq;
    h->has_rdtscp = axvm_cpuid(0x80000000u, 0).eax >= 0x80000001u && (axvm_cpuid(0x80000001u, 0).edx & AXVM_BIT(27)) != 0;
    rc = axvm_x86_fpu_cpu_init(cpu);
    if (rc != AXVM_OK)
        return rc;
    rc = vendor_enable(cpu, x);
    if (rc != AXVM_OK)
        axvm_x86_fpu_cpu_fini(cpu);
    return rc;
}

void axvm_arch_cpu_disable(struct axvm_cpu *cpu)
{
    if (cpu->arch.vendor == AXVM_X86_SVM)
        axvm_svm_cpu_disable(cpu);
    else
        axvm_vmx_cpu_disable(cpu);
    axvm_x86_fpu_cpu_fini(cpu);
}

/* Guests' interrupts are all emulated: the host has no hardware of theirs. */
bool axvm_arch_host_irq(struct axvm_cpu *cpu, unsigned int irq)
{
    (void)cpu;
    (void)irq;
    return false;
}

/* ---- a VM ---- */

/* The CPU we are on stands for all: they have been enabled the same way. */
static const struct axvm_arch_cpu *any_cpu(struct axvm *vm)
{
    unsigned long irqs = axvm_irq_save();
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);

    axvm_irq_restore(irqs);
    return cpu ? &cpu->arch : NULL;
}

static int create_cpuid(struct axvm *vm, const struct axvm_arch_cpu *h)
{
    struct axvm_cpuid_config cfg = {
        .vcpu_count = vm->cfg.vcpu_count,
        .phys_bits = vm->as.geo.gpa_bits,
        .xcr0 = h->has_xsave ? h->host_xcr0 & XCR0_KNOWN : 0,
        .tsc_khz = (uint32_t)(h->tsc_hz / 1000),
        .apic_timer_khz = AXVM_LAPIC_TIMER_HZ / 1000,
        .pv_clock = (vm->cfg.flags & AXVM_VM_PV_CLOCK) != 0,
        .invariant_tsc = (h->flags & AXVM_X86_INVARIANT_TSC) != 0,
    };
    struct axvm_cpuid_host *host;

    vm->arch.cpuid = axvm_arena_alloc(&vm->arena, &vm->hal, sizeof(*vm->arch.cpuid));
    host = axvm_arena_alloc(&vm->arena, &vm->hal, sizeof(*host));
    if (!vm->arch.cpuid || !host)
        return AXVM_ERR_NOMEM;
    axvm_cpuid_host_read(host);
    axvm_cpuid_init(vm->arch.cpuid, host, &cfg);
    return AXVM_OK;
}

static void open_ports(struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->cfg.passthrough_count; i++) {
        const struct axvm_passthrough *dev = &vm->cfg.passthrough[i];

        axvm_x86_open_ports(vm, dev->port, dev->port_count);
    }
}

int axvm_arch_vm_init(struct axvm *vm)
{
    const struct axvm_arch_cpu *h = any_cpu(vm);
    int rc;

    if (!h)
        return AXVM_ERR_NOSUP;
    vm->arch.vendor = h->vendor;
    vm->arch.tsc_hz = h->tsc_hz;
    rc = create_cpuid(vm, h);
    if (rc == AXVM_OK)
        rc = h->vendor == AXVM_X86_SVM ? axvm_svm_vm_init(vm) : axvm_vmx_vm_init(vm);
    if (rc == AXVM_OK)
        open_ports(vm);
    if (rc == AXVM_OK && vm->cfg.irq_mode != AXVM_IRQ_NONE)
        rc = axvm_vintc_create(vm);
    if (rc == AXVM_OK)
        rc = axvm_x86_platform_create(vm);
    return rc;
}

void axvm_arch_vm_fini(struct axvm *vm)
{
    if (vm->arch.vintc)
        axvm_vintc_destroy(vm);
    if (vm->arch.vendor == AXVM_X86_SVM)
        axvm_svm_vm_fini(vm);
    else if (vm->arch.vendor == AXVM_X86_VMX)
        axvm_vmx_vm_fini(vm);
}

void axvm_arch_vm_reset(struct axvm *vm)
{
    vm->arch.tsc_offset = 0;
    vm->arch.paused_at = 0;
    if (vm->arch.vendor == AXVM_X86_VMX)
        axvm_vmx_vm_reset(vm);
    if (vm->arch.vintc)
        axvm_vintc_reset(vm);
}

/* ---- a vCPU ---- */

int axvm_arch_vcpu_init(struct axvm_vcpu *vcpu)
{
    int rc;

    vcpu->arch.vendor = vcpu->vm->arch.vendor;
    rc = axvm_x86_fpu_vcpu_init(vcpu);
    if (rc == AXVM_OK)
        rc = axvm_x86_is_svm(vcpu) ? axvm_svm_vcpu_init(vcpu) : axvm_vmx_vcpu_init(vcpu);
    if (rc != AXVM_OK)
        return rc;
    if (vcpu->vm->arch.vintc)
        axvm_vlapic_create(vcpu);
    axvm_arch_vcpu_reset(vcpu, 0, AXVM_X86_START_SIPI);
    return AXVM_OK;
}

void axvm_arch_vcpu_fini(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.vendor == AXVM_X86_SVM)
        axvm_svm_vcpu_fini(vcpu);
    else if (vcpu->arch.vendor == AXVM_X86_VMX)
        axvm_vmx_vcpu_fini(vcpu);
    axvm_x86_fpu_vcpu_fini(vcpu);
}
