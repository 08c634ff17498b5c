/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of the PL011: PrimeCell UART (PL011) Technical Reference Manual (DDI 0183), "Summary of registers". */
#ifndef AXVM_DEVICES_PL011_REGS_H
#define AXVM_DEVICES_PL011_REGS_H

#define PL011_SIZE 0x1000u
#define PL011_FIFO_DEPTH 16u /* of revisions before r1p5 */

enum pl011_reg {
    PL011_DR = 0x000,
    PL011_RSR = 0x004, /* written: ECR */
    PL011_FR = 0x018,
    PL011_ILPR = 0x020,
    PL011_IBRD = 0x024,
    PL011_FBRD = 0x028,
    PL011_LCR_H = 0x02c,
    PL011_CR = 0x030,
    PL011_IFLS = 0x034,
    PL011_IMSC = 0x038,
    PL011_RIS = 0x03c,
    PL011_MIS = 0x040,
    PL011_ICR = 0x044,
    PL011_DMACR = 0x048,
    PL011_PERIPH_ID0 = 0xfe0,
    PL011_PCELL_ID3 = 0xffc,
};

/* DR [11:8]; RSR has the same four at [3:0]. */
#define PL011_DR_FE 0x100u
#define PL011_DR_PE 0x200u
#define PL011_DR_BE 0x400u
#define PL011_DR_OE 0x800u
#define PL011_DR_ERRORS_SHIFT 8
#define PL011_RSR_OE 0x8u

#define PL011_FR_CTS 0x001u
#define PL011_FR_DSR 0x002u
#define PL011_FR_DCD 0x004u
#define PL011_FR_BUSY 0x008u
#define PL011_FR_RXFE 0x010u
#define PL011_FR_TXFF 0x020u
#define PL011_FR_RXFF 0x040u
#define PL011_FR_TXFE 0x080u
#define PL011_FR_RI 0x100u
#define PL011_FR_MODEM (PL011_FR_CTS | PL011_FR_DSR | PL011_FR_DCD | PL011_FR_RI)

#define PL011_LCR_BRK 0x01u
#define PL011_LCR_FEN 0x10u

#define PL011_CR_LBE 0x0080u
#define PL011_CR_TXE 0x0100u
#define PL011_CR_RXE 0x0200u
#define PL011_CR_DTR 0x0400u
#define PL011_CR_RTS 0x0800u
#define PL011_CR_OUT1 0x1000u
#define PL011_CR_OUT2 0x2000u
#define PL011_CR_BITS 0xff87u /* [6:3] are reserved */

#define PL011_IFLS_RESET 0x12u /* both at one half */

#define PL011_INT_RI 0x001u
#define PL011_INT_CTS 0x002u
#define PL011_INT_DCD 0x004u
#define PL011_INT_DSR 0x008u
#define PL011_INT_RX 0x010u
#define PL011_INT_TX 0x020u
#define PL011_INT_RT 0x040u
#define PL011_INT_FE 0x080u
#define PL011_INT_PE 0x100u
#define PL011_INT_BE 0x200u
#define PL011_INT_OE 0x400u
#define PL011_INT_BITS 0x7ffu

#endif
