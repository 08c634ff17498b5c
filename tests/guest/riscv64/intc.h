/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controller of the machine, whichever it is, as far as one device's interrupt on hart 0 needs it. */
#ifndef AXVM_TESTS_GUEST_INTC_H
#define AXVM_TESTS_GUEST_INTC_H

#include "guest.h"

#define APLIC 0x0d000000ul
#define IMSIC 0x28000000ul

enum intc { INTC_PLIC, INTC_APLIC, INTC_IMSIC };

/* The registers of an IMSIC behind siselect and sireg, and stopei. */
static inline uint64_t imsic_read(uint64_t reg)
{
    uint64_t v;

    __asm__ volatile("csrw 0x150, %1\n\tcsrr %0, 0x151" : "=r"(v) : "r"(reg) : "memory");
    return v;
}

static inline void imsic_write(uint64_t reg, uint64_t v)
{
    __asm__ volatile("csrw 0x150, %0\n\tcsrw 0x151, %1" : : "r"(reg), "r"(v) : "memory");
}

static inline uint64_t imsic_claim(void)
{
    uint64_t v;

    __asm__ volatile("csrrw %0, 0x15c, zero" : "=r"(v) : : "memory");
    return v >> 16;
}

/* Which one it is. */
enum intc intc_find(void);
/* Take level-sensitive @source, from now on, on this hart, which is hart 0. */
void intc_enable(enum intc intc, uint32_t source);
/* What has come; 0: nothing. */
uint32_t intc_claim(enum intc intc);
/* It has been dealt with. */
void intc_end(enum intc intc, uint32_t source);

#endif
