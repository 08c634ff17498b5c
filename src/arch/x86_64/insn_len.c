/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length of an instruction that exited, where the CPU does not tell it (SVM without NRIPS): its prefixes are counted. That
 * takes a walk through the guest's page tables, so each vCPU keeps what it has found, by the address of the instruction, the
 * address space and the kind of exit. What a guest rewrites with other prefixes in the same place, or runs once as 64-bit code
 * and once as other, is therefore taken for what it was; it harms that guest alone.
 */
#include <axvm/err.h>

#include "emul.h"
#include "exit.h"
#include "mem.h"
#include "walk.h"

/* ---- fetching ---- */

static void fetch_failed(struct axvm_vcpu *vcpu, enum axvm_x86_walk_result rc, uint64_t linear, uint32_t error)
{
    if (rc == AXVM_X86_WALK_FAULT)
        axvm_x86_raise_pf(vcpu, linear, error);
}

/* Up to the end of the page with @linear. */
static unsigned int fetch_part(struct axvm_vcpu *vcpu, const struct axvm_emul_env *env, uint64_t linear, uint8_t *buf,
                               unsigned int max, bool first)
{
    struct axvm_x86_walk_cache *cache = &vcpu->arch.emul.cache;
    unsigned int len = (unsigned int)axvm_min(max, AXVM_PAGE_SIZE - (linear & (AXVM_PAGE_SIZE - 1)));
    unsigned long irqs = axvm_x86_walk_lock(vcpu->vm, cache);
    enum axvm_x86_walk_result rc;
    uint32_t error = 0;
    uint64_t gpa = 0;
    uint8_t *va = NULL;

    rc = axvm_x86_walk(vcpu->vm, cache, &env->paging, linear, AXVM_X86_FETCH, &gpa, &error);
    if (rc == AXVM_X86_WALK_OK &&
        axvm_x86_walk_page(vcpu->vm, cache, 0, gpa & ~(uint64_t)(AXVM_PAGE_SIZE - 1), AXVM_PROT_READ, &va) == AXVM_OK)
        memcpy(buf, va + (gpa & (AXVM_PAGE_SIZE - 1)), len);
    axvm_x86_walk_unlock(vcpu->vm, irqs);
    if (rc != AXVM_X86_WALK_OK && first)
        fetch_failed(vcpu, rc, linear, error);
    return va ? len : 0;
}

static uint64_t linear_rip(const struct axvm_vcpu *vcpu, const struct axvm_emul_env *env)
{
    return env->mode == AXVM_X86_MODE64 ? vcpu->arch.rip : (uint32_t)(vcpu->arch.rip + env->cs.base);
}

static unsigned int fetch(struct axvm_vcpu *vcpu, uint8_t *buf, unsigned int max, bool may_fault)
{
    struct axvm_emul_env *env = &vcpu->arch.emul.env; /* no instruction is being emulated: this one has exited */
    unsigned int have, more;
    uint64_t linear;

    axvm_emul_env(vcpu, env);
    linear = linear_rip(vcpu, env);
    have = fetch_part(vcpu, env, linear, buf, max, may_fault);
    if (have == 0 || have == max)
        return have;
    linear += have;
    if (env->mode != AXVM_X86_MODE64)
        linear = (uint32_t)linear;
    more = fetch_part(vcpu, env, linear, buf + have, max - have, false);
    return have + more;
}

unsigned int axvm_x86_fetch(struct axvm_vcpu *vcpu, uint8_t *buf, unsigned int max)
{
    return fetch(vcpu, buf, max, true);
}

bool axvm_x86_is_opcode(struct axvm_vcpu *vcpu, const char *opcode, unsigned int len)
{
    uint8_t buf[4];

    return fetch(vcpu, buf, len, false) == len && memcmp(buf, opcode, len) == 0;
}

/* ---- the places that exit often ---- */

/* What is no instruction known to exit has been changed by another vCPU since: it tries again, or gets its #UD. */
static unsigned int look(struct axvm_vcpu *vcpu)
{
    uint8_t buf[AXVM_X86_INSN_MAX];
    unsigned int have = axvm_x86_fetch(vcpu, buf, sizeof(buf)), len;

    if (have == 0)
        return 0;
    len = axvm_x86_exiting_len(buf, have, vcpu->arch.emul.env.mode == AXVM_X86_MODE64);
    if (len == 0)
        axvm_x86_raise(vcpu, X86_UD);
    return len;
}

uint64_t axvm_x86_find_next(struct axvm_vcpu *vcpu, uint64_t code)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    unsigned int i = v->rip % AXVM_INSN_SITES, len = look(vcpu);

    if (len == 0)
        return AXVM_X86_NOWHERE;
    v->sites.key[i] = axvm_x86_site_key(v->rip, code);
    v->sites.cr3[i] = axvm_x86_get_cr3(vcpu);
    v->sites.next[i] = axvm_x86_next_rip(vcpu, len);
    return v->sites.next[i];
}

/* ---- after an instruction ---- */

uint64_t axvm_x86_wrap_rip(struct axvm_vcpu *vcpu, uint64_t rip)
{
    return axvm_x86_is_64bit(vcpu) ? rip : (uint32_t)rip;
}

enum axvm_trap_kind axvm_x86_single_step(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    axvm_x86_set_rflags(vcpu, v->rflags & ~RFLAGS_RF);
    if ((v->rflags & RFLAGS_TF) == 0 || (v->work & AXVM_WORK_STEP) != 0)
        return AXVM_TRAP_RESUME;
    axvm_x86_set_dr6(vcpu, axvm_x86_get_dr6(vcpu) | AXVM_BIT(14)); /* BS */
    axvm_x86_raise(vcpu, X86_DB);
    return AXVM_TRAP_RESUME;
}
