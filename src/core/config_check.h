/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of axvm_config_check(). Each returns AXVM_OK or an error with *err filled in; err is never NULL here. */
#ifndef AXVM_CORE_CONFIG_CHECK_H
#define AXVM_CORE_CONFIG_CHECK_H

#include <axvm/config.h>

/* MMIO that one emulated device takes, on every CPU. */
#define AXVM_EMU_DEVICE_SIZE UINT64_C(0x1000)
#define AXVM_EMU_DEVICE_PORTS 8u
#define AXVM_DEFAULT_RAM_SIZE (UINT64_C(128) << 20)

int axvm_config_bad(struct axvm_config_error *err, int rc, const char *field, uint32_t index, const char *why);

int axvm_config_check_memory(const struct axvm_config *cfg, struct axvm_config_error *err);
int axvm_config_check_passthrough(const struct axvm_config *cfg, struct axvm_config_error *err);
int axvm_config_check_devices(const struct axvm_config *cfg, struct axvm_config_error *err);
/* What each array has been found right in may still lie on what another has. */
int axvm_config_check_overlaps(const struct axvm_config *cfg, struct axvm_config_error *err);

/* Interrupt controllers that a config can choose from. */
uint32_t axvm_config_irqchip_count(void);
/* RAM of a config without regions, in pieces around the hole and the gap; returns how many. ram_size is checked. */
#define AXVM_DEFAULT_RAM_PIECES 3u
uint32_t axvm_config_default_ram(const struct axvm_config *cfg, struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES]);

/* Addresses of device @dev, or of the default machine's. */
uint64_t axvm_config_device_base(const struct axvm_emu_device *dev);
bool axvm_config_device_port(const struct axvm_emu_device *dev);
uint32_t axvm_config_device_irq(const struct axvm_emu_device *dev);
/* How many emulated devices there will be, the default machine's included, and which. */
uint32_t axvm_config_device_count(const struct axvm_config *cfg);
struct axvm_emu_device axvm_config_device(const struct axvm_config *cfg, uint32_t index);

#endif
