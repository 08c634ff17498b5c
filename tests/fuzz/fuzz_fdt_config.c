/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs out of a host's device tree. */
#include "fuzz.h"

#include <axvm/err.h>
#include <axvm/fdt.h>

static uint8_t module_bytes[4096];

static void *any_memory(void *ctx, axvm_hpa_t pa)
{
    (void)ctx;
    return pa.v >> 44 != 0 ? NULL : module_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct axvm_builder b;
    const struct axvm_hal hal = { .size = sizeof(hal), .phys_to_virt = any_memory };
    uint8_t *fdt = aligned_alloc(8, (size + 8) / 8 * 8);

    FUZZ_CHECK(fdt != NULL);
    memcpy(fdt, data, size);
    for (unsigned int index = 0; index < 3; index++) {
        struct axvm_config_error err = { 0 };
        int rc = axvm_config_from_fdt(&hal, fdt, size, index, &b, &err);

        FUZZ_CHECK(rc == AXVM_OK || rc == AXVM_ERR_NOENT || rc == AXVM_ERR_FORMAT);
        FUZZ_CHECK(rc != AXVM_ERR_FORMAT || (err.field != NULL && err.why != NULL));
        if (rc != AXVM_OK)
            continue;
        FUZZ_CHECK(b.cfg.vcpu_count >= 1 && b.cfg.vcpu_count <= AXVM_MAX_VCPUS);
        FUZZ_CHECK(b.cfg.image.kernel.size != 0 && b.cfg.image.kernel.data != NULL);
        FUZZ_CHECK(b.cfg.image.cmdline == NULL || memchr(b.cfg.image.cmdline, 0, size) != NULL);
        for (uint32_t i = 0; i < b.cfg.passthrough_count; i++)
            FUZZ_CHECK((b.passthrough[i].base_hpa.v | b.passthrough[i].len) % AXVM_PAGE_SIZE == 0);
    }
    free(fdt);
    return 0;
}
