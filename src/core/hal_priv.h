/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_CORE_HAL_PRIV_H
#define AXVM_CORE_HAL_PRIV_H

#include <axvm/hal.h>

/*
 * Copy what the host has filled in; members newer than its struct read as NULL.
 * @retval AXVM_ERR_INVAL  a required member is missing, or a size makes no sense; logged if there is a log
 */
int axvm_hal_copy(struct axvm_hal *dst, const struct axvm_hal *src);

#endif
