/* SPDX-License-Identifier: BSD-2-Clause */
/* SVM on and off, and what a VM and a vCPU need of it. APM vol. 2, "Secure Virtual Machine". */
#include "svm.h"

#include <axvm/err.h>
#include <axvm/x86_64.h>

#include "cpu.h"
#include "maps.h"
#include "s2_format.h"

#define MSR_VM_HSAVE_PA 0xc0010117u
#define VM_CR_SVMDIS AXVM_BIT(4)

/* All of these files' order arguments: pages of 4 KiB. */
#define MSRPM_ORDER 1
#define IOPM_ORDER 2 /* 12 KiB and the byte beyond port 0xffff */

static uint32_t max_extended(void)
{
    return axvm_cpuid(0x80000000u, 0).eax;
}

static uint32_t features(void)
{
    return axvm_cpuid(0x8000000au, 0).edx;
}

bool axvm_svm_present(void)
{
    if (max_extended() < 0x8000000au || (axvm_cpuid(0x80000001u, 0).ecx & AXVM_BIT(2)) == 0)
        return false;
    return (features() & SVM_FEATURE_NP) != 0 && (axvm_rdmsr(MSR_AMD_VM_CR) & VM_CR_SVMDIS) == 0;
}

unsigned int axvm_svm_vmid_bits(void)
{
    uint32_t asids = axvm_cpuid(0x8000000au, 0).ebx;
    unsigned int bits = 0;

    while (bits < 16 && (2u << bits) <= asids)
        bits++;
    return bits;
}

void axvm_svm_geometry(struct axvm_s2_geometry *geo)
{
    bool page1g = (axvm_cpuid(0x80000001u, 0).edx & AXVM_BIT(26)) != 0;

    geo->format = AXVM_S2F_NPT;
    geo->max_block_level = page1g ? 1 : 2;
}

/* ---- a CPU ---- */

static uint32_t usable_features(const struct axvm_x86_cpu_config *cfg)
{
    uint32_t f = features();

    if (cfg->flags & AXVM_X86_NO_NRIPS)
        f &= ~SVM_FEATURE_NRIPS;
    if (cfg->flags & AXVM_X86_NO_FLUSH_BY_ASID)
        f &= ~SVM_FEATURE_FLUSH_BY_ASID;
    if (cfg->flags & AXVM_X86_NO_CLEAN_BITS)
        f &= ~SVM_FEATURE_CLEAN;
    if (cfg->flags & AXVM_X86_NO_VNMI)
        f &= ~SVM_FEATURE_VNMI;
    return f;
}

/* A guest that may use XSAVE may use XSAVES and XRSTORS, whatever it has been told: there is no intercept. So it must not find
 * the host's supervisor components in IA32_XSS: CET's, for example, are registers. */
#define LEAF_XSAVE 0xdu
#define HAS_XSAVES AXVM_BIT(3)
static uint64_t host_xss(void)
{
    bool has = axvm_cpuid(0, 0).eax >= LEAF_XSAVE && (axvm_cpuid(LEAF_XSAVE, 1).eax & HAS_XSAVES) != 0;

    return has ? axvm_rdmsr(MSR_IA32_XSS) : 0;
}

int axvm_svm_cpu_enable(struct axvm_cpu *cpu, const struct axvm_x86_cpu_config *cfg)
{
    struct axvm_arch_cpu *h = &cpu->arch;
    unsigned long irqs;
    uint64_t efer;

    h->hsave = axvm_x86_pages_alloc(&cpu->hal, 0, &h->hsave_pa);
    h->host_vmcb = axvm_x86_pages_alloc(&cpu->hal, 0, &h->host_vmcb_pa);
    if (!h->hsave || !h->host_vmcb) {
        axvm_x86_pages_free(&cpu->hal, h->hsave, h->hsave_pa, 0);
        axvm_x86_pages_free(&cpu->hal, h->host_vmcb, h->host_vmcb_pa, 0);
        return AXVM_ERR_NOMEM;
    }
    h->svm_features = usable_features(cfg);
    h->host_xss = host_xss();
    irqs = axvm_irq_save();
    efer = axvm_rdmsr(MSR_EFER);
    h->old_svme = (efer & EFER_SVME) != 0;
    axvm_wrmsr(MSR_EFER, efer | EFER_SVME);
    h->old_hsave = axvm_rdmsr(MSR_VM_HSAVE_PA);
    axvm_wrmsr(MSR_VM_HSAVE_PA, h->hsave_pa);
    axvm_irq_restore(irqs);
    return AXVM_OK;
}

