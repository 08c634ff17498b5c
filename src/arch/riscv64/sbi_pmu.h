/* SPDX-License-Identifier: BSD-2-Clause */
/* State of "Performance Monitoring Unit Extension" of one vCPU. Plain logic but for the two hardware counters. */
#ifndef AXVM_RISCV64_SBI_PMU_H
#define AXVM_RISCV64_SBI_PMU_H

#include <stdbool.h>
#include <stdint.h>

/* Logical counters: 0 is cycle, 2 is instret, as their CSRs count from 0xc00; 1 (time) is none; then those of firmware. */
#define AXVM_PMU_HARDWARE 3u
#define AXVM_PMU_FIRMWARE 16u
#define AXVM_PMU_COUNTERS (AXVM_PMU_HARDWARE + AXVM_PMU_FIRMWARE)

/* Firmware events that are counted, by code; the others do not occur here, or are not seen. */
enum axvm_pmu_event {
    AXVM_PMU_ACCESS_LOAD = 2,
    AXVM_PMU_ACCESS_STORE = 3,
    AXVM_PMU_ILLEGAL_INSN = 4,
    AXVM_PMU_SET_TIMER = 5,
    AXVM_PMU_IPI_SENT = 6,
    AXVM_PMU_IPI_RECEIVED = 7,
    AXVM_PMU_FENCE_I_SENT = 8,
    AXVM_PMU_SFENCE_VMA_SENT = 10,
    AXVM_PMU_SFENCE_VMA_ASID_SENT = 12,
};

struct axvm_pmu_counter {
    uint64_t value; /* hardware: as of @c mark, while it counts in the CPU */
    uint64_t mark;  /* what the CPU's counter showed then */
    uint16_t code;  /* firmware: enum axvm_pmu_event */
    bool mapped;    /* counter_config_matching has chosen an event for it */
    bool started;
    bool configured; /* hardware: once it has been, the guest sees its own; until then the CPU's */
};

struct axvm_pmu {
    struct axvm_pmu_counter counters[AXVM_PMU_COUNTERS];
    uint32_t events; /* bit per code that some started counter counts */
    bool used;      /* some counter has been configured */
    bool loaded;     /* a hardware counter is started, and counts in the CPU: between axvm_pmu_load() and axvm_pmu_put() */
    uint64_t shmem;  /* snapshot memory; all ones: none */
};

#endif
