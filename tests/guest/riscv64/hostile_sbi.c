/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest: firmware calls. */
#include "hostile.h"

/* ---- rows 61..66: SBI ---- */

void expect(const char *name, struct sbi_ret r, int64_t error)
{
    result(name, r.error == error, (uint64_t)r.error);
}

void sbi_unknown(void)
{
    static const uint64_t eids[] = { 0,           1,          2,          3,          4,         5,
                                     6,           7,          8,          15,         0x11,      0xffffffffffffffff,
                                     0x100000010, 0x0a000000, 0x09000000, 0x4e41434c, 0x44425452 };

    for (unsigned int i = 0; i < sizeof(eids) / sizeof(eids[0]); i++)
        expect("61 unknown extension", sbi(eids[i], 0, 1, 2, 3, 4, 5), NOT_SUPPORTED);
    expect("61 unknown function of BASE", sbi(SBI_BASE, 99, 0, 0, 0, 0, 0), NOT_SUPPORTED);
    expect("61 unknown function of TIME", sbi(SBI_TIME, 1, 0, 0, 0, 0, 0), NOT_SUPPORTED);
    expect("61 unknown function of HSM", sbi(SBI_HSM, UINT64_MAX, 0, 0, 0, 0, 0), NOT_SUPPORTED);
    result("61 version", sbi(SBI_BASE, 0, 0, 0, 0, 0, 0).value == 0x3000000, sbi(SBI_BASE, 0, 0, 0, 0, 0, 0).value);
    result("61 probe of nothing", sbi(SBI_BASE, 3, 0x12345, 0, 0, 0, 0).value == 0, 0);
}

/* Only a0 and a1 may change. */
void sbi_registers(void)
{
    register uint64_t a0 __asm__("a0") = 0, a1 __asm__("a1") = 0, a2 __asm__("a2") = 0x22, a3 __asm__("a3") = 0x33,
                         a4 __asm__("a4") = 0x44, a5 __asm__("a5") = 0x55, a6 __asm__("a6") = 0, a7 __asm__("a7") = SBI_BASE,
                         t0 __asm__("t0") = 0x77, t6 __asm__("t6") = 0x99;

    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(a7), "+r"(t0), "+r"(t6)
                     :
                     : "memory");
    result("61 other registers stay",
           a2 == 0x22 && a3 == 0x33 && a4 == 0x44 && a5 == 0x55 && a6 == 0 && a7 == SBI_BASE && t0 == 0x77 && t6 == 0x99, 0);
}

void sbi_masks(void)
{
    expect("62 IPI to nobody", sbi(SBI_IPI, 0, 0, 0, 0, 0, 0), 0);
    expect("62 IPI to nobody, base beyond", sbi(SBI_IPI, 0, 0, 100, 0, 0, 0), 0);
    expect("62 IPI, base beyond", sbi(SBI_IPI, 0, 1, 100, 0, 0, 0), INVALID_PARAM);
    expect("62 IPI, base -2", sbi(SBI_IPI, 0, 1, -2ul, 0, 0, 0), INVALID_PARAM);
    expect("62 IPI, bit beyond", sbi(SBI_IPI, 0, 1ul << 63, 0, 0, 0, 0), INVALID_PARAM);
    expect("62 RFENCE, base beyond", sbi(SBI_RFENCE, 1, 1, 64, 0, 4096, 0), INVALID_PARAM);
    expect("63 RFENCE of everything", sbi(SBI_RFENCE, 1, 0, -1ul, 0, -1ul, 0), 0);
    expect("63 RFENCE that wraps", sbi(SBI_RFENCE, 1, 1, 0, -4096ul, 0x100000, 0), 0);
    expect("63 RFENCE of 2^60 pages", sbi(SBI_RFENCE, 2, 1, 0, 0, 1ul << 62, 7), 0);
    expect("63 RFENCE, unaligned", sbi(SBI_RFENCE, 1, 3, 0, 0x12345, 0x777, 0), 0);
    for (unsigned int fid = 3; fid < 8; fid++)
        expect("63 hypervisor RFENCE", sbi(SBI_RFENCE, fid, 1, 0, 0, 4096, 0), NOT_SUPPORTED);
    for (unsigned int i = 0; i < 20000; i++)
        sbi(SBI_RFENCE, 1, 3, 0, 0, -1ul, 0);
    result("63 20000 of them", true, 0);
}

void sbi_console(void)
{
    static const char text[] = "hostile: this is DBCN\r\n";
    struct sbi_ret r = sbi(SBI_DBCN, 0, sizeof(text) - 1, (uint64_t)text, 0, 0, 0);

    result("64 DBCN", r.error == 0 && r.value == sizeof(text) - 1, r.value);
    expect("64 DBCN byte", sbi(SBI_DBCN, 2, '.', 0, 0, 0, 0), 0);
    expect("64/R1 DBCN of a hole", sbi(SBI_DBCN, 0, 16, HOLE, 0, 0, 0), INVALID_PARAM);
    expect("64 DBCN of a device", sbi(SBI_DBCN, 0, 16, UART, 0, 0, 0), INVALID_PARAM);
    expect("64 DBCN, high address", sbi(SBI_DBCN, 0, 16, (uint64_t)text, 1, 0, 0), INVALID_PARAM);
    expect("64 DBCN that wraps", sbi(SBI_DBCN, 0, -1ul, (uint64_t)text, 0, 0, 0), INVALID_PARAM);
    expect("64/R1 DBCN, huge", sbi(SBI_DBCN, 0, 1ul << 40, (uint64_t)text, 0, 0, 0), INVALID_PARAM);
    expect("64 DBCN, nothing", sbi(SBI_DBCN, 0, 0, (uint64_t)text, 0, 0, 0), 0);
    expect("64 DBCN read of a hole", sbi(SBI_DBCN, 1, 16, HOLE, 0, 0, 0), INVALID_PARAM);
}

void sbi_harts(void)
{
    expect("65 start of nobody", sbi(SBI_HSM, 0, 77, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 start of hart -1", sbi(SBI_HSM, 0, -1ul, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 start of oneself", sbi(SBI_HSM, 0, 0, RAM, 0, 0, 0), ALREADY);
    expect("65 start in a hole", sbi(SBI_HSM, 0, 1, HOLE, 0, 0, 0), INVALID_ADDRESS);
    expect("65 start at an odd address", sbi(SBI_HSM, 0, 1, RAM + 1, 0, 0, 0), INVALID_ADDRESS);
    expect("65 status of nobody", sbi(SBI_HSM, 2, 77, 0, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend, reserved type", sbi(SBI_HSM, 3, 5, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend, platform type", sbi(SBI_HSM, 3, 0x90000000, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend into a hole", sbi(SBI_HSM, 3, 0x80000000, HOLE, 0, 0, 0), INVALID_ADDRESS);
    expect("65 SUSP, reserved type", sbi(SBI_SUSP, 0, 1, RAM, 0, 0, 0), INVALID_PARAM);
    expect("R2 SRST, reserved type", sbi(SBI_SRST, 0, 3, 0, 0, 0, 0), INVALID_PARAM);
    expect("R2 SRST, reserved reason", sbi(SBI_SRST, 0, 0, 2, 0, 0, 0), INVALID_PARAM);
    expect("R2 SRST, vendor's type", sbi(SBI_SRST, 0, 0xf0000000, 0, 0, 0, 0), INVALID_PARAM);
}
