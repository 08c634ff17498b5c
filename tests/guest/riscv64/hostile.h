/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the hostile guest. What they report begins with the rows of hostile-guest.md. */
#ifndef AXVM_TESTS_HOSTILE_H
#define AXVM_TESTS_HOSTILE_H

#include "report.h"

enum { FETCH_ACCESS = 1, ILLEGAL = 2, LOAD_ACCESS = 5, STORE_ACCESS = 7 };
enum { NOT_SUPPORTED = -2, INVALID_PARAM = -3, DENIED = -4, INVALID_ADDRESS = -5, ALREADY = -6 };

#define HOLE 0x0b000000ul /* nothing there in the default machine */

/* hostile_memory.c */
void holes(void);
void tables(void);
void forms(void);
void fp_forms(void);
void vector_forms(void);
void atomics(void);
void every_width(uint64_t base, uint64_t len, const char *name);

/* hostile_sbi.c */
void expect(const char *name, struct sbi_ret r, int64_t error);
void sbi_unknown(void);
void sbi_registers(void);
void sbi_masks(void);
void sbi_console(void);
void sbi_harts(void);

/* hostile_irq.c */
void timers(void);
void plic(void);
void uart_irq(void);
void stuck_line(void);

#endif
