/* SPDX-License-Identifier: BSD-2-Clause */
/* A host with little memory, and its device tree under construction. */
#ifndef FDT_CONFIG_FIXTURE_H
#define FDT_CONFIG_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>
#include <axvm/fdt.h>

#include "fdt_writer.h"

#define HOST_RAM 0x40000000u
#define HOST_RAM_SIZE 0x10000u

struct fixture {
    uint8_t ram[HOST_RAM_SIZE]; /* what the host sees at HOST_RAM */
    struct axvm_hal hal;
    struct axvm_builder b;
    struct axvm_config_error err;
    _Alignas(8) uint8_t fdt[8192];
    struct axvm_fdt_writer w;
};

static inline void *phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    struct fixture *f = ctx;

    return pa.v >= HOST_RAM && pa.v - HOST_RAM < HOST_RAM_SIZE ? f->ram + (pa.v - HOST_RAM) : NULL;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->hal = (struct axvm_hal){ .size = sizeof(f->hal), .ctx = f, .phys_to_virt = phys_to_virt };
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    free(*state);
    return 0;
}

/* ---- a tree under construction ---- */

/* A root with an interrupt controller; open at the root. */
static inline struct axvm_fdt_writer *begin_tree(struct fixture *f)
{
    f->w = (struct axvm_fdt_writer){ .fdt = f->fdt };
    assert_int_equal(fdt_create(f->fdt, sizeof(f->fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(f->fdt), 0);
    axvm_fw_begin(&f->w, "");
    axvm_fw_u32(&f->w, "#address-cells", 2);
    axvm_fw_u32(&f->w, "#size-cells", 2);
    axvm_fw_u32(&f->w, "interrupt-parent", 0x8001);
    axvm_fw_begin(&f->w, "intc@8000000");
    axvm_fw_u32(&f->w, "phandle", 0x8001);
    axvm_fw_u32(&f->w, "#interrupt-cells", 3);
    axvm_fw_end(&f->w);
    return &f->w;
}

static inline void finish_tree(struct fixture *f)
{
    axvm_fw_end(&f->w);
    assert_int_equal(f->w.err, 0);
    assert_int_equal(fdt_finish(f->fdt), 0);
}

static inline void begin_domain(struct axvm_fdt_writer *w, const char *name)
{
    axvm_fw_begin(w, name);
    axvm_fw_string(w, "compatible", "xen,domain");
    axvm_fw_u32(w, "#address-cells", 2);
    axvm_fw_u32(w, "#size-cells", 2);
}

/* The only one of the tree, in /chosen; and what then is the end of all. */
static inline void begin_only_domain(struct axvm_fdt_writer *w, const char *name)
{
    axvm_fw_begin(w, "chosen");
    begin_domain(w, name);
}

static inline void finish_domain(struct fixture *f)
{
    axvm_fw_end(&f->w);
    axvm_fw_end(&f->w);
    finish_tree(f);
}

static inline void begin_module(struct axvm_fdt_writer *w, const char *kind, uint64_t addr, uint64_t size)
{
    char compatible[64] = { 0 };
    size_t len = strlen(kind) + 1;

    axvm_fw_begin_at(w, "module", addr);
    memcpy(compatible, kind, len);
    memcpy(compatible + len, "multiboot,module", 17);
    axvm_fw_bytes(w, "compatible", compatible, len + 17);
    axvm_fw_reg(w, addr, size);
}

static inline void add_module(struct axvm_fdt_writer *w, const char *kind, uint64_t addr, uint64_t size)
{
    begin_module(w, kind, addr, size);
    axvm_fw_end(w);
}

static inline int read_vm(struct fixture *f, unsigned int index)
{
    return axvm_config_from_fdt(&f->hal, f->fdt, fdt_totalsize(f->fdt), index, &f->b, &f->err);
}

/* One domain with a kernel and whatever @extra adds; what comes of it. */
static inline int read_domain_with(struct fixture *f, void (*extra)(struct axvm_fdt_writer *w))
{
    struct axvm_fdt_writer *w = begin_tree(f);

    begin_only_domain(w, "domU0");
    if (extra != NULL)
        extra(w);
    add_module(w, "multiboot,kernel", HOST_RAM + 0x1000, 0x2000);
    finish_domain(f);
    return read_vm(f, 0);
}

static inline void full_domain(struct axvm_fdt_writer *w)
{
    static const uint32_t masks[] = { 0, 1, 0x80000000, 0, 0, 0 };

    axvm_fw_u32(w, "cpus", 3);
    axvm_fw_u64(w, "memory", 0x40000);
    axvm_fw_empty(w, "vpl011");
    axvm_fw_empty(w, "axvm,touch");
    axvm_fw_empty(w, "axvm,hypercalls");
    axvm_fw_empty(w, "axvm,yield-on-spin");
    axvm_fw_string(w, "axvm,irqchip", "fancy");
    axvm_fw_cells(w, "axvm,pcpus", masks, 6);
    axvm_fw_string(w, "bootargs", "console=ttyAMA0");
    add_module(w, "multiboot,ramdisk", HOST_RAM + 0x4000, 0x100);
    add_module(w, "multiboot,device-tree", HOST_RAM + 0x5000, 0x200);
    add_module(w, "xen,xsm-policy", HOST_RAM, 0x200);
}

#endif
