/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a device tree that describes VMs: checked access to its properties, and who to blame. */
#ifndef AXVM_CORE_FDT_READER_H
#define AXVM_CORE_FDT_READER_H

#include <axvm/config.h>
#include <axvm/hal.h>

struct axvm_fdt_reader {
    const struct axvm_hal *hal;
    const void *fdt; /* axvm_fdt_is_valid() */
    size_t fdt_size;
    struct axvm_builder *b;
    struct axvm_config_error *err; /* may be NULL */
};

/* Report and return AXVM_ERR_FORMAT. */
int axvm_fdt_bad(const struct axvm_fdt_reader *r, const char *property, uint32_t index, const char *why);

bool axvm_fdt_has(const struct axvm_fdt_reader *r, int node, const char *property);
bool axvm_fdt_is(const struct axvm_fdt_reader *r, int node, const char *compatible);
/* A number of @count cells, 1 or 2. */
uint64_t axvm_fdt_cells(const uint8_t *cells, unsigned int count);
/* 0..2; @def when the property is missing, 0 when it says anything else: then no address can be read. */
unsigned int axvm_fdt_cell_count(const struct axvm_fdt_reader *r, int node, const char *property, unsigned int def);
/* A number of one or two cells; *val stays when there is no such property. AXVM_ERR_FORMAT. */
int axvm_fdt_read_number(const struct axvm_fdt_reader *r, int node, const char *property, uint64_t *val);
/* Likewise a string, which stays in the tree. */
int axvm_fdt_read_string(const struct axvm_fdt_reader *r, int node, const char *property, const char **val);

/* Where the registers of a host device are: its first "reg", through the "ranges" of all buses above it. *len 0: it has none.
 * AXVM_ERR_FORMAT. */
int axvm_fdt_host_reg(const struct axvm_fdt_reader *r, int node, uint64_t *addr, uint64_t *len);
/* The same of a child of an ISA bus (compatible "isa", IEEE 1275's binding for it): I/O ports, if bit 0 of the address's first cell
 * is set. AXVM_ERR_NOENT: its registers are memory, or it is on another bus. AXVM_ERR_FORMAT. */
int axvm_fdt_host_ports(const struct axvm_fdt_reader *r, int node, uint16_t *port, uint16_t *count);
/* Its first interrupt; *irq 0: it has none. AXVM_ERR_FORMAT when it is not one of the host's interrupt controller. */
int axvm_fdt_host_irq(const struct axvm_fdt_reader *r, int node, uint32_t *irq, bool *edge);

/* "axvm,passthrough" of a domain node. */
int axvm_fdt_read_passthrough(struct axvm_fdt_reader *r, int node);

#endif
