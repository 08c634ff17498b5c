/* SPDX-License-Identifier: BSD-2-Clause */
/* State of the GICv3 model. Everything is guarded by axvm_vgic.lock but for what is constant after axvm_vgic_init(). */
#ifndef AXVM_AARCH64_VGIC_TYPES_H
#define AXVM_AARCH64_VGIC_TYPES_H

#include <axvm/config.h>
#include <axvm/device.h>

#include "lock.h"

#define AXVM_VGIC_SPI_BASE 32u
#define AXVM_VGIC_INTID_END 1020u /* SPIs are 32..1019 */
#define AXVM_VGIC_WORDS 32u       /* of 32 interrupts; word 0 is private to a vCPU */

/*
 * 32 interrupts; bit n of each word is interrupt n of them. An interrupt is in one of two places: in a list register, which
 * then has its state (in_lr, soft), or only here (latch, line, active).
 */
struct axvm_vgic_bank {
    uint32_t enabled, group, edge; /* configuration: enabled; group 1; edge-triggered */
    uint32_t live;                 /* enabled, and so is its group in GICD_CTLR; follows those */
    uint32_t latch;  /* pending, by an edge, an SGI, a forwarded interrupt or ISPENDR; not (yet) passed on to a list register */
    uint32_t line;   /* level of the input */
    uint32_t active; /* active, and in no list register */
    uint32_t hw;     /* its physical interrupt is active, waiting for the guest, and no list register has it by its HW bit */
    uint32_t in_lr;
    uint32_t soft;  /* in_lr, pending there: @latch made it so, and it stays so when the line falls */
    uint32_t bound; /* comes from a physical interrupt */
    uint32_t claimed;
    uint32_t edge_reset; /* @edge after a reset */
    /* What a guest has written about interrupts in list registers that were out of reach; see axvm_vgic_settle(). */
    uint32_t do_unpend, do_deact, do_act;
    uint8_t prio[32];
};

/* The tables of shared interrupts. */
struct axvm_vgic_spis {
    struct axvm_vgic_bank bank[AXVM_VGIC_WORDS]; /* by INTID / 32; the first is not used */
    /* By INTID - 32. Aff2.Aff1.Aff0 as the guest wrote it in [23:0]; which vCPU that is in [31:24], or AXVM_VGIC_NOBODY. */
    uint32_t route[AXVM_VGIC_INTID_END - AXVM_VGIC_SPI_BASE];
    /* The vCPU that has it in a list register or in which it is active, if it is either. */
    uint8_t home[AXVM_VGIC_INTID_END - AXVM_VGIC_SPI_BASE];
};

#define AXVM_VGIC_NOBODY 0xffu

struct axvm_vgic_binding {
    uint16_t host, intid;
};

/* Redistributors of vCPUs 0..AXVM_VGIC_REGION0_FRAMES - 1 are in the first region, those of the others in the second. */
struct axvm_vgic_region {
    uint64_t base, size;
};

struct axvm_vgic {
    struct axvm_lock lock;
    struct axvm_vgic_spis *spis; /* NULL: the VM has no interrupt controller */
    uint32_t group0, group1;     /* all ones where GICD_CTLR enables the group, otherwise 0 */
    uint32_t rwp_count;          /* vCPUs that have yet to carry out a write of GICD_ICENABLER or GICD_CTLR */
    uint32_t rwp_mark;           /* AXVM_VGIC_RWP_* of the write being carried out */
    struct axvm_vcpu *caller;    /* while the lock is held: whose list registers this CPU's hardware has, or NULL */
    uint64_t gicd_base;
    struct axvm_vgic_region regions[2];
    struct axvm_device gicd, gicr;
    struct axvm_vgic_binding bindings[AXVM_MAX_PASSTHROUGH];
    uint32_t binding_count;
};

struct axvm_vgic_cpu {
    struct axvm_vgic_bank bank; /* SGIs and PPIs */
    uint64_t lr[16];            /* loaded: as last seen in the hardware or written to it; otherwise exact */
    uint32_t used;              /* list registers that hold an interrupt, or held one when we last looked */
    uint32_t dirty;             /* lr[] that have to be written to the hardware */
    uint32_t lr_mask;           /* list registers of the CPU it was loaded on last */
    uint32_t refill;            /* @ready has changed: choose again what is in list registers */
    uint32_t hcr;               /* ICH_HCR_EL2 as last written, without EOIcount; 0 when not loaded */
    uint32_t vmcr;              /* as of the last axvm_vgic_put() */
    /* Interrupts for this vCPU that could be signalled and are in no list register; bit n of ready_words: word n is not 0. */
    uint32_t ready[AXVM_VGIC_WORDS];
    uint32_t ready_words;
    uint32_t sync;       /* AXVM_VGIC_SYNC_*: what its list registers do not show yet */
    uint32_t active_out; /* how many are active in no list register of this vCPU */
    uint32_t ap0r[4], ap1r[4];
    uint16_t ppi_host[16]; /* INTID 16 + n: the physical interrupt of the last axvm_vgic_forward_ppi() */
    uint8_t lr_of[32];     /* of private interrupts in_lr: which list register */
    uint8_t prebits;       /* of the CPU it was loaded on last */
    uint8_t rwp;           /* AXVM_VGIC_RWP_* that wait for it */
    bool loaded;
    bool reload; /* the hardware has not what is here, whoever was resident */
    bool awake;  /* GICR_WAKER.ProcessorSleep is clear */
    bool tdir;   /* the CPU it was loaded on last has ICH_HCR.TDIR */
    bool inited;
};

#endif
