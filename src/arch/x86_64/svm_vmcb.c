/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in a VMCB. Pure logic. */
#include "svm.h"

/* Host interrupts, and all that a guest could otherwise do to its host or see of it. SMIs are the firmware's: their handler
 * runs as on any CPU. */
#define MISC1                                                                                                                  \
    (VMCB_I1_INTR | VMCB_I1_NMI | VMCB_I1_INIT | VMCB_I1_CR0_SEL_WRITE | VMCB_I1_RDPMC | VMCB_I1_CPUID | VMCB_I1_INVD |        \
     VMCB_I1_HLT | VMCB_I1_INVLPGA | VMCB_I1_IOIO | VMCB_I1_MSR | VMCB_I1_SHUTDOWN)
#define MISC2                                                                                                                  \
    (VMCB_I2_VMRUN | VMCB_I2_VMMCALL | VMCB_I2_VMLOAD | VMCB_I2_VMSAVE | VMCB_I2_STGI | VMCB_I2_CLGI | VMCB_I2_SKINIT |        \
     VMCB_I2_WBINVD | VMCB_I2_MONITOR | VMCB_I2_MWAIT | VMCB_I2_XSETBV | VMCB_I2_RDPRU)
#define MISC3 (VMCB_I3_INVLPGB | VMCB_I3_ILLEGAL_INVLPGB | VMCB_I3_MCOMMIT | VMCB_I3_TLBSYNC)

/* PAUSE in a loop, this many times with fewer than that many cycles in between, is waiting for another vCPU. */
#define PAUSE_COUNT 3000
#define PAUSE_THRESHOLD 128

static void init_pause(struct axvm_vmcb *b, uint32_t features)
{
    b->misc1 |= VMCB_I1_PAUSE;
    b->pause_count = features & SVM_FEATURE_PAUSE_FILTER ? PAUSE_COUNT : 0;
    b->pause_threshold = features & SVM_FEATURE_PAUSE_THRESHOLD ? PAUSE_THRESHOLD : 0;
}

void axvm_svm_vmcb_init(struct axvm_vmcb *b, uint32_t features, bool yield_on_pause)
{
    /* CR3 and CR2 are the guest's own; CR0 as long as its FP registers are loaded; CR8 is V_TPR. */
    b->cr_read = 1u << 0;
    b->cr_write = 1u << 0 | 1u << 4;
    b->dr_read = 0xffff;
    b->dr_write = 0xffff;
    /* #MC is the host's; #AC and #DB can be had without end by a guest alone (XSA-156), so that no interrupt would come
     * through; #NM: see fpu.c; #UD: see axvm_x86_exit_invalid_opcode(); #DF: svm_df.c. */
    b->exceptions = 1u << X86_DB | 1u << X86_UD | 1u << X86_NM | 1u << X86_DF | 1u << X86_AC | 1u << X86_MC;
    b->misc1 = MISC1;
    b->misc2 = MISC2;
    b->misc3 = MISC3;
    if (yield_on_pause)
        init_pause(b, features);
    b->int_ctl = VMCB_V_INTR_MASKING;
    if (features & SVM_FEATURE_VNMI)
        b->int_ctl |= VMCB_V_NMI_ENABLE;
    b->np_enable = 1;
}

static void set_segs(struct axvm_vmcb *b, const struct axvm_x86_sys *sys)
{
    for (int i = 0; i < AXVM_X86_SEGS; i++) {
        struct axvm_x86_seg *s = axvm_svm_seg(b, (enum axvm_x86_segreg)i);

        *s = sys->seg[i];
        if (s->attr & SEG_UNUSABLE)
            s->attr = 0;
    }
    b->gdtr = sys->gdtr;
    b->idtr = sys->idtr;
    b->cpl = (uint8_t)axvm_field(sys->seg[AXVM_X86_SS].attr, SEG_DPL);
}

void axvm_svm_vmcb_set_sys(struct axvm_vmcb *b, const struct axvm_x86_sys *sys)
{
    set_segs(b, sys);
    b->cr0 = sys->cr0 | CR0_TS; /* FP registers are not loaded yet */
    b->cr3 = sys->cr3;
    b->cr4 = sys->cr4;
    axvm_vmcb_set_efer(b, sys->efer);
    b->dr6 = sys->dr6;
    b->dr7 = sys->dr7;
    b->g_pat = sys->pat;
    b->star = sys->star;
    b->lstar = sys->lstar;
    b->cstar = sys->cstar;
    b->sfmask = sys->sfmask;
    b->kernel_gs_base = sys->kernel_gs_base;
    b->sysenter_cs = sys->sysenter_cs;
    b->sysenter_esp = sys->sysenter_esp;
    b->sysenter_eip = sys->sysenter_eip;
    b->int_ctl &= ~(VMCB_V_NMI | VMCB_V_NMI_MASK);
    b->int_state = 0;
    b->eventinj = 0;
    b->exitintinfo = 0;
    b->clean = 0;
}

void axvm_svm_vmcb_get_sys(const struct axvm_vmcb *b, struct axvm_x86_sys *sys)
{
    const struct axvm_x86_seg *const seg[AXVM_X86_SEGS] = { &b->es, &b->cs, &b->ss, &b->ds, &b->fs, &b->gs, &b->ldtr, &b->tr };

    for (int i = 0; i < AXVM_X86_SEGS; i++)
        sys->seg[i] = *seg[i];
    sys->gdtr = b->gdtr;
    sys->idtr = b->idtr;
    sys->cr0 = b->cr0;
    sys->cr3 = b->cr3;
    sys->cr4 = b->cr4;
    sys->efer = b->guest_efer;
    sys->dr6 = b->dr6;
    sys->dr7 = b->dr7;
    sys->pat = b->g_pat;
    sys->star = b->star;
    sys->lstar = b->lstar;
    sys->cstar = b->cstar;
    sys->sfmask = b->sfmask;
    sys->kernel_gs_base = b->kernel_gs_base;
    sys->sysenter_cs = b->sysenter_cs;
    sys->sysenter_esp = b->sysenter_esp;
    sys->sysenter_eip = b->sysenter_eip;
}

/* "MSR Intercepts": three ranges of 8192 MSRs, two bits each. */
int axvm_svm_msrpm_bit(uint32_t msr)
{
    uint32_t n = msr & 0x1fff;

    switch (msr & ~0x1fffu) {
    case 0:
        return (int)(2 * n);
    case 0xc0000000u:
        return (int)(8 * 0x800 + 2 * n);
    case 0xc0010000u:
        return (int)(8 * 0x1000 + 2 * n);
    default:
        return -1;
    }
}

/*
 * "EXITINTINFO". Software interrupts and the exceptions of INT3 and INTO leave RIP at their instruction, which is simply run
 * again; RIP would have to be beyond it to inject them. QEMU 7 calls an interrupt that V_IRQ has delivered an exception.
 */
uint64_t axvm_svm_redelivery(uint64_t info)
{
    uint64_t vector = axvm_field(info, EVENT_VECTOR);

    info &= EVENT_VECTOR | EVENT_TYPE | EVENT_HAS_ERROR | EVENT_VALID | EVENT_ERROR;
    switch (axvm_field(info, EVENT_TYPE)) {
    case EVENT_INTR:
    case EVENT_NMI:
        return info & ~(EVENT_HAS_ERROR | EVENT_ERROR);
    case EVENT_EXCEPTION:
        if (vector == X86_BP || vector == X86_OF)
            return 0;
        if (vector > 31)
            return EVENT_VALID | vector;
        return info & EVENT_HAS_ERROR ? info : info & ~EVENT_ERROR;
    default:
        return 0;
    }
}
