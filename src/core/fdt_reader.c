/* SPDX-License-Identifier: BSD-2-Clause */
#include "fdt_reader.h"

#include <axvm/err.h>
#include <libfdt.h>

int axvm_fdt_bad(const struct axvm_fdt_reader *r, const char *property, uint32_t index, const char *why)
{
    if (r->err != NULL)
        *r->err = (struct axvm_config_error){ .field = property, .index = index, .why = why };
    return AXVM_ERR_FORMAT;
}

bool axvm_fdt_has(const struct axvm_fdt_reader *r, int node, const char *property)
{
    return fdt_getprop(r->fdt, node, property, NULL) != NULL;
}

bool axvm_fdt_is(const struct axvm_fdt_reader *r, int node, const char *compatible)
{
    return fdt_node_check_compatible(r->fdt, node, compatible) == 0;
}

uint64_t axvm_fdt_cells(const uint8_t *cells, unsigned int count)
{
    uint64_t val = 0;

    for (unsigned int i = 0; i < count * 4; i++)
        val = val << 8 | cells[i];
    return val;
}

unsigned int axvm_fdt_cell_count(const struct axvm_fdt_reader *r, int node, const char *property, unsigned int def)
{
    int len;
    const uint8_t *val = fdt_getprop(r->fdt, node, property, &len);
    uint64_t count;

    if (val == NULL)
        return def;
    count = len == 4 ? axvm_fdt_cells(val, 1) : 0;
    return count <= 2 ? (unsigned int)count : 0;
}

int axvm_fdt_read_number(const struct axvm_fdt_reader *r, int node, const char *property, uint64_t *val)
{
    int len;
    const uint8_t *cells = fdt_getprop(r->fdt, node, property, &len);

    if (cells == NULL)
        return AXVM_OK;
    if (len != 4 && len != 8)
        return axvm_fdt_bad(r, property, 0, "not a number of 32 or 64 bits");
    *val = axvm_fdt_cells(cells, (unsigned int)len / 4);
    return AXVM_OK;
}

int axvm_fdt_read_string(const struct axvm_fdt_reader *r, int node, const char *property, const char **val)
{
    const char *s;

    if (!axvm_fdt_has(r, node, property))
        return AXVM_OK;
    s = fdt_stringlist_get(r->fdt, node, property, 0, NULL); /* NULL unless it ends in a NUL */
    if (s == NULL)
        return axvm_fdt_bad(r, property, 0, "not a string");
    *val = s;
    return AXVM_OK;
}
