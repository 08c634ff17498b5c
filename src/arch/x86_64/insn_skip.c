/* SPDX-License-Identifier: BSD-2-Clause */
/* How long an instruction is that has exited, for CPUs without NRIPS. Prefixes may come in any number and without need. */
#include "bits.h"
#include "insn.h"

/* What follows an opcode. */
enum tail {
    UNKNOWN,
    NOTHING,
    IMM8,
    REGISTER, /* a ModRM byte that is taken for a register whatever its mod says: MOV of control and debug registers */
    MODRM,
};

static const uint8_t one_byte[256] = {
    [0x6c ... 0x6f] = NOTHING, /* INS, OUTS */
    [0x90] = NOTHING,          /* PAUSE */
    [0x9c ... 0x9d] = NOTHING, /* PUSHF, POPF */
    [0xcc] = NOTHING,          /* INT3 */
    [0xcd] = IMM8,             /* INT */
    [0xce ... 0xcf] = NOTHING, /* INTO, IRET */
    [0xe4 ... 0xe7] = IMM8,    /* IN, OUT */
    [0xec ... 0xef] = NOTHING,
    [0xf1] = NOTHING, /* INT1 */
    [0xf4] = NOTHING, /* HLT */
};

static const uint8_t two_byte[256] = {
    [0x00] = MODRM,            /* SLDT, STR, LLDT, LTR */
    [0x01] = MODRM,            /* SGDT to INVLPG; with mod 3 VMCALL, MONITOR, MWAIT, XSETBV, VMRUN and its kin, RDTSCP, ... */
    [0x06] = NOTHING,          /* CLTS */
    [0x08 ... 0x09] = NOTHING, /* INVD, WBINVD */
    [0x0b] = NOTHING,          /* UD2 */
    [0x20 ... 0x23] = REGISTER,
    [0x30 ... 0x33] = NOTHING, /* WRMSR, RDTSC, RDMSR, RDPMC */
    [0x78 ... 0x79] = MODRM,   /* VMREAD, VMWRITE */
    [0xa2] = NOTHING,          /* CPUID */
    [0xaa] = NOTHING,          /* RSM */
    [0xc7] = MODRM,            /* RDRAND, RDSEED, VMPTRLD, ... */
};

/* "32-Bit Addressing Forms with the ModR/M Byte" and the others: bytes from ModRM on, @count are there. 0: too few. */
static unsigned int modrm_len(const uint8_t *modrm, unsigned int count, unsigned int addr_size)
{
    unsigned int mod, rm, len = 1;

    if (count == 0)
        return 0;
    mod = modrm[0] >> 6;
    rm = modrm[0] & 7;
    if (mod == 3)
        return 1;
    if (addr_size == 2)
        return mod == 0 ? (rm == 6 ? 3 : 1) : mod + 1;
    if (rm == 4) {
        if (count < 2)
            return 0;
        rm = modrm[1] & 7;
        len = 2;
    }
    return len + (mod == 0 ? (rm == 5 ? 4 : 0) : mod == 1 ? 1 : 4);
}

/* Length of the prefixes. */
static unsigned int skip_prefixes(const uint8_t *bytes, unsigned int count, enum axvm_x86_mode mode, unsigned int *addr_size)
{
    unsigned int at = 0;

    *addr_size = mode;
    for (; at < count; at++) {
        uint8_t b = bytes[at];

        if (b == 0x67)
            *addr_size = mode == AXVM_X86_MODE32 ? 2 : 4;
        else if (b != 0x66 && b != 0xf0 && b != 0xf2 && b != 0xf3 && (b & 0xe7) != 0x26 && (b & 0xfe) != 0x64 &&
                 !((b & 0xf0) == 0x40 && mode == AXVM_X86_MODE64))
            break;
    }
    return at;
}

static unsigned int tail_len(enum tail tail, const uint8_t *bytes, unsigned int at, unsigned int count, unsigned int addr_size)
{
    unsigned int len;

    switch (tail) {
    case NOTHING:
        return at;
    case IMM8:
    case REGISTER:
        return at + 1;
    case MODRM:
        len = modrm_len(bytes + at, count - at, addr_size);
        return len != 0 ? at + len : 0;
    default:
        return 0;
    }
}

unsigned int axvm_x86_insn_len(const uint8_t *bytes, unsigned int count, enum axvm_x86_mode mode)
{
    unsigned int addr_size, at, len = 0;

    if (count > AXVM_X86_INSN_MAX)
        count = AXVM_X86_INSN_MAX;
    at = skip_prefixes(bytes, count, mode, &addr_size);
    if (at == count)
        return 0;
    if (bytes[at] != 0x0f) {
        len = tail_len(one_byte[bytes[at]], bytes, at + 1, count, addr_size);
    } else if (at + 1 < count) {
        /* 0f 38 80 to 82: INVEPT, INVVPID, INVPCID. */
        if (bytes[at + 1] == 0x38 && at + 2 < count && bytes[at + 2] >= 0x80 && bytes[at + 2] <= 0x82)
            len = tail_len(MODRM, bytes, at + 3, count, addr_size);
        else
            len = tail_len(two_byte[bytes[at + 1]], bytes, at + 2, count, addr_size);
    }
    return len <= count ? len : 0;
}
