/* SPDX-License-Identifier: BSD-2-Clause */
/* The AArch64 part of struct axvm, axvm_vcpu and axvm_cpu. The head of struct axvm_arch_vcpu is shared with entry.S. */
#ifndef AXVM_AARCH64_ARCH_TYPES_H
#define AXVM_AARCH64_ARCH_TYPES_H

/* Offsets into struct axvm_arch_vcpu, which is the first member of struct axvm_vcpu. */
#define VCPU_GPR 0 /* x0..x30 */
#define VCPU_PC (8 * 31)
#define VCPU_PSTATE (8 * 32)
#define VCPU_HOST_VBAR (8 * 33)

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgic_types.h"

/* EL1 and EL0 system registers of a guest that is not loaded. In the order in which switch.c walks them. */
struct axvm_el1_regs {
    uint64_t sctlr, ttbr0, ttbr1, tcr, esr, far, afsr0, afsr1, mair, amair, vbar, contextidr, cpacr, elr, spsr, sp_el1, par,
        tpidr_el1, cntkctl, csselr, vdisr;
};

/* Registers of EL0 that a VHE host may use itself. */
struct axvm_el0_regs {
    uint64_t sp_el0, tpidr_el0, tpidrro_el0, tpidr2_el0;
};

struct axvm_fp_regs {
    _Alignas(16) uint64_t v[32][2];
    uint64_t fpcr, fpsr;
};

#define AXVM_MAX_BREAKPOINTS 16

/* Debug registers as the guest sees them; on the hardware only while the guest has debugging enabled. */
struct axvm_debug_regs {
    uint64_t mdscr, osdlr, claim;
    uint64_t os_unlocked; /* 0: OSLSR_EL1.OSLK, as after a reset */
    uint64_t bvr[AXVM_MAX_BREAKPOINTS], bcr[AXVM_MAX_BREAKPOINTS];
    uint64_t wvr[AXVM_MAX_BREAKPOINTS], wcr[AXVM_MAX_BREAKPOINTS];
};

struct axvm_timer_regs {
    uint64_t ctl, cval;
};

/* Which sysreg values guests read: op0 = 3, op1 = 0, CRn = 0, CRm = 1..7, by (CRm << 3 | op2). */
#define AXVM_ID_REGS 64

/* HAL: pcpu_id() is below this. */
#define AXVM_MAX_PCPUS 1024

#define NO_IRQ UINT32_MAX

struct axvm_cpu;
struct axvm_exit;

struct axvm_arch_vcpu {
    uint64_t gpr[31];
    uint64_t pc, pstate;
    uint64_t host_vbar; /* the host's, while its vectors are not in place */

    uint64_t hcr; /* HCR_EL2 while this guest runs */
    uint64_t mpidr;
    uint64_t esr, far; /* of the exception that left the fast tier */

    struct axvm_el1_regs el1;
    struct axvm_el0_regs el0;
    struct axvm_timer_regs vtimer, ptimer;
    struct axvm_vgic_cpu vgic;
    struct axvm_debug_regs debug;
    struct axvm_fp_regs fp;

    struct axvm_cpu *cpu;         /* where it is loaded */
    struct axvm_cpu *resident_on; /* EL1 registers there are still these; NULL: they were changed in memory */
    struct axvm_exit *exit;       /* of the run that is going on */
    uint64_t ram_hint;            /* where the last stage-2 fault on RAM was */
    uint32_t acked_irq;           /* acknowledged by us, to be handled by the host; NO_IRQ */

    bool fp_loaded;    /* the guest's FP registers are in the hardware, the host's in axvm_arch_cpu */
    bool debug_loaded;
    bool excl_valid;   /* emulated LDXR on a device: the exclusive monitor */
    uint8_t excl_size;
    uint64_t excl_addr;
};

struct axvm_arch_vm {
    struct axvm_vgic vgic;
    uint64_t id_regs[AXVM_ID_REGS];
    uint64_t vttbr_base; /* root of stage 2; the VMID is put in on entry */
    uint64_t vtcr;
    uint64_t cntvoff;    /* one virtual offset per VM */
    uint64_t paused_at;  /* the guest's clock while it stands */
    uint8_t last_vcpu[AXVM_MAX_PCPUS]; /* id + 1 of who ran last on each CPU; see separate_vcpus() */
};

/* Bits of axvm_arch_cpu.pstate_bits: what of PSTATE this CPU has, that a guest can change and its host would notice. */
enum { HAS_PAN = 1, HAS_UAO = 2, HAS_DIT = 4, HAS_SSBS = 8, HAS_TCO = 16 };

struct axvm_arch_cpu {
    /* the host's own, while a guest is loaded */
    uint64_t hcr, cptr, mdcr, cnthctl, cntvoff, icc_ctlr, hcrx;
    uint64_t pan, uao, dit, ssbs, tco; /* PSTATE */
    uint64_t mdscr;
    struct axvm_el0_regs el0;
    struct axvm_fp_regs fp;
    struct axvm_debug_regs debug; /* while a guest's are loaded */
    void *sve; /* the host's SVE registers; NULL when this CPU has none */

    /* the host's, in registers that belong to guests while this CPU is enabled */
    uint64_t vttbr, vtcr, vmpidr, vpidr, hstr, vsesr, icc_sre;
    uint64_t fgt[5]; /* HFGRTR, HFGWTR, HFGITR, HDFGRTR, HDFGWTR */
    struct axvm_el1_regs el1;
    bool eager_el1; /* AXVM_CPU_HOST_USES_GUEST_REGS */

    /* what this CPU has, and how it is to be used */
    bool vhe; /* HCR_EL2.E2H */
    bool has_hcx, has_fgt;
    bool has_ras; /* VDISR_EL2 is the guest's DISR_EL1 */
    bool has_sme; /* TPIDR2_EL0 */
    uint8_t pstate_bits; /* HAS_PAN ... */
    uint8_t lr_count;
    uint32_t vtimer_intid, maint_intid, kick_intid; /* kick_intid: UINT32_MAX when there is none */
    void (*handle_irq)(void *ctx, uint32_t intid);

    uint64_t mdcr_traps;
    uint64_t guest_vttbr; /* what VTTBR_EL2 holds for cpu->resident */
};

/* How the result of an emulated access gets into registers: axvm_insn_finish(). Register i has the elements from
 * i * elems_per_reg on. */
struct axvm_arch_mmio {
    uint8_t reg[2]; /* 31 is XZR */
    uint8_t elems_per_reg;
    uint8_t reg_bytes;  /* 4: a load zeroes the upper half of the register; 8 */
    bool sign_extend;
    bool fp;            /* reg[] are SIMD&FP registers */
    bool writeback;     /* base_val goes to base_reg */
    uint8_t base_reg;   /* 31 is SP */
    uint64_t base_val;
    bool excl_load;     /* arms the emulated exclusive monitor */
    bool excl_store;    /* writes status_reg; with count 0 it has failed, and nothing is stored */
    uint8_t status_reg;
};

_Static_assert(offsetof(struct axvm_arch_vcpu, gpr) == VCPU_GPR, "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_arch_vcpu, pc) == VCPU_PC, "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_arch_vcpu, pstate) == VCPU_PSTATE, "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_arch_vcpu, host_vbar) == VCPU_HOST_VBAR, "entry.S and struct axvm_arch_vcpu disagree");

#endif /* __ASSEMBLER__ */
#endif
