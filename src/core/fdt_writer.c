/* SPDX-License-Identifier: BSD-2-Clause */
#include "fdt_writer.h"

void axvm_fw_begin(struct axvm_fdt_writer *w, const char *name)
{
    if (w->err == 0)
        w->err = fdt_begin_node(w->fdt, name);
}

void axvm_fw_begin_at(struct axvm_fdt_writer *w, const char *name, uint64_t addr)
{
    char unit[64];
    char *end = unit;

    for (unsigned int i = 0; name[i] != '\0' && i < 40; i++)
        *end++ = name[i];
    *end++ = '@';
    axvm_put_hex(end, addr);
    axvm_fw_begin(w, unit);
}

void axvm_fw_end(struct axvm_fdt_writer *w)
{
    if (w->err == 0)
        w->err = fdt_end_node(w->fdt);
}

void axvm_fw_bytes(struct axvm_fdt_writer *w, const char *name, const void *val, size_t len)
{
    if (w->err == 0)
        w->err = fdt_property(w->fdt, name, val, (int)len);
}

void axvm_fw_empty(struct axvm_fdt_writer *w, const char *name)
{
    axvm_fw_bytes(w, name, NULL, 0);
}

void axvm_fw_u32(struct axvm_fdt_writer *w, const char *name, uint32_t val)
{
    if (w->err == 0)
        w->err = fdt_property_u32(w->fdt, name, val);
}

void axvm_fw_u64(struct axvm_fdt_writer *w, const char *name, uint64_t val)
{
    if (w->err == 0)
        w->err = fdt_property_u64(w->fdt, name, val);
}

void axvm_fw_string(struct axvm_fdt_writer *w, const char *name, const char *val)
{
    axvm_fw_bytes(w, name, val, axvm_strlen(val) + 1);
}

void axvm_fw_cells(struct axvm_fdt_writer *w, const char *name, const uint32_t *cells, unsigned int count)
{
    void *out;

    if (w->err != 0)
        return;
    w->err = fdt_property_placeholder(w->fdt, name, (int)(count * sizeof(*cells)), &out);
    for (unsigned int i = 0; w->err == 0 && i < count; i++)
        fdt32_st((uint8_t *)out + i * sizeof(*cells), cells[i]);
}

void axvm_fw_reg(struct axvm_fdt_writer *w, uint64_t addr, uint64_t len)
{
    const uint32_t cells[4] = { (uint32_t)(addr >> 32), (uint32_t)addr, (uint32_t)(len >> 32), (uint32_t)len };

    axvm_fw_cells(w, "reg", cells, 4);
}
