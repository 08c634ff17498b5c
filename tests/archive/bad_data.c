/* SPDX-License-Identifier: BSD-2-Clause */
int axvm_bad = 1;
