/* SPDX-License-Identifier: BSD-2-Clause */
/** @file All of libaxvm's public interface. */
#ifndef AXVM_AXVM_H
#define AXVM_AXVM_H

#include <axvm/config.h>
#include <axvm/device.h>
#include <axvm/err.h>
#include <axvm/exit.h>
#include <axvm/fdt.h>
#include <axvm/hal.h>
#include <axvm/memory.h>
#include <axvm/types.h>
#include <axvm/vcpu.h>
#include <axvm/version.h>
#include <axvm/vm.h>

#endif
