/* SPDX-License-Identifier: BSD-2-Clause */
/* How VMs end, and with the last one the host. */
#include "board.h"
#include "machine.h"
#include "page.h"
#include "report.h"
#include "vms_priv.h"

void vm_ends(struct vm *vm, enum outcome outcome, const char *fmt, ...)
{
    unsigned long irqs = spin_lock(&vm->lock);
    va_list args;

    if (vm->outcome == OUTCOME_NONE) {
        vm->outcome = outcome;
        va_start(args, fmt);
        format_args(vm->reason, sizeof(vm->reason), fmt, args);
        va_end(args);
    }
    spin_unlock(&vm->lock, irqs);
}

static void dump(struct vm *vm)
{
    for (unsigned int i = 0; i < vm->vcpu_count; i++) {
        char text[120];
        const char *name;
        uint64_t value;
        size_t len = 0;

        host_log("axvm-host: vm%u vcpu%u:", vm->index, i);
        for (unsigned int reg = 0; axvm_vcpu_register(vm->vcpus[i].axvm, reg, &name, &value) == AXVM_OK; reg++) {
            len += format(text + len, sizeof(text) - len, "  %10s %016lx", name, (unsigned long)value);
            if (reg % 4 == 3) {
                console_line(text);
                len = 0;
            }
        }
        if (len != 0)
            console_line(text);
    }
}

static void print_stats(struct vm *vm)
{
    for (unsigned int i = 0; i < vm->vcpu_count; i++) {
        for (unsigned int stat = 0; stat < AXVM_STATS; stat++) {
            uint64_t n = axvm_vcpu_stat(vm->vcpus[i].axvm, stat);

            if (n != 0)
                host_log("axvm-host: vm%u vcpu%u %16s %lu", vm->index, i, axvm_stat_name(stat), (unsigned long)n);
        }
    }
}

static void destroy(struct vm *vm)
{
    int rc;

    vms_release_irqs(vm);
    for (unsigned int i = 0; i < vm->vcpu_count; i++)
        axvm_vcpu_put(vm->vcpus[i].axvm);
    rc = axvm_destroy(vm->axvm);
    if (rc != AXVM_OK) {
        host_log("axvm-host: vm%u: axvm_destroy: %s", vm->index, axvm_err_name(rc));
        host_fail("axvm_destroy");
    }
}

/* All VMs have ended. The first that failed gives the reason. */
_Noreturn static void finish(void)
{
    uint64_t pages;

    for (unsigned int i = 0; i < vm_count; i++)
        destroy(&vms[i]);
    for (unsigned int i = 0; i < vm_count; i++) {
        if (vms[i].outcome != OUTCOME_OFF) {
            char text[100];

            format(text, sizeof(text), "vm%u: %s", i, vms[i].reason);
            host_fail(text);
        }
    }
    pages = page_free_count();
    if (pages != pages_at_start) {
        host_log("axvm-host: %ld pages are missing", (long)(pages_at_start - pages));
        host_fail("memory of VMs was not given back");
    }
    host_finish(0, "all guests powered off");
}

static bool restart(struct vm *vm)
{
    int rc = axvm_reset(vm->axvm);

    if (rc == AXVM_OK)
        rc = axvm_boot(vm->axvm);
    if (rc != AXVM_OK) {
        vm->outcome = OUTCOME_NONE;
        vm_ends(vm, OUTCOME_FAILED, "cannot be reset: %s", axvm_err_name(rc));
    }
    return rc == AXVM_OK;
}

/* Every vCPU has left. Called by the last one; true when the VM runs again. */
static bool ended(struct vm *vm)
{
    if (vm->outcome == OUTCOME_NONE)
        vm_ends(vm, OUTCOME_FAILED, "was shut down");
    if (vm->outcome == OUTCOME_RESET && options.reboot) {
        host_log("axvm-host: vm%u reboots", vm->index);
        if (restart(vm)) {
            vm->outcome = OUTCOME_NONE;
            vm->left = 0;
            atomic_fetch_add(&vm->boots, 1);
            for (unsigned int i = 0; i < vm->vcpu_count; i++)
                thread_wake(&vm->vcpus[i].thread);
            return true;
        }
    }
    host_log("axvm-host: vm%u %s", vm->index, vm->reason);
    console_detach(vm->index);
    if (vm->outcome != OUTCOME_OFF)
        dump(vm);
    if (options.stats)
        print_stats(vm);
    return false;
}

void vm_leave(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    unsigned long irqs = spin_lock(&vm->lock);
    uint32_t boots = atomic_load(&vm->boots);
    bool last = ++vm->left == vm->vcpu_count;

    spin_unlock(&vm->lock, irqs);
    if (last && !ended(vm) && atomic_fetch_sub(&vms_alive, 1) == 1)
        finish();
    while (atomic_load(&vm->boots) == boots)
        thread_sleep(TIME_NEVER);
}
