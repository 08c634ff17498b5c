/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_VERSION_H
#define AXVM_VERSION_H

#define AXVM_VERSION_MAJOR 0
#define AXVM_VERSION_MINOR 1
#define AXVM_VERSION_PATCH 0

#endif
