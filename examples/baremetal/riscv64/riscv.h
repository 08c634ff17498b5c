/* SPDX-License-Identifier: BSD-2-Clause */
/* CSRs and calls of the firmware. */
#ifndef RISCV_H
#define RISCV_H

#include <stdbool.h>
#include <stdint.h>

#define READ_CSR(name)                                                                                                         \
    __extension__({                                                                                                            \
        uint64_t csr_value;                                                                                                    \
        __asm__ volatile("csrr %0, " name : "=r"(csr_value) : : "memory");                                                     \
        csr_value;                                                                                                             \
    })
#define WRITE_CSR(name, value) __asm__ volatile("csrw " name ", %0" : : "rK"((uint64_t)(value)) : "memory")
#define SET_CSR(name, value) __asm__ volatile("csrs " name ", %0" : : "rK"((uint64_t)(value)) : "memory")
#define CLEAR_CSR(name, value) __asm__ volatile("csrc " name ", %0" : : "rK"((uint64_t)(value)) : "memory")

#define SIE_SOFTWARE (1u << 1)
#define SIE_TIMER (1u << 5)
#define SIE_EXTERNAL (1u << 9)
#define SIE_GUEST_EXTERNAL (1u << 12) /* only where there are guest interrupt files */

/* RISC-V SBI Specification: extensions and functions that this host calls. */
#define SBI_TIME 0x54494d45u
#define SBI_IPI 0x735049u
#define SBI_HSM 0x48534du
#define SBI_SRST 0x53525354u

static inline int64_t sbi(uint64_t extension, uint64_t function, uint64_t a0_in, uint64_t a1_in, uint64_t a2_in)
{
    register uint64_t a0 __asm__("a0") = a0_in;
    register uint64_t a1 __asm__("a1") = a1_in;
    register uint64_t a2 __asm__("a2") = a2_in;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (int64_t)a0;
}

/* board.c: has the CPU V, all of it? */
bool board_has_vectors(void);
/* board.c: the software interrupt of this CPU, for whatever it was sent. */
void board_software_irq(void);

/* canary.c: the values that this CPU's state is looked at with. Every CPU has them before a thread that checks can come there. */
void canary_cpu_init(bool host_uses_guest_regs);

#endif
