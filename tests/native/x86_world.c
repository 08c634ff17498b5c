/* SPDX-License-Identifier: BSD-2-Clause */
#include "x86_world.h"

#include <axvm/x86_64.h>
#include <string.h>

#include "cpu.h"
#include "native_fixture.h"
#include "svm.h"
#include "vmx.h"

struct x86_world x86;

#define MSR_VM_HSAVE 0xc0010117u
#define PE_PG_NE 0x80000021u
#define PAE_OSFXSR 0x220u

void native_reset_world(void)
{
    memset(&x86, 0, sizeof(x86));
    x86.svm_features = SVM_FEATURE_NP | SVM_FEATURE_NRIPS | SVM_FEATURE_CLEAN | SVM_FEATURE_FLUSH_BY_ASID | SVM_FEATURE_VNMI;
    x86.asids = 16;
    x86.tsc = 1000000;
    for (unsigned int i = 0; i < X86_CPUS; i++) {
        x86.cpu[i].reg[TEST_CR0] = PE_PG_NE;
        x86.cpu[i].reg[TEST_CR4] = PAE_OSFXSR;
        x86.cpu[i].reg[TEST_DR6] = 0xffff0ff0;
        x86.cpu[i].reg[TEST_DR7] = 0x400;
        x86.cpu[i].efer = 0xd01;
    }
    fake_irqs_masked = false;
}

/* ---- the CPU ---- */

struct axvm_cpuid_regs axvm_test_cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct axvm_cpuid_regs r = { 0 };

    switch (leaf) {
    case 0:
        r.eax = 0xd;
        break;
    case 0xd:
        r.eax = subleaf == 1 ? 1u << 3 : 0; /* XSAVES */
        break;
    case 0x80000000:
        r.eax = 0x8000001f;
        break;
    case 0x80000001:
        r.ecx = x86.no_svm ? 0 : 1u << 2;
        r.edx = 1u << 29 | 1u << 27 | 1u << 26 | 1u << 20;
        break;
    case 0x80000008:
        r.eax = 48;
        break;
    case 0x8000000a:
        r.ebx = x86.asids;
        r.edx = x86.svm_features;
        break;
    }
    return r;
}

uint64_t axvm_test_cpu_rdmsr(uint32_t msr)
{
    unsigned int i = fake_hal_cpu();

    switch (msr) {
    case MSR_EFER:
        return x86.cpu[i].efer;
    case MSR_VM_HSAVE:
        return x86.cpu[i].hsave;
    case MSR_TSC_AUX:
        return x86.cpu[i].tsc_aux;
    case MSR_IA32_XSS:
        return x86.cpu[i].xss;
    }
    return 0;
}

void axvm_test_cpu_wrmsr(uint32_t msr, uint64_t val)
{
    unsigned int i = fake_hal_cpu();

    if (msr == MSR_EFER)
        x86.cpu[i].efer = val;
    if (msr == MSR_VM_HSAVE)
        x86.cpu[i].hsave = val;
    if (msr == MSR_TSC_AUX)
        x86.cpu[i].tsc_aux = val;
    if (msr == MSR_IA32_XSS)
        x86.cpu[i].xss = val;
}

uint64_t axvm_test_cpu_rdtsc(void)
{
    return atomic_fetch_add(&x86.tsc, 10);
}

uint64_t axvm_test_cpu_rdtscp(uint32_t *aux)
{
    *aux = (uint32_t)x86.cpu[fake_hal_cpu()].tsc_aux;
    return axvm_test_cpu_rdtsc();
}

uint64_t axvm_test_cpu_read(enum axvm_test_reg reg)
{
    return x86.cpu[fake_hal_cpu()].reg[reg];
}

void axvm_test_cpu_write(enum axvm_test_reg reg, uint64_t val)
{
    x86.cpu[fake_hal_cpu()].reg[reg] = val;
}

/* CR4.OSXSAVE is not set: nobody asks. */
uint64_t axvm_test_cpu_xcr0(uint64_t set)
{
    (void)set;
    __builtin_trap();
}

void axvm_test_cpu_vmsave(uint64_t pa)
{
    (void)pa;
}

