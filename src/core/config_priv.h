/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_CORE_CONFIG_PRIV_H
#define AXVM_CORE_CONFIG_PRIV_H

#include "vm_priv.h"

/* Copy a checked config into vm->cfg, its arrays and strings into the arena, defaults filled in (vcpu_count, ram_size, name);
 * also vm->id, name, flags. AXVM_ERR_NOMEM. */
int axvm_config_copy(struct axvm *vm, const struct axvm_config *cfg);
/* Create the emulated devices of vm->cfg, or the default machine's UART. */
int axvm_config_add_devices(struct axvm *vm);
/* "axvm_new: regions[2].len: not a multiple of 4 KiB" */
void axvm_config_log_error(const struct axvm_hal *hal, const struct axvm_config_error *err);

#endif
