/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the PL011: DDI 0183, "Programmer's Model".
 *
 * CR.UARTEN, TXE and RXE are kept but stop nothing: guests are entered where firmware would have enabled the UART, and small
 * ones use it as they find it.
 */
#include <axvm/err.h>

#include "pl011_priv.h"

/* PeriphID0..3 and PCellID0..3: part 0x011, designer Arm, revision r1p1 (its FIFOs have 16 characters). */
static const uint8_t pl011_id[8] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

/* Outside of loopback there is a modem that is always ready. In loopback: "UARTCR", LBE, the outputs feed the inputs. */
static uint16_t modem_status(const struct axvm_pl011 *uart)
{
    uint16_t cr = uart->cr;

    if (!axvm_pl011_loops(uart))
        return PL011_FR_CTS | PL011_FR_DSR | PL011_FR_DCD;
    return (uint16_t)((cr & PL011_CR_RTS ? PL011_FR_CTS : 0) | (cr & PL011_CR_DTR ? PL011_FR_DSR : 0) |
                      (cr & PL011_CR_OUT1 ? PL011_FR_DCD : 0) | (cr & PL011_CR_OUT2 ? PL011_FR_RI : 0));
}

static void update_modem(struct axvm_pl011 *uart)
{
    uint16_t now = modem_status(uart);
    uint16_t changed = uart->modem ^ now;

    uart->modem = now;
    uart->ris |= (uint16_t)((changed & PL011_FR_RI ? PL011_INT_RI : 0) | (changed & PL011_FR_CTS ? PL011_INT_CTS : 0) |
                            (changed & PL011_FR_DCD ? PL011_INT_DCD : 0) | (changed & PL011_FR_DSR ? PL011_INT_DSR : 0));
}

void axvm_pl011_registers_reset(struct axvm_pl011 *uart)
{
    uart->cr = PL011_CR_TXE | PL011_CR_RXE;
    uart->lcr_h = uart->ibrd = 0;
    uart->fbrd = uart->ilpr = uart->dmacr = uart->rsr = 0;
    uart->ifls = PL011_IFLS_RESET;
    uart->imsc = uart->ris = 0;
    uart->modem = modem_status(uart);
}

static uint32_t flags(const struct axvm_pl011 *uart)
{
    uint32_t fr = uart->modem;

    if (uart->rx_count == 0)
        fr |= PL011_FR_RXFE;
    else if (uart->rx_count >= axvm_pl011_depth(uart))
        fr |= PL011_FR_RXFF;
    if (uart->tx_count == 0)
        fr |= PL011_FR_TXFE;
    else
        fr |= PL011_FR_BUSY | (uart->tx_count >= axvm_pl011_depth(uart) ? PL011_FR_TXFF : 0);
    return fr;
}

static uint32_t read_id(uint64_t off)
{
    return off >= PL011_PERIPH_ID0 && off <= PL011_PCELL_ID3 ? pl011_id[(off - PL011_PERIPH_ID0) / 4 & 7] : 0;
}

static uint32_t read_register(struct axvm_pl011 *uart, uint64_t off)
{
    switch (off) {
    case PL011_DR:
        return axvm_pl011_take(uart);
    case PL011_RSR:
        return uart->rsr;
    case PL011_FR:
        return flags(uart);
    case PL011_ILPR:
        return uart->ilpr;
    case PL011_IBRD:
        return uart->ibrd;
    case PL011_FBRD:
        return uart->fbrd;
    case PL011_LCR_H:
        return uart->lcr_h;
    case PL011_CR:
        return uart->cr;
    case PL011_IFLS:
        return uart->ifls;
    case PL011_IMSC:
        return uart->imsc;
    case PL011_RIS:
        return uart->ris;
    case PL011_MIS:
        return uart->ris & uart->imsc;
    case PL011_DMACR:
        return uart->dmacr;
    default:
        return read_id(off);
    }
}

static void write_lcr_h(struct axvm_pl011 *uart, uint8_t val)
{
    uint8_t was = (uint8_t)uart->lcr_h;

    uart->lcr_h = val;
    /* How drivers flush the FIFOs. */
    if ((was & PL011_LCR_FEN) && !(val & PL011_LCR_FEN)) {
        axvm_pl011_flush_rx(uart);
        uart->tx_count = uart->draining ? uart->tx_count : 0;
    }
    /* A break on our own line: a null character with BE, "UARTDR". */
    if (!(was & PL011_LCR_BRK) && (val & PL011_LCR_BRK) && axvm_pl011_loops(uart))
        axvm_pl011_arrive(uart, PL011_DR_BE);
    axvm_pl011_refill(uart);
}

