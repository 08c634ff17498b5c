/* SPDX-License-Identifier: BSD-2-Clause */
/* The RISC-V part of struct axvm, axvm_vcpu and axvm_cpu. The head of struct axvm_arch_vcpu is shared with entry.S. */
#ifndef AXVM_RISCV64_ARCH_TYPES_H
#define AXVM_RISCV64_ARCH_TYPES_H

/* Offsets into struct axvm_arch_vcpu, which is the first member of struct axvm_vcpu. */
#define VCPU_GPR 0 /* x0..x31; x0 stays 0 */
#define VCPU_HOST_SP (8 * 32)
#define VCPU_HOST_STVEC (8 * 33)
#define VCPU_HOST_SSCRATCH (8 * 34)

/* Offsets into struct axvm_fp_regs */
#define FP_FCSR (8 * 32)

/* Offsets into struct axvm_vector_regs */
#define VECTOR_VSTART 0
#define VECTOR_VCSR 8
#define VECTOR_VL 16
#define VECTOR_VTYPE 24
#define VECTOR_DATA 32

#ifndef __ASSEMBLER__

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sbi_pmu.h"
#include "sbi_sse.h"

#include "lock.h"

/* VS-mode registers of a guest that is not loaded. */
struct axvm_vs_regs {
    uint64_t vsstatus, hie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp, vstimecmp;
    uint64_t vsiselect; /* without the AIA: of guests with an IMSIC, and only here */
    uint64_t hvip;      /* as the guest has left it: only VSSIP counts, the others follow from axvm_arch_vcpu's and the timer */
};

/* Registers of VS-mode that are the host's own, too. */
struct axvm_shared_regs {
    uint64_t scounteren, senvcfg;
};

struct axvm_fp_regs {
    uint64_t f[32];
    uint64_t fcsr;
};

/* Followed by v0..v31, vlenb bytes each. */
struct axvm_vector_regs {
    uint64_t vstart, vcsr, vl, vtype;
    uint8_t data[];
};

/* SBI's steal time: sbi_sta.c. */
#define AXVM_STA_OFF UINT64_MAX
struct axvm_sta {
    uint64_t shmem;    /* guest-physical address, or AXVM_STA_OFF */
    uint64_t steal_ns; /* so far */
    uint64_t left_ns;  /* when the host took the CPU */
    uint32_t sequence;
    bool preempted; /* it has the CPU still */
};

/* axvm_arch_vcpu.posted: marks of others. Who runs it without a look at all of its state has seen none. */
#define AXVM_POSTED_SSIP (1u << 0)     /* a software interrupt that is not in hvip yet */
#define AXVM_POSTED_SSE (1u << 1)      /* axvm_sse_dispatch() */
#define AXVM_POSTED_EXTERNAL (1u << 2) /* the line of its interrupt controller has changed */
#define AXVM_POSTED_FENCE (1u << 3)    /* its cached translations and instructions are to be gone before it goes on */
#define AXVM_POSTED_STALE (1u << 4)    /* so are those of stage 2, where axvm_arch_vm.stale says so */

/* axvm_arch_vcpu.extra: what an entry or an exit has to do beyond what each of them does. Its own thread's. */
#define AXVM_EXTRA_INTERRUPTED (1u << 0) /* the host's interrupt ended the last run */
#define AXVM_EXTRA_WAITS (1u << 1)       /* it may wait for interrupts in the CPU: hstatus.VTW is clear */
#define AXVM_EXTRA_SUSPENDED (1u << 2)   /* "suspended" is set */
#define AXVM_EXTRA_FP (1u << 3)          /* its FP registers are in the hardware, the host's in axvm_arch_cpu */
#define AXVM_EXTRA_VECTOR (1u << 4)      /* its vectors are, the host's in host_vector */
#define AXVM_EXTRA_COUNTERS (1u << 5)    /* it counts in the hardware: axvm_pmu_load() */
#define AXVM_EXTRA_MACHINE (1u << 6)     /* its CPU, VM or kind is one with something to switch that others have not: take_over() */
#define AXVM_EXTRA_ISELECT (1u << 7)     /* it reaches vsiselect, which only an exit has to save */

