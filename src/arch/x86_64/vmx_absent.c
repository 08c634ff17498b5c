/* SPDX-License-Identifier: BSD-2-Clause */
/* A library without VMX: no CPU has it, so nothing else is ever called. */
#include "regs.h"

bool axvm_vmx_present(void)
{
    return false;
}

unsigned int axvm_vmx_vmid_bits(void)
{
    __builtin_unreachable();
}

void axvm_vmx_geometry(struct axvm_s2_geometry *geo)
{
    (void)geo;
    __builtin_unreachable();
}

int axvm_vmx_cpu_enable(struct axvm_cpu *cpu, const struct axvm_x86_cpu_config *cfg)
{
    (void)cpu;
    (void)cfg;
    __builtin_unreachable();
}

void axvm_vmx_cpu_disable(struct axvm_cpu *cpu)
{
    (void)cpu;
    __builtin_unreachable();
}

int axvm_vmx_vm_init(struct axvm *vm)
{
    (void)vm;
    __builtin_unreachable();
}

void axvm_vmx_vm_fini(struct axvm *vm)
{
    (void)vm;
    __builtin_unreachable();
}

int axvm_vmx_vcpu_init(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_vcpu_fini(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_open_ports(struct axvm *vm, uint16_t port, unsigned int count)
{
    (void)vm;
    (void)port;
    (void)count;
    __builtin_unreachable();
}

void axvm_vmx_load_on(struct axvm_vcpu *vcpu, struct axvm_cpu *cpu, uint64_t vmid, bool fresh)
{
    (void)vcpu;
    (void)cpu;
    (void)vmid;
    (void)fresh;
    __builtin_unreachable();
}

void axvm_vmx_put_from(struct axvm_vcpu *vcpu, struct axvm_cpu *cpu)
{
    (void)vcpu;
    (void)cpu;
    __builtin_unreachable();
}

enum axvm_trap_kind axvm_vmx_run(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_fetch_sys(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_inject(struct axvm_vcpu *vcpu, uint64_t event)
{
    (void)vcpu;
    (void)event;
    __builtin_unreachable();
}

bool axvm_vmx_int_shadow(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_clear_int_shadow(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_irq_window(struct axvm_vcpu *vcpu, bool on)
{
    (void)vcpu;
    (void)on;
    __builtin_unreachable();
}

bool axvm_vmx_nmi_allowed(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_nmi_window(struct axvm_vcpu *vcpu, bool on)
{
    (void)vcpu;
    (void)on;
    __builtin_unreachable();
}

uint8_t axvm_vmx_get_cr8(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

void axvm_vmx_set_cr8(struct axvm_vcpu *vcpu, uint8_t cr8, uint8_t threshold)
{
    (void)vcpu;
    (void)cr8;
    (void)threshold;
    __builtin_unreachable();
}

void axvm_vmx_fp_access(struct axvm_vcpu *vcpu, bool on)
{
    (void)vcpu;
    (void)on;
    __builtin_unreachable();
}

void axvm_vmx_dr_access(struct axvm_vcpu *vcpu, bool on)
{
    (void)vcpu;
    (void)on;
    __builtin_unreachable();
}

void axvm_vmx_set_tsc_offset(struct axvm_vcpu *vcpu, uint64_t offset)
{
    (void)vcpu;
    (void)offset;
    __builtin_unreachable();
}

int axvm_vmx_read_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val)
{
    (void)vcpu;
    (void)msr;
    (void)val;
    __builtin_unreachable();
}

int axvm_vmx_write_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    (void)vcpu;
    (void)msr;
    (void)val;
    __builtin_unreachable();
}

void axvm_vmx_set_pdptes(struct axvm_vcpu *vcpu, const uint64_t pdpte[4])
{
    (void)vcpu;
    (void)pdpte;
    __builtin_unreachable();
}

void axvm_vmx_flush(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

uint64_t axvm_vmx_get_reg(struct axvm_vcpu *vcpu, enum axvm_vmx_reg reg)
{
    (void)vcpu;
    (void)reg;
    __builtin_unreachable();
}

void axvm_vmx_set_reg(struct axvm_vcpu *vcpu, enum axvm_vmx_reg reg, uint64_t val)
{
    (void)vcpu;
    (void)reg;
    (void)val;
    __builtin_unreachable();
}

void axvm_vmx_set_cr0(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_unreachable();
}

struct axvm_x86_seg axvm_vmx_get_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg)
{
    (void)vcpu;
    (void)reg;
    __builtin_unreachable();
}

void axvm_vmx_set_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg, struct axvm_x86_seg seg)
{
    (void)vcpu;
    (void)reg;
    (void)seg;
    __builtin_unreachable();
}

struct axvm_x86_seg axvm_vmx_get_table(struct axvm_vcpu *vcpu, bool idt)
{
    (void)vcpu;
    (void)idt;
    __builtin_unreachable();
}

void axvm_vmx_set_table(struct axvm_vcpu *vcpu, bool idt, struct axvm_x86_seg seg)
{
    (void)vcpu;
    (void)idt;
    (void)seg;
    __builtin_unreachable();
}
