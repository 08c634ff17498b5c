/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's device tree: how the files that make it work together. */
#ifndef AXVM_CORE_FDT_PRIV_H
#define AXVM_CORE_FDT_PRIV_H

#include "vm_priv.h"

/* Phandles of a generated tree. Device models that need some of their own (a fixed clock) take numbers between these. */
#define AXVM_PHANDLE_INTC 1u          /* the interrupt controller: the root's interrupt-parent */
#define AXVM_PHANDLE_CARRIED 0x10000u /* and up: nodes carried over from the host's tree */

/* Linux, Documentation/arm64/booting.rst, "Setup the device tree": at most 2 MiB. */
#define AXVM_FDT_MAX_ORDER 9u
#define AXVM_FDT_MAX_SIZE ((size_t)AXVM_PAGE_SIZE << AXVM_FDT_MAX_ORDER)

/* A finished tree in host memory. */
struct axvm_fdt_buf {
    const void *data;
    size_t size;
    axvm_hpa_t hpa;
    unsigned int order;
    bool owned; /* in 1 << order pages at hpa; otherwise the config's own blob */
};

/* Nodes of host trees that go into the guest's: the passthrough devices, and what they refer to. Found once, as a list. */
#define AXVM_FDT_MAX_CARRIED 96
struct axvm_fdt_carried {
    const void *fdt;
    int node;
    uint32_t device; /* index into cfg.passthrough; UINT32_MAX: a node that others refer to */
};
struct axvm_fdt_closure {
    uint32_t count;
    struct axvm_fdt_carried nodes[AXVM_FDT_MAX_CARRIED]; /* phandle: AXVM_PHANDLE_CARRIED + index */
};
_Static_assert(sizeof(struct axvm_fdt_closure) <= AXVM_PAGE_SIZE, "a closure has to fit one page");

/* What the tree says about the rest of the boot. */
struct axvm_fdt_boot {
    uint64_t initrd, initrd_size; /* 0: none */
    const struct axvm_fdt_closure *closure;
};

/* Generate, patch or just take the tree of @vm. AXVM_ERR_FORMAT, AXVM_ERR_NOMEM, AXVM_ERR_NOSPC (over 2 MiB); logged. */
int axvm_fdt_make(struct axvm *vm, uint64_t initrd, struct axvm_fdt_buf *out);
void axvm_fdt_buf_free(struct axvm *vm, struct axvm_fdt_buf *buf);

/* The two ways to write one into [buf, buf + size). libfdt error codes; -FDT_ERR_NOSPACE asks for more. */
int axvm_fdt_generate(struct axvm *vm, const struct axvm_fdt_boot *boot, void *buf, size_t size);
int axvm_fdt_patch(struct axvm *vm, const struct axvm_fdt_boot *boot, void *buf, size_t size);

/* Is [fdt, fdt + size) a well-formed tree of a version we read, aligned as libfdt needs it? */
bool axvm_fdt_is_valid(const void *fdt, size_t size);

/* Which host nodes come along. AXVM_ERR_FORMAT for a bad blob or path; logged. */
int axvm_fdt_closure_find(struct axvm *vm, struct axvm_fdt_closure *closure);
/* Write all passthrough devices and their dependencies at the root of @fdt (sequential write). libfdt error code. */
int axvm_fdt_passthrough(struct axvm *vm, const struct axvm_fdt_closure *closure, void *fdt);

/* Bytes for "kaslr-seed" and "rng-seed". */
#define AXVM_FDT_SEED_SIZE 32u
/* False: the host has none, leave the properties out. */
bool axvm_fdt_seed(struct axvm *vm, uint8_t *buf, size_t len);

#endif
