/* SPDX-License-Identifier: BSD-2-Clause */
/* Fences, in one instruction each. Native unit tests have a CPU of their own, which notes them down. */
#ifndef AXVM_RISCV64_FENCE_H
#define AXVM_RISCV64_FENCE_H

#include <stdint.h>

#ifdef __riscv

/* By number: assemblers differ in whether they know these two. rs1: address (GVMA: >> 2); rs2: ASID, VMID. */
#define HFENCE_VVMA_ALL() __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" : : : "memory")
#define HFENCE_VVMA_VA(rs1) __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" : : "r"(rs1) : "memory")
#define HFENCE_GVMA_ALL() __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" : : : "memory")
#define HFENCE_GVMA_GPA(rs1) __asm__ volatile(".insn r 0x73, 0, 0x31, x0, %0, x0" : : "r"(rs1) : "memory")
#define FENCE_I() __asm__ volatile("fence.i" : : : "memory")
/* What is written before is seen by table walkers; what is written before is seen by whoever a store to a device tells of it. */
#define FENCE_TABLES() __asm__ volatile("fence w, rw" : : : "memory")
#define FENCE_DEVICE() __asm__ volatile("fence rw, ow" : : : "memory")

#else

enum axvm_test_fence { TEST_HFENCE_VVMA, TEST_HFENCE_VVMA_VA, TEST_HFENCE_GVMA, TEST_HFENCE_GVMA_GPA, TEST_FENCE_I, TEST_FENCE };
void axvm_test_fence(enum axvm_test_fence what, uint64_t addr);
#define HFENCE_VVMA_ALL() axvm_test_fence(TEST_HFENCE_VVMA, 0)
#define HFENCE_VVMA_VA(rs1) axvm_test_fence(TEST_HFENCE_VVMA_VA, rs1)
#define HFENCE_GVMA_ALL() axvm_test_fence(TEST_HFENCE_GVMA, 0)
#define HFENCE_GVMA_GPA(rs1) axvm_test_fence(TEST_HFENCE_GVMA_GPA, rs1)
#define FENCE_I() axvm_test_fence(TEST_FENCE_I, 0)
#define FENCE_TABLES() axvm_test_fence(TEST_FENCE, 0)
#define FENCE_DEVICE() axvm_test_fence(TEST_FENCE, 0)

#endif
#endif
