/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor-level interrupt files of incoming MSI controllers, one for each hart: RISC-V Advanced Interrupt
 * Architecture 1.0, "Incoming MSI Controller". The page of hart n is at base + n * 4 KiB; the registers behind siselect and
 * sireg, and stopei, are for the owner to call, who sees the hart's instructions.
 */
#ifndef AXVM_DEVICES_IMSIC_H
#define AXVM_DEVICES_IMSIC_H

#include <axvm/device.h>

/* Interrupt identities are 1..AXVM_IMSIC_IDS. */
#define AXVM_IMSIC_IDS 255u
#define AXVM_IMSIC_WORDS ((AXVM_IMSIC_IDS + 1) / 64)

/* Registers behind siselect and sireg. RV64 has the even ones of the arrays only. */
#define AXVM_IMSIC_EIDELIVERY 0x70u
#define AXVM_IMSIC_EITHRESHOLD 0x72u
#define AXVM_IMSIC_EIP 0x80u
#define AXVM_IMSIC_EIE 0xc0u
#define AXVM_IMSIC_END 0x100u

struct axvm_imsic;

/** What an interrupt file holds. */
struct axvm_imsic_state {
    uint64_t eip[AXVM_IMSIC_WORDS], eie[AXVM_IMSIC_WORDS];
    uint32_t eidelivery, eithreshold;
};

struct axvm_imsic_config {
    uint64_t base;
    uint32_t harts;
    /** The signal to @p hart has changed. The file's lock is held, interrupts are off, perhaps in the fast tier. */
    void (*output)(void *arg, uint32_t hart, bool level);
    /** An MSI for a hart whose file is elsewhere: axvm_imsic_divert(). Likewise. */
    void (*diverted)(void *arg, uint32_t hart, uint32_t id);
    void *arg;
    int (*describe)(struct axvm_device *dev, void *fdt); /**< As in struct axvm_device_ops. */
};

/** Make them in memory of the VM, attach them. Errors as axvm_device_attach(), AXVM_ERR_NOMEM. */
int axvm_imsic_create(struct axvm *vm, const struct axvm_imsic_config *cfg, struct axvm_imsic **out);
struct axvm_device *axvm_imsic_device(struct axvm_imsic *imsic);

/** An MSI has come for @p hart, which there is; an identity that there is not is ignored. Any context. */
void axvm_imsic_send(struct axvm_imsic *imsic, uint32_t hart, uint32_t id);

/** From now on, until a reset, the file of @p hart is the owner's: what it holds moves to *state, and MSIs that come here go
 * there. */
void axvm_imsic_divert(struct axvm_imsic *imsic, uint32_t hart, struct axvm_imsic_state *state);

/**
 * A register of @p hart's file, AXVM_IMSIC_EIDELIVERY..AXVM_IMSIC_END - 1, as one instruction reads and changes it: *old is
 * what it was, and it becomes what it was with the bits of @p clear cleared and then those of @p set set. False: there is no
 * such register.
 */
bool axvm_imsic_register(struct axvm_imsic *imsic, uint32_t hart, uint32_t reg, uint64_t clear, uint64_t set, uint64_t *old);
/** stopei; @p claim: it is written, too. */
uint32_t axvm_imsic_topei(struct axvm_imsic *imsic, uint32_t hart, bool claim);

#endif
