/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Types shared by all public headers. */
#ifndef AXVM_TYPES_H
#define AXVM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Guest-physical byte address (Arm: IPA). */
typedef struct {
    uint64_t v;
} axvm_gpa_t;

/** Host-physical byte address. */
typedef struct {
    uint64_t v;
} axvm_hpa_t;

static inline axvm_gpa_t axvm_gpa(uint64_t v)
{
    axvm_gpa_t a = { v };
    return a;
}

static inline axvm_hpa_t axvm_hpa(uint64_t v)
{
    axvm_hpa_t a = { v };
    return a;
}

/** Most vCPUs one VM can have. */
#define AXVM_MAX_VCPUS 128

#define AXVM_PAGE_SHIFT 12
#define AXVM_PAGE_SIZE 4096u

/** "No time": a timer that never fires, a sleep without end. */
#define AXVM_TIME_NEVER UINT64_MAX

/** A set of vCPUs of one VM: bit n % 64 of word n / 64 is vCPU n. */
struct axvm_vcpu_set {
    uint64_t bits[AXVM_MAX_VCPUS / 64];
};

/** What a guest may do with a page; also the kind of access that faulted. */
enum axvm_prot {
    AXVM_PROT_READ = 1u << 0,
    AXVM_PROT_WRITE = 1u << 1,
    AXVM_PROT_EXEC = 1u << 2,
    AXVM_PROT_RWX = 7u,
    /** Device memory type (Arm Device-nGnRE, x86 UC, RISC-V as the host's PMAs say); otherwise normal write-back. */
    AXVM_PROT_DEVICE = 1u << 3,
};

struct axvm;
struct axvm_vcpu;
struct axvm_cpu;
struct axvm_device;

#endif
