/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot_fixture.h"

char boot_log[256];
struct boot_result loaded;

/* What the rest of the backend and core would be. */

void axvm_arch_cache_sync(void *va, size_t len)
{
    (void)va;
    (void)len;
}

void axvm_log(const struct axvm_hal *hal, enum axvm_log_level level, const char *msg)
{
    (void)hal;
    assert_int_equal(level, AXVM_LOG_ERROR);
    assert_true(strlen(msg) < sizeof(boot_log));
    strcpy(boot_log, msg);
}

int boot_setup_empty(void **state)
{
    int rc = mem_setup(state);
    struct mem_fixture *f = *state;

    f->model_tlb = false;
    f->vm.cfg.vcpu_count = 1;
    boot_log[0] = '\0';
    return rc;
}

int boot_setup(void **state)
{
    int rc = boot_setup_empty(state);

    assert_int_equal(mem_map(*state, AXVM_REGION_TOUCH, 0, 256 * MIB, 0, 0), AXVM_OK);
    return rc;
}

void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

uint64_t get_le(const uint8_t *p, unsigned int bytes)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

void fill(uint8_t *p, size_t len, uint8_t seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(seed + i / 7 + i / 4096);
}

int load(struct mem_fixture *f)
{
    boot_log[0] = '\0';
    return axvm_load_images(&f->vm, &loaded.entry, &loaded.arg);
}

void read_guest(struct mem_fixture *f, uint64_t gpa, void *buf, size_t len)
{
    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(gpa), buf, len), AXVM_OK);
}

uint64_t guest_le(struct mem_fixture *f, uint64_t gpa, unsigned int bytes)
{
    uint8_t buf[8];

    read_guest(f, gpa, buf, bytes);
    return get_le(buf, bytes);
}

void assert_guest_has(struct mem_fixture *f, uint64_t gpa, const void *expected, size_t len)
{
    void *copy = malloc(len);

    read_guest(f, gpa, copy, len);
    assert_memory_equal(copy, expected, len);
    free(copy);
}

void assert_guest_string(struct mem_fixture *f, uint64_t gpa, const char *expected)
{
    assert_guest_has(f, gpa, expected, strlen(expected) + 1);
}
