/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tier of this backend: what follows an exit once it is answered. The guest's state is in memory. */
#include <axvm/err.h>

#include "bits.h"
#include "hs.h"
#include "mem.h"
#include "registers.h"
#include "sbi.h"

/* FLW: "NaN Boxing of Narrower Values". */
static void load_fp(struct axvm_arch_vcpu *v, const struct axvm_mmio *mmio)
{
    uint64_t val = mmio->val[0];

    v->fp.f[mmio->arch.reg] = mmio->size == 8 ? val : val | AXVM_BITS(63, 32);
    v->vs.vsstatus |= SSTATUS_FS; /* dirty */
    v->resident_on = NULL;
}

bool axvm_arch_mmio_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (!mmio->write && mmio->arch.dest == AXVM_DEST_FP)
        load_fp(v, mmio);
    else if (!mmio->write && mmio->arch.dest == AXVM_DEST_GPR && mmio->arch.reg != 0)
        v->gpr[mmio->arch.reg] = axvm_extend(mmio->val[0], mmio->size, mmio->arch.sign_extend);
    v->pc += mmio->arch.insn_len;
    return false;
}

bool axvm_arch_mmio_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    if (mmio->arch.dest == AXVM_DEST_NONE)
        axvm_sbi_reply(vcpu, SBI_ERR_FAILED, 0);
    else
        axvm_raise(vcpu, vcpu->arch.cause, vcpu->arch.tval);
    return false;
}

void axvm_arch_fault_refuse(struct axvm_vcpu *vcpu)
{
    axvm_raise(vcpu, vcpu->arch.cause, vcpu->arch.tval);
}

void axvm_arch_hypercall_finish(struct axvm_vcpu *vcpu, bool answered, uint64_t value)
{
    axvm_sbi_reply(vcpu, answered ? SBI_SUCCESS : SBI_ERR_NOT_SUPPORTED, answered ? value : 0);
}

/* "Hardware error". */
void axvm_arch_error_deliver(struct axvm_vcpu *vcpu)
{
    axvm_raise(vcpu, 19, 0);
}

int axvm_arch_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value)
{
    if (reg > 31)
        return AXVM_ERR_INVAL;
    *value = vcpu->arch.gpr[reg];
    return AXVM_OK;
}

int axvm_arch_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value)
{
    if (reg > 31)
        return AXVM_ERR_INVAL;
    if (reg != 0)
        vcpu->arch.gpr[reg] = value;
    return AXVM_OK;
}

/* ---- for dumps ---- */

#define REG AXVM_REGISTER
static const struct axvm_register_row registers[] = {
    REG("ra", gpr[1]),   REG("sp", gpr[2]),   REG("gp", gpr[3]),   REG("tp", gpr[4]),   REG("t0", gpr[5]),   REG("t1", gpr[6]),
    REG("t2", gpr[7]),   REG("s0", gpr[8]),   REG("s1", gpr[9]),   REG("a0", gpr[10]),  REG("a1", gpr[11]),  REG("a2", gpr[12]),
    REG("a3", gpr[13]),  REG("a4", gpr[14]),  REG("a5", gpr[15]),  REG("a6", gpr[16]),  REG("a7", gpr[17]),  REG("s2", gpr[18]),
    REG("s3", gpr[19]),  REG("s4", gpr[20]),  REG("s5", gpr[21]),  REG("s6", gpr[22]),  REG("s7", gpr[23]),  REG("s8", gpr[24]),
    REG("s9", gpr[25]),  REG("s10", gpr[26]), REG("s11", gpr[27]), REG("t3", gpr[28]),  REG("t4", gpr[29]),  REG("t5", gpr[30]),
    REG("t6", gpr[31]),  REG("pc", pc),       REG("sstatus", sstatus),           REG("hstatus", hstatus),
    REG("vsstatus", vs.vsstatus),             REG("hie", vs.hie),                REG("hvip", vs.hvip),
    REG("vstvec", vs.vstvec),                 REG("vsscratch", vs.vsscratch),    REG("vsepc", vs.vsepc),
    REG("vscause", vs.vscause),               REG("vstval", vs.vstval),          REG("vsatp", vs.vsatp),
    REG("vstimecmp", vs.vstimecmp),           REG("cause", cause),               REG("tval", tval),
};

int axvm_arch_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value)
{
    return axvm_register_read(vcpu, registers, AXVM_ARRAY_LEN(registers), index, name, value);
}
