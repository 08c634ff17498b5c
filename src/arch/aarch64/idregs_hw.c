/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the ID registers of the CPU. Those of the range that are not allocated read as zero. */
#include "idregs.h"
#include "sysreg.h"

#define READ_CRM(regs, m)                                         \
    do {                                                          \
        (regs)[IDREG(m, 0)] = axvm_sysreg_read(S3_0_C0_C##m##_0); \
        (regs)[IDREG(m, 1)] = axvm_sysreg_read(S3_0_C0_C##m##_1); \
        (regs)[IDREG(m, 2)] = axvm_sysreg_read(S3_0_C0_C##m##_2); \
        (regs)[IDREG(m, 3)] = axvm_sysreg_read(S3_0_C0_C##m##_3); \
        (regs)[IDREG(m, 4)] = axvm_sysreg_read(S3_0_C0_C##m##_4); \
        (regs)[IDREG(m, 5)] = axvm_sysreg_read(S3_0_C0_C##m##_5); \
        (regs)[IDREG(m, 6)] = axvm_sysreg_read(S3_0_C0_C##m##_6); \
        (regs)[IDREG(m, 7)] = axvm_sysreg_read(S3_0_C0_C##m##_7); \
    } while (0)

void axvm_idregs_init(struct axvm *vm)
{
    const struct axvm_idreg_params params = {
        .gpa_bits = vm->as.geo.gpa_bits,
        .gic = vm->cfg.irq_mode != AXVM_IRQ_NONE,
    };
    uint64_t *regs = vm->arch.id_regs;

    READ_CRM(regs, 1);
    READ_CRM(regs, 2);
    READ_CRM(regs, 3);
    READ_CRM(regs, 4);
    READ_CRM(regs, 5);
    READ_CRM(regs, 6);
    READ_CRM(regs, 7);
    axvm_idregs_limit(regs, &params);
}