/* VMX is linked, and never used: vmx_entry.S. */
const char axvm_vmx_exit_rip[1];
int axvm_vmx_enter(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    __builtin_trap();
}

/* ---- VMRUN and #VMEXIT, as svm_entry.S ---- */

static void vmrun(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;

    b->rip = v->rip;
    b->rax = v->gpr[AXVM_RAX];
    b->exitintinfo = 0;
    x86.cpu[fake_hal_cpu()].injected = b->eventinj;
    x86.injected = b->eventinj;
    b->eventinj = 0;
    x86.entries++;
    x86.guest(vcpu, x86.guest_arg);
    v->rip = b->rip;
    v->rflags = b->rflags;
}

enum axvm_trap_kind axvm_svm_enter(struct axvm_vcpu *vcpu)
{
    int kind;

    do {
        vmrun(vcpu);
        kind = axvm_svm_exit(vcpu, vcpu->arch.vmcb);
        if (kind == SVM_ALL_REGISTERS)
            kind = axvm_svm_exit_all(vcpu);
        if (kind == AXVM_TRAP_RESUME)
            kind = axvm_svm_enter_again(vcpu);
    } while (kind == AXVM_TRAP_RESUME);
    return (enum axvm_trap_kind)kind;
}

void x86_exit(struct axvm_vcpu *vcpu, uint64_t code, uint64_t info1, uint64_t info2, unsigned int len)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    b->exitcode = code;
    b->exitinfo1 = info1;
    b->exitinfo2 = info2;
    b->nrip = b->rip + len;
}

void x86_exit_fault(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot)
{
    uint64_t info = prot == AXVM_PROT_EXEC ? NPF_FETCH : prot == AXVM_PROT_WRITE ? NPF_WRITE : 0;

    x86_exit(vcpu, SVM_NPF, info | 4, gpa, 0);
}

void x86_exit_port(struct axvm_vcpu *vcpu, uint32_t port, unsigned int size, bool in)
{
    uint64_t info = axvm_put_field(IOIO_PORT, port) | axvm_put_field(IOIO_SIZE, size) | (in ? IOIO_IN : 0);

    x86_exit(vcpu, SVM_IOIO, info, vcpu->arch.vmcb->rip + 2, 2);
}

void x86_exit_wrmsr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    vcpu->arch.gpr[AXVM_RCX] = msr;
    vcpu->arch.gpr[AXVM_RAX] = (uint32_t)val;
    vcpu->arch.gpr[AXVM_RDX] = val >> 32;
    x86_exit(vcpu, SVM_MSR, 1, 0, 2);
}

void x86_exit_hlt(struct axvm_vcpu *vcpu)
{
    x86_exit(vcpu, SVM_HLT, 0, 0, 1);
}

void x86_exit_interrupted(struct axvm_vcpu *vcpu)
{
    x86_exit(vcpu, SVM_INTR, 0, 0, 0);
}

void x86_leave(struct axvm_vcpu *vcpu)
{
    axvm_vcpu_kick(vcpu);
    x86_exit_interrupted(vcpu);
}

struct axvm *x86_boot(struct fake_hal *hal, uint32_t vcpus)
{
    static const uint8_t kernel[16];
    const struct axvm_config cfg = {
        .vcpu_count = vcpus,
        .ram_size = 16 << 20,
        .ram_kind = AXVM_REGION_TOUCH,
        .flags = AXVM_VM_HYPERCALLS,
        .image = { .kernel = { kernel, sizeof(kernel) }, .kind = AXVM_IMAGE_FLAT },
    };
    struct axvm *vm = native_vm(hal, &cfg);

    assert_int_equal(axvm_boot(vm), AXVM_OK);
    return vm;
}

int native_enable_cpu(struct fake_hal *hal, unsigned int pcpu)
{
    const struct axvm_x86_cpu_config config = { .tsc_hz = 2000000000, .flags = x86.flags };
    const struct axvm_cpu_config cfg = { .x86_64 = &config };

    fake_hal_set_cpu(pcpu);
    return axvm_cpu_enable(&hal->ops, &cfg, &hal->cpus[pcpu]);
}
