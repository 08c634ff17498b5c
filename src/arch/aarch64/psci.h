/* SPDX-License-Identifier: BSD-2-Clause */
/* What guests call with HVC and SMC: PSCI 1.1 (DEN0022), SMCCC 1.2 (DEN0028). Pure logic on saved registers. */
#ifndef AXVM_AARCH64_PSCI_H
#define AXVM_AARCH64_PSCI_H

#include "vm_priv.h"

enum psci_fn {
    SMCCC_VERSION = 0x80000000,
    SMCCC_ARCH_FEATURES = 0x80000001,

    PSCI_VERSION = 0x84000000,
    PSCI_CPU_SUSPEND = 0x84000001,
    PSCI_CPU_OFF = 0x84000002,
    PSCI_CPU_ON = 0x84000003,
    PSCI_AFFINITY_INFO = 0x84000004,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006,
    PSCI_SYSTEM_OFF = 0x84000008,
    PSCI_SYSTEM_RESET = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    PSCI_SYSTEM_RESET2 = 0x84000012,
};

#define SMCCC_64 0x40000000u /* the SMC64 form of a function */

/* "Vendor specific hypervisor service calls" */
#define SMCCC_OWNER_MASK 0x3f000000u
#define SMCCC_OWNER_VENDOR_HYP 0x06000000u
#define SMCCC_FAST 0x80000000u

enum psci_ret {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_ALREADY_ON = -4,
    PSCI_ON_PENDING = -5,
    PSCI_INVALID_ADDRESS = -9,
};

enum psci_affinity { PSCI_AFF_ON = 0, PSCI_AFF_OFF = 1, PSCI_AFF_ON_PENDING = 2 };

/*
 * Answer the call in vcpu's x0..x7; the result is in x0 (x0..x3 for calls that say so), everything else is untouched.
 * For AXVM_TRAP_EXIT @exit is filled in.
 */
enum axvm_trap_kind axvm_smccc_call(struct axvm_vcpu *vcpu, struct axvm_exit *exit);

#endif
