/* SPDX-License-Identifier: BSD-2-Clause */
/* Device-tree properties that refer to other nodes: lists of a phandle and as many cells as the node it names says. */
#ifndef AXVM_CORE_FDT_REFS_H
#define AXVM_CORE_FDT_REFS_H

#include "fdt_priv.h"

struct axvm_fdt_ref_kind {
    const char *property;
    const char *cells; /* property of the node referred to; NULL: nothing follows a phandle */
    const char *names; /* the property with a name for each element: means nothing alone */
};

#define AXVM_FDT_NO_NODE (-1)

/* How @property refers; NULL: it does not, or not in a way that is carried over. */
const struct axvm_fdt_ref_kind *axvm_fdt_ref_kind(const char *property);
/* "clocks" for "clock-names"; NULL. */
const char *axvm_fdt_ref_named_by(const char *property);

/* Step over one element at *off of a list of @len bytes. 1: *node is what it names, or AXVM_FDT_NO_NODE for a hole; 0: the end;
 * -1: malformed. */
int axvm_fdt_ref_next(const void *fdt, const struct axvm_fdt_ref_kind *kind, const uint8_t *val, int len, int *off, int *node);

/* Position of a host node in the closure, or -1. */
int axvm_fdt_closure_index(const struct axvm_fdt_closure *closure, const void *fdt, int node);

/* Is everything the list names in the closure? */
bool axvm_fdt_ref_is_met(const struct axvm_fdt_closure *closure, const void *fdt, const struct axvm_fdt_ref_kind *kind,
                         const uint8_t *val, int len);

#endif
