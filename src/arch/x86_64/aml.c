/* SPDX-License-Identifier: BSD-2-Clause */
#include "aml.h"

#include "mem.h"
#include "str.h"

/* "AML Byte Stream Byte Values". */
enum {
    AML_ZERO = 0x00,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_STRING = 0x0d,
    AML_QWORD = 0x0e,
    AML_SCOPE = 0x10,
    AML_BUFFER = 0x11,
    AML_PACKAGE = 0x12,
    AML_EXT = 0x5b,
    AML_EXT_DEVICE = 0x82,
};

#define PKG_LENGTH_SIZE 3u /* always the form with two more bytes: lengths up to 1 MiB */

void axvm_aml_byte(struct axvm_aml *w, uint8_t v)
{
    if (w->used < w->size)
        w->va[w->used++] = v;
    else
        w->full = true;
}

void axvm_aml_le(struct axvm_aml *w, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        axvm_aml_byte(w, (uint8_t)(v >> 8 * i));
}

void axvm_aml_bytes(struct axvm_aml *w, const void *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        axvm_aml_byte(w, ((const uint8_t *)data)[i]);
}

/* ---- packages ---- */

static uint32_t begin_package(struct axvm_aml *w)
{
    uint32_t begin = w->used;

    axvm_aml_le(w, 0, PKG_LENGTH_SIZE);
    return begin;
}

/* "Package Length Encoding": the length counts its own bytes. */
void axvm_aml_end(struct axvm_aml *w, uint32_t begin)
{
    uint32_t len = w->used - begin;

    if (w->full)
        return;
    w->va[begin] = (uint8_t)(2u << 6 | (len & 0xf));
    w->va[begin + 1] = (uint8_t)(len >> 4);
    w->va[begin + 2] = (uint8_t)(len >> 12);
}

uint32_t axvm_aml_begin_scope(struct axvm_aml *w, const char name[4])
{
    uint32_t begin;

    axvm_aml_byte(w, AML_SCOPE);
    begin = begin_package(w);
    axvm_aml_bytes(w, name, 4);
    return begin;
}

uint32_t axvm_aml_begin_device(struct axvm_aml *w, const char name[4])
{
    uint32_t begin;

    axvm_aml_byte(w, AML_EXT);
    axvm_aml_byte(w, AML_EXT_DEVICE);
    begin = begin_package(w);
    axvm_aml_bytes(w, name, 4);
    return begin;
}

/* ---- names ---- */

static void name(struct axvm_aml *w, const char n[4])
{
    axvm_aml_byte(w, AML_NAME);
    axvm_aml_bytes(w, n, 4);
}

static void integer(struct axvm_aml *w, uint64_t v)
{
    unsigned int bytes = v <= UINT8_MAX ? 1 : v <= UINT16_MAX ? 2 : v <= UINT32_MAX ? 4 : 8;

    if (v == 0) {
        axvm_aml_byte(w, AML_ZERO);
        return;
    }
    axvm_aml_byte(w, bytes == 1 ? AML_BYTE : bytes == 2 ? AML_WORD : bytes == 4 ? AML_DWORD : AML_QWORD);
    axvm_aml_le(w, v, bytes);
}

