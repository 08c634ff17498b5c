/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of the EL2 control registers. Arm ARM (DDI 0487), under each register's name. */
#ifndef AXVM_AARCH64_EL2_H
#define AXVM_AARCH64_EL2_H

#include "bits.h"

#define HCR_VM AXVM_BIT(0)
#define HCR_SWIO AXVM_BIT(1) /* set/way invalidate becomes clean and invalidate */
#define HCR_FMO AXVM_BIT(3)
#define HCR_IMO AXVM_BIT(4)
#define HCR_AMO AXVM_BIT(5)
#define HCR_VSE AXVM_BIT(8)      /* a virtual SError is pending */
#define HCR_FB AXVM_BIT(9)       /* local TLB maintenance is broadcast: the guest's idea of "this CPU" is not ours */
#define HCR_BSU_IS AXVM_BIT(10)
#define HCR_TWI AXVM_BIT(13)
#define HCR_TWE AXVM_BIT(14)
#define HCR_TID1 AXVM_BIT(16) /* REVIDR, AIDR */
#define HCR_TID3 AXVM_BIT(18)
#define HCR_TSC AXVM_BIT(19)
#define HCR_TIDCP AXVM_BIT(20)
#define HCR_TACR AXVM_BIT(21)
#define HCR_TSW AXVM_BIT(22)
#define HCR_RW AXVM_BIT(31)
#define HCR_E2H AXVM_BIT(34)
#define HCR_TLOR AXVM_BIT(35)
#define HCR_TERR AXVM_BIT(36)
#define HCR_FWB AXVM_BIT(46)

/* CPTR_EL2 with E2H = 0 */
#define CPTR_RES1 (AXVM_BITS(7, 0) | AXVM_BIT(9) | AXVM_BIT(13))
#define CPTR_TZ AXVM_BIT(8)
#define CPTR_TFP AXVM_BIT(10)
#define CPTR_TSM AXVM_BIT(12)
#define CPTR_TTA AXVM_BIT(20)
#define CPTR_TAM AXVM_BIT(30)
/* CPTR_EL2 with E2H = 1; all zero in ZEN, FPEN, SMEN traps */
#define CPTR_VHE_ZEN AXVM_BITS(17, 16)
#define CPTR_VHE_FPEN AXVM_BITS(21, 20)
#define CPTR_VHE_TTA AXVM_BIT(28)

#define MDCR_HPMN AXVM_BITS(4, 0)
#define MDCR_TPMCR AXVM_BIT(5)
#define MDCR_TPM AXVM_BIT(6)
#define MDCR_TDA AXVM_BIT(9)
#define MDCR_TDOSA AXVM_BIT(10)
#define MDCR_TDRA AXVM_BIT(11)
#define MDCR_TPMS AXVM_BIT(14)
#define MDCR_TTRF AXVM_BIT(19)

/* CNTHCTL_EL2; the enables stand elsewhere with E2H = 1 */
#define CNTHCTL_EL1PCTEN AXVM_BIT(0)
#define CNTHCTL_EL1PCEN AXVM_BIT(1)
#define CNTHCTL_VHE_EL1PCTEN AXVM_BIT(10)
#define CNTHCTL_VHE_EL1PTEN AXVM_BIT(11)
#define CNTHCTL_EL1TVT AXVM_BIT(13)
#define CNTHCTL_EL1TVCT AXVM_BIT(14)

#define CNT_CTL_ENABLE AXVM_BIT(0)
#define CNT_CTL_IMASK AXVM_BIT(1)
#define CNT_CTL_ISTATUS AXVM_BIT(2)

#define ICC_CTLR_EOIMODE AXVM_BIT(1)

#define HPFAR_FIPA AXVM_BITS(43, 4) /* IPA [51:12] */

#define VTTBR_VMID AXVM_BITS(63, 48)

/* PSTATE as in SPSR_EL2 */
#define PSR_MODE_EL0T 0x0u
#define PSR_MODE_EL1T 0x4u
#define PSR_MODE_EL1H 0x5u
#define PSR_MODE_MASK AXVM_BITS(3, 0)
#define PSR_M4_AARCH32 AXVM_BIT(4)
#define PSR_F AXVM_BIT(6)
#define PSR_I AXVM_BIT(7)
#define PSR_A AXVM_BIT(8)
#define PSR_D AXVM_BIT(9)
#define PSR_IL AXVM_BIT(20)
#define PSR_SS AXVM_BIT(21)

#endif
