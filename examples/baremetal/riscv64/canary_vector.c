/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does libaxvm leave this host's vectors alone? As canary.c: the values are the same on all CPUs and for all threads. They are
 * put there and looked at with interrupts off, so that nobody else sees them half done.
 */
#include "canary_vector.h"

#include "board.h"
#include "lib.h"
#include "riscv.h"

#define CSR_VSTART "0x008"
#define CSR_VCSR "0x00f"
#define CSR_VL "0xc20"
#define CSR_VTYPE "0xc21"
#define CSR_VLENB "0xc22"
#define SSTATUS_VS (3u << 9)

/* None of them what a reset leaves. */
#define VSTART 3u
#define VCSR 5u
#define VL 5u
#define VTYPE 0xc0u /* bytes, one register, all else undisturbed */

#define MAX_VLENB 128u
#define GROUP 8u /* registers loaded and stored at a time */

void canary_vector_load0(const void *from);
void canary_vector_load8(const void *from);
void canary_vector_load16(const void *from);
void canary_vector_load24(const void *from);
void canary_vector_store0(void *to);
void canary_vector_store8(void *to);
void canary_vector_store16(void *to);
void canary_vector_store24(void *to);
void canary_vector_config(uint64_t vl, uint64_t vtype);

static void (*const load[])(const void *from) = { canary_vector_load0, canary_vector_load8, canary_vector_load16,
                                                  canary_vector_load24 };
static void (*const store[])(void *to) = { canary_vector_store0, canary_vector_store8, canary_vector_store16,
                                           canary_vector_store24 };

static uint8_t pattern(unsigned int reg, unsigned int byte)
{
    return (uint8_t)(0x5a + 37 * reg + 11 * byte);
}

static unsigned int vlenb(void)
{
    unsigned int bytes = (unsigned int)READ_CSR(CSR_VLENB);

    return bytes < MAX_VLENB ? bytes : MAX_VLENB;
}

static void put_patterns(void)
{
    uint8_t buf[GROUP * MAX_VLENB];
    unsigned int bytes = vlenb();

    WRITE_CSR(CSR_VSTART, 0);
    for (unsigned int g = 0; g < 32; g += GROUP) {
        for (unsigned int i = 0; i < GROUP * bytes; i++)
            buf[i] = pattern(g + i / bytes, i % bytes);
        load[g / GROUP](buf);
    }
    canary_vector_config(VL, VTYPE);
    WRITE_CSR(CSR_VCSR, VCSR);
    WRITE_CSR(CSR_VSTART, VSTART);
}

static const char *changed_register(void)
{
    static char name[8];
    uint8_t buf[GROUP * MAX_VLENB];
    unsigned int bytes = vlenb();

    WRITE_CSR(CSR_VSTART, 0);
    for (unsigned int g = 0; g < 32; g += GROUP) {
        store[g / GROUP](buf);
        for (unsigned int i = 0; i < GROUP * bytes; i++) {
            if (buf[i] != pattern(g + i / bytes, i % bytes)) {
                format(name, sizeof(name), "v%u", g + i / bytes);
                return name;
            }
        }
    }
    return NULL;
}

void canary_vector_put(void)
{
    unsigned long irqs;

    if (!board_has_vectors())
        return;
    irqs = irq_save();
    SET_CSR("sstatus", SSTATUS_VS);
    put_patterns();
    irq_restore(irqs);
}

const char *canary_vector_changed(void)
{
    const char *changed = NULL;
    unsigned long irqs;

    if (!board_has_vectors())
        return NULL;
    irqs = irq_save();
    if (READ_CSR(CSR_VSTART) != VSTART)
        changed = "vstart";
    else if (READ_CSR(CSR_VCSR) != VCSR)
        changed = "vcsr";
    else if (READ_CSR(CSR_VL) != VL || READ_CSR(CSR_VTYPE) != VTYPE)
        changed = "vl or vtype";
    else
        changed = changed_register();
    put_patterns();
    irq_restore(irqs);
    return changed;
}
