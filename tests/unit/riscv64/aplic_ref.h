/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An APLIC once more, from the text of the AIA specification alone, in another shape than src/devices/aplic*.c: one record per
 * source, deliveries recomputed from scratch whenever they are asked for.
 */
#ifndef APLIC_REF_H
#define APLIC_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_SOURCES 256u
#define REF_HARTS 5u

enum ref_mode { INACTIVE = 0, DETACHED = 1, EDGE1 = 4, EDGE0 = 5, LEVEL1 = 6, LEVEL0 = 7 };

struct ref_source {
    int mode;
    bool wire, pending, enabled;
    uint32_t target, host;
    bool told;
};

struct ref_msis {
    uint32_t count;
    struct ref_msi {
        uint32_t hart, eiid;
    } list[4 * REF_SOURCES];
};

struct aplic_ref {
    bool direct, msi; /* what there is */
    bool ie, dm, be;
    uint32_t genmsi;
    struct ref_source s[REF_SOURCES];
    struct {
        bool delivery, force;
        uint32_t threshold;
    } idc[REF_HARTS];
    uint32_t completed[2 * REF_SOURCES]; /* by host interrupt */
    struct ref_msis sent;
};
extern struct aplic_ref ref;

void ref_start(bool direct, bool msi);
/* What follows by itself from the state; after everything that is done. */
void ref_settle(void);
void ref_wire(struct ref_source *s, bool wire);
bool ref_output(uint32_t hart);
uint32_t ref_topi(uint32_t hart);
/* The bus: naturally aligned words, as it sees them. */
uint32_t ref_read(uint64_t off);
void ref_write(uint64_t off, uint32_t val);
void ref_reset(void);

#endif
