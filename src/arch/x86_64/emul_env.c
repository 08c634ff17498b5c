/* SPDX-License-Identifier: BSD-2-Clause */
/* What emulation needs of the vCPU's registers. The only file of it that is not plain logic. */
#include "emul.h"

#include "exit.h"
#include "mem.h"

/* What stays as it is for all of a vCPU's life. Reserved bits of the guest's tables are for the hardware's walker to say, which
 * goes by what the host's CPU has. */
static AXVM_COLD void set_constants(struct axvm_vcpu *vcpu, struct axvm_x86_paging *p)
{
    const struct axvm_cpuid_entry *extended = axvm_cpuid_find(vcpu->vm->arch.cpuid, AXVM_CPUID_EXTENDED + 1, 0);

    p->phys_bits = vcpu->vm->as.geo.hpa_bits;
    p->gbpages = (extended->r[AXVM_EDX] & AXVM_BIT(26)) != 0;
    p->pdpte = NULL;
}

/* What the code segment says; outside of long mode, or with L clear, of its base and limit as well. */
static inline __attribute__((always_inline)) void fill(struct axvm_vcpu *vcpu, struct axvm_emul_env *env)
{
    struct axvm_x86_paging *p = &env->paging;
    struct axvm_x86_seg cs = axvm_x86_get_seg(vcpu, AXVM_X86_CS);
    uint64_t cr0 = axvm_x86_get_cr0(vcpu), cr3 = axvm_x86_get_cr3(vcpu), cr4 = axvm_x86_get_cr4(vcpu);
    uint64_t efer = axvm_x86_get_efer(vcpu);

    p->cpl = (uint8_t)axvm_x86_get_cpl(vcpu);
    p->cr0 = cr0;
    p->cr3 = cr3;
    p->cr4 = cr4;
    p->efer = efer;
    if (__builtin_expect((efer & EFER_LMA) && (cs.attr & SEG_L), 1)) {
        env->mode = AXVM_X86_MODE64;
        return;
    }
    env->mode = (cs.attr & SEG_DB) ? AXVM_X86_MODE32 : AXVM_X86_MODE16;
    env->cs = cs;
}

static __attribute__((noinline)) void fill_from_vmcs(struct axvm_vcpu *vcpu, struct axvm_emul_env *env)
{
    fill(vcpu, env);
}

void axvm_emul_env(struct axvm_vcpu *vcpu, struct axvm_emul_env *env)
{
    if (__builtin_expect(env->paging.phys_bits == 0, 0))
        set_constants(vcpu, &env->paging);
    if (axvm_x86_is_svm(vcpu))
        fill(vcpu, env);
    else
        fill_from_vmcs(vcpu, env);
}

/* The VMCB has them in the encoding's order. */
_Static_assert(offsetof(struct axvm_vmcb, gs) - offsetof(struct axvm_vmcb, es) == AXVM_X86_GS * sizeof(struct axvm_x86_seg),
               "segments");

void axvm_emul_env_segs(struct axvm_vcpu *vcpu, struct axvm_emul_env *env)
{
    env->paging.ac = (vcpu->arch.rflags & RFLAGS_AC) != 0;
    env->protected_mode = (env->paging.cr0 & CR0_PE) && !(vcpu->arch.rflags & RFLAGS_VM);
    if (axvm_x86_is_svm(vcpu)) {
        __builtin_memcpy(env->seg, &vcpu->arch.vmcb->es, sizeof(env->seg));
        return;
    }
    for (unsigned int i = 0; i < AXVM_EMUL_SEGS; i++)
        env->seg[i] = axvm_x86_get_seg(vcpu, (enum axvm_x86_segreg)i);
}

/* ---- XMM registers, in the XSAVE area. Intel SDM vol. 1, "XSAVE Area" ---- */

#define XSAVE_XMM 160u
#define XSAVE_BV 512u
#define BV_SSE AXVM_BIT(1) /* clear: they are as after reset, whatever the area says */

bool axvm_emul_get_xmm(struct axvm_vcpu *vcpu, unsigned int n, uint64_t val[2])
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    const uint8_t *area = v->fpu.area;
    uint64_t bv;

    if (v->cpu && v->fp_loaded)
        axvm_x86_fp_put(vcpu);
    /* Asked in the fast tier first; what follows may be in the host's. */
    if (v->cpu)
        v->emul.xsave = v->cpu->arch.has_xsave;
    __builtin_memcpy(val, area + XSAVE_XMM + 16 * (n & 15), 16);
    __builtin_memcpy(&bv, area + XSAVE_BV, sizeof(bv));
    if (v->emul.xsave && !(bv & BV_SSE))
        val[0] = val[1] = 0;
    return true;
}

void axvm_emul_set_xmm(struct axvm_vcpu *vcpu, unsigned int n, const uint64_t val[2])
{
    uint8_t *area = vcpu->arch.fpu.area;
    uint64_t bv;

    __builtin_memcpy(&bv, area + XSAVE_BV, sizeof(bv));
    if (vcpu->arch.emul.xsave && !(bv & BV_SSE)) {
        memset(area + XSAVE_XMM, 0, 16 * 16);
        bv |= BV_SSE;
        __builtin_memcpy(area + XSAVE_BV, &bv, sizeof(bv));
    }
    __builtin_memcpy(area + XSAVE_XMM + 16 * (n & 15), val, 16);
}

void axvm_emul_raise(struct axvm_vcpu *vcpu, enum axvm_x86_vector vector)
{
    vcpu->arch.work &= ~AXVM_WORK_DONE;
    axvm_x86_raise(vcpu, vector);
}

void axvm_emul_load_msw(struct axvm_vcpu *vcpu, uint16_t msw)
{
    axvm_x86_load_msw(vcpu, msw);
}