void axvm_svm_cpu_disable(struct axvm_cpu *cpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;
    unsigned long irqs = axvm_irq_save();

    axvm_wrmsr(MSR_VM_HSAVE_PA, h->old_hsave);
    if (!h->old_svme)
        axvm_wrmsr(MSR_EFER, axvm_rdmsr(MSR_EFER) & ~EFER_SVME);
    axvm_irq_restore(irqs);
    axvm_x86_pages_free(&cpu->hal, h->hsave, h->hsave_pa, 0);
    axvm_x86_pages_free(&cpu->hal, h->host_vmcb, h->host_vmcb_pa, 0);
}

/* ---- a VM ---- */

static void open_msr(struct axvm *vm, uint32_t msr)
{
    int bit = axvm_svm_msrpm_bit(msr);

    vm->arch.msrpm[bit / 8] &= (uint8_t) ~(3u << bit % 8);
}

/* What VMSAVE and VMLOAD carry is each guest's own, and the CPU checks what is written to it. */
static void open_guest_msrs(struct axvm *vm)
{
    static const uint32_t msrs[] = {
        MSR_FS_BASE,          MSR_GS_BASE,           MSR_KERNEL_GS_BASE,    MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
        MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
    };

    for (size_t i = 0; i < AXVM_ARRAY_LEN(msrs); i++)
        open_msr(vm, msrs[i]);
}

int axvm_svm_vm_init(struct axvm *vm)
{
    int rc = axvm_x86_maps_init(vm, MSRPM_ORDER, IOPM_ORDER);

    if (rc == AXVM_OK)
        open_guest_msrs(vm);
    return rc;
}

void axvm_svm_vm_fini(struct axvm *vm)
{
    axvm_x86_maps_fini(vm, MSRPM_ORDER, IOPM_ORDER);
}

/* ---- a vCPU ---- */

int axvm_svm_vcpu_init(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    v->vmcb = axvm_x86_pages_alloc(&vcpu->vm->hal, 0, &v->vmcb_pa);
    return v->vmcb ? AXVM_OK : AXVM_ERR_NOMEM;
}

void axvm_svm_vcpu_fini(struct axvm_vcpu *vcpu)
{
    axvm_x86_pages_free(&vcpu->vm->hal, vcpu->arch.vmcb, vcpu->arch.vmcb_pa, 0);
    vcpu->arch.vmcb = NULL;
}

void axvm_svm_fetch_sys(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.sys_dirty)
        return;
    axvm_svm_vmcb_get_sys(vcpu->arch.vmcb, &vcpu->arch.sys);
    vcpu->arch.sys.cr0 = vcpu->arch.cr0;
    vcpu->arch.cr2 = vcpu->arch.vmcb->cr2;
}

/* ---- what exits though it is the guest's own ---- */

static uint64_t *msr_in_vmcb(struct axvm_vmcb *b, uint32_t msr)
{
    switch (msr) {
    case MSR_STAR:
        return &b->star;
    case MSR_LSTAR:
        return &b->lstar;
    case MSR_CSTAR:
        return &b->cstar;
    case MSR_SFMASK:
        return &b->sfmask;
    case MSR_FS_BASE:
        return &b->fs.base;
    case MSR_GS_BASE:
        return &b->gs.base;
    case MSR_KERNEL_GS_BASE:
        return &b->kernel_gs_base;
    case MSR_IA32_SYSENTER_CS:
        return &b->sysenter_cs;
    case MSR_IA32_SYSENTER_ESP:
        return &b->sysenter_esp;
    case MSR_IA32_SYSENTER_EIP:
        return &b->sysenter_eip;
    default:
        return NULL;
    }
}

int axvm_svm_read_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val)
{
    const uint64_t *reg = msr_in_vmcb(vcpu->arch.vmcb, msr);

    if (!reg)
        return AXVM_ERR_GUEST;
    *val = *reg;
    return AXVM_OK;
}

int axvm_svm_write_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    uint64_t *reg = msr_in_vmcb(vcpu->arch.vmcb, msr);

    if (!reg)
        return AXVM_ERR_GUEST;
    *reg = val;
    vcpu->arch.vmcb->clean &= ~CLEAN_SEG;
    return AXVM_OK;
}

/* They are read from memory with each entry: "Nested Paging", "Legacy PAE Mode". */
void axvm_svm_set_pdptes(struct axvm_vcpu *vcpu, const uint64_t pdpte[4])
{
    (void)vcpu;
    (void)pdpte;
}