void axvm_aml_name_integer(struct axvm_aml *w, const char n[4], uint64_t v)
{
    name(w, n);
    integer(w, v);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

static uint32_t hex_digit(char c)
{
    return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* "PNP0501": three capital letters and four hexadecimal digits. */
static bool is_eisa_id(const char *s)
{
    for (unsigned int i = 0; i < 3; i++) {
        if (s[i] < 'A' || s[i] > 'Z')
            return false;
    }
    return is_hex(s[3]) && is_hex(s[4]) && is_hex(s[5]) && is_hex(s[6]) && s[7] == '\0';
}

/* "EISAID (EISA ID String To Integer Conversion Macro)": compressed letters and the number, both big-endian. */
static uint32_t eisa_id(const char *s)
{
    uint32_t letters = (uint32_t)(s[0] - 0x40) << 10 | (uint32_t)(s[1] - 0x40) << 5 | (uint32_t)(s[2] - 0x40);
    uint32_t number = hex_digit(s[3]) << 12 | hex_digit(s[4]) << 8 | hex_digit(s[5]) << 4 | hex_digit(s[6]);

    return letters >> 8 | (letters & 0xff) << 8 | (number >> 8) << 16 | (number & 0xff) << 24;
}

void axvm_aml_name_hid(struct axvm_aml *w, const char *hid)
{
    name(w, "_HID");
    if (is_eisa_id(hid)) {
        axvm_aml_byte(w, AML_DWORD);
        axvm_aml_le(w, eisa_id(hid), 4);
        return;
    }
    axvm_aml_byte(w, AML_STRING);
    axvm_aml_bytes(w, hid, (uint32_t)axvm_strlen(hid) + 1);
}

void axvm_aml_name_sleep(struct axvm_aml *w, const char n[4], uint8_t typ)
{
    uint32_t begin;

    name(w, n);
    axvm_aml_byte(w, AML_PACKAGE);
    begin = begin_package(w);
    axvm_aml_byte(w, 4);
    integer(w, typ);
    integer(w, typ);
    integer(w, 0);
    integer(w, 0);
    axvm_aml_end(w, begin);
}

/* ---- resources ---- */

/* "Buffer": the length of the bytes is a word that end_crs() fills in. */
#define CRS_HEAD (PKG_LENGTH_SIZE + 3u)

uint32_t axvm_aml_begin_crs(struct axvm_aml *w)
{
    uint32_t begin;

    name(w, "_CRS");
    axvm_aml_byte(w, AML_BUFFER);
    begin = begin_package(w);
    axvm_aml_byte(w, AML_WORD);
    axvm_aml_le(w, 0, 2);
    return begin;
}

/* "End Tag": a checksum of 0 counts as right. */
void axvm_aml_end_crs(struct axvm_aml *w, uint32_t begin)
{
    axvm_aml_byte(w, 0x79);
    axvm_aml_byte(w, 0);
    if (!w->full)
        axvm_put_le16(w->va + begin + PKG_LENGTH_SIZE + 1, (uint16_t)(w->used - begin - CRS_HEAD));
    axvm_aml_end(w, begin);
}

/* "I/O Port Descriptor", all 16 bits decoded. */
void axvm_aml_ports(struct axvm_aml *w, uint16_t base, uint8_t len)
{
    axvm_aml_byte(w, 0x47);
    axvm_aml_byte(w, 1);
    axvm_aml_le(w, base, 2);
    axvm_aml_le(w, base, 2);
    axvm_aml_byte(w, 1);
    axvm_aml_byte(w, len);
}

/* "IRQ Descriptor" of two bytes: edge, active high, as ISA has it. */
void axvm_aml_isa_irq(struct axvm_aml *w, unsigned int irq)
{
    axvm_aml_byte(w, 0x22);
    axvm_aml_le(w, (uint64_t)1 << irq, 2);
}

/* "Extended Interrupt Descriptor": consumer, active high. */
void axvm_aml_irq(struct axvm_aml *w, uint32_t gsi, bool edge)
{
    axvm_aml_byte(w, 0x89);
    axvm_aml_le(w, 6, 2);
    axvm_aml_byte(w, edge ? 0x03 : 0x01);
    axvm_aml_byte(w, 1);
    axvm_aml_le(w, gsi, 4);
}

/* "QWord Address Space Descriptor": memory, not cacheable, read-write, both ends fixed. */
static void memory64(struct axvm_aml *w, uint64_t base, uint64_t len)
{
    axvm_aml_byte(w, 0x8a);
    axvm_aml_le(w, 0x2b, 2);
    axvm_aml_byte(w, 0);
    axvm_aml_byte(w, 0x0d);
    axvm_aml_byte(w, 0x01);
    axvm_aml_le(w, 0, 8);
    axvm_aml_le(w, base, 8);
    axvm_aml_le(w, base + (len - 1), 8);
    axvm_aml_le(w, 0, 8);
    axvm_aml_le(w, len, 8);
}

/* "32-Bit Fixed Memory Range Descriptor", where it fits. */
void axvm_aml_memory(struct axvm_aml *w, uint64_t base, uint64_t len)
{
    if (base > UINT32_MAX || len > UINT32_MAX) {
        memory64(w, base, len);
        return;
    }
    axvm_aml_byte(w, 0x86);
    axvm_aml_le(w, 9, 2);
    axvm_aml_byte(w, 1);
    axvm_aml_le(w, base, 4);
    axvm_aml_le(w, len, 4);
}
