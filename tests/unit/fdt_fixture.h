/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that is nothing but what device trees are made from: regions, devices, a config; and a HAL whose pages are counted. */
#ifndef AXVM_TESTS_FDT_FIXTURE_H
#define AXVM_TESTS_FDT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

#include "arch.h"
#include "fdt_priv.h"
#include "fdt_writer.h"
#include "vm_priv.h"

struct fdt_fixture {
    struct axvm vm;
    unsigned int live_pages, log_lines;
    unsigned int allocs_left; /* then page_alloc() fails */
    uint8_t next_random;
};

static inline bool fx_page_alloc(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    struct fdt_fixture *f = ctx;
    size_t size = (size_t)AXVM_PAGE_SIZE << order;
    void *p;

    if (f->allocs_left == 0)
        return false;
    f->allocs_left--;
    p = aligned_alloc(size, size);
    assert_non_null(p);
    memset(p, 0, size);
    f->live_pages += 1u << order;
    *out = axvm_hpa((uintptr_t)p);
    return true;
}

static inline void fx_page_free(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    struct fdt_fixture *f = ctx;

    f->live_pages -= 1u << order;
    free((void *)(uintptr_t)pa.v);
}

static inline void *fx_phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    (void)ctx;
    return (void *)(uintptr_t)pa.v;
}

static inline bool fx_entropy(void *ctx, void *buf, size_t len)
{
    struct fdt_fixture *f = ctx;

    memset(buf, ++f->next_random, len);
    return true;
}

static inline void fx_log(void *ctx, enum axvm_log_level level, const char *msg)
{
    struct fdt_fixture *f = ctx;

    assert_int_equal(level, AXVM_LOG_ERROR);
    assert_non_null(msg);
    f->log_lines++;
}

static inline void fx_add_region(struct fdt_fixture *f, uint64_t gpa, uint64_t len, enum axvm_region_kind kind, uint32_t prot)
{
    f->vm.as.regions[f->vm.as.region_count++] = (struct axvm_region){
        .gpa = axvm_gpa(gpa),
        .len = len,
        .kind = kind,
        .prot = prot != 0 ? prot : (uint32_t)AXVM_PROT_RWX,
    };
}

static inline int fx_setup(void **state)
{
    struct fdt_fixture *f = calloc(1, sizeof(*f));

    f->allocs_left = 1000;
    f->vm.hal = (struct axvm_hal){
        .size = sizeof(f->vm.hal),
        .ctx = f,
        .page_alloc = fx_page_alloc,
        .page_free = fx_page_free,
        .phys_to_virt = fx_phys_to_virt,
        .log = fx_log,
    };
    fx_add_region(f, 0x40000000, 128u << 20, AXVM_REGION_ALLOC, 0);
    *state = f;
    return 0;
}

static inline int fx_teardown(void **state)
{
    struct fdt_fixture *f = *state;

    assert_int_equal(f->live_pages, 0);
    free(f);
    return 0;
}

/* ---- looking at the result ---- */

static inline int fx_node(const void *fdt, const char *path)
{
    int node = fdt_path_offset(fdt, path);

    if (node < 0)
        print_error("no node %s\n", path);
    assert_true(node >= 0);
    return node;
}

static inline void assert_no_property(const void *fdt, const char *path, const char *property)
{
    assert_null(fdt_getprop(fdt, fx_node(fdt, path), property, NULL));
}

static inline void assert_string_property(const void *fdt, const char *path, const char *property, const char *expected)
{
    int len;
    const char *val = fdt_getprop(fdt, fx_node(fdt, path), property, &len);

    assert_non_null(val);
    assert_int_equal(len, strlen(expected) + 1);
    assert_string_equal(val, expected);
}

static inline void assert_cells(const void *fdt, const char *path, const char *property, const uint32_t *expected,
                                unsigned int count)
{
    int len;
    const fdt32_t *val = fdt_getprop(fdt, fx_node(fdt, path), property, &len);

    assert_non_null(val);
    assert_int_equal(len, count * 4);
    for (unsigned int i = 0; i < count; i++)
        assert_int_equal(fdt32_ld(val + i), expected[i]);
}

static inline void assert_u64_property(const void *fdt, const char *path, const char *property, uint64_t expected)
{
    const uint32_t cells[2] = { (uint32_t)(expected >> 32), (uint32_t)expected };

    assert_cells(fdt, path, property, cells, 2);
}

static inline uint32_t fx_u32(const void *fdt, int node, const char *property)
{
    int len;
    const fdt32_t *val = fdt_getprop(fdt, node, property, &len);

    assert_non_null(val);
    assert_int_equal(len, 4);
    return fdt32_ld(val);
}

/* Of its own, so that nobody reads behind it unnoticed: one to three bytes are others; to be freed. */
static inline uint8_t *fx_changed_copy(const uint8_t *fdt, size_t size)
{
    uint8_t *copy = malloc(size);

    memcpy(copy, fdt, size);
    for (int changes = rand() % 3 + 1; changes != 0; changes--)
        copy[(size_t)rand() % size] = rand() % 2 != 0 ? (uint8_t)rand() : (uint8_t)(rand() % 10);
    return copy;
}

#endif
