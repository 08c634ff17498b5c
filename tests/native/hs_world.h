/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RISC-V harts for the real backend of src/arch/riscv64, natively: CSRs are memory, and a guest is a function of the test,
 * called for each of its instructions that traps. Around it are the real core and the fake host.
 */
#ifndef HS_WORLD_H
#define HS_WORLD_H

#include "fake_hal.h"
#include "vm_priv.h"

#define HS_HARTS FAKE_CPUS
#define HS_FILES 4u /* guest interrupt files of a hart: 1.. */

/* What a trap of a guest looks like. */
struct hs_trap {
    uint64_t cause, stval, gpa, htinst;
    uint32_t insn; /* what HLVX finds at sepc; 0: it traps */
};

/* The next trap of @vcpu. It may look at and change the registers of the guest, and CSRs. */
typedef void (*hs_guest)(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg);

struct hs_hart {
    uint64_t csr[4096];
    uint64_t file[HS_FILES + 1][256]; /* registers behind vsireg, of each guest interrupt file */
    _Alignas(4096) uint8_t pages[(HS_FILES + 1) * 4096];
    uint32_t insn; /* at sepc of the guest */
};

struct hs_world {
    /* What kind of harts they are; set before native_enable_cpu(). */
    bool no_h, sstc, aia, stateen, v, misaligned_traps;
    uint32_t vmid_bits, geilen;
    uint32_t svadu;  /* bit per hart that has henvcfg.ADUE */
    const char *isa; /* NULL: an ordinary one */
    struct hs_hart hart[HS_HARTS];
    hs_guest guest;
    void *guest_arg;
    _Atomic uint64_t ticks; /* the time CSR */
    /* what was done */
    _Atomic uint64_t fences[8], remote_fences, entries;
};
extern struct hs_world hs;

/* Traps that tests need often. */
static inline void hs_ecall(struct axvm_vcpu *vcpu, struct hs_trap *trap, uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                            uint64_t a2)
{
    uint64_t *gpr = vcpu->arch.gpr;

    *trap = (struct hs_trap){ .cause = 10 };
    gpr[17] = eid;
    gpr[16] = fid;
    gpr[10] = a0;
    gpr[11] = a1;
    gpr[12] = a2;
}

/* LW a0, (a1) or SW a0, (a1). */
static inline void hs_load(struct axvm_vcpu *vcpu, struct hs_trap *trap, uint64_t gpa)
{
    *trap = (struct hs_trap){ .cause = 21, .stval = gpa, .gpa = gpa, .insn = 0x0005a503 };
    vcpu->arch.gpr[11] = gpa;
}

static inline void hs_store(struct axvm_vcpu *vcpu, struct hs_trap *trap, uint64_t gpa, uint32_t val)
{
    *trap = (struct hs_trap){ .cause = 23, .stval = gpa, .gpa = gpa, .insn = 0x00a5a023 };
    vcpu->arch.gpr[11] = gpa;
    vcpu->arch.gpr[10] = val;
}

static inline void hs_wfi(struct hs_trap *trap)
{
    *trap = (struct hs_trap){ .cause = 22, .stval = 0x10500073 };
}

#endif
