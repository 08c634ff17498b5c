/* SPDX-License-Identifier: BSD-2-Clause */
/* MOV to and from control registers, CLTS, LMSW and SMSW, where no DecodeAssists say which it was. */
#include "svm.h"

struct cr_insn {
    const uint8_t *buf;
    unsigned int have, len; /* len: up to and with the opcode's second byte */
    uint8_t rex;
};

static bool is_legacy_prefix(uint8_t byte)
{
    return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 || byte == 0x26 || byte == 0x2e ||
           byte == 0x36 || byte == 0x3e || byte == 0x64 || byte == 0x65;
}

/* Prefixes, 0x0f, another byte, ModRM. REX counts only right before the opcode; LOCK makes CR0 mean CR8 ("MOV CRn": AMD's
 * AltMovCr8). */
static bool parse(struct cr_insn *insn, bool code64, bool *lock)
{
    unsigned int n = 0;

    for (; n < insn->have && is_legacy_prefix(insn->buf[n]); n++)
        *lock |= insn->buf[n] == 0xf0;
    if (code64 && n < insn->have && (insn->buf[n] & 0xf0) == 0x40)
        insn->rex = insn->buf[n++];
    if (insn->have < n + 2 || insn->buf[n] != 0x0f)
        return false;
    insn->len = n + 2;
    return true;
}

/* It is an instruction of @len bytes that will be done, or fault: RIP after it. */
static uint64_t known(struct axvm_vcpu *vcpu, unsigned int len)
{
    vcpu->arch.vmcb->int_state = 0;
    return axvm_x86_next_rip(vcpu, len);
}

static enum axvm_trap_kind mov(struct axvm_vcpu *vcpu, const struct cr_insn *insn, bool write, bool lock)
{
    uint8_t modrm = insn->buf[insn->len];
    unsigned int n = (modrm >> 3 & 7) | (insn->rex & 4 ? 8 : 0), reg = (modrm & 7) | (insn->rex & 1 ? 8 : 0);

    if (lock && n == 0)
        n = 8;
    return axvm_x86_exit_cr(vcpu, n, write, reg, known(vcpu, insn->len + 1));
}

/* The exit is for CR0: 0x0f 0x01 /4 is SMSW, /6 LMSW. With a memory operand they are emulated. */
static enum axvm_trap_kind msw(struct axvm_vcpu *vcpu, const struct cr_insn *insn)
{
    uint8_t modrm = insn->buf[insn->len];
    unsigned int reg = (modrm & 7) | (insn->rex & 1 ? 8 : 0);
    bool wide = (insn->rex & 8) != 0;
    uint64_t *gpr = &vcpu->arch.gpr[reg];

    if (modrm >> 6 == 3 && (modrm >> 3 & 7) == 6)
        return axvm_x86_exit_lmsw(vcpu, (uint16_t)*gpr, known(vcpu, insn->len + 1));
    if (modrm >> 6 != 3 || (modrm >> 3 & 7) != 4)
        return axvm_x86_exit_msw(vcpu);
    if (insn->buf[0] == 0x66)
        *gpr = (*gpr & ~(uint64_t)0xffff) | (axvm_x86_get_cr0(vcpu) & 0xffff);
    else
        *gpr = wide ? axvm_x86_get_cr0(vcpu) : (uint32_t)axvm_x86_get_cr0(vcpu);
    return axvm_x86_step_to(vcpu, known(vcpu, insn->len + 1));
}

enum axvm_trap_kind axvm_x86_exit_cr_decode(struct axvm_vcpu *vcpu)
{
    uint8_t buf[15];
    struct cr_insn insn = { .buf = buf };
    bool lock = false;

    insn.have = axvm_x86_fetch(vcpu, buf, sizeof(buf));
    if (insn.have == 0)
        return AXVM_TRAP_RESUME;
    if (!parse(&insn, axvm_x86_is_64bit(vcpu), &lock))
        return AXVM_TRAP_RESUME; /* another vCPU has changed the code */
    switch (buf[insn.len - 1]) {
    case 0x06:
        return axvm_x86_exit_clts(vcpu, known(vcpu, insn.len));
    case 0x20:
    case 0x22:
        return insn.have > insn.len ? mov(vcpu, &insn, buf[insn.len - 1] == 0x22, lock) : AXVM_TRAP_RESUME;
    case 0x01:
        return insn.have > insn.len ? msw(vcpu, &insn) : AXVM_TRAP_RESUME;
    default:
        return AXVM_TRAP_RESUME;
    }
}
