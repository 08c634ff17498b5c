/* SPDX-License-Identifier: BSD-2-Clause */
/* V: exchanged as FP registers are (fp.c), when a guest first uses them after an entry. */
#include "vector.h"

#include <axvm/err.h>

#include "bits.h"
#include "hs.h"
#include "mem.h"

#define VS_FIELD(v) axvm_put_field(SSTATUS_VS, v)
/* vtype after a reset: the configuration is not valid. */
#define VTYPE_VILL AXVM_BIT(63)

uint32_t axvm_vector_probe(void)
{
    uint64_t was = axvm_csr_read(CSR_SSTATUS), bytes = 0;

    axvm_csr_set(CSR_SSTATUS, SSTATUS_VS);
    /* QEMU keeps the field also where there are no vectors. */
    if ((axvm_csr_read(CSR_SSTATUS) & SSTATUS_VS) != 0 && axvm_csr_exists_vlenb())
        bytes = axvm_vlenb();
    axvm_csr_write(CSR_SSTATUS, was);
    return bytes <= AXVM_MAX_VLENB ? (uint32_t)bytes : 0;
}

static size_t state_size(uint32_t vlenb)
{
    return sizeof(struct axvm_vector_regs) + 32 * (size_t)vlenb;
}

int axvm_vector_alloc(struct axvm_vcpu *vcpu, uint32_t vlenb)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (vlenb == 0)
        return AXVM_OK;
    v->vector = axvm_device_alloc(vcpu->vm, state_size(vlenb));
    v->host_vector = axvm_device_alloc(vcpu->vm, state_size(vlenb));
    if (!v->vector || !v->host_vector)
        return AXVM_ERR_NOMEM;
    v->vlenb = vlenb;
    return AXVM_OK;
}

void axvm_vector_reset(struct axvm_vcpu *vcpu)
{
    struct axvm_vector_regs *regs = vcpu->arch.vector;

    if (!regs)
        return;
    memset(regs, 0, state_size(vcpu->arch.vlenb));
    regs->vtype = VTYPE_VILL;
}

/* The host's registers are exchanged whatever its sstatus.VS says. */
void axvm_vector_load(struct axvm_vcpu *vcpu)
{
    axvm_csr_set(CSR_SSTATUS, SSTATUS_VS);
    axvm_vector_save_regs(vcpu->arch.host_vector);
    axvm_vector_load_regs(vcpu->arch.vector);
    /* Clean: so that one sees whether the guest writes any. */
    axvm_csr_clear(CSR_SSTATUS, VS_FIELD(FS_DIRTY & ~FS_CLEAN));
    vcpu->arch.extra |= AXVM_EXTRA_VECTOR;
    axvm_illegal_delegate(vcpu);
}

void axvm_vector_put(struct axvm_vcpu *vcpu)
{
    /* Both are dirty then; but QEMU tells only the guest's own of writes to vcsr. */
    if (axvm_field(axvm_csr_read(CSR_SSTATUS) | axvm_csr_read(CSR_VSSTATUS), SSTATUS_VS) == FS_DIRTY)
        axvm_vector_save_regs(vcpu->arch.vector);
    axvm_vector_load_regs(vcpu->arch.host_vector);
    axvm_csr_clear(CSR_SSTATUS, SSTATUS_VS);
    vcpu->arch.extra &= ~AXVM_EXTRA_VECTOR;
    axvm_illegal_delegate(vcpu);
}