/* HAL: pcpu_id() is below this. */
#define AXVM_MAX_PCPUS 1024
/* Words of a set of harts; those with a number beyond it are not told apart. */
#define AXVM_HART_WORDS 4

struct axvm_cpu;
struct axvm_exit;
struct axvm_vcpu;
struct axvm_aplic;
struct axvm_imsic;
struct axvm_plic;
struct axvm_sbi_console;

struct axvm_arch_vcpu {
    uint64_t gpr[32];
    uint64_t host_sp, host_stvec, host_sscratch; /* the host's, while the vectors of the library are in place */

    uint64_t pc;
    uint64_t sstatus, hstatus; /* of HS-mode, to enter with: they say where the guest's privilege is */
    struct axvm_vs_regs vs;
    struct axvm_shared_regs shared;
    struct axvm_fp_regs fp;

    /* of the trap that left the fast tier */
    uint64_t cause, tval;
    uint8_t insn_len;

    struct axvm_cpu *cpu;         /* where it is loaded, or was last */
    struct axvm_cpu *resident_on; /* VS registers there are still these; NULL: they were changed in memory */
    struct axvm_cpu *last_cpu;    /* where its translations may be cached, and under which VMID */
    uint64_t last_vmid;
    _Atomic uint64_t hart;  /* of cpu */
    struct axvm_exit *exit; /* of the run that is going on */
    uint64_t ram_hint;      /* where the last guest page fault on RAM was */

    struct axvm_cpu *file_cpu;    /* whose guest interrupt file is this vCPU's; NULL: it has none */
    uint32_t file;                /* which */
    bool imsic;                   /* its VM's vCPUs have them */
    bool file_ready;              /* it holds this vCPU's state */
    _Atomic uint32_t file_fired;  /* it has signalled something while the vCPU was waiting in the host */

    _Atomic uint32_t external;    /* level of its interrupt line from the PLIC */
    _Atomic uint32_t posted;      /* AXVM_POSTED_*: what others want, looked at with AXVM_REQ_IRQ and on entry */
    uint32_t extra;               /* AXVM_EXTRA_* */
    _Atomic uint32_t suspended;   /* SBI hart_suspend: for hart_get_status */

    struct axvm_pmu pmu;
    struct axvm_sta sta;
    struct axvm_sse_hart sse;
    uint64_t henvcfg;     /* its VM's, and what it has chosen itself */
    uint32_t fwft_locked; /* bit per feature of FWFT */
    bool misaligned_done; /* FWFT: no misaligned access shall be the guest's to emulate */

    bool timer_armed; /* without Sstc: vs.vstimecmp is a deadline */
    bool loaded;      /* its VS registers are in the hardware: between switch_to_guest and switch_to_host */
    uint32_t vlenb;                                /* 0: the guest has no vectors */
    struct axvm_vector_regs *vector, *host_vector; /* the guest's; the host's while the guest's are in the hardware */
};

struct axvm_arch_vm {
    struct axvm_plic *plic; /* or */
    struct axvm_aplic *aplic;
    struct axvm_imsic *imsic; /* with an APLIC that sends MSIs */
    struct axvm_sbi_console *console;
    struct axvm_sse_vm sse;
    uint64_t hgatp_base; /* mode and root; the VMID is put in on entry */
    uint64_t htimedelta; /* one offset per VM */
    uint64_t paused_at;  /* the guest's clock while it stands */
    uint64_t henvcfg; /* of a vCPU that has been reset */
    uint64_t hedeleg;
    uint64_t hedeleg_fp; /* and while FP registers are loaded */
    uint64_t hstateen0;
    uint64_t timebase_hz;
    uint32_t vlenb;
    bool sstc;
    bool adue; /* guests may have A and D bits set by the CPU: henvcfg.ADUE */
    _Atomic uint64_t harts[AXVM_HART_WORDS]; /* where it has run: stage-2 translations may be cached there */
    _Atomic uint64_t stale[AXVM_HART_WORDS]; /* of those: which have to fence before they enter it again */
    _Atomic uint32_t far_harts;
    bool iselect;                      /* guests reach vsiselect */
    bool hvictl;                       /* there is hvictl */
    char *isa;                         /* what guests see as riscv,isa */
    size_t isa_size;
    uint8_t last_vcpu[AXVM_MAX_PCPUS]; /* id + 1 of who ran last on each CPU; see separate_vcpus() */
};

