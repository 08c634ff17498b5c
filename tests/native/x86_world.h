/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs with SVM for the real backend of src/arch/x86_64, natively: control registers and MSRs are memory, VMRUN is a function
 * of the test, which leaves an exit in the VMCB. Around it are the real core and the fake host.
 */
#ifndef X86_WORLD_H
#define X86_WORLD_H

#include "fake_hal.h"
#include "vm_priv.h"

#define X86_CPUS FAKE_CPUS

/* What the guest does until its next exit. Its registers are in vcpu->arch; the exit goes into the VMCB. */
typedef void (*x86_guest)(struct axvm_vcpu *vcpu, void *arg);

struct x86_world {
    /* What kind of CPUs they are; set before native_enable_cpu(). */
    uint32_t svm_features, asids, flags;
    bool no_svm;
    x86_guest guest;
    void *guest_arg;
    struct {
        uint64_t reg[16], efer, hsave, tsc_aux, xss;
        uint64_t injected; /* with the last VMRUN */
    } cpu[X86_CPUS];
    _Atomic uint64_t tsc;
    _Atomic uint64_t entries;
    _Atomic uint64_t injected; /* with the newest of them: EVENTINJ */
};
extern struct x86_world x86;

/* The guest exits with @code; the instruction that did it, if one did, is @len bytes long. */
void x86_exit(struct axvm_vcpu *vcpu, uint64_t code, uint64_t info1, uint64_t info2, unsigned int len);
/* A nested page fault at @gpa: what it was doing, as enum axvm_prot says. */
void x86_exit_fault(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot);
/* IN or OUT, @size bytes, by an instruction of two. */
void x86_exit_port(struct axvm_vcpu *vcpu, uint32_t port, unsigned int size, bool in);
void x86_exit_wrmsr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val);
void x86_exit_hlt(struct axvm_vcpu *vcpu);
/* An interrupt of the host. */
void x86_exit_interrupted(struct axvm_vcpu *vcpu);
/* The end of a guest that has nothing more to do: it is kicked out. */
void x86_leave(struct axvm_vcpu *vcpu);

/* A VM that has been booted, with an image of nothing. */
struct axvm *x86_boot(struct fake_hal *hal, uint32_t vcpus);

#endif
