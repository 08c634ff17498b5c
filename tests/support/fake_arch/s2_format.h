/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake CPU's stage-2 entries: address [51:12], prot [7:4], retired [2], table [1], valid [0]. For src/core/s2.c. */
#ifndef FAKE_S2_FORMAT_H
#define FAKE_S2_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_S2_VALID 1u
#define FAKE_S2_TABLE 2u
#define FAKE_S2_RETIRED 4u
#define FAKE_S2_ADDR UINT64_C(0x000ffffffffff000)

static inline bool axvm_s2f_valid(uint64_t e, unsigned int format)
{
    (void)format;
    return (e & FAKE_S2_VALID) != 0;
}

static inline bool axvm_s2f_is_table(uint64_t e, int level, unsigned int format)
{
    (void)level;
    (void)format;
    return (e & FAKE_S2_TABLE) != 0;
}

static inline uint64_t axvm_s2f_table(uint64_t hpa, unsigned int format)
{
    (void)format;
    return (hpa & FAKE_S2_ADDR) | FAKE_S2_TABLE | FAKE_S2_VALID;
}

static inline uint64_t axvm_s2f_leaf(uint64_t hpa, uint32_t prot, int level, unsigned int format)
{
    (void)level;
    (void)format;
    return (hpa & FAKE_S2_ADDR) | (uint64_t)(prot & 15) << 4 | FAKE_S2_VALID;
}

static inline uint64_t axvm_s2f_hpa(uint64_t e, int level, unsigned int format)
{
    (void)level;
    (void)format;
    return e & FAKE_S2_ADDR;
}

static inline uint32_t axvm_s2f_prot(uint64_t e, unsigned int format)
{
    (void)format;
    return e >> 4 & 15;
}

static inline uint64_t axvm_s2f_retire(uint64_t e, unsigned int format)
{
    (void)format;
    return (e & ~(uint64_t)FAKE_S2_VALID) | FAKE_S2_RETIRED;
}

#endif
