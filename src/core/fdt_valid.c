/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a device tree well-formed? libfdt has fdt_check_full(), but up to 1.6 that hangs on a property whose length wraps and
 * crashes on some old versions. So the structure is walked here first; fdt_check_full() then looks at names and strings.
 */
#include <libfdt.h>

#include "bits.h"
#include "fdt_priv.h"

/* Of the structure block, what has not been walked yet. */
struct walk {
    const uint8_t *at;
    uint32_t left; /* bytes; a multiple of 4 */
    uint32_t depth;
};

static bool skip(struct walk *w, uint32_t len)
{
    if (len > w->left || axvm_align_up(len, 4) > w->left)
        return false;
    w->at += axvm_align_up(len, 4);
    w->left -= (uint32_t)axvm_align_up(len, 4);
    return true;
}

static uint32_t word(const uint8_t *p)
{
    return fdt32_ld((const fdt32_t *)(const void *)p);
}

static bool skip_name(struct walk *w)
{
    uint32_t len = 0;

    while (len < w->left && w->at[len] != 0)
        len++;
    return len < w->left && skip(w, len + 1);
}

static bool skip_property(struct walk *w)
{
    uint32_t len;

    if (w->left < 8)
        return false;
    len = word(w->at); /* and where in the strings its name is */
    return skip(w, 8) && skip(w, len);
}

/* One token. False: malformed, or the end. */
static bool step(struct walk *w, uint32_t *tag)
{
    if (w->left < 4)
        return false;
    *tag = word(w->at);
    skip(w, 4);
    switch (*tag) {
    case FDT_BEGIN_NODE:
        w->depth++;
        return skip_name(w);
    case FDT_PROP:
        return w->depth != 0 && skip_property(w);
    case FDT_END_NODE:
        return w->depth-- != 0;
    case FDT_NOP:
        return true;
    default:
        return false;
    }
}

static bool structure_is_valid(const uint8_t *fdt)
{
    struct walk w = { .at = fdt + fdt_off_dt_struct(fdt), .left = fdt_size_dt_struct(fdt) & ~UINT32_C(3) };
    uint32_t tag = FDT_NOP;

    while (step(&w, &tag))
        continue;
    return tag == FDT_END && w.depth == 0;
}

bool axvm_fdt_is_valid(const void *fdt, size_t size)
{
    if (fdt == NULL || size < sizeof(struct fdt_header) || size > INT32_MAX || !axvm_is_aligned((uintptr_t)fdt, 8))
        return false;
    /* Before version 17 the header does not say how long the structure block is. */
    if (fdt_check_header(fdt) != 0 || fdt_version(fdt) < 17 || fdt_totalsize(fdt) > size)
        return false;
    /* fdt_check_header() has seen to it that the blocks are within totalsize. */
    return axvm_is_aligned(fdt_off_dt_struct(fdt), 4) && structure_is_valid(fdt) && fdt_check_full(fdt, size) == 0;
}
