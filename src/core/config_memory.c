/* SPDX-License-Identifier: BSD-2-Clause */
/* Checking the memory of a config, and that nothing of it lies on anything else. */
#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "config_check.h"

#define RAM_ALIGN (UINT64_C(2) << 20)
#define PROT_BITS ((uint32_t)(AXVM_PROT_RWX | AXVM_PROT_DEVICE))

static int bad_region(struct axvm_config_error *err, const char *field, uint32_t index, const char *why)
{
    return axvm_config_bad(err, AXVM_ERR_INVAL, field, index, why);
}

/* The CPU may have less than this; axvm_map() knows. */
static uint64_t gpa_end(const struct axvm_config *cfg)
{
    return UINT64_C(1) << (cfg->gpa_bits ? cfg->gpa_bits : 52);
}

static bool is_pages(uint64_t v)
{
    return axvm_is_aligned(v, AXVM_PAGE_SIZE);
}

static int check_hpa(const struct axvm_region *r, uint32_t i, struct axvm_config_error *err)
{
    bool wanted = r->kind == AXVM_REGION_LINEAR || r->kind == AXVM_REGION_DEVICE;

    if (!wanted && r->hpa.v != 0)
        return bad_region(err, "regions.hpa", i, "only for LINEAR and DEVICE");
    if (!is_pages(r->hpa.v))
        return bad_region(err, "regions.hpa", i, "not a multiple of 4 KiB");
    if (r->len - 1 > UINT64_MAX - r->hpa.v)
        return bad_region(err, "regions.hpa", i, "hpa + len wraps");
    return AXVM_OK;
}

static int check_region(const struct axvm_config *cfg, uint32_t i, struct axvm_config_error *err)
{
    const struct axvm_region *r = &cfg->regions[i];

    if ((unsigned int)r->kind > AXVM_REGION_DEVICE)
        return bad_region(err, "regions.kind", i, "not one of enum axvm_region_kind");
    if (!is_pages(r->gpa.v))
        return bad_region(err, "regions.gpa", i, "not a multiple of 4 KiB");
    if (r->len == 0 || !is_pages(r->len))
        return bad_region(err, "regions.len", i, "zero, or not a multiple of 4 KiB");
    if (r->gpa.v >= gpa_end(cfg) || r->len > gpa_end(cfg) - r->gpa.v)
        return bad_region(err, "regions.len", i, "reaches beyond the guest-physical address space");
    if (r->prot & ~PROT_BITS)
        return bad_region(err, "regions.prot", i, "unknown bits are set");
    if (r->prot != 0 && !(r->prot & AXVM_PROT_READ))
        return bad_region(err, "regions.prot", i, "memory that cannot be read");
    return check_hpa(r, i, err);
}

/* The hole's RAM is lost, as in the machines that have one. The last piece may be too long for any guest. */
uint32_t axvm_config_default_ram(const struct axvm_config *cfg, struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES])
{
    const struct axvm_machine *m = &axvm_arch_machine;
    uint64_t size = cfg->ram_size ? cfg->ram_size : AXVM_DEFAULT_RAM_SIZE;
    uint64_t low = m->ram_gap != 0 ? axvm_min(size, m->ram_gap - m->ram_base) : size, base = m->ram_base;
    uint32_t count = 0;

    if (m->ram_hole_end != 0) {
        ram[count++] = (struct axvm_region){ .gpa = axvm_gpa(base), .len = m->ram_hole - base, .kind = cfg->ram_kind };
        base = m->ram_hole_end;
    }
    ram[count++] = (struct axvm_region){ .gpa = axvm_gpa(base), .len = m->ram_base + low - base, .kind = cfg->ram_kind };
    if (low != size)
        ram[count++] = (struct axvm_region){ .gpa = axvm_gpa(m->ram_gap_end), .len = size - low, .kind = cfg->ram_kind };
    return count;
}

