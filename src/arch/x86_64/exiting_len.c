/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the few instructions are that exit and have no operands to speak of. Intel SDM vol. 2A, "Instruction Prefixes".
 * Pure. */
#include "exit.h"

static bool is_prefix(uint8_t byte, bool code64)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return code64 && (byte & 0xf0) == 0x40;
    }
}

/* Those that exit and have neither an operand nor an immediate. Of 0f 01 only the forms with registers do. */
static unsigned int opcode_len(const uint8_t *op, unsigned int have)
{
    if (have >= 1 && (op[0] == 0xf4 || op[0] == 0x90)) /* HLT, PAUSE */
        return 1;
    if (have < 2 || op[0] != 0x0f)
        return 0;
    switch (op[1]) {
    case 0x08: /* INVD */
    case 0x09: /* WBINVD */
    case 0x30: /* WRMSR */
    case 0x32: /* RDMSR */
    case 0xa2: /* CPUID */
        return 2;
    case 0x01: /* VMMCALL, XSETBV, ... */
        return have >= 3 && op[2] >= 0xc0 ? 3 : 0;
    default:
        return 0;
    }
}

unsigned int axvm_x86_exiting_len(const uint8_t *buf, unsigned int have, bool code64)
{
    unsigned int n = 0, len;

    while (n < have && is_prefix(buf[n], code64))
        n++;
    len = opcode_len(buf + n, have - n);
    return len != 0 ? n + len : 0;
}
