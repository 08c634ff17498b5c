/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel image all the way into a guest's memory, with an initrd beside it: the initrd and the tree arrive whole. */
#include "fuzz.h"

#include <axvm/err.h>
#include <libfdt.h>

#include "load.h"

static const uint8_t initrd[5000] = { 1, 2, 3 };

static void check_initrd(struct axvm *vm, const void *fdt)
{
    static uint8_t copy[sizeof(initrd)];
    const fdt64_t *start = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "linux,initrd-start", NULL);

    FUZZ_CHECK(start != NULL);
    FUZZ_CHECK(axvm_read_guest(vm, axvm_gpa(fdt64_ld(start)), copy, sizeof(copy)) == AXVM_OK);
    FUZZ_CHECK(memcmp(copy, initrd, sizeof(copy)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t fdt[64 << 10];
    struct axvm *vm = fuzz_vm_make();
    uint64_t entry, arg;

    vm->cfg.image.kernel = (struct axvm_blob){ data, size };
    vm->cfg.image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
    if (axvm_load_images(vm, &entry, &arg) == AXVM_OK) {
        FUZZ_CHECK(axvm_read_guest(vm, axvm_gpa(arg), fdt, sizeof(struct fdt_header)) == AXVM_OK);
        FUZZ_CHECK(fdt_totalsize(fdt) <= sizeof(fdt));
        FUZZ_CHECK(axvm_read_guest(vm, axvm_gpa(arg), fdt, fdt_totalsize(fdt)) == AXVM_OK);
        FUZZ_CHECK(fdt_check_full(fdt, sizeof(fdt)) == 0);
        check_initrd(vm, fdt);
    }
    fuzz_vm_free(vm);
    return 0;
}
