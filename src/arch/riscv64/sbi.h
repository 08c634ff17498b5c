/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware of guests: RISC-V Supervisor Binary Interface Specification 3.0. Nothing is passed on to the host's firmware. */
#ifndef AXVM_RISCV64_SBI_H
#define AXVM_RISCV64_SBI_H

#include <axvm/vcpu.h>
#include <stdint.h>

#include "bits.h"

/* "Binary Encoding", Standard SBI Errors */
enum sbi_error {
    SBI_SUCCESS = 0,
    SBI_ERR_FAILED = -1,
    SBI_ERR_NOT_SUPPORTED = -2,
    SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4,
    SBI_ERR_INVALID_ADDRESS = -5,
    SBI_ERR_ALREADY_AVAILABLE = -6,
    SBI_ERR_ALREADY_STARTED = -7,
    SBI_ERR_ALREADY_STOPPED = -8,
    SBI_ERR_NO_SHMEM = -9,
    /* of SBI 3.0 */
    SBI_ERR_INVALID_STATE = -10,
    SBI_ERR_BAD_RANGE = -11,
    SBI_ERR_DENIED_LOCKED = -14,
};

/* Extension IDs */
enum sbi_extension {
    SBI_LEGACY_SET_TIMER = 0,
    SBI_LEGACY_PUTCHAR = 1,
    SBI_LEGACY_GETCHAR = 2,
    SBI_LEGACY_CLEAR_IPI = 3,
    SBI_LEGACY_FENCE_I = 5,
    SBI_LEGACY_SFENCE_VMA = 6,
    SBI_LEGACY_SFENCE_VMA_ASID = 7,
    SBI_LEGACY_SHUTDOWN = 8,
    SBI_EXT_BASE = 0x10,
    SBI_EXT_TIME = 0x54494d45,
    SBI_EXT_IPI = 0x735049,
    SBI_EXT_RFNC = 0x52464e43,
    SBI_EXT_HSM = 0x48534d,
    SBI_EXT_SRST = 0x53525354,
    SBI_EXT_DBCN = 0x4442434e,
    SBI_EXT_SUSP = 0x53555350,
    SBI_EXT_PMU = 0x504d55,
    SBI_EXT_STA = 0x535441,
    SBI_EXT_FWFT = 0x46574654,
    SBI_EXT_SSE = 0x535345,
};
/* "Firmware Specific SBI Extension Space" */
#define SBI_EXT_FIRMWARE_FIRST UINT64_C(0x0a000000)
#define SBI_EXT_FIRMWARE_LAST UINT64_C(0x0affffff)

/* A hart mask argument as a set of vCPUs; "Hart list parameter". SBI_SUCCESS or SBI_ERR_INVALID_PARAM. */
static inline enum sbi_error axvm_sbi_harts(uint64_t mask, uint64_t base, unsigned int count, struct axvm_vcpu_set *set)
{
    *set = (struct axvm_vcpu_set){ { 0 } };
    if (base == UINT64_MAX) {
        for (unsigned int w = 0; w < AXVM_MAX_VCPUS / 64; w++)
            set->bits[w] = count >= 64 * (w + 1) ? UINT64_MAX : count <= 64 * w ? 0 : AXVM_BITS(count - 64 * w - 1, 0);
        return SBI_SUCCESS;
    }
    if (base >= count || (mask != 0 && count - base < 64 && mask >> (count - base) != 0))
        return mask == 0 ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM; /* a base that names nobody need not be a hart */
    /* base < AXVM_MAX_VCPUS, which is two words */
    set->bits[base / 64] = mask << base % 64;
    if (base / 64 == 0 && base % 64 != 0)
        set->bits[1] = mask >> (64 - base % 64);
    return SBI_SUCCESS;
}

/* ECALL from VS-mode; the program counter is beyond it. Returns an enum axvm_trap_kind. */
uint64_t axvm_sbi_call(struct axvm_vcpu *vcpu);

/* sbi_rfence.c and so on: one extension each, function @fid. */
uint64_t axvm_sbi_rfence(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_srst(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_legacy(struct axvm_vcpu *vcpu, uint64_t eid);
uint64_t axvm_sbi_hsm(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_susp(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_dbcn(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_pmu(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_sta(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_fwft(struct axvm_vcpu *vcpu, uint64_t fid);
uint64_t axvm_sbi_sse(struct axvm_vcpu *vcpu, uint64_t fid);

/* sbi_console.c: what a call still has to do in the host tier. The first three are functions of DBCN. */
enum axvm_sbi_deferred {
    AXVM_SBI_DBCN_WRITE = 0,
    AXVM_SBI_DBCN_READ = 1,
    AXVM_SBI_DBCN_WRITE_BYTE = 2,
    AXVM_SBI_PMU_SHMEM,
    AXVM_SBI_STA_SHMEM,
    AXVM_SBI_SSE_ATTRS,
    AXVM_SBI_PMU_EVENT_INFO,
    AXVM_SBI_PUTCHAR,
};
int axvm_sbi_console_create(struct axvm *vm);
uint64_t axvm_sbi_defer(struct axvm_vcpu *vcpu, enum axvm_sbi_deferred what);
void axvm_sbi_pmu_set_shmem(struct axvm_vcpu *vcpu);
void axvm_sbi_sta_set_shmem(struct axvm_vcpu *vcpu);
void axvm_sbi_sse_attrs(struct axvm_vcpu *vcpu);
void axvm_sbi_pmu_event_info(struct axvm_vcpu *vcpu);

#endif
