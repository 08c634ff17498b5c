/* SPDX-License-Identifier: BSD-2-Clause */
/* libfdt's sequential-write calls with a sticky error: a description reads as a list, and is checked once at its end. */
#ifndef AXVM_CORE_FDT_WRITER_H
#define AXVM_CORE_FDT_WRITER_H

#include <libfdt.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h" /* node names are put together with it */

struct axvm_fdt_writer {
    void *fdt;
    int err; /* libfdt's; once set the calls below do nothing */
};

void axvm_fw_begin(struct axvm_fdt_writer *w, const char *name);
/* "<name>@<addr>" */
void axvm_fw_begin_at(struct axvm_fdt_writer *w, const char *name, uint64_t addr);
void axvm_fw_end(struct axvm_fdt_writer *w);
void axvm_fw_bytes(struct axvm_fdt_writer *w, const char *name, const void *val, size_t len);
void axvm_fw_empty(struct axvm_fdt_writer *w, const char *name);
void axvm_fw_u32(struct axvm_fdt_writer *w, const char *name, uint32_t val);
void axvm_fw_u64(struct axvm_fdt_writer *w, const char *name, uint64_t val);
void axvm_fw_string(struct axvm_fdt_writer *w, const char *name, const char *val);
/* @count numbers of 32 bits, given in host byte order. */
void axvm_fw_cells(struct axvm_fdt_writer *w, const char *name, const uint32_t *cells, unsigned int count);
/* One address and size, in two cells each. */
void axvm_fw_reg(struct axvm_fdt_writer *w, uint64_t addr, uint64_t len);

#endif
