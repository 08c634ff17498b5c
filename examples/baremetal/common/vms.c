/* SPDX-License-Identifier: BSD-2-Clause */
#include "vms.h"

#include "board.h"
#include "hal.h"
#include "machine.h"
#include "page.h"
#include "report.h"
#include "vms_priv.h"

#define MAX_VCPU_THREADS 256
#define MAX_IRQS 1020

struct vm vms[MAX_VMS];
unsigned int vm_count;
_Atomic uint32_t vms_alive;
uint64_t pages_at_start;

static struct vcpu vcpu_pool[MAX_VCPU_THREADS];
static unsigned int vcpus_used;
static struct axvm *irq_owner[MAX_IRQS];
static struct axvm_builder builder;

/* ---- passthrough interrupts ---- */

static void claim_irqs(struct vm *vm, const struct axvm_config *cfg)
{
    for (uint32_t i = 0; i < cfg->passthrough_count; i++) {
        const struct axvm_passthrough *dev = &cfg->passthrough[i];

        if (dev->host_irq == 0)
            continue;
        if (dev->host_irq >= MAX_IRQS || irq_owner[dev->host_irq])
            host_fail("a passthrough interrupt does not exist, or two VMs want it");
        irq_owner[dev->host_irq] = vm->axvm;
        if (!board_device_irq_enable(dev))
            host_fail("a passthrough interrupt does not exist");
    }
}

void vms_release_irqs(const struct vm *vm)
{
    for (uint32_t irq = 0; irq < MAX_IRQS; irq++) {
        if (irq_owner[irq] == vm->axvm) {
            board_device_irq_disable(irq);
            irq_owner[irq] = NULL;
        }
    }
}

/* ---- making VMs ---- */

static void make_vcpus(struct vm *vm)
{
    vm->vcpu_count = axvm_vcpu_count(vm->axvm);
    if (vm->vcpu_count > MAX_VCPU_THREADS - vcpus_used)
        host_fail("too many vCPUs");
    vm->vcpus = &vcpu_pool[vcpus_used];
    vcpus_used += vm->vcpu_count;
    for (unsigned int i = 0; i < vm->vcpu_count; i++) {
        vm->vcpus[i].vm = vm;
        vm->vcpus[i].id = i;
        vm->vcpus[i].axvm = axvm_vcpu_get(vm->axvm, i);
    }
}

/* What the device tree leaves to the host. */
static void complete_config(unsigned int index)
{
    builder.cfg.id = index;
    builder.cfg.console = console_vm(index);
    for (unsigned int i = 0; i < builder.cfg.device_count; i++) {
        if (!builder.devices[i].chardev.write)
            builder.devices[i].chardev = console_vm(index);
    }
    if (options.hypercalls)
        builder.cfg.flags |= AXVM_VM_HYPERCALLS;
    /* A guest that spins for one that has no CPU now should rather give its own away. */
    if (builder.cfg.vcpu_count > cpu_count || vm_count > 1)
        builder.cfg.flags |= AXVM_VM_YIELD_ON_SPIN;
}

static void make_vm(unsigned int index)
{
    struct axvm_config_error err = { NULL, 0, NULL };
    struct vm *vm = &vms[index];
    int rc = axvm_config_from_fdt(&host_hal, machine.fdt, machine.fdt_size, index, &builder, &err);

    vm->index = index;
    if (rc == AXVM_OK) {
        complete_config(index);
        rc = axvm_new(&host_hal, axvm_builder_config(&builder, &err), &vm->axvm);
    }
    if (rc != AXVM_OK) {
        host_log("axvm-host: vm%u: %s: %s[%u]: %s", index, axvm_err_name(rc), err.field ? err.field : "?", err.index,
                 err.why ? err.why : "?");
        host_fail("a VM cannot be made");
    }
    make_vcpus(vm);
    claim_irqs(vm, &builder.cfg);
    rc = axvm_boot(vm->axvm);
    if (rc != AXVM_OK) {
        host_log("axvm-host: vm%u: axvm_boot: %s", index, axvm_err_name(rc));
        host_fail("a VM does not boot");
    }
}

static unsigned int count_vms(void)
{
    unsigned int n = 0;

    while (n < MAX_VMS && axvm_config_from_fdt(&host_hal, machine.fdt, machine.fdt_size, n, &builder, NULL) != AXVM_ERR_NOENT)
        n++;
    return n;
}

/* Which CPUs may run it. */
static uint64_t cpu_mask(const struct vcpu *vcpu)
{
    uint64_t mask = axvm_vcpu_pcpu_mask(vcpu->axvm);

    if (!options.spare_boot_cpu || cpu_count == 1)
        return mask;
    return mask ? mask << 1 : ~UINT64_C(1);
}

static void start_threads(struct vm *vm)
{
    for (unsigned int i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *vcpu = &vm->vcpus[i];
        char name[16];

        format(name, sizeof(name), "vm%u/%u", vm->index, i);
        thread_create(&vcpu->thread, name, vcpu_main, vcpu, cpu_mask(vcpu));
    }
}

void vms_start(void)
{
    vm_count = count_vms();
    if (vm_count == 0)
        host_fail("the device tree describes no VM");
    console_set_vm_count(vm_count);
    pages_at_start = page_free_count();
    for (unsigned int i = 0; i < vm_count; i++)
        make_vm(i);
    pages_at_start -= vcpus_used * (STACK_SIZE / PAGE_SIZE);
    atomic_store(&vms_alive, vm_count);
    for (unsigned int i = 0; i < vm_count; i++)
        console_attach(i, vms[i].axvm);
    for (unsigned int i = 0; i < vm_count; i++)
        start_threads(&vms[i]);
}

/* ---- for the HAL ---- */

static struct vcpu *find(unsigned int vm_id, unsigned int vcpu_id)
{
    return vm_id < vm_count && vcpu_id < vms[vm_id].vcpu_count ? &vms[vm_id].vcpus[vcpu_id] : NULL;
}

struct thread *vms_thread(unsigned int vm_id, unsigned int vcpu_id)
{
    struct vcpu *vcpu = find(vm_id, vcpu_id);

    return vcpu && vcpu->thread.stack ? &vcpu->thread : NULL;
}

unsigned int vms_current(unsigned int *vcpu_id)
{
    struct thread *t = thread_current();
    bool is_vcpu = t->fn == vcpu_main;
    struct vcpu *vcpu = t->arg;

    if (vcpu_id)
        *vcpu_id = is_vcpu ? vcpu->id : UINT32_MAX;
    return is_vcpu ? vcpu->vm->index : UINT32_MAX;
}

bool vms_inject(unsigned int vm_id, unsigned int vcpu_id, uint32_t irq)
{
    struct vcpu *vcpu = find(vm_id, vcpu_id);
    struct axvm_vcpu_set set = { { 0 } };

    if (!vcpu)
        return false;
    set.bits[vcpu_id / 64] = UINT64_C(1) << vcpu_id % 64;
    return axvm_inject(vcpu->vm->axvm, &set, irq) == AXVM_OK;
}

bool vms_forward_irq(uint32_t irq)
{
    return irq < MAX_IRQS && irq_owner[irq] && axvm_forward_irq(irq_owner[irq], irq) == AXVM_OK;
}
