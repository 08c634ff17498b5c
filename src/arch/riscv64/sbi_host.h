/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the host's firmware: remote fences only. RISC-V SBI Specification, "RFENCE Extension". */
#ifndef AXVM_RISCV64_SBI_HOST_H
#define AXVM_RISCV64_SBI_HOST_H

#include <stdint.h>

#define SBI_EXT_RFENCE 0x52464e43u
enum sbi_rfence {
    SBI_REMOTE_FENCE_I = 0,
    SBI_REMOTE_SFENCE_VMA = 1,
    SBI_REMOTE_SFENCE_VMA_ASID = 2,
    SBI_REMOTE_HFENCE_GVMA_VMID = 3,
    SBI_REMOTE_HFENCE_GVMA = 4,
    SBI_REMOTE_HFENCE_VVMA_ASID = 5,
    SBI_REMOTE_HFENCE_VVMA = 6,
};
/* hart_mask_base: all harts there are */
#define SBI_ALL_HARTS UINT64_MAX

struct axvm_host_fence {
    enum sbi_rfence op;
    uint64_t mask, base; /* harts */
    uint64_t start, size, id;
};

#ifdef __riscv
static inline void axvm_host_fence(const struct axvm_host_fence *f)
{
    register uint64_t a0 __asm__("a0") = f->mask;
    register uint64_t a1 __asm__("a1") = f->base;
    register uint64_t a2 __asm__("a2") = f->start;
    register uint64_t a3 __asm__("a3") = f->size;
    register uint64_t a4 __asm__("a4") = f->id;
    register uint64_t a6 __asm__("a6") = f->op;
    register uint64_t a7 __asm__("a7") = SBI_EXT_RFENCE;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
}
#else
/* Native unit tests are the firmware. */
void axvm_host_fence(const struct axvm_host_fence *f);
#endif

/* For a set of harts that is collected one by one: add @hart; call the firmware for those that are in it. */
static inline void axvm_host_fence_send(struct axvm_host_fence *f)
{
    if (f->mask != 0)
        axvm_host_fence(f);
    f->mask = 0;
}

static inline void axvm_host_fence_hart(struct axvm_host_fence *f, uint64_t hart)
{
    if (f->mask != 0 && hart - f->base >= 64)
        axvm_host_fence_send(f);
    if (f->mask == 0)
        f->base = hart;
    f->mask |= UINT64_C(1) << (hart - f->base);
}

#endif
