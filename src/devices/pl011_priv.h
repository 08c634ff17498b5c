/* SPDX-License-Identifier: BSD-2-Clause */
/* State of a PL011. pl011.c has its registers, pl011_fifo.c what goes through it, pl011_device.c its place in a VM. */
#ifndef AXVM_DEVICES_PL011_PRIV_H
#define AXVM_DEVICES_PL011_PRIV_H

#include <axvm/config.h>
#include <axvm/device.h>
#include <axvm/pl011.h>
#include <stdatomic.h>

#include "pl011_regs.h"

/* What the host has sent and the receive FIFO has no room for yet. A power of two. */
#define PL011_BACKLOG 1024u

/*
 * The device's lock guards all of it but @ref out, which does not change. It is not held while the back end is called, which
 * may sleep; @ref draining says who calls it, so that bytes keep their order.
 */
struct axvm_pl011 {
    struct axvm_device dev;
    struct axvm_irq_line line;
    struct axvm_chardev out;

    uint16_t cr, lcr_h, ibrd;
    uint8_t fbrd, ilpr, ifls, dmacr, rsr;
    uint16_t imsc, ris;
    uint16_t modem; /* FR's modem status bits */
    /* FR as of the last axvm_pl011_unlock(), which guests poll, so it is read without the lock; or PL011_FR_STUCK. */
    _Atomic uint32_t fr;

    uint16_t rx[PL011_FIFO_DEPTH]; /* a ring; characters with their error flags, as DR shows them */
    uint8_t rx_first, rx_count;
    bool overrun;                 /* the next character to get into the FIFO says that some before it did not */
    uint8_t tx[PL011_FIFO_DEPTH]; /* a ring; only what the back end has not yet taken */
    uint8_t tx_first, tx_count;
    bool draining;
    uint64_t dropped; /* characters written to a full transmit FIFO */

    uint8_t backlog[PL011_BACKLOG]; /* a ring */
    uint32_t backlog_first, backlog_count;
};

/* Not a bit of the register: the transmit FIFO waits for a back end that was full, and reading FR is what tries again. */
#define PL011_FR_STUCK (1u << 31)

static inline unsigned long axvm_pl011_lock(struct axvm_pl011 *uart)
{
    return axvm_device_lock(&uart->dev);
}

void axvm_pl011_unlock(struct axvm_pl011 *uart, unsigned long irqs);

/* All with the lock held, unless they say otherwise. */

static inline bool axvm_pl011_loops(const struct axvm_pl011 *uart)
{
    return (uart->cr & PL011_CR_LBE) != 0;
}

/* Characters that the FIFOs hold: without FEN they are one-character holding registers. */
static inline unsigned int axvm_pl011_depth(const struct axvm_pl011 *uart)
{
    return uart->lcr_h & PL011_LCR_FEN ? PL011_FIFO_DEPTH : 1;
}

/* The interrupt line follows the masked status. */
static inline void axvm_pl011_update_irq(struct axvm_pl011 *uart)
{
    axvm_irq_line_set(&uart->line, (uart->ris & uart->imsc) != 0);
}

/* A character with its error flags arrives at the receiver. */
void axvm_pl011_arrive(struct axvm_pl011 *uart, uint16_t ch);
/* What DR reads. */
uint16_t axvm_pl011_take(struct axvm_pl011 *uart);
/* Drop what the receive FIFO holds. */
void axvm_pl011_flush_rx(struct axvm_pl011 *uart);
/* Characters of the backlog move up as far as there is room. */
void axvm_pl011_refill(struct axvm_pl011 *uart);
/* A character for the transmitter. */
void axvm_pl011_send(struct axvm_pl011 *uart, uint8_t ch);
/* Without the lock, where the host may be called: offer the back end what the transmit FIFO holds. */
void axvm_pl011_drain(struct axvm_pl011 *uart);

void axvm_pl011_registers_reset(struct axvm_pl011 *uart);
int axvm_pl011_read(struct axvm_device *dev, struct axvm_access *acc);
int axvm_pl011_write(struct axvm_device *dev, struct axvm_access *acc);

#endif
