/* SPDX-License-Identifier: BSD-2-Clause */
/* System registers and instructions that are trapped: by HCR_EL2.{TID1,TID3,TACR,TSW,TIDCP,TLOR,TERR}, FMO and IMO (SGIs), by
 * MDCR_EL2 (debug, PMU) and CNTHCTL_EL2 (the physical timer). */
#ifndef AXVM_AARCH64_SYSREG_TRAP_H
#define AXVM_AARCH64_SYSREG_TRAP_H

#include "vm_priv.h"

enum axvm_sysreg_result {
    AXVM_SYSREG_DONE,  /* carried out, or to be ignored; a read's value is in place */
    AXVM_SYSREG_UNDEF, /* nothing has changed: undefined instruction */
    AXVM_SYSREG_BUS,   /* a device on AXVM_BUS_SYSREG has this register */
};

/* An access to register @enc (AXVM_AARCH64_SYSREG()). Loaded. */
enum axvm_sysreg_result axvm_sysreg_access(struct axvm_vcpu *vcpu, uint64_t enc, bool write, uint64_t *val);

/* Those with op0 = 2, debug: sysreg_debug.c. */
enum axvm_sysreg_result axvm_sysreg_debug(struct axvm_vcpu *vcpu, uint64_t enc, bool write, uint64_t *val);

/*
 * A trapped AArch32 MRC, MCR, MRRC or MCRR of EL0, syndrome @esr (any EC), executed with @pstate. Reads and writes vcpu's
 * registers itself; never AXVM_SYSREG_BUS. Loaded.
 */
enum axvm_sysreg_result axvm_cp15_access(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t pstate);

#endif