static int check_default_ram(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES], *last;

    if (!axvm_is_aligned(cfg->ram_size, RAM_ALIGN))
        return bad_region(err, "ram_size", 0, "not a multiple of 2 MiB");
    last = &ram[axvm_config_default_ram(cfg, ram) - 1];
    if (last->gpa.v >= gpa_end(cfg) || last->len > gpa_end(cfg) - last->gpa.v)
        return bad_region(err, "ram_size", 0, "reaches beyond the guest-physical address space");
    if (cfg->ram_kind != AXVM_REGION_ALLOC && cfg->ram_kind != AXVM_REGION_TOUCH)
        return bad_region(err, "ram_kind", 0, "neither ALLOC nor TOUCH");
    return AXVM_OK;
}

int axvm_config_check_memory(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    int rc = AXVM_OK;

    if (cfg->region_count == 0)
        return check_default_ram(cfg, err);
    if (cfg->region_count > AXVM_MAX_REGIONS)
        return bad_region(err, "region_count", 0, "more than AXVM_MAX_REGIONS");
    if (!cfg->regions)
        return bad_region(err, "regions", 0, "NULL, but region_count is not 0");
    if (cfg->ram_size != 0)
        return bad_region(err, "ram_size", 0, "only without regions");
    for (uint32_t i = 0; rc == AXVM_OK && i < cfg->region_count; i++)
        rc = check_region(cfg, i, err);
    return rc;
}

/* ---- overlaps ---- */

/* All that takes guest-physical addresses or ports, in one row: regions (or the default RAM), passthrough registers and ports,
 * devices. */
struct claim {
    const char *field;
    uint32_t index;
    uint64_t base, len;
    bool port; /* in the space of I/O ports */
};

static uint32_t region_claims(const struct axvm_config *cfg)
{
    struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES];

    return cfg->region_count != 0 ? cfg->region_count : axvm_config_default_ram(cfg, ram);
}

static uint32_t count_claims(const struct axvm_config *cfg)
{
    return region_claims(cfg) + 2 * cfg->passthrough_count + axvm_config_device_count(cfg);
}

static struct claim region_claim(const struct axvm_config *cfg, uint32_t i)
{
    if (cfg->region_count == 0) {
        struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES];

        axvm_config_default_ram(cfg, ram);
        return (struct claim){ .field = "ram_size", .base = ram[i].gpa.v, .len = ram[i].len };
    }
    return (struct claim){ .field = "regions", .index = i, .base = cfg->regions[i].gpa.v, .len = cfg->regions[i].len };
}

static struct claim passthrough_claim(const struct axvm_config *cfg, uint32_t i, bool port)
{
    const struct axvm_passthrough *p = &cfg->passthrough[i];

    if (port)
        return (struct claim){ .field = "passthrough.port", .index = i, .base = p->port, .len = p->port_count, .port = true };
    return (struct claim){ .field = "passthrough.base_gpa", .index = i, .base = p->base_gpa.v, .len = p->len };
}

static struct claim device_claim(const struct axvm_config *cfg, uint32_t i)
{
    struct axvm_emu_device dev = axvm_config_device(cfg, i);
    bool port = axvm_config_device_port(&dev);

    return (struct claim){ .field = "devices.base",
                           .index = i,
                           .base = axvm_config_device_base(&dev),
                           .len = port ? AXVM_EMU_DEVICE_PORTS : AXVM_EMU_DEVICE_SIZE,
                           .port = port };
}

static struct claim get_claim(const struct axvm_config *cfg, uint32_t n)
{
    if (n < region_claims(cfg))
        return region_claim(cfg, n);
    n -= region_claims(cfg);
    if (n < 2 * cfg->passthrough_count)
        return passthrough_claim(cfg, n / 2, n % 2 != 0);
    return device_claim(cfg, n - 2 * cfg->passthrough_count);
}

int axvm_config_check_overlaps(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    for (uint32_t i = 1; i < count_claims(cfg); i++) {
        struct claim a = get_claim(cfg, i);

        for (uint32_t j = 0; j < i; j++) {
            struct claim b = get_claim(cfg, j);

            if (a.port == b.port && axvm_overlap(a.base, a.len, b.base, b.len))
                return axvm_config_bad(err, AXVM_ERR_EXIST, a.field, a.index, "overlaps something before it");
        }
    }
    return AXVM_OK;
}