static void write_cr(struct axvm_pl011 *uart, uint16_t val)
{
    uart->cr = val & PL011_CR_BITS;
    update_modem(uart);
    axvm_pl011_refill(uart);
}

static void write_register(struct axvm_pl011 *uart, uint64_t off, uint32_t val)
{
    switch (off) {
    case PL011_DR:
        axvm_pl011_send(uart, (uint8_t)val);
        break;
    case PL011_RSR:
        uart->rsr = 0;
        break;
    case PL011_ILPR:
        uart->ilpr = (uint8_t)val;
        break;
    case PL011_IBRD:
        uart->ibrd = (uint16_t)val;
        break;
    case PL011_FBRD:
        uart->fbrd = val & 0x3f;
        break;
    case PL011_LCR_H:
        write_lcr_h(uart, (uint8_t)val);
        break;
    case PL011_CR:
        write_cr(uart, (uint16_t)val);
        break;
    case PL011_IFLS:
        uart->ifls = val & 0x3f;
        break;
    case PL011_IMSC:
        uart->imsc = val & PL011_INT_BITS;
        break;
    case PL011_ICR:
        uart->ris &= (uint16_t)~val;
        break;
    case PL011_DMACR:
        uart->dmacr = val & 7;
        break;
    default: /* read-only, or not there */
        break;
    }
    axvm_pl011_update_irq(uart);
}

/*
 * Registers are 32 bits apart, and the bus does not tell the UART which bytes are meant: a narrow read gets its bytes of the
 * register, a narrow write that does not begin at the register has no effect, a wide access is two. Unaligned ones do not get
 * through a bus.
 */
static bool is_aligned(const struct axvm_access *acc)
{
    return (acc->off & (acc->size - 1u)) == 0;
}

/* The transmit FIFO has something that the back end may take by now. */
static bool is_stuck(const struct axvm_pl011 *uart)
{
    return uart->tx_count != 0 && !uart->draining;
}

void axvm_pl011_unlock(struct axvm_pl011 *uart, unsigned long irqs)
{
    atomic_store_explicit(&uart->fr, is_stuck(uart) ? PL011_FR_STUCK : flags(uart), memory_order_relaxed);
    axvm_device_unlock(&uart->dev, irqs);
}

static int read_locked(struct axvm_pl011 *uart, struct axvm_access *acc)
{
    uint64_t reg = acc->off & ~UINT64_C(3);
    unsigned long irqs;
    uint64_t val;

    if (!is_aligned(acc))
        return AXVM_ERR_GUEST;
    /* A guest that waits for room makes it. */
    if (reg == PL011_FR && acc->may_call_host)
        axvm_pl011_drain(uart);
    irqs = axvm_pl011_lock(uart);
    if (reg == PL011_FR && !acc->may_call_host && is_stuck(uart)) {
        axvm_pl011_unlock(uart, irqs);
        return AXVM_ERR_AGAIN;
    }
    val = read_register(uart, reg);
    if (acc->size == 8)
        val |= (uint64_t)read_register(uart, reg + 4) << 32;
    axvm_pl011_unlock(uart, irqs);
    acc->val = val >> 8 * (acc->off & 3);
    if (acc->size < 4)
        acc->val &= (1u << 8 * acc->size) - 1;
    return AXVM_OK;
}

int axvm_pl011_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;
    uint32_t fr;

    if (acc->off == PL011_FR && acc->size == 4) {
        fr = atomic_load_explicit(&uart->fr, memory_order_relaxed);
        if (fr != PL011_FR_STUCK) {
            acc->val = fr;
            return AXVM_OK;
        }
    }
    return read_locked(uart, acc);
}

int axvm_pl011_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;
    bool sends = acc->off == PL011_DR && uart->out.write;
    unsigned long irqs;

    if (!is_aligned(acc))
        return AXVM_ERR_GUEST;
    if (acc->off & 3)
        return AXVM_OK;
    if (sends && !acc->may_call_host)
        return AXVM_ERR_AGAIN;
    /* What could not be sent before goes first, and makes room. */
    if (sends)
        axvm_pl011_drain(uart);
    irqs = axvm_pl011_lock(uart);
    write_register(uart, acc->off, (uint32_t)acc->val);
    if (acc->size == 8)
        write_register(uart, acc->off + 4, (uint32_t)(acc->val >> 32));
    axvm_pl011_unlock(uart, irqs);
    if (sends)
        axvm_pl011_drain(uart);
    return AXVM_OK;
}
