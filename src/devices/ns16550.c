/* SPDX-License-Identifier: BSD-2-Clause */
#include <axvm/err.h>

#include "ns16550_priv.h"

/* Rounds of one drain: other vCPUs that go on writing must not keep this one in it. */
#define DRAIN_ROUNDS 1024u

static bool loops(const struct axvm_ns16550 *uart)
{
    return (uart->mcr & NS16550_MCR_LOOP) != 0;
}

/* Without FIFOs there are one-character holding registers. */
static unsigned int depth(const struct axvm_ns16550 *uart)
{
    return uart->fcr & NS16550_FCR_ENABLE ? NS16550_FIFO_DEPTH : 1;
}

static unsigned int rx_trigger(const struct axvm_ns16550 *uart)
{
    static const uint8_t levels[4] = { 1, 4, 8, 14 };

    return uart->fcr & NS16550_FCR_ENABLE ? levels[uart->fcr >> 6 & 3] : 1;
}

/* ---- interrupts: "Interrupt Identification Register" ---- */

static enum ns16550_iir highest(const struct axvm_ns16550 *uart)
{
    if ((uart->ier & NS16550_IER_LINE) && uart->lsr_errors != 0)
        return NS16550_IIR_LINE;
    if ((uart->ier & NS16550_IER_RX) && uart->rx_count >= rx_trigger(uart))
        return NS16550_IIR_RX;
    /* Characters come in bunches and take no time here, so the line is silent after each: the timeout is at once. */
    if ((uart->ier & NS16550_IER_RX) && uart->rx_count != 0)
        return NS16550_IIR_TIMEOUT;
    if ((uart->ier & NS16550_IER_TX) && uart->tx_pending)
        return NS16550_IIR_TX;
    if ((uart->ier & NS16550_IER_MODEM) && (uart->msr & 0x0f))
        return NS16550_IIR_MODEM;
    return NS16550_IIR_NONE;
}

static uint32_t idle_lsr(const struct axvm_ns16550 *uart)
{
    if (uart->lsr_errors != 0 || uart->tx_count != 0)
        return NS16550_LSR_LOOK;
    return NS16550_LSR_THRE | NS16550_LSR_TEMT | (uart->rx_count != 0 ? NS16550_LSR_DR : 0);
}

void axvm_ns16550_update_irq(struct axvm_ns16550 *uart)
{
    atomic_store_explicit(&uart->lsr, idle_lsr(uart), memory_order_relaxed);
    axvm_irq_line_set(&uart->line, highest(uart) != NS16550_IIR_NONE);
}

/* ---- modem lines ---- */

/* Outside of loopback there is a modem that is always ready; in loopback the outputs feed the inputs. */
static uint8_t modem_inputs(const struct axvm_ns16550 *uart)
{
    uint8_t mcr = uart->mcr;

    if (!loops(uart))
        return NS16550_MSR_CTS | NS16550_MSR_DSR | NS16550_MSR_DCD;
    return (uint8_t)((mcr & NS16550_MCR_RTS ? NS16550_MSR_CTS : 0) | (mcr & NS16550_MCR_DTR ? NS16550_MSR_DSR : 0) |
                     (mcr & NS16550_MCR_OUT1 ? NS16550_MSR_RI : 0) | (mcr & NS16550_MCR_OUT2 ? NS16550_MSR_DCD : 0));
}

static void update_modem(struct axvm_ns16550 *uart)
{
    uint8_t now = modem_inputs(uart);
    uint8_t changed = (uint8_t)((uart->msr ^ now) & 0xf0);

    /* The ring indicator reports its trailing edge only. */
    if (now & NS16550_MSR_RI)
        changed &= (uint8_t)~NS16550_MSR_RI;
    uart->msr = (uint8_t)(now | (uart->msr & 0x0f) | changed >> 4);
}

void axvm_ns16550_registers_reset(struct axvm_ns16550 *uart)
{
    uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->lsr_errors = uart->scr = 0;
    uart->dll = 12; /* 9600 baud of the PC's clock; any but 0 */
    uart->dlm = 0;
    uart->msr = modem_inputs(uart);
    uart->tx_pending = false;
}

/* ---- receiving ---- */

static void arrive(struct axvm_ns16550 *uart, uint8_t ch)
{
    if (uart->rx_count >= depth(uart)) {
        uart->lsr_errors |= NS16550_LSR_OE;
        return;
    }
    uart->rx[(uart->rx_first + uart->rx_count) % NS16550_FIFO_DEPTH] = ch;
    uart->rx_count++;
}

void axvm_ns16550_refill(struct axvm_ns16550 *uart)
{
    while (uart->backlog_count != 0 && uart->rx_count < depth(uart) && !loops(uart)) {
        arrive(uart, uart->backlog[uart->backlog_first]);
        uart->backlog_first = (uart->backlog_first + 1) % NS16550_BACKLOG;
        uart->backlog_count--;
    }
}

static uint8_t take(struct axvm_ns16550 *uart)
{
    uint8_t ch;

    if (uart->rx_count == 0)
        return 0;
    ch = uart->rx[uart->rx_first];
    uart->rx_first = (uint8_t)((uart->rx_first + 1) % NS16550_FIFO_DEPTH);
    uart->rx_count--;
    axvm_ns16550_refill(uart);
    return ch;
}

