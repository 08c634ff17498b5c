/* SPDX-License-Identifier: BSD-2-Clause */
/* A host's device tree, from which devices are carried over: what comes out is well-formed. */
#include "fuzz.h"

#include <axvm/err.h>
#include <libfdt.h>

#include "fdt_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct axvm *vm = fuzz_vm_make();
    uint8_t *fdt = aligned_alloc(8, (size + 8) / 8 * 8);
    struct axvm_passthrough devices[2] = {
        { .name = "rtc",
          .base_gpa = { 0x0b000000 },
          .len = 4096,
          .host_irq = 34,
          .guest_irq = 34,
          .fdt_path = "/pl031@9010000" },
        { .name = "gpio", .fdt_path = "/pl061@9030000" },
    };
    struct axvm_fdt_buf buf;

    FUZZ_CHECK(fdt != NULL);
    memcpy(fdt, data, size);
    for (unsigned int i = 0; i < 2; i++) {
        devices[i].fdt = fdt;
        devices[i].fdt_size = size;
    }
    vm->cfg.passthrough = devices;
    vm->cfg.passthrough_count = 2;
    if (axvm_fdt_make(vm, 0, &buf) == AXVM_OK) {
        FUZZ_CHECK(fdt_check_full(buf.data, buf.size) == 0);
        axvm_fdt_buf_free(vm, &buf);
    }
    free(fdt);
    fuzz_vm_free(vm);
    return 0;
}
