/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that does what hostile-guest.md lists and looks at what it gets: each line is "hostile: NAME ok" or "... FAIL
 * got=...". It ends with "hostile: done FAILURES". The rows of that list are named at each check. This file: CSRs
 * and a second hart.
 */
#include "hostile.h"

/* ---- row 71: every CSR ---- */

static uint32_t code[2] __attribute__((aligned(8)));

static uint64_t run_insn(uint32_t insn)
{
    code[0] = insn;
    code[1] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    return TRY(__asm__ volatile("jalr ra, %0" : : "r"(code) : "ra", "a0", "memory"));
}

static void all_csrs(void)
{
    uint64_t fine = 0, illegal = 0, other = 0;

    for (uint32_t csr = 0; csr < 4096; csr++) {
        uint64_t cause = run_insn(csr << 20 | 0x2573); /* csrr a0, csr */

        fine += cause == NO_FAULT;
        illegal += cause == ILLEGAL;
        other += cause != NO_FAULT && cause != ILLEGAL;
    }
    result("71 CSRR of everything", other == 0 && fine >= 10 && illegal > 3000, fine << 32 | other);
    for (uint32_t csr = 0; csr < 4096; csr++) {
        /* Not the ones that this code stands on, nor FP's and satp. */
        if ((csr >= 0x100 && csr < 0x200) || csr < 4)
            continue;
        other += run_insn(csr << 20 | 0x51073) != ILLEGAL && csr < 0xc00; /* csrw csr, a0 */
    }
    result("71 CSRW of what is not ours", other == 0, other);
    result("71 HFENCE.GVMA", run_insn(0x62000073) == ILLEGAL, 0);
    result("71 HLV.W", run_insn(0x68054573) == ILLEGAL, 0);
    result("71 WRS, MRET", run_insn(0x30200073) == ILLEGAL, 0);
    result("71 all zeros", run_insn(0) == ILLEGAL, 0);
    result("71 all ones", run_insn(0xffffffff) == ILLEGAL, 0);
    result("71 SFENCE.VMA is ours", run_insn(0x12000073) == NO_FAULT, 0);
}

/* ---- row 65: a second hart ---- */

static volatile uint64_t second_runs, second_cpu, second_opaque;

void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    second_cpu = cpu;
    second_opaque = opaque;
    second_runs = second_runs + 1;
    sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
}

/* For as long as it takes: a start that is lost is a guest that hangs here. */
static void wait_for_second(uint64_t runs)
{
    while (second_runs != runs)
        __asm__ volatile("nop");
    while (sbi(SBI_HSM, 2, 1, 0, 0, 0, 0).value != 1)
        __asm__ volatile("nop");
}

static void second_hart(void)
{
    for (unsigned int round = 1; round < 20; round++) {
        uint64_t runs = second_runs;
        int64_t again;

        result("65 start", start_cpu(1, round * 77) == 0, 0);
        again = start_cpu(1, round * 78);
        result("65 start twice", again == ALREADY || again == 0, (uint64_t)again);
        wait_for_second(runs + (again == 0 ? 2 : 1));
        result("65 it ran and stopped", second_cpu == 1 && second_opaque == round * (again == 0 ? 78 : 77), second_opaque);
    }
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    holes();
    tables();
    forms();
    fp_forms();
    vector_forms();
    atomics();
    sbi_unknown();
    sbi_registers();
    sbi_masks();
    sbi_console();
    sbi_harts();
    uart_irq();
    stuck_line();
    plic();
    timers();
    all_csrs();
    second_hart();
    every_width(UART, 16, "1/83 UART at all widths");
    every_width(PLIC, 0x1100, "1/68 PLIC at all widths");
    report_done();
    power_off();
}
