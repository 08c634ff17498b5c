/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tier of this backend: what follows an exit once it is answered. The guest's state is in memory. */
#include <axvm/err.h>

#include "exit.h"
#include "registers.h"

/* The next access of an instruction may be one of the local APIC's, which is on no bus. */
static bool answer_own(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio, bool more)
{
    while (more && axvm_x86_answer_lapic(vcpu, mmio))
        more = axvm_x86_finish(vcpu, mmio);
    return more;
}

static __attribute__((noinline)) bool finish_emulated(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    return answer_own(vcpu, mmio, axvm_x86_finish(vcpu, mmio));
}

static __attribute__((noinline)) bool refuse_emulated(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    return answer_own(vcpu, mmio, axvm_x86_refuse(vcpu, mmio));
}

/* A port's or an MSR's is the only access. */
static inline bool is_emulated(const struct axvm_mmio *mmio)
{
    return __builtin_expect(mmio->arch.kind == AXVM_X86_MMIO_EMUL, 0);
}

bool axvm_arch_mmio_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    return is_emulated(mmio) ? finish_emulated(vcpu, mmio) : axvm_x86_finish(vcpu, mmio);
}

bool axvm_arch_mmio_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    return is_emulated(mmio) ? refuse_emulated(vcpu, mmio) : axvm_x86_refuse(vcpu, mmio);
}

/* It tries again, and then there is no region: exit_io.c. */
void axvm_arch_fault_refuse(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
}

void axvm_arch_hypercall_finish(struct axvm_vcpu *vcpu, bool answered, uint64_t value)
{
    vcpu->arch.gpr[AXVM_RAX] = answered ? value : UINT64_MAX;
}

void axvm_arch_error_deliver(struct axvm_vcpu *vcpu)
{
    axvm_x86_raise(vcpu, X86_MC);
}

int axvm_arch_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value)
{
    if (reg > 15)
        return AXVM_ERR_INVAL;
    *value = vcpu->arch.gpr[reg];
    return AXVM_OK;
}

int axvm_arch_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value)
{
    if (reg > 15)
        return AXVM_ERR_INVAL;
    vcpu->arch.gpr[reg] = value;
    return AXVM_OK;
}

/* ---- for dumps ---- */

#define REG AXVM_REGISTER
#define SEG(n, i) REG(n, sys.seg[i].sel), REG(n "_base", sys.seg[i].base), REG(n "_attr", sys.seg[i].attr)
static const struct axvm_register_row registers[] = {
    REG("rax", gpr[0]),
    REG("rbx", gpr[3]),
    REG("rcx", gpr[1]),
    REG("rdx", gpr[2]),
    REG("rsi", gpr[6]),
    REG("rdi", gpr[7]),
    REG("rbp", gpr[5]),
    REG("rsp", gpr[4]),
    REG("r8", gpr[8]),
    REG("r9", gpr[9]),
    REG("r10", gpr[10]),
    REG("r11", gpr[11]),
    REG("r12", gpr[12]),
    REG("r13", gpr[13]),
    REG("r14", gpr[14]),
    REG("r15", gpr[15]),
    REG("rip", rip),
    REG("rflags", rflags),
    REG("cr0", sys.cr0),
    REG("cr2", cr2),
    REG("cr3", sys.cr3),
    REG("cr4", sys.cr4),
    REG("efer", sys.efer),
    SEG("cs", AXVM_X86_CS),
    SEG("ss", AXVM_X86_SS),
    SEG("ds", AXVM_X86_DS),
    SEG("es", AXVM_X86_ES),
    SEG("fs", AXVM_X86_FS),
    SEG("gs", AXVM_X86_GS),
    SEG("tr", AXVM_X86_TR),
    SEG("ldtr", AXVM_X86_LDTR),
    REG("gdtr_base", sys.gdtr.base),
    REG("gdtr_limit", sys.gdtr.limit),
    REG("idtr_base", sys.idtr.base),
    REG("idtr_limit", sys.idtr.limit),
    REG("dr6", sys.dr6),
    REG("dr7", sys.dr7),
};

int axvm_arch_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value)
{
    if (axvm_x86_is_svm(vcpu))
        axvm_svm_fetch_sys(vcpu);
    else
        axvm_vmx_fetch_sys(vcpu);
    return axvm_register_read(vcpu, registers, AXVM_ARRAY_LEN(registers), index, name, value);
}
