/* SPDX-License-Identifier: BSD-2-Clause */
#include "bits.h"
#include "hs.h"

#define FS_FIELD(v) axvm_put_field(SSTATUS_FS, v)

bool axvm_fp_present(void)
{
    uint64_t was = axvm_csr_read(CSR_SSTATUS);
    bool present;

    axvm_csr_set(CSR_SSTATUS, SSTATUS_FS);
    present = (axvm_csr_read(CSR_SSTATUS) & SSTATUS_FS) != 0;
    axvm_csr_write(CSR_SSTATUS, was);
    return present;
}

/* Once all that is exchanged lazily is the guest's, its illegal instructions are its own, if nothing is to be seen among them.
 */
void axvm_illegal_delegate(struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;
    bool fp = (v->extra & AXVM_EXTRA_FP) != 0, vector = (v->extra & AXVM_EXTRA_VECTOR) != 0;

    if ((fp || !v->cpu->arch.has_fp) && (vector || v->vlenb == 0))
        axvm_csr_set(CSR_HEDELEG, vcpu->vm->arch.hedeleg_fp);
    else
        axvm_csr_clear(CSR_HEDELEG, AXVM_BIT(CAUSE_ILLEGAL));
}

/* The host's registers are exchanged whatever its sstatus.FS says: some kernels leave a thread's values in them with FS off. */
void axvm_fp_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    axvm_csr_set(CSR_SSTATUS, SSTATUS_FS);
    axvm_fp_save_regs(&cpu->arch.fp);
    axvm_fp_load_regs(&vcpu->arch.fp);
    /* Clean: so that one sees whether the guest writes any. */
    axvm_csr_clear(CSR_SSTATUS, FS_FIELD(FS_DIRTY & ~FS_CLEAN));
    vcpu->arch.extra |= AXVM_EXTRA_FP;
    axvm_illegal_delegate(vcpu);
}

void axvm_fp_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    /* Both are dirty then; but QEMU tells only the guest's own of writes to fcsr. */
    if (axvm_field(axvm_csr_read(CSR_SSTATUS) | axvm_csr_read(CSR_VSSTATUS), SSTATUS_FS) == FS_DIRTY)
        axvm_fp_save_regs(&vcpu->arch.fp);
    axvm_fp_load_regs(&cpu->arch.fp);
    axvm_csr_clear(CSR_SSTATUS, SSTATUS_FS);
    vcpu->arch.extra &= ~AXVM_EXTRA_FP;
    axvm_illegal_delegate(vcpu);
}
