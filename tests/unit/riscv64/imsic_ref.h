/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt files of an IMSIC once more, from the text of the AIA specification: one record per identity. */
#ifndef IMSIC_REF_H
#define IMSIC_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_HARTS 3u
#define REF_IDS 255u

/* With room for identities that registers speak of and that are not there. */
struct ref_file {
    bool pending[64 * 32], enabled[64 * 32];
    uint32_t delivery, threshold;
    bool elsewhere;      /* the owner has taken it */
    uint32_t sent_there; /* MSIs since */
};
extern struct ref_file ref[REF_HARTS];

void ref_start(void);
void ref_send(uint32_t hart, uint32_t id);
uint32_t ref_top(uint32_t hart);
bool ref_output(uint32_t hart);
/* A register behind siselect: false when there is none; *old is what it was, then @clear is cleared and @set set. */
bool ref_register(uint32_t hart, uint32_t reg, uint64_t clear, uint64_t set, uint64_t *old);
void ref_claim(uint32_t hart);
/* The bus: naturally aligned words; reads are 0. */
void ref_write(uint64_t off, uint32_t val);

#endif
