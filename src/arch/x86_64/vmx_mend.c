/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmx_mend.h"

#include "arch_types.h"
#include "fault.h"
#include "rflags.h"
#include "vmcs.h"

#define RFLAGS_DEFINED                                                                                                         \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_OF | RFLAGS_IOPL | \
     RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID)
#define SHADOW (BLOCKING_STI | BLOCKING_MOV_SS)

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC */
#define WITH_ERROR (1u << X86_DF | 1u << X86_TS | 1u << X86_NP | 1u << X86_SS | 1u << X86_GP | 1u << X86_PF | 1u << X86_AC)

/* A 64-bit RIP may be the first address beyond the canonical ones: the CPU then faults at it. Not all CPUs, and emulators,
 * agree. */
static bool mend_rip(struct axvm_vmx_entry_state *s)
{
    uint64_t canonical = (uint64_t)((int64_t)(s->rip << 16) >> 16);

    if (!s->code64) {
        s->rip = (uint32_t)s->rip;
        return false;
    }
    if (s->rip == canonical)
        return false;
    /* The last byte before the hole; or anything that is valid. */
    s->rip = s->rip == AXVM_BIT(47) ? s->rip - 1 : canonical;
    return true;
}

static void mend_rflags(struct axvm_vmx_entry_state *s)
{
    s->rflags = (s->rflags & RFLAGS_DEFINED) | RFLAGS_FIXED1;
    if (s->long_mode || !s->protected_mode)
        s->rflags &= ~RFLAGS_VM;
}

static void mend_event(struct axvm_vmx_entry_state *s)
{
    uint64_t vector = axvm_field(s->event, EVENT_VECTOR);

    if ((s->event & EVENT_VALID) == 0)
        return;
    switch (axvm_field(s->event, EVENT_TYPE)) {
    case EVENT_INTR:
        s->rflags |= RFLAGS_IF;
        s->blocking &= ~SHADOW;
        break;
    case EVENT_NMI:
        s->blocking &= ~(SHADOW | BLOCKING_NMI);
        break;
    case EVENT_EXCEPTION:
        s->event &= ~EVENT_HAS_ERROR;
        if (s->protected_mode && vector < 32 && (WITH_ERROR >> vector & 1))
            s->event |= EVENT_HAS_ERROR;
        break;
    default:
        break;
    }
}

/* "Checks on Guest Non-Register State" */
static void mend_blocking(struct axvm_vmx_entry_state *s)
{
    if ((s->rflags & RFLAGS_IF) == 0 || (s->blocking & BLOCKING_MOV_SS))
        s->blocking &= ~BLOCKING_STI;
    if ((s->blocking & SHADOW) == 0)
        return;
    if (s->rflags & RFLAGS_TF)
        s->pending_db |= PENDING_DB_BS;
    else
        s->pending_db &= ~PENDING_DB_BS;
}

enum axvm_vmx_mended axvm_vmx_mend(struct axvm_vmx_entry_state *s)
{
    struct axvm_vmx_entry_state was = *s;
    bool fault = mend_rip(s);

    mend_rflags(s);
    mend_event(s);
    mend_blocking(s);
    if (fault)
        return AXVM_VMX_MENDED_GP;
    return s->rip != was.rip || s->rflags != was.rflags || s->blocking != was.blocking || s->pending_db != was.pending_db ||
                   s->event != was.event
               ? AXVM_VMX_MENDED
               : AXVM_VMX_HOPELESS;
}
