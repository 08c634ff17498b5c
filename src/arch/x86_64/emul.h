/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executing an instruction of the guest that touches a device: one whose memory operand is not RAM, or that reads or writes a
 * port. It is a state machine that stops for each access of the bus and goes on with the answer, in the fast tier or in the
 * host's: what it needs beyond general registers, RIP and RFLAGS it has copied when it began.
 *
 * The instruction is read once, and what is executed is what was read, with the permissions of the guest that reads it:
 * whatever other vCPUs do to it, to its operands or to the page tables meanwhile. Work between two accesses is bounded.
 */
#ifndef AXVM_X86_64_EMUL_H
#define AXVM_X86_64_EMUL_H

#include "fault.h"
#include "insn.h"
#include "seg.h"
#include "walk.h"

struct axvm_vcpu;
struct axvm_mmio;

enum axvm_emul_result {
    AXVM_EMUL_DONE,   /* registers, RFLAGS and RIP are as after it, or as after an interrupted part of a repeated one */
    AXVM_EMUL_ACCESS, /* *mmio is to be answered; then axvm_emul_continue() or axvm_emul_refuse() */
    AXVM_EMUL_FAULT,  /* emul.fault is for the guest; nothing has changed */
    AXVM_EMUL_PAGE,   /* RAM at emul.page has to be had first (trap.gpa), for emul.prot: AXVM_TRAP_FAULT; nothing has changed */
    AXVM_EMUL_RETRY,  /* not what trapped, any more: enter the guest again; nothing has changed */
    AXVM_EMUL_UNHANDLED, /* not known here; nothing has changed. The bytes are emul.bytes */
};

#define AXVM_EMUL_SEGS 6u /* ES to GS */

/* What axvm_emul_env() and axvm_emul_env_segs() copy of the vCPU. Constant: paging.phys_bits, .gbpages. */
struct axvm_emul_env {
    struct axvm_x86_paging paging;
    enum axvm_x86_mode mode;
    struct axvm_x86_seg cs; /* only its base and limit, and these only if mode is not 64-bit */
    bool protected_mode;    /* CR0.PE and not virtual-8086 */
    struct axvm_x86_seg seg[AXVM_EMUL_SEGS];
};

enum axvm_emul_where {
    AXVM_EMUL_BUS, /* no RAM: somebody or nobody on the bus answers */
    AXVM_EMUL_RAM,
    AXVM_EMUL_ROM, /* RAM for reads, not for writes */
    AXVM_EMUL_PORT,
};

/* An operand in memory, or a port. It may cross a page: two parts. */
struct axvm_emul_operand {
    uint64_t linear;
    uint64_t gpa[2];
    uint8_t where[2]; /* enum axvm_emul_where */
    uint8_t size;     /* 0: there is no such operand */
    uint8_t first;    /* bytes in part 0 */
    uint8_t done;     /* bytes read or written by now */
    uint8_t seg;
    bool read, write;
    uint8_t buf[16];
};

/*
 * An instruction that was emulated before, and all that it followed from: if that is as it was, so is the instruction. The
 * bytes and the entries of the tables are in the guest's memory and compared there, as its INVLPG and its rewriting of code are
 * not seen.
 */
#define AXVM_EMUL_SITES 16u
struct axvm_emul_site {
    uint64_t gen; /* of the address space, plus 1; 0: nothing */
    uint64_t rip, next_rip;
    uint64_t cr0, cr3, cr4, efer;
    uint32_t who; /* mode and CPL */
    struct axvm_x86_insn insn;
    const uint8_t *code; /* 16 bytes in one page */
    uint64_t bytes[2];
    struct axvm_x86_walk_entry entry[4]; /* of the translation of RIP; the last one again, if there are fewer */
};

struct axvm_emul {
    /* in: how many of bytes[] the CPU has read itself (SVM's decode assist); 0: they are fetched */
    uint8_t given;
    /* out */
    uint32_t prot;
    axvm_gpa_t page;
    struct axvm_x86_fault fault;
    /* its own */
    uint8_t bytes[16];
    uint8_t have;  /* bytes */
    uint8_t stage; /* enum stage in emul.c */
    bool shortcut; /* a plain load or store, or IN or OUT: no operands below */
    bool known;    /* known_gpa is the translation of the only operand in memory */
    bool known_write;
    bool xsave;    /* XMM registers are in an XSAVE area, not in FXSAVE's */
    uint32_t left; /* elements of a string that are done in one go */
    uint64_t known_gpa;
    uint64_t next_rip;
    const struct axvm_x86_insn *insn; /* own_insn, or a site's */
    struct axvm_x86_insn own_insn;
    struct axvm_emul_operand op[2];
    struct axvm_emul_env env;
    struct axvm_x86_walk_cache cache;
    struct axvm_emul_site site[AXVM_EMUL_SITES];
};

/*
 * The instruction at RIP has touched @gpa, which is not RAM that it may touch so: its own access (not one of its page-table
 * walk).
 * @write: as the CPU says. Fast tier, the guest's state is loaded.
 */
enum axvm_emul_result axvm_emul_mmio(struct axvm_vcpu *vcpu, uint64_t gpa, bool write, struct axvm_mmio *mmio);

/* The same, but what it could not read is the guest's page tables: they are read here, as all ones where there is no RAM. */
enum axvm_emul_result axvm_emul_tables(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);

/*
 * The CPU has found an INS or OUTS and checked that it may be used: IOPL and the TSS's bitmap come before the exit, both with
 * SVM (APM vol. 2, "Instruction Intercepts") and with VMX (SDM vol. 3C, "Relative Priority of Faults and VM Exits"). The
 * operand in memory is for us to check. Fast tier.
 */
struct axvm_emul_io {
    uint16_t port;
    uint8_t size; /* 1, 2, 4 */
    bool in, rep;
};
enum axvm_emul_result axvm_emul_io(struct axvm_vcpu *vcpu, const struct axvm_emul_io *io, struct axvm_mmio *mmio);

/* The CPU has found an SMSW or LMSW with an operand in memory, and does not say more: SVM's intercepts of CR0. Fast tier. */
enum axvm_emul_result axvm_emul_msw(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);

/* *mmio was answered. DONE or ACCESS. Either tier. */
enum axvm_emul_result axvm_emul_continue(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
/* Nobody did, or it was refused: reads are all ones, writes are lost. DONE or ACCESS. Either tier. */
enum axvm_emul_result axvm_emul_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);

/* ---- what it needs of its surroundings; tests have their own ---- */

/* Fill in what fetching needs: mode, cs, and paging but for ac. Fast tier. */
void axvm_emul_env(struct axvm_vcpu *vcpu, struct axvm_emul_env *env);
/* And the rest, which operands need: seg, protected_mode, paging.ac. Fast tier. */
void axvm_emul_env_segs(struct axvm_vcpu *vcpu, struct axvm_emul_env *env);
/* Register @n of XMM; false: they cannot be had now. */
bool axvm_emul_get_xmm(struct axvm_vcpu *vcpu, unsigned int n, uint64_t val[2]);
void axvm_emul_set_xmm(struct axvm_vcpu *vcpu, unsigned int n, const uint64_t val[2]);
/* An exception, without an error code, of the instruction itself: it is not done. Either tier. */
void axvm_emul_raise(struct axvm_vcpu *vcpu, enum axvm_x86_vector vector);
/* LMSW at CPL 0. Fast tier. */
void axvm_emul_load_msw(struct axvm_vcpu *vcpu, uint16_t msw);

#endif
