/* SPDX-License-Identifier: BSD-2-Clause */
#include "vms.h"

#include <axvm/axvm.h>

#include "board.h"
#include "console.h"
#include "hal.h"
#include "lib.h"
#include "machine.h"
#include "page.h"
#include "report.h"
#include "sched.h"

#define MAX_VCPU_THREADS 256
#define MAX_IRQS 1020

/* Why a VM has ended. */
enum outcome { OUTCOME_NONE, OUTCOME_OFF, OUTCOME_RESET, OUTCOME_FAILED };

struct vcpu {
    struct thread thread;
    struct vm *vm;
    struct axvm_vcpu *axvm; /* a reference */
    unsigned int id;
    uint32_t unclaimed; /* accesses that nobody answered */
};

struct vm {
    struct axvm *axvm;
    unsigned int index;
    struct vcpu *vcpus;
    unsigned int vcpu_count;
    struct spinlock lock; /* guards what follows */
    enum outcome outcome;
    char reason[80];
    unsigned int left; /* vCPUs that were told that the VM has ended */
    unsigned int boots;
};

static struct vm vms[MAX_VMS];
static unsigned int vm_count;
static _Atomic uint32_t vms_alive;
static struct vcpu vcpu_pool[MAX_VCPU_THREADS];
static unsigned int vcpus_used;
static struct axvm *irq_owner[MAX_IRQS];
static struct axvm_builder builder;

/* ---- the end of a VM ---- */

/* The first reason counts. */
__attribute__((format(printf, 3, 4))) static void ends(struct vm *vm, enum outcome outcome, const char *fmt, ...)
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

static void release_irqs(struct axvm *axvm)
{
    for (uint32_t irq = 0; irq < MAX_IRQS; irq++) {
        if (irq_owner[irq] == axvm) {
            board_device_irq_disable(irq);
            irq_owner[irq] = NULL;
        }
    }
}

static void destroy(struct vm *vm)
{
    int rc;

    release_irqs(vm->axvm);
    for (unsigned int i = 0; i < vm->vcpu_count; i++)
        axvm_vcpu_put(vm->vcpus[i].axvm);
    rc = axvm_destroy(vm->axvm);
    if (rc != AXVM_OK) {
        host_log("axvm-host: vm%u: axvm_destroy: %s", vm->index, axvm_err_name(rc));
        host_fail("axvm_destroy");
    }
}

/* Free pages before the first VM was made, without the stacks of vCPU threads. */
static uint64_t pages_at_start;

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
        ends(vm, OUTCOME_FAILED, "cannot be reset: %s", axvm_err_name(rc));
    }
    return rc == AXVM_OK;
}

