/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HAL_H
#define HAL_H

#include <axvm/hal.h>

extern const struct axvm_hal host_hal;

#endif
