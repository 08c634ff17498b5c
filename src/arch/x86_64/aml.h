/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing ACPI tables and AML byte by byte. ACPI Specification 6.5, "ACPI Machine Language (AML) Specification". */
#ifndef AXVM_X86_64_AML_H
#define AXVM_X86_64_AML_H

#include <stdbool.h>
#include <stdint.h>

/* A buffer that is written to from the front. What does not fit is dropped, and remembered. */
struct axvm_aml {
    uint8_t *va;
    uint32_t used, size;
    bool full;
};

void axvm_aml_byte(struct axvm_aml *w, uint8_t v);
void axvm_aml_le(struct axvm_aml *w, uint64_t v, unsigned int bytes);
void axvm_aml_bytes(struct axvm_aml *w, const void *data, uint32_t len);

/* Begin something with a PkgLength: Scope, Device, Package, Buffer, …; returns what end() wants to know. */
uint32_t axvm_aml_begin_scope(struct axvm_aml *w, const char name[4]);
uint32_t axvm_aml_begin_device(struct axvm_aml *w, const char name[4]);
void axvm_aml_end(struct axvm_aml *w, uint32_t begin);

/* Name (@name, @v), an integer. */
void axvm_aml_name_integer(struct axvm_aml *w, const char name[4], uint64_t v);
/* Name (_HID, @hid): as EISA ID where it has the form of one ("PNP0501"), otherwise as string. */
void axvm_aml_name_hid(struct axvm_aml *w, const char *hid);
/* Name (\_S5, Package (4) { @typ, @typ, 0, 0 }) */
void axvm_aml_name_sleep(struct axvm_aml *w, const char name[4], uint8_t typ);

/* Name (_CRS, ResourceTemplate () { … }): "Resource Data Type Definitions". */
uint32_t axvm_aml_begin_crs(struct axvm_aml *w);
void axvm_aml_ports(struct axvm_aml *w, uint16_t base, uint8_t len);
void axvm_aml_isa_irq(struct axvm_aml *w, unsigned int irq);
void axvm_aml_irq(struct axvm_aml *w, uint32_t gsi, bool edge);
void axvm_aml_memory(struct axvm_aml *w, uint64_t base, uint64_t len);
void axvm_aml_end_crs(struct axvm_aml *w, uint32_t begin);

#endif