/* Every vCPU has left. Called by the last one; true when the VM runs again. */
static bool ended(struct vm *vm)
{
    if (vm->outcome == OUTCOME_NONE)
        ends(vm, OUTCOME_FAILED, "was shut down");
    if (vm->outcome == OUTCOME_RESET && options.reboot) {
        host_log("axvm-host: vm%u reboots", vm->index);
        if (restart(vm)) {
            vm->outcome = OUTCOME_NONE;
            vm->left = 0;
            vm->boots++;
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

/* This vCPU is told that the VM stops: wait until it runs again, if ever. */
static void leave(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    unsigned long irqs = spin_lock(&vm->lock);
    unsigned int boots = vm->boots;
    bool last = ++vm->left == vm->vcpu_count;

    spin_unlock(&vm->lock, irqs);
    if (last && !ended(vm) && atomic_fetch_sub(&vms_alive, 1) == 1)
        finish();
    while (*(volatile unsigned int *)&vm->boots == boots)
        thread_sleep(TIME_NEVER);
}

/* ---- running a vCPU ---- */

/* Answered by default: the guest gets a bus error. Logged the 1st, 2nd, 4th, ... time, or it could fill the log. */
static void unclaimed(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    uint32_t n = ++vcpu->unclaimed;

    if ((n & (n - 1)) == 0)
        host_log("axvm-host: vm%u vcpu%u: %s %s of %u bytes at 0x%lx goes nowhere (%u)", vcpu->vm->index, vcpu->id,
                 axvm_exit_name(exit->reason), exit->u.access.write ? "write" : "read", exit->u.access.size,
                 (unsigned long)exit->u.access.addr, n);
}

static void crashed(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    ends(vcpu->vm, OUTCOME_FAILED, "%s on vcpu%u: code 0x%lx address 0x%lx pc 0x%lx", axvm_exit_name(exit->reason), vcpu->id,
         (unsigned long)exit->u.fault.code, (unsigned long)exit->u.fault.addr, (unsigned long)exit->u.fault.pc);
}

/* What a host does for each reason. Then the vCPU is run again. */
static void handle_exit(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    switch (exit->reason) {
    case AXVM_EXIT_NONE:
    case AXVM_EXIT_KICKED:
    case AXVM_EXIT_CPU_UP: /* its thread has been woken by hal->wake_vcpu() */
        break;
    case AXVM_EXIT_IDLE:
        thread_sleep(exit->u.idle.deadline_ns);
        break;
    case AXVM_EXIT_YIELD:
        thread_yield();
        break;
    case AXVM_EXIT_CPU_OFF:
    case AXVM_EXIT_SUSPENDED:
        thread_sleep(TIME_NEVER);
        break;
    case AXVM_EXIT_SHUTDOWN:
        leave(vcpu);
        break;
    case AXVM_EXIT_SYSTEM_OFF:
        ends(vcpu->vm, OUTCOME_OFF, "powered off");
        break;
    case AXVM_EXIT_SYSTEM_RESET:
        ends(vcpu->vm, OUTCOME_RESET, "reset (type 0x%lx code 0x%lx)", (unsigned long)exit->u.system.type,
             (unsigned long)exit->u.system.code);
        break;
    case AXVM_EXIT_SYSTEM_CRASH:
    case AXVM_EXIT_FAIL_ENTRY:
        crashed(vcpu, exit);
        break;
    case AXVM_EXIT_MMIO:
    case AXVM_EXIT_IO:
    case AXVM_EXIT_SYSREG:
        unclaimed(vcpu, exit);
        break;
    case AXVM_EXIT_HYPERCALL:
        axvm_vcpu_answer(vcpu->axvm, exit->u.hypercall.nr + 1);
        break;
    case AXVM_EXIT_HOST_ERROR: /* nothing of ours is at fault: the guest gets it */
        host_log("axvm-host: vm%u vcpu%u: hardware error 0x%lx", vcpu->vm->index, vcpu->id, (unsigned long)exit->u.fault.code);
        break;
    case AXVM_EXIT_REASONS:
        break;
    }
}

struct run {
    struct vcpu *vcpu;
    struct axvm_exit *exit;
};

static int run(void *arg)
{
    struct run *r = arg;

    return axvm_run_vcpu(r->vcpu->vm->axvm, r->vcpu->id, r->exit);
}

static int run_with_canary(struct vcpu *vcpu, struct axvm_exit *exit)
{
    struct run r = { vcpu, exit };
    int rc = AXVM_OK;
    const char *changed = board_canary_call(run, &r, options.guest_regs, &rc);

    if (changed) {
        char text[100];

        format(text, sizeof(text), "axvm_run_vcpu has changed the host's %s, exit %s", changed, axvm_exit_name(exit->reason));
        host_fail(text);
    }
    return rc;
}

static void vcpu_main(void *arg)
{
    struct vcpu *vcpu = arg;
    struct vm *vm = vcpu->vm;
    struct axvm_exit exit;

    for (;;) {
        int rc = options.canary ? run_with_canary(vcpu, &exit) : axvm_run_vcpu(vm->axvm, vcpu->id, &exit);

        if (rc == AXVM_OK) {
            handle_exit(vcpu, &exit);
        } else {
            ends(vm, OUTCOME_FAILED, "axvm_run_vcpu: %s", axvm_err_name(rc));
            axvm_shutdown(vm->axvm);
            leave(vcpu);
        }
    }
}

/* ---- making VMs ---- */

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

    while (n < MAX_VMS &&
           axvm_config_from_fdt(&host_hal, machine.fdt, machine.fdt_size, n, &builder, NULL) != AXVM_ERR_NOENT)
        n++;
    return n;
}

static void start_threads(struct vm *vm)
{
    for (unsigned int i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *vcpu = &vm->vcpus[i];
        char name[16];

        format(name, sizeof(name), "vm%u/%u", vm->index, i);
        thread_create(&vcpu->thread, name, vcpu_main, vcpu, axvm_vcpu_pcpu_mask(vcpu->axvm));
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
