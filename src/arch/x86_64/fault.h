/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions. Intel SDM vol. 3A, "Exception and Interrupt Vectors". */
#ifndef AXVM_X86_64_FAULT_H
#define AXVM_X86_64_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum axvm_x86_vector {
    X86_DE = 0,
    X86_DB = 1,
    X86_NMI = 2,
    X86_BP = 3,
    X86_OF = 4,
    X86_BR = 5,
    X86_UD = 6,
    X86_NM = 7,
    X86_DF = 8,
    X86_TS = 10,
    X86_NP = 11,
    X86_SS = 12,
    X86_GP = 13,
    X86_PF = 14,
    X86_MF = 16,
    X86_AC = 17,
    X86_MC = 18,
    X86_XM = 19,
};

/* One to be given to the guest. In real mode the CPU pushes no error code: that is for whoever injects it. */
struct axvm_x86_fault {
    uint8_t vector; /* enum axvm_x86_vector */
    bool has_error;
    uint32_t error;
    uint64_t cr2; /* of X86_PF */
};

#endif
