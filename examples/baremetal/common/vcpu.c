/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread of a vCPU: run it, and do what each reason to come back asks for. */
#include "board.h"
#include "machine.h"
#include "report.h"
#include "vms_priv.h"

/* Answered by default: the guest gets a bus error, or all ones. Logged the 1st, 2nd, 4th, ... time, or it could fill the log; a
 * port only if asked for, as reading some is how software on PCs finds out what there is. */
static void unclaimed(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    uint32_t n;

#if BOARD_HAS_TEST_DEVICE
    if (test_device(vcpu, exit))
        return;
#endif
    n = ++vcpu->unclaimed;
    if ((n & (n - 1)) == 0 && (exit->reason != AXVM_EXIT_IO || options.verbose))
        host_log("axvm-host: vm%u vcpu%u: %s %s of %u bytes at 0x%lx goes nowhere (%u)", vcpu->vm->index, vcpu->id,
                 axvm_exit_name(exit->reason), exit->u.access.write ? "write" : "read", exit->u.access.size,
                 (unsigned long)exit->u.access.addr, n);
}

static void crashed(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    vm_ends(vcpu->vm, OUTCOME_FAILED, "%s on vcpu%u: code 0x%lx address 0x%lx pc 0x%lx", axvm_exit_name(exit->reason), vcpu->id,
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
        vm_leave(vcpu);
        break;
    case AXVM_EXIT_SYSTEM_OFF:
        vm_ends(vcpu->vm, OUTCOME_OFF, "powered off");
        break;
    case AXVM_EXIT_SYSTEM_RESET:
        vm_ends(vcpu->vm, OUTCOME_RESET, "reset (type 0x%lx code 0x%lx)", (unsigned long)exit->u.system.type,
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

void vcpu_main(void *arg)
{
    struct vcpu *vcpu = arg;
    struct vm *vm = vcpu->vm;
    struct axvm_exit exit;

    for (;;) {
        int rc = options.canary ? run_with_canary(vcpu, &exit) : axvm_run_vcpu(vm->axvm, vcpu->id, &exit);

        if (rc == AXVM_OK) {
            handle_exit(vcpu, &exit);
        } else {
            vm_ends(vm, OUTCOME_FAILED, "axvm_run_vcpu: %s", axvm_err_name(rc));
            axvm_shutdown(vm->axvm);
            vm_leave(vcpu);
        }
    }
}
