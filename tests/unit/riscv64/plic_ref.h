/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PLIC once more, from the text of its specification alone, in another shape than src/devices/plic.c: per source and context,
 * everything recomputed from scratch. Only odd contexts are there.
 */
#ifndef PLIC_REF_H
#define PLIC_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_SOURCES 256u
#define REF_CONTEXTS 6u

enum ref_gateway { IDLE, PENDING, CLAIMED };
struct plic_ref {
    enum ref_gateway gateway[REF_SOURCES];
    bool line[REF_SOURCES], edge[REF_SOURCES], remembered[REF_SOURCES], enabled[REF_CONTEXTS][REF_SOURCES];
    uint32_t host[REF_SOURCES], priority[REF_SOURCES], threshold[REF_CONTEXTS];
    uint32_t completed[2 * REF_SOURCES]; /* by host interrupt */
};
extern struct plic_ref ref;

void ref_start(void);
void ref_line(uint32_t source, bool level);
void ref_edge(uint32_t source);
bool ref_output(uint32_t ctx);
/* The bus: naturally aligned words. */
uint32_t ref_read(uint64_t off);
void ref_write(uint64_t off, uint32_t val);
void ref_reset(void);

#endif