/* The guest interrupt files of a CPU: guest_file.c. */
#define AXVM_GUEST_FILES 63u
#define AXVM_GUEST_FILE_WORDS 32u
struct axvm_guest_files {
    struct axvm_lock lock; /* of owners, which other CPUs change */
    struct axvm_vcpu *owners[AXVM_GUEST_FILES + 1];
    uint32_t count;          /* files 1..count */
    uint32_t words;          /* of 64 identities each, in one */
    volatile uint8_t *pages; /* where the host sees file 0, the supervisor's own, and the others behind */
    uint64_t pages_hpa;
    uint64_t hgeie; /* the host's */
};

struct axvm_arch_cpu {
    /* the host's own, while a guest is loaded */
    uint64_t sstatus, hstatus;
    struct axvm_shared_regs shared;
    struct axvm_fp_regs fp;

    /* the host's, in registers that belong to guests while this CPU is enabled */
    struct axvm_vs_regs vs;
    uint64_t hedeleg, hideleg, hcounteren, henvcfg, htimedelta, hgatp, hstateen0;
    uint64_t hvien, hvictl, hviprio1, hviprio2;
    uint64_t hie; /* what hie holds while no guest is loaded */
    struct axvm_guest_files files;
    bool eager_vs; /* AXVM_CPU_HOST_USES_GUEST_REGS */

    /* what this CPU has, and how it is to be used */
    uint64_t hartid;
    uint64_t hart_bit; /* its place in a set of harts; 0: beyond those that are told apart */
    uint32_t hart_word;
    uint64_t timebase_hz;
    const char *isa;
    bool sstc, has_fp, has_cycle, has_instret, has_stateen, has_henvcfg, has_adue, has_aia, misaligned_traps;
    uint8_t vmid_bits;
    uint32_t vlenb;       /* 0: no vectors */
    uint64_t guest_hgatp; /* what hgatp holds for cpu->resident */
    bool (*take_kick)(void *ctx);
};

/* How the result of an emulated access gets into a register. */
enum axvm_mmio_dest { AXVM_DEST_GPR, AXVM_DEST_FP, AXVM_DEST_NONE };

struct axvm_arch_mmio {
    uint8_t dest;     /* enum axvm_mmio_dest */
    uint8_t reg;      /* x0: the value is dropped */
    bool sign_extend; /* also: to 64 bits, as LW does */
    uint8_t insn_len; /* 0: the program counter is beyond it already */
};

_Static_assert(offsetof(struct axvm_arch_vcpu, gpr) == VCPU_GPR, "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_arch_vcpu, host_sp) == VCPU_HOST_SP, "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_arch_vcpu, host_stvec) == VCPU_HOST_STVEC, "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_arch_vcpu, host_sscratch) == VCPU_HOST_SSCRATCH,
               "entry.S and struct axvm_arch_vcpu disagree");
_Static_assert(offsetof(struct axvm_vector_regs, vstart) == VECTOR_VSTART,
               "vector_regs.S and struct axvm_vector_regs disagree");
_Static_assert(offsetof(struct axvm_vector_regs, vcsr) == VECTOR_VCSR, "vector_regs.S and struct axvm_vector_regs disagree");
_Static_assert(offsetof(struct axvm_vector_regs, vl) == VECTOR_VL, "vector_regs.S and struct axvm_vector_regs disagree");
_Static_assert(offsetof(struct axvm_vector_regs, vtype) == VECTOR_VTYPE, "vector_regs.S and struct axvm_vector_regs disagree");
_Static_assert(offsetof(struct axvm_vector_regs, data) == VECTOR_DATA, "vector_regs.S and struct axvm_vector_regs disagree");
_Static_assert(offsetof(struct axvm_fp_regs, fcsr) == FP_FCSR, "fp_regs.S and struct axvm_fp_regs disagree");

#endif /* __ASSEMBLER__ */
#endif