/* ---- sending ---- */

static void send(struct axvm_ns16550 *uart, uint8_t ch)
{
    uart->tx_pending = false;
    if (loops(uart))
        arrive(uart, ch);
    if (loops(uart) || !uart->out.write) {
        uart->tx_pending = true;
    } else if (uart->tx_count >= depth(uart)) {
        uart->dropped++;
    } else {
        uart->tx[(uart->tx_first + uart->tx_count) % NS16550_FIFO_DEPTH] = ch;
        uart->tx_count++;
    }
}

static void remove_sent(struct axvm_ns16550 *uart, size_t count)
{
    uart->tx_first = (uint8_t)((uart->tx_first + count) % NS16550_FIFO_DEPTH);
    uart->tx_count = (uint8_t)(uart->tx_count - count);
    if (uart->tx_count == 0)
        uart->tx_pending = true;
    axvm_ns16550_update_irq(uart);
}

void axvm_ns16550_drain(struct axvm_ns16550 *uart)
{
    uint8_t buf[NS16550_FIFO_DEPTH];
    unsigned long flags = axvm_device_lock(&uart->dev);

    if (uart->draining || !uart->out.write) {
        axvm_device_unlock(&uart->dev, flags);
        return;
    }
    uart->draining = true;
    for (unsigned int round = 0; round < DRAIN_ROUNDS && uart->tx_count != 0; round++) {
        unsigned int count = uart->tx_count;
        size_t taken;

        for (unsigned int i = 0; i < count; i++)
            buf[i] = uart->tx[(uart->tx_first + i) % NS16550_FIFO_DEPTH];
        axvm_device_unlock(&uart->dev, flags);
        taken = uart->out.write(uart->out.ctx, buf, count);
        flags = axvm_device_lock(&uart->dev);
        if (taken == 0)
            break;
        /* A back end that claims more than it was given. */
        remove_sent(uart, taken < count ? taken : count);
    }
    uart->draining = false;
    axvm_device_unlock(&uart->dev, flags);
}

/* ---- registers ---- */

static uint8_t read_iir(struct axvm_ns16550 *uart)
{
    enum ns16550_iir iir = highest(uart);

    /* Reading it is one of the two ways to end this interrupt. */
    if (iir == NS16550_IIR_TX)
        uart->tx_pending = false;
    return (uint8_t)(iir | (uart->fcr & NS16550_FCR_ENABLE ? NS16550_IIR_FIFOS : 0));
}

static uint8_t read_lsr(struct axvm_ns16550 *uart)
{
    uint8_t lsr = uart->lsr_errors;

    uart->lsr_errors = 0;
    lsr |= uart->rx_count != 0 ? NS16550_LSR_DR : 0;
    return (uint8_t)(lsr | (uart->tx_count == 0 ? NS16550_LSR_THRE | NS16550_LSR_TEMT : 0));
}

static uint8_t read_msr(struct axvm_ns16550 *uart)
{
    uint8_t msr = uart->msr;

    uart->msr &= 0xf0;
    return msr;
}

static uint8_t read_register(struct axvm_ns16550 *uart, uint64_t reg)
{
    bool dlab = (uart->lcr & NS16550_LCR_DLAB) != 0;

    switch (reg) {
    case NS16550_RBR:
        return dlab ? uart->dll : take(uart);
    case NS16550_IER:
        return dlab ? uart->dlm : uart->ier;
    case NS16550_IIR:
        return read_iir(uart);
    case NS16550_LCR:
        return uart->lcr;
    case NS16550_MCR:
        return uart->mcr;
    case NS16550_LSR:
        return read_lsr(uart);
    case NS16550_MSR:
        return read_msr(uart);
    default:
        return uart->scr;
    }
}

static void write_ier(struct axvm_ns16550 *uart, uint8_t val)
{
    uint8_t was = uart->ier;

    uart->ier = val & NS16550_IER_BITS;
    /* Enabling the transmitter's interrupt while it is empty raises it: drivers start to send so. */
    if (!(was & NS16550_IER_TX) && (val & NS16550_IER_TX) && uart->tx_count == 0)
        uart->tx_pending = true;
}

static void write_fcr(struct axvm_ns16550 *uart, uint8_t val)
{
    bool toggled = ((uart->fcr ^ val) & NS16550_FCR_ENABLE) != 0;

    /* "FIFO Control Register": FCR0 must be 1 for the others to be programmed; changing it clears the FIFOs. */
    uart->fcr = val & NS16550_FCR_ENABLE ? val & NS16550_FCR_BITS : 0;
    if (toggled || (val & NS16550_FCR_CLEAR_RX))
        uart->rx_count = 0;
    /* What a back end is looking at right now goes out. */
    if ((toggled || (val & NS16550_FCR_CLEAR_TX)) && !uart->draining && uart->tx_count != 0) {
        uart->tx_count = 0;
        uart->tx_pending = true;
    }
    axvm_ns16550_refill(uart);
}

