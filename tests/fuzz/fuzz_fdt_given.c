/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree that the host gives, patched for a guest: what comes out is well-formed. */
#include "fuzz.h"

#include <axvm/err.h>
#include <libfdt.h>

#include "fdt_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct axvm *vm = fuzz_vm_make();
    uint8_t *fdt = aligned_alloc(8, (size + 8) / 8 * 8);
    struct axvm_fdt_buf buf;

    FUZZ_CHECK(fdt != NULL);
    memcpy(fdt, data, size);
    vm->cfg.image.fdt = (struct axvm_blob){ fdt, size };
    vm->cfg.image.cmdline = "quiet";
    vm->cfg.image.initrd.size = 4096;
    if (size != 0 && axvm_fdt_make(vm, 0x40800000, &buf) == AXVM_OK) {
        FUZZ_CHECK(fdt_check_full(buf.data, buf.size) == 0);
        FUZZ_CHECK(fdt_path_offset(buf.data, "/memory@40000000") > 0);
        axvm_fdt_buf_free(vm, &buf);
    }
    free(fdt);
    fuzz_vm_free(vm);
    return 0;
}
