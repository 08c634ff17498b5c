/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's VMCS comes to a CPU and goes. It is cleared (written back to memory, inactive) whenever the vCPU leaves for the host
 * tier: where it goes on, and when it is destroyed, nobody here would be asked again. "Software Use of Virtual-Machine Control
 * Structures".
 */
#include "mem.h"
#include "s2_hw.h"
#include "switch.h"
#include "vmx.h"

static void vmclear(uint64_t pa)
{
    __asm__ volatile("vmclear %0" : : "m"(pa) : "cc", "memory");
}

static void vmptrld(uint64_t pa)
{
    __asm__ volatile("vmptrld %0" : : "m"(pa) : "cc", "memory");
}

/* The first load on any CPU. */
static void make(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    memcpy(vmx->vmcs, &vmx->caps->revision, sizeof(vmx->caps->revision));
    vmclear(vmx->vmcs_pa);
    vmptrld(vmx->vmcs_pa);
    axvm_vmx_vmcs_init(vcpu);
}

static void flush_all(struct axvm_cpu *cpu, const struct axvm_vmx *vmx)
{
    axvm_invept(2, 0);
    if (vmx->caps->vpid)
        axvm_invvpid_all();
    cpu->arch.flush_all = false;
}

static void set_vpid(struct axvm_vmx *vmx, uint64_t vmid)
{
    if (!vmx->caps->vpid || vmx->vpid == vmid)
        return;
    vmx->vpid = (uint16_t)vmid;
    axvm_vmwrite(VMCS_VPID, vmid);
}

/* What is only shown still is, unless something has changed. */
static inline void load_lapic(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    const struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (vmx->chosen_for.caps != vmx->caps) {
        axvm_vmx_return_lapic(vcpu);
        v->lapic_plain = false;
    }
    if (v->lapic_cpu != AXVM_LAPIC_SHOWN || vmx->shown != v->lapic.changes || !axvm_vmx_apic_page_is_mapped(vcpu->vm))
        axvm_vmx_lend_lapic(vcpu);
}

static void load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint64_t offset = vcpu->vm->arch.tsc_offset + v->tsc_moved, tsc;
    bool stayed = axvm_x86_has_stayed(cpu, vcpu);

    if (!stayed)
        axvm_x86_move_in(cpu, vcpu);
    v->cpu = cpu;
    tsc = axvm_x86_take_over(&cpu->arch, vcpu);

    vmx->caps = &axvm_vmx_cpu_of(cpu)->caps;
    if (vmx->made)
        vmptrld(vmx->vmcs_pa);
    else
        make(vcpu);
    if (v->sys_dirty) {
        axvm_vmx_vmcs_set_sys(vcpu);
        v->sys_dirty = false;
    }
    if (cpu->arch.flush_all)
        flush_all(cpu, vmx);
    if (!stayed)
        axvm_vmx_flush(vcpu);
    set_vpid(vmx, v->last_vmid & AXVM_VMID_MASK);
    if (vmx->tsc_offset != offset)
        axvm_vmx_set_tsc_offset(vcpu, offset);
    load_lapic(vcpu);
    axvm_vmx_host_take(cpu, vmx);
    axvm_write_dr6(vmx->dr6);
    axvm_write_cr2(v->cr2);
    axvm_x86_unpack(vcpu, axvm_x86_get_dr7(vcpu));
    axvm_x86_look_around(&cpu->arch, vcpu, tsc);
}

static void put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    axvm_x86_pack(vcpu);
    if (vcpu->arch.lapic_cpu & AXVM_LAPIC_LENT)
        axvm_vmx_return_lapic(vcpu);
    vmx->dr6 = axvm_read_dr6();
    /* With a page fault that still has to be delivered it is in memory already. */
    if ((vcpu->arch.work & AXVM_WORK_CR2) == 0)
        vcpu->arch.cr2 = axvm_read_cr2();
    axvm_vmx_host_give_back(vmx);
    vmclear(vmx->vmcs_pa);
    axvm_x86_give_back(&cpu->arch, vcpu);
    vcpu->arch.cpu = NULL;
}

/* For a VM entry that did not happen: whether the VMCS counts as launched depends on how far it got. Now it does not. */
void axvm_vmx_relaunch(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    vmclear(vmx->vmcs_pa);
    vmptrld(vmx->vmcs_pa);
}

/* The VMCS is nobody's at the moment; any CPU with VMX on can look into it. */
void axvm_vmx_fetch_sys(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    const struct axvm_hal *hal = &vcpu->vm->hal;
    unsigned long irqs;

    if (vcpu->arch.sys_dirty || !vmx->made)
        return;
    irqs = axvm_irq_save();
    if (hal->this_cpu(hal->ctx)) {
        vmptrld(vmx->vmcs_pa);
        axvm_vmx_vmcs_get_sys(vcpu);
        vmclear(vmx->vmcs_pa);
    }
    axvm_irq_restore(irqs);
}

static int run(struct axvm_vcpu *vcpu)
{
    int kind;

    do {
        kind = (int)axvm_x86_prepare(vcpu);
        if (kind != AXVM_TRAP_RESUME)
            break;
        axvm_vmx_mode_in(vcpu);
        kind = axvm_vmx_enter(vcpu);
    } while (kind == VMX_RELAUNCH);
    return kind;
}

enum axvm_trap_kind axvm_vmx_visit(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    int kind;

    load(cpu, vcpu);
    kind = run(vcpu);
    put(cpu, vcpu);
    return (enum axvm_trap_kind)kind;
}