static void write_lcr(struct axvm_ns16550 *uart, uint8_t val)
{
    /* A break on our own line arrives as a null character. */
    if (!(uart->lcr & NS16550_LCR_BREAK) && (val & NS16550_LCR_BREAK) && loops(uart)) {
        arrive(uart, 0);
        uart->lsr_errors |= NS16550_LSR_BI;
    }
    uart->lcr = val;
}

static void write_register(struct axvm_ns16550 *uart, uint64_t reg, uint8_t val)
{
    bool dlab = (uart->lcr & NS16550_LCR_DLAB) != 0;

    switch (reg) {
    case NS16550_RBR:
        if (dlab)
            uart->dll = val;
        else
            send(uart, val);
        break;
    case NS16550_IER:
        if (dlab)
            uart->dlm = val;
        else
            write_ier(uart, val);
        break;
    case NS16550_IIR:
        write_fcr(uart, val);
        break;
    case NS16550_LCR:
        write_lcr(uart, val);
        break;
    case NS16550_MCR:
        uart->mcr = val & NS16550_MCR_BITS;
        update_modem(uart);
        axvm_ns16550_refill(uart);
        break;
    case NS16550_SCR:
        uart->scr = val;
        break;
    default: /* LSR is for the factory, MSR is read-only */
        break;
    }
}

/* The transmit FIFO has something that the back end may take by now. */
static bool is_stuck(const struct axvm_ns16550 *uart)
{
    return uart->tx_count != 0 && !uart->draining;
}

/* Does reading it change what others are, or what interrupts? */
static bool has_effect(uint64_t reg)
{
    return reg == NS16550_RBR || reg == NS16550_IIR || reg == NS16550_LSR || reg == NS16550_MSR;
}

/* Wider accesses are bytes side by side. */
static uint64_t read_registers(struct axvm_ns16550 *uart, uint64_t reg, unsigned int size)
{
    uint64_t val = read_register(uart, reg);

    for (unsigned int i = 1; i < size; i++)
        val |= (uint64_t)read_register(uart, reg + i) << 8 * i;
    axvm_ns16550_update_irq(uart);
    return val;
}

/* Out of line: the registers that it saves are not for the short way through axvm_ns16550_read() to save. */
static __attribute__((noinline)) int read_locked(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    unsigned long irqs;

    /* A guest that waits for room makes it. */
    if (acc->off == NS16550_LSR && acc->may_call_host)
        axvm_ns16550_drain(uart);
    irqs = axvm_device_lock(dev);
    if (acc->off == NS16550_LSR && !acc->may_call_host && is_stuck(uart)) {
        axvm_device_unlock(dev, irqs);
        return AXVM_ERR_AGAIN;
    }
    acc->val = read_registers(uart, acc->off, acc->size);
    axvm_device_unlock(dev, irqs);
    return AXVM_OK;
}

static int read_plain(struct axvm_device *dev, struct axvm_access *acc)
{
    unsigned long irqs = axvm_device_lock(dev);

    acc->val = read_register((struct axvm_ns16550 *)dev, acc->off);
    axvm_device_unlock(dev, irqs);
    return AXVM_OK;
}

int axvm_ns16550_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    uint32_t lsr;

    /* What a guest reads before each character that it sends. */
    if (acc->off == NS16550_LSR && acc->size == 1) {
        lsr = atomic_load_explicit(&uart->lsr, memory_order_relaxed);
        if (lsr != NS16550_LSR_LOOK) {
            acc->val = lsr;
            return AXVM_OK;
        }
    }
    return acc->size == 1 && !has_effect(acc->off) ? read_plain(dev, acc) : read_locked(dev, acc);
}

static void write_registers(struct axvm_ns16550 *uart, uint64_t reg, unsigned int size, uint64_t val)
{
    write_register(uart, reg, (uint8_t)val);
    for (unsigned int i = 1; i < size; i++)
        write_register(uart, reg + i, (uint8_t)(val >> 8 * i));
    axvm_ns16550_update_irq(uart);
}

/* Nothing depends on it. */
static int write_scratch(struct axvm_device *dev, const struct axvm_access *acc)
{
    unsigned long irqs = axvm_device_lock(dev);

    ((struct axvm_ns16550 *)dev)->scr = (uint8_t)acc->val;
    axvm_device_unlock(dev, irqs);
    return AXVM_OK;
}

static __attribute__((noinline)) int write_any(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    bool sends = acc->off == NS16550_RBR && uart->out.write;
    unsigned long irqs;

    if (sends && !acc->may_call_host)
        return AXVM_ERR_AGAIN;
    /* What could not be sent before goes first, and makes room. */
    if (sends)
        axvm_ns16550_drain(uart);
    irqs = axvm_device_lock(dev);
    write_registers(uart, acc->off, acc->size, acc->val);
    axvm_device_unlock(dev, irqs);
    if (sends)
        axvm_ns16550_drain(uart);
    return AXVM_OK;
}

int axvm_ns16550_write(struct axvm_device *dev, struct axvm_access *acc)
{
    return acc->off == NS16550_SCR && acc->size == 1 ? write_scratch(dev, acc) : write_any(dev, acc);
}
