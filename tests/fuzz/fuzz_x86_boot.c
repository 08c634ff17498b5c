/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel image for an x86 guest all the way into its memory, with an initrd and a module. The first byte says of which kind
 * it is said to be, and of what size RAM is. hostile-guest.md row 84.
 */
#include "fuzz.h"

#include <axvm/err.h>

#include "arch.h"
#include "boot_priv.h"
#include "load.h"
#include "str.h"

/* What the rest of core and of the backend would be. */

int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    (void)gpa_bits;
    *geo = (struct axvm_s2_geometry){ .root_level = 0, .gpa_bits = 48, .hpa_bits = 48, .max_block_level = 1 };
    return AXVM_OK;
}

unsigned int axvm_arch_vmid_bits(void)
{
    return 8;
}

void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    (void)vm;
    (void)gpa;
    (void)len;
}

void axvm_arch_s2_sync(void)
{
}

void axvm_arch_cache_sync(void *va, size_t len)
{
    (void)va;
    (void)len;
}

void axvm_arch_ram_publish(void *va, size_t len)
{
    (void)va;
    (void)len;
}

bool axvm_bus_overlaps(const struct axvm_bus *bus, uint64_t base, uint64_t len)
{
    (void)bus;
    (void)base;
    (void)len;
    return false;
}

static unsigned int logged;

void axvm_log(const struct axvm_hal *hal, enum axvm_log_level level, const char *msg)
{
    (void)hal;
    (void)level;
    FUZZ_CHECK(msg != NULL);
    logged++;
}

/* ---- */

static const uint8_t initrd[5000] = { 1, 2, 3 };
static const uint8_t module_data[300] = { 4, 5, 6 };
static const struct axvm_module module = { { module_data, sizeof(module_data) }, "of the module" };

static struct axvm *make_vm(uint8_t choice)
{
    static const uint64_t sizes[] = { 64u << 20, 256u << 20, 4u << 20, 0xa0000 };
    struct axvm *vm = fuzz_vm_make_at(0, sizes[choice >> 4 & 3]);

    vm->cfg.vcpu_count = 1 + (choice >> 6);
    return vm;
}

static uint64_t get(struct axvm *vm, uint64_t gpa, unsigned int bytes)
{
    uint8_t buf[8] = { 0 };

    FUZZ_CHECK(axvm_read_guest(vm, axvm_gpa(gpa), buf, bytes) == AXVM_OK);
    return axvm_get_le64(buf);
}

static void check_file(struct axvm *vm, uint64_t gpa, const uint8_t *data, size_t len)
{
    static uint8_t copy[sizeof(initrd)];

    FUZZ_CHECK(axvm_read_guest(vm, axvm_gpa(gpa), copy, len) == AXVM_OK);
    FUZZ_CHECK(memcmp(copy, data, len) == 0);
}

/* The initrd is where the guest is told, and whole: nothing has been put over it. */
static void check_loaded(struct axvm *vm, uint64_t entry, uint64_t arg)
{
    const struct axvm_x86_boot *boot = &vm->arch.boot;
    uint64_t list;

    if (boot->mode == AXVM_X86_BOOT_RESET)
        return;
    FUZZ_CHECK(entry < BOOT_4GIB && arg < BOOT_4GIB && boot->gdt < BOOT_4GIB);
    switch (boot->mode) {
    case AXVM_X86_BOOT_LINUX:
        check_file(vm, get(vm, arg + 0x218, 4), initrd, sizeof(initrd));
        FUZZ_CHECK(get(vm, arg + 0x1e8, 1) >= 1);
        break;
    case AXVM_X86_BOOT_MULTIBOOT:
        list = get(vm, arg + 24, 4);
        check_file(vm, get(vm, list, 4), initrd, sizeof(initrd));
        if (get(vm, arg + 20, 4) == 2)
            check_file(vm, get(vm, list + 16, 4), module_data, sizeof(module_data));
        break;
    default:
        FUZZ_CHECK(get(vm, arg, 4) == 0x336ec578);
        list = get(vm, arg + 16, 8);
        check_file(vm, get(vm, list, 8), initrd, sizeof(initrd));
        FUZZ_CHECK(get(vm, get(vm, arg + 32, 8), 8) == UINT64_C(0x2052545020445352)); /* "RSD PTR " */
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t entry = 0, arg = 0;
    struct axvm *vm;
    int rc;

    if (size < 2)
        return 0;
    vm = make_vm(data[0]);
    vm->cfg.image.kind = (enum axvm_image_kind)(data[0] % (AXVM_IMAGE_MULTIBOOT + 1));
    vm->cfg.image.kernel = (struct axvm_blob){ data + 1, size - 1 };
    vm->cfg.image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
    if (data[0] & 8) {
        vm->cfg.image.modules = &module;
        vm->cfg.image.module_count = 1;
    }
    logged = 0;
    rc = axvm_load_images(vm, &entry, &arg);
    FUZZ_CHECK((rc == AXVM_OK) == (logged == 0));
    if (rc == AXVM_OK)
        check_loaded(vm, entry, arg);
    fuzz_vm_free(vm);
    return 0;
}
