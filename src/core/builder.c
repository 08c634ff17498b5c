/* SPDX-License-Identifier: BSD-2-Clause */
/* A config put together step by step, with storage for its arrays. */
#include <axvm/config.h>
#include <axvm/err.h>

#include "mem.h"

void axvm_builder_init(struct axvm_builder *b, uint32_t id, const char *name)
{
    memset(b, 0, sizeof(*b));
    b->cfg.id = id;
    b->cfg.name = name;
}

int axvm_builder_vcpus(struct axvm_builder *b, uint32_t count)
{
    if (count == 0)
        return AXVM_ERR_INVAL;
    if (count > AXVM_MAX_VCPUS)
        return AXVM_ERR_NOSPC;
    b->cfg.vcpu_count = count;
    return AXVM_OK;
}

/* May come before axvm_builder_vcpus(). */
int axvm_builder_affinity(struct axvm_builder *b, uint32_t vcpu, uint64_t pcpu_mask)
{
    if (vcpu >= AXVM_MAX_VCPUS)
        return AXVM_ERR_NOSPC;
    b->vcpus[vcpu].pcpu_mask = pcpu_mask;
    return AXVM_OK;
}

int axvm_builder_region(struct axvm_builder *b, const struct axvm_region *region)
{
    if (b->cfg.region_count >= AXVM_MAX_REGIONS)
        return AXVM_ERR_NOSPC;
    b->regions[b->cfg.region_count++] = *region;
    return AXVM_OK;
}

int axvm_builder_passthrough(struct axvm_builder *b, const struct axvm_passthrough *dev)
{
    if (b->cfg.passthrough_count >= AXVM_MAX_PASSTHROUGH)
        return AXVM_ERR_NOSPC;
    b->passthrough[b->cfg.passthrough_count++] = *dev;
    return AXVM_OK;
}

int axvm_builder_device(struct axvm_builder *b, const struct axvm_emu_device *dev)
{
    if (b->cfg.device_count >= AXVM_MAX_EMU_DEVICES)
        return AXVM_ERR_NOSPC;
    b->devices[b->cfg.device_count++] = *dev;
    return AXVM_OK;
}

int axvm_builder_module(struct axvm_builder *b, const struct axvm_module *module)
{
    if (b->cfg.image.module_count >= AXVM_MAX_MODULES)
        return AXVM_ERR_NOSPC;
    b->modules[b->cfg.image.module_count++] = *module;
    return AXVM_OK;
}

void axvm_builder_image(struct axvm_builder *b, const struct axvm_image_config *image)
{
    b->cfg.image = *image;
}

/* The pointers are set last, so that a builder may be copied before. */
const struct axvm_config *axvm_builder_config(struct axvm_builder *b, struct axvm_config_error *err)
{
    b->cfg.vcpus = b->vcpus;
    b->cfg.regions = b->regions;
    b->cfg.passthrough = b->passthrough;
    b->cfg.devices = b->devices;
    if (b->cfg.image.modules == NULL)
        b->cfg.image.modules = b->modules;
    return axvm_config_check(&b->cfg, err) == AXVM_OK ? &b->cfg : NULL;
}
