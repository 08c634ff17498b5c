/* SPDX-License-Identifier: BSD-2-Clause */
/* The address space as a whole: made, reset, taken down; and what is where in it. */
#include "aspace.h"

#include <axvm/err.h>

#include "arch.h"
#include "aspace_priv.h"
#include "mem.h"
#include "pieces.h"
#include "s2.h"

/* A guest gets so much without asking, if the CPU can: three levels of tables on most. */
#define DEFAULT_GPA_BITS 40u

/* ---- making and unmaking ---- */

static uint64_t end_of(uint64_t base, uint64_t len)
{
    return len > UINT64_MAX - base ? UINT64_MAX : base + len;
}

/* First address after all that the config places. */
static uint64_t config_end(const struct axvm_config *cfg)
{
    uint64_t end = 1;

    if (cfg->region_count == 0)
        end = axvm_max(end, end_of(axvm_arch_machine.ram_base, cfg->ram_size));
    for (uint32_t i = 0; i < cfg->region_count; i++)
        end = axvm_max(end, end_of(cfg->regions[i].gpa.v, cfg->regions[i].len));
    for (uint32_t i = 0; i < cfg->passthrough_count; i++)
        end = axvm_max(end, end_of(cfg->passthrough[i].base_gpa.v, cfg->passthrough[i].len));
    for (uint32_t i = 0; i < cfg->device_count; i++)
        end = axvm_max(end, end_of(cfg->devices[i].base, AXVM_PAGE_SIZE));
    return end;
}

static int choose_geometry(struct axvm *vm)
{
    unsigned int need = 0;
    int rc;

    if (vm->cfg.gpa_bits != 0)
        return axvm_arch_s2_geometry(vm->cfg.gpa_bits, &vm->as.geo);
    while (need < 63 && (config_end(&vm->cfg) - 1) >> need != 0)
        need++;
    rc = axvm_arch_s2_geometry((unsigned int)axvm_max(need, DEFAULT_GPA_BITS), &vm->as.geo);
    return rc == AXVM_ERR_NOSUP && need < DEFAULT_GPA_BITS ? axvm_arch_s2_geometry(need, &vm->as.geo) : rc;
}

int axvm_aspace_init(struct axvm *vm)
{
    int rc = choose_geometry(vm);

    return rc == AXVM_OK ? axvm_s2_init(vm) : rc;
}

void axvm_aspace_fini(struct axvm *vm)
{
    if (!vm->as.root)
        return;
    while (vm->as.region_count != 0) {
        struct axvm_region r = vm->as.regions[0];

        axvm_aspace_empty(vm, &r, NULL);
    }
    axvm_pieces_fini(vm);
    axvm_s2_fini(vm);
}

/* Zero RAM at @gpa, up to @end or the end of a page; returns where it stopped. */
static uint64_t zero_some(struct axvm *vm, uint64_t gpa, uint64_t end)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);
    struct axvm_s2_leaf leaf;
    void *va = NULL;

    if (axvm_s2_walk(vm, gpa, &leaf)) {
        va = vm->hal.phys_to_virt(vm->hal.ctx, axvm_hpa(leaf.hpa));
        memset(va, 0, AXVM_PAGE_SIZE);
    }
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    if (va)
        axvm_ram_publish(&vm->hal, va, AXVM_PAGE_SIZE);
    return axvm_min(end, gpa + AXVM_PAGE_SIZE);
}

int axvm_aspace_reset(struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->as.region_count; i++) {
        struct axvm_region r = vm->as.regions[i];

        if (r.kind == AXVM_REGION_TOUCH)
            axvm_aspace_unmap_pages(vm, &r);
        if (r.kind == AXVM_REGION_ALLOC || r.kind == AXVM_REGION_RESERVED) {
            for (uint64_t at = r.gpa.v; at < axvm_region_end(&r);)
                at = zero_some(vm, at, axvm_region_end(&r));
        }
    }
    return AXVM_OK;
}

/* ---- looking ---- */

axvm_hpa_t axvm_stage2_root(const struct axvm *vm)
{
    return vm->as.root_hpa;
}

unsigned int axvm_gpa_bits(const struct axvm *vm)
{
    return vm->as.geo.gpa_bits;
}

bool axvm_aspace_overlaps(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    unsigned long irqs;
    bool found;
    uint32_t i;

    if (len == 0)
        return false;
    if (len - 1 > UINT64_MAX - gpa)
        return true;
    irqs = axvm_lock_irqsave(&vm->as.lock);
    i = axvm_region_after(&vm->as, gpa);
    found = i < vm->as.region_count && vm->as.regions[i].gpa.v <= gpa + (len - 1);
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    return found;
}

bool axvm_aspace_is_ram(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    return axvm_aspace_allows(vm, gpa, len, 0);
}

bool axvm_aspace_allows(struct axvm *vm, uint64_t gpa, uint64_t len, uint32_t prot)
{
    struct axvm_aspace *as = &vm->as;
    unsigned long irqs;
    bool ram = true;

    if (!axvm_aspace_fits(vm, gpa, len))
        return len == 0;
    irqs = axvm_lock_irqsave(&as->lock);
    while (ram && len != 0) {
        uint32_t i = axvm_region_at(as, gpa);
        uint64_t part;

        ram = i != AXVM_NO_REGION && as->regions[i].kind != AXVM_REGION_DEVICE && (as->regions[i].prot & prot) == prot;
        if (ram) {
            part = axvm_min(len, axvm_region_end(&as->regions[i]) - gpa);
            gpa += part;
            len -= part;
        }
    }
    axvm_unlock_irqrestore(&as->lock, irqs);
    return ram;
}

/* How far from @gpa on the memory of a region that ends at @end is contiguous; looks at some 512 entries. */
static uint64_t contiguous(const struct axvm *vm, uint64_t gpa, uint64_t end, const struct axvm_s2_leaf *first)
{
    struct axvm_s2_leaf leaf;
    uint64_t len = first->left;

    for (unsigned int n = 0; n < 512 && len < end - gpa; n++) {
        if (!axvm_s2_walk(vm, gpa + len, &leaf) || leaf.hpa != first->hpa + len)
            break;
        len += leaf.left;
    }
    return axvm_min(len, end - gpa);
}

static int translate_locked(struct axvm *vm, uint64_t gpa, axvm_hpa_t *hpa, uint64_t *len)
{
    uint32_t i = axvm_region_at(&vm->as, gpa);
    const struct axvm_region *r;
    struct axvm_s2_leaf leaf;

    if (i == AXVM_NO_REGION)
        return AXVM_ERR_RANGE;
    r = &vm->as.regions[i];
    if (axvm_region_is_linear(r)) {
        leaf.hpa = r->hpa.v + (gpa - r->gpa.v);
        leaf.left = axvm_region_end(r) - gpa;
    } else if (!axvm_s2_walk(vm, gpa, &leaf)) {
        return AXVM_ERR_RANGE;
    }
    *hpa = axvm_hpa(leaf.hpa);
    if (len)
        *len = contiguous(vm, gpa, axvm_region_end(r), &leaf);
    return AXVM_OK;
}

int axvm_translate(struct axvm *vm, axvm_gpa_t gpa, axvm_hpa_t *hpa, uint64_t *len)
{
    unsigned long irqs;
    int rc;

    if (!vm || !hpa)
        return AXVM_ERR_INVAL;
    irqs = axvm_lock_irqsave(&vm->as.lock);
    rc = translate_locked(vm, gpa.v, hpa, len);
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    return rc;
}
