/* SPDX-License-Identifier: BSD-2-Clause */
/* State and registers of a 16550A: PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs, "Registers". ns16550.c has the
 * registers and FIFOs, ns16550_device.c its place in a VM. */
#ifndef AXVM_DEVICES_NS16550_PRIV_H
#define AXVM_DEVICES_NS16550_PRIV_H

#include <axvm/config.h>
#include <axvm/device.h>
#include <axvm/ns16550.h>
#include <stdatomic.h>

#define NS16550_FIFO_DEPTH 16u
/* What the host has sent and the receive FIFO has no room for yet. A power of two. */
#define NS16550_BACKLOG 1024u

enum ns16550_reg {
    NS16550_RBR = 0, /* read; written: THR; with DLAB: DLL */
    NS16550_IER = 1, /* with DLAB: DLM */
    NS16550_IIR = 2, /* read; written: FCR */
    NS16550_LCR = 3,
    NS16550_MCR = 4,
    NS16550_LSR = 5,
    NS16550_MSR = 6,
    NS16550_SCR = 7,
};

#define NS16550_IER_RX 0x01u
#define NS16550_IER_TX 0x02u
#define NS16550_IER_LINE 0x04u
#define NS16550_IER_MODEM 0x08u
#define NS16550_IER_BITS 0x0fu

/* IIR [3:0], in order of priority; [7:6]: the FIFOs are on. */
enum ns16550_iir {
    NS16550_IIR_LINE = 0x06,
    NS16550_IIR_RX = 0x04,
    NS16550_IIR_TIMEOUT = 0x0c,
    NS16550_IIR_TX = 0x02,
    NS16550_IIR_MODEM = 0x00,
    NS16550_IIR_NONE = 0x01,
};
#define NS16550_IIR_FIFOS 0xc0u

#define NS16550_FCR_ENABLE 0x01u
#define NS16550_FCR_CLEAR_RX 0x02u
#define NS16550_FCR_CLEAR_TX 0x04u
#define NS16550_FCR_BITS 0xc9u /* what stays */

#define NS16550_LCR_BREAK 0x40u
#define NS16550_LCR_DLAB 0x80u

#define NS16550_MCR_DTR 0x01u
#define NS16550_MCR_RTS 0x02u
#define NS16550_MCR_OUT1 0x04u
#define NS16550_MCR_OUT2 0x08u
#define NS16550_MCR_LOOP 0x10u
#define NS16550_MCR_BITS 0x1fu

#define NS16550_LSR_DR 0x01u
#define NS16550_LSR_OE 0x02u
#define NS16550_LSR_BI 0x10u
#define NS16550_LSR_THRE 0x20u
#define NS16550_LSR_TEMT 0x40u
#define NS16550_LSR_ERRORS (NS16550_LSR_OE | NS16550_LSR_BI)
/* In struct axvm_ns16550.lsr: reading it does something, look at the rest of the state. */
#define NS16550_LSR_LOOK 0x100u

/* MSR [7:4] are the inputs, [3:0] say which have changed. */
#define NS16550_MSR_CTS 0x10u
#define NS16550_MSR_DSR 0x20u
#define NS16550_MSR_RI 0x40u
#define NS16550_MSR_DCD 0x80u
#define NS16550_MSR_TERI 0x04u

/*
 * The device's lock guards all of it but @ref out, which does not change. It is not held while the back end is called, which may
 * sleep; @ref draining says who calls it, so that bytes keep their order.
 */
struct axvm_ns16550 {
    struct axvm_device dev;
    struct axvm_irq_line line;
    struct axvm_chardev out;

    _Atomic uint32_t lsr; /* what reading LSR gives, for readers without the lock; axvm_ns16550_update_irq() writes it */
    uint8_t ier, fcr, lcr, mcr, lsr_errors, msr, scr, dll, dlm;
    bool tx_pending; /* the transmitter-empty interrupt: neither seen in IIR yet nor answered by a character */

    uint8_t rx[NS16550_FIFO_DEPTH]; /* rings */
    uint8_t tx[NS16550_FIFO_DEPTH];
    uint8_t rx_first, rx_count, tx_first, tx_count;
    bool draining;
    uint64_t dropped; /* characters written to a full transmit FIFO */

    uint8_t backlog[NS16550_BACKLOG];
    uint32_t backlog_first, backlog_count;
};

/* All with the lock held, unless they say otherwise. */
void axvm_ns16550_registers_reset(struct axvm_ns16550 *uart);
void axvm_ns16550_update_irq(struct axvm_ns16550 *uart);
/* Characters of the backlog move up as far as there is room. */
void axvm_ns16550_refill(struct axvm_ns16550 *uart);
/* Without the lock, where the host may be called: offer the back end what the transmit FIFO holds. */
void axvm_ns16550_drain(struct axvm_ns16550 *uart);
int axvm_ns16550_read(struct axvm_device *dev, struct axvm_access *acc);
int axvm_ns16550_write(struct axvm_device *dev, struct axvm_access *acc);

#endif
