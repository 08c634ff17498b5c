/* SPDX-License-Identifier: BSD-2-Clause */
#include "fw_cfg.h"

#include <axvm/err.h>

#define PORTS 2u
#define OFF_SELECT 0u
#define OFF_DATA 1u

/* "Selector (Control) Register": bit 14 asks to write, which nothing here can be; bit 15 is for items of the architecture. */
#define KEY_WRITE 0x4000u

/* Items; numbers in them are little-endian. All that is not listed is there, with no bytes in it. */
enum {
    KEY_SIGNATURE = 0x00,
    KEY_ID = 0x01,
    KEY_RAM_SIZE = 0x03,
    KEY_CPUS = 0x05,
    KEY_MAX_CPUS = 0x0f,
};

#define SIGNATURE 0x554d4551u /* "QEMU" */
#define ID_TRADITIONAL 0x01u
#define ITEM_MAX 8u /* bytes of the longest */

struct fw_cfg {
    struct axvm_device dev;
    struct axvm_fw_cfg_config cfg;
    uint16_t key;
    uint8_t at; /* of the selected item's bytes, the next; at most ITEM_MAX */
};

static uint64_t item(const struct fw_cfg *f)
{
    switch (f->key) {
    case KEY_SIGNATURE:
        return SIGNATURE;
    case KEY_ID:
        return ID_TRADITIONAL;
    case KEY_RAM_SIZE:
        return f->cfg.ram_size;
    case KEY_CPUS:
    case KEY_MAX_CPUS:
        return f->cfg.cpus;
    default:
        return 0;
    }
}

/* "Data Register": past an item's end are zeros, which is what its upper bytes are, too. */
static uint8_t next_byte(struct fw_cfg *f)
{
    return f->at < ITEM_MAX ? (uint8_t)(item(f) >> 8 * f->at++) : 0;
}

static int fw_cfg_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;

    if (acc->off == OFF_DATA)
        acc->val = next_byte(f);
    else
        acc->val = UINT64_MAX >> (64 - 8 * acc->size); /* the selector cannot be read */
    return AXVM_OK;
}

static int fw_cfg_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;

    if (acc->off == OFF_SELECT && acc->size == 2) {
        f->key = (uint16_t)acc->val & (uint16_t)~KEY_WRITE;
        f->at = 0;
    }
    return AXVM_OK;
}

static void fw_cfg_reset(struct axvm_device *dev)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;

    f->key = KEY_SIGNATURE;
    f->at = 0;
}

static const struct axvm_device_ops fw_cfg_ops = {
    .name = "fw-cfg",
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .reset = fw_cfg_reset,
};

int axvm_fw_cfg_create(struct axvm *vm, const struct axvm_fw_cfg_config *cfg)
{
    struct fw_cfg *f = axvm_device_alloc(vm, sizeof(*f));

    if (!f)
        return AXVM_ERR_NOMEM;
    f->dev.ops = &fw_cfg_ops;
    f->dev.windows[0] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_FW_CFG_BASE, PORTS };
    f->dev.window_count = 1;
    f->dev.flags = AXVM_DEVICE_FAST;
    f->cfg = *cfg;
    return axvm_device_attach(vm, &f->dev);
}
