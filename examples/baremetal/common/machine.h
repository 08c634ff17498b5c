/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device tree says about the machine, and the host's command line in it. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

struct range {
    uint64_t base, size;
};

#define MAX_RAM_RANGES 8

struct machine {
    const void *fdt;
    size_t fdt_size;
    struct range ram[MAX_RAM_RANGES];
    unsigned int ram_count;
    uint64_t cpu_hwid[MAX_CPUS];
    unsigned int cpu_count; /* capped at MAX_CPUS */
};
extern struct machine machine;

/* Words of /chosen/bootargs that the host understands. */
struct host_options {
    const char *nonce;   /* nonce=TEXT: goes into the last line */
    bool vhe;            /* vhe=on: HCR_EL2.E2H = 1 where the CPU has it */
    bool reboot;         /* on-reset=reboot: a guest's reset is not a failure, it comes up again */
    bool stats;          /* stats: exit counters at the end */
    bool canary;         /* canary: check around each run that libaxvm leaves the host's CPU state alone */
    bool guest_regs;     /* guest-regs: as a host that uses the guests' registers itself (AXVM_CPU_HOST_USES_GUEST_REGS) */
    bool no_sstc;        /* no-sstc: RISC-V guests' timers are emulated, though the CPU has Sstc */
    bool no_apicv;       /* no-apicv: local APICs of x86-64 guests are emulated, whatever of them the CPU could serve */
    bool trust_apicv;    /* trust-apicv: the CPU serves them, though Bochs has it wrong */
    bool hypercalls;     /* hypercalls: answer vendor hypercalls with their number plus one */
    bool test_device;    /* test-device: x86-64 guests have QEMU's pc-testdev and isa-debug-exit */
    bool hal_check;      /* hal-check: run axvm_hal_check() first */
    bool spare_boot_cpu; /* spare-boot-cpu: no guest runs on the CPU that booted, if there are others; CPU 0 of VMs is the next
                            one */
    bool verbose;        /* verbose: log also what is only informative */
};
extern struct host_options options;

/* False: @fdt is no device tree, or it lacks memory. Needs no memory itself. */
bool machine_init(const void *fdt);

/* Register block @index of a node; of the first node compatible with @compatible. */
bool machine_node_reg(int node, unsigned int index, struct range *out);
bool machine_reg(const char *compatible, unsigned int index, struct range *out);

/* Calls @fn for each range under /reserved-memory that has an address. */
void machine_for_each_reserved(void (*fn)(const struct range *reserved));

/* Calls @fn for each multiboot module under /chosen. */
void machine_for_each_module(void (*fn)(const struct range *module));

#endif
