/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes through a PL011: DDI 0183, "Operation" and "Interrupts". */
#include "pl011_priv.h"

/* Rounds of one drain: other vCPUs that go on writing must not keep this one in it. */
#define DRAIN_ROUNDS 1024u

/* Characters that make a trigger level: UARTIFLS, one eighth to seven eighths. Reserved encodings are as after reset. */
static unsigned int trigger_level(unsigned int select)
{
    static const uint8_t levels[8] = { 2, 4, 8, 12, 14, 8, 8, 8 };

    return levels[select & 7];
}

/* ---- receiving ---- */

static unsigned int rx_trigger(const struct axvm_pl011 *uart)
{
    return uart->lcr_h & PL011_LCR_FEN ? trigger_level(uart->ifls >> 3) : 1;
}

static void store(struct axvm_pl011 *uart, uint16_t ch)
{
    if (uart->overrun) {
        ch |= PL011_DR_OE;
        uart->overrun = false;
    }
    uart->rx[(uart->rx_first + uart->rx_count) % PL011_FIFO_DEPTH] = ch;
    uart->rx_count++;
    if (uart->rx_count >= rx_trigger(uart))
        uart->ris |= PL011_INT_RX;
    /* The timeout is 32 bit periods without a further character. Characters come in bunches and take no time here, so the line
     * is silent after each. */
    if (uart->lcr_h & PL011_LCR_FEN)
        uart->ris |= PL011_INT_RT;
    /* FE, PE, BE are bits [10:8] of the character, and bits [9:7] of the interrupts. */
    uart->ris |= (ch & (PL011_DR_FE | PL011_DR_PE | PL011_DR_BE)) >> 1;
}

void axvm_pl011_arrive(struct axvm_pl011 *uart, uint16_t ch)
{
    if (uart->rx_count < axvm_pl011_depth(uart)) {
        store(uart, ch);
        return;
    }
    uart->overrun = true;
    uart->rsr |= PL011_RSR_OE;
    uart->ris |= PL011_INT_OE;
}

void axvm_pl011_refill(struct axvm_pl011 *uart)
{
    /* In loopback the receiver hears the transmitter, and not the line. */
    while (uart->backlog_count != 0 && uart->rx_count < axvm_pl011_depth(uart) && !axvm_pl011_loops(uart)) {
        store(uart, uart->backlog[uart->backlog_first]);
        uart->backlog_first = (uart->backlog_first + 1) % PL011_BACKLOG;
        uart->backlog_count--;
    }
}

static void clear_rx_interrupts(struct axvm_pl011 *uart)
{
    if (uart->rx_count < rx_trigger(uart))
        uart->ris &= (uint16_t)~PL011_INT_RX;
    if (uart->rx_count == 0)
        uart->ris &= (uint16_t)~PL011_INT_RT;
}

uint16_t axvm_pl011_take(struct axvm_pl011 *uart)
{
    uint16_t ch;

    if (uart->rx_count == 0)
        return 0;
    ch = uart->rx[uart->rx_first];
    uart->rx_first = (uint8_t)((uart->rx_first + 1) % PL011_FIFO_DEPTH);
    uart->rx_count--;
    /* "Status information for overrun is set immediately": it stays, the others belong to the character read last. */
    uart->rsr = (uint8_t)((uart->rsr & PL011_RSR_OE) | ch >> PL011_DR_ERRORS_SHIFT);
    clear_rx_interrupts(uart);
    /* What is left waits again, also when the guest has cleared the interrupt before it read. */
    if (uart->rx_count != 0 && (uart->lcr_h & PL011_LCR_FEN))
        uart->ris |= PL011_INT_RT;
    axvm_pl011_refill(uart);
    axvm_pl011_update_irq(uart);
    return ch;
}

void axvm_pl011_flush_rx(struct axvm_pl011 *uart)
{
    uart->rx_count = 0;
    clear_rx_interrupts(uart);
}

/* ---- sending ---- */

static unsigned int tx_trigger(const struct axvm_pl011 *uart)
{
    return uart->lcr_h & PL011_LCR_FEN ? trigger_level(uart->ifls) : 0;
}

/* The FIFO has become emptier: through the trigger level, from above. A back end that takes all makes even a single character
 * do that, and drivers that send one and then wait for the interrupt rely on it. */
static void sent(struct axvm_pl011 *uart)
{
    if (uart->tx_count <= tx_trigger(uart))
        uart->ris |= PL011_INT_TX;
    axvm_pl011_update_irq(uart);
}

static void queue(struct axvm_pl011 *uart, uint8_t ch)
{
    if (uart->tx_count >= axvm_pl011_depth(uart)) {
        uart->dropped++;
        return;
    }
    uart->tx[(uart->tx_first + uart->tx_count) % PL011_FIFO_DEPTH] = ch;
    uart->tx_count++;
    if (uart->tx_count > tx_trigger(uart)) {
        uart->ris &= (uint16_t)~PL011_INT_TX;
        axvm_pl011_update_irq(uart);
    }
}

void axvm_pl011_send(struct axvm_pl011 *uart, uint8_t ch)
{
    if (uart->out.write && !axvm_pl011_loops(uart)) {
        queue(uart, ch);
        return;
    }
    if (axvm_pl011_loops(uart))
        axvm_pl011_arrive(uart, ch);
    sent(uart);
}

static unsigned int peek(const struct axvm_pl011 *uart, uint8_t *buf)
{
    for (unsigned int i = 0; i < uart->tx_count; i++)
        buf[i] = uart->tx[(uart->tx_first + i) % PL011_FIFO_DEPTH];
    return uart->tx_count;
}

static void remove_sent(struct axvm_pl011 *uart, size_t count)
{
    uart->tx_first = (uint8_t)((uart->tx_first + count) % PL011_FIFO_DEPTH);
    uart->tx_count = (uint8_t)(uart->tx_count - count);
    sent(uart);
}

void axvm_pl011_drain(struct axvm_pl011 *uart)
{
    uint8_t buf[PL011_FIFO_DEPTH];
    unsigned long flags = axvm_pl011_lock(uart);

    if (uart->draining || !uart->out.write) {
        axvm_pl011_unlock(uart, flags);
        return;
    }
    uart->draining = true;
    for (unsigned int round = 0; round < DRAIN_ROUNDS && uart->tx_count != 0; round++) {
        unsigned int count = peek(uart, buf);
        size_t taken;

        axvm_pl011_unlock(uart, flags);
        taken = uart->out.write(uart->out.ctx, buf, count);
        flags = axvm_pl011_lock(uart);
        if (taken == 0)
            break;
        /* A back end that claims more than it was given. */
        remove_sent(uart, taken < count ? taken : count);
    }
    uart->draining = false;
    axvm_pl011_unlock(uart, flags);
}
