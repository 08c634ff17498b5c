/* SPDX-License-Identifier: BSD-2-Clause */
/* Each allocation failing in turn, on the x86_64 backend: hostile-guest.md rows H1, H2, 12, 84. */
#include "x86_world.h"
#include "native_faults.h"
#include "native_images.h"

#include <axvm/err.h>

#define KIB 1024u

/* With an interrupt and ports, and described in ACPI. */
static const struct axvm_passthrough serial = {
    .name = "com2", .host_irq = 3, .guest_irq = 3, .port = 0x2f8, .port_count = 8, .acpi_hid = "PNP0501"
};

static struct axvm_config config(void)
{
    return (struct axvm_config){
        .vcpu_count = 3,
        .ram_size = 32 * MIB,
        .ram_kind = AXVM_REGION_TOUCH,
        .flags = AXVM_VM_PV_CLOCK,
        .passthrough = &serial,
        .passthrough_count = 1,
    };
}

/* ---- a CPU ---- */

static void a_cpu_that_cannot_be_enabled_is_as_it_was(void **state)
{
    char before[sizeof(x86.cpu[1])];

    memcpy(before, &x86.cpu[1], sizeof(before));
    assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, false, native_enable_second, NULL, AXVM_ERR_NOMEM) >= 4);
    assert_memory_equal(&x86.cpu[1], before, sizeof(before));
    x86.no_svm = true;
    assert_int_equal(native_enable_second(*state, NULL), AXVM_ERR_NOSUP);
    x86.no_svm = false;
    x86.svm_features = 0; /* no nested paging */
    assert_int_equal(native_enable_second(*state, NULL), AXVM_ERR_NOSUP);
    assert_memory_equal(&x86.cpu[1], before, sizeof(before));
}

/* ---- a VM ---- */

/* Permission maps, CPUID, controllers, platform, VMCBs, FP areas, local APICs. */
static void a_vm_that_cannot_be_made_leaves_nothing(void **state)
{
    static const enum axvm_irq_mode modes[] = { AXVM_IRQ_EMULATED, AXVM_IRQ_PASSTHROUGH, AXVM_IRQ_NONE };

    for (unsigned int i = 0; i < 6; i++) {
        struct axvm_config cfg = config();

        cfg.irq_mode = modes[i / 2];
        cfg.ram_kind = i % 2 ? AXVM_REGION_ALLOC : AXVM_REGION_TOUCH;
        cfg.passthrough_count = cfg.irq_mode != AXVM_IRQ_NONE;
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, false, native_create, &cfg, AXVM_ERR_NOMEM) > 8);
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, true, native_create, &cfg, AXVM_ERR_NOMEM) > 8);
    }
}

/* ---- images, ACPI ---- */

static uint8_t image[160 * KIB], initrd[40 * KIB];
static const struct axvm_module module = { .file = { initrd, sizeof(initrd) }, .cmdline = "a module" };

/* Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
static void make_bzimage(struct axvm_config *cfg)
{
    memset(image, 0, sizeof(image));
    native_put_le(image + 0x1f1, 4, 1);
    native_put_le(image + 0x1f4, (sizeof(image) - 5 * 512) / 16, 4);
    native_put_le(image + 0x1fe, 0xaa55, 2);
    native_put_le(image + 0x200, 0x6aeb, 2);
    memcpy(image + 0x202, "HdrS", 4);
    native_put_le(image + 0x206, 0x20f, 2);
    native_put_le(image + 0x211, 1, 1);
    native_put_le(image + 0x22c, 0x7fffffff, 4);
    native_put_le(image + 0x230, 2 * MIB, 4);
    native_put_le(image + 0x234, 1, 1);
    native_put_le(image + 0x235, 21, 1);
    native_put_le(image + 0x236, 0x2b, 2);
    native_put_le(image + 0x238, 2047, 4);
    native_put_le(image + 0x258, 16 * MIB, 8);
    native_put_le(image + 0x260, 1 * MIB, 4);
    cfg->image.kernel.size = sizeof(image);
    cfg->image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
}

/* An ELF file of one segment at 2 MiB. */
static void make_elf(struct axvm_config *cfg)
{
    static const struct native_segment segment = { 0x1000, 2 * MIB, 100 * KIB, 300 * KIB };

    memset(image, 0, sizeof(image));
    native_put_elf64(image, 62, &segment, 1); /* EM_X86_64 */
    cfg->image.kernel.size = 0x1000 + 100 * KIB;
    cfg->image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
}

/* Multiboot Specification 0.6.96, "OS image format", with the address fields. */
static void make_multiboot(struct axvm_config *cfg)
{
    const uint32_t fields[] = { 0x1badb002, 0x10003, 0u - 0x1badb002 - 0x10003, MIB + 0x40, MIB, 0, 2 * MIB, MIB + 0x100 };

    memset(image, 0, sizeof(image));
    for (unsigned int i = 0; i < 8; i++)
        native_put_le(image + 0x40 + 4 * i, fields[i], 4);
    cfg->image.kernel.size = sizeof(image);
    cfg->image.modules = &module;
    cfg->image.module_count = 1;
}

static void make_flat(struct axvm_config *cfg)
{
    memset(image, 0x90, sizeof(image));
    cfg->image.kernel.size = 100 * KIB + 3;
    cfg->image.kind = AXVM_IMAGE_FLAT;
}

static void make_firmware(struct axvm_config *cfg)
{
    memset(image, 0xf4, sizeof(image));
    cfg->image.kernel.size = 128 * KIB;
    cfg->image.kind = AXVM_IMAGE_FIRMWARE;
}

static void loading_each_kind_of_image_survives_failing_allocations_and_can_be_repeated(void **state)
{
    void (*const kinds[])(struct axvm_config * cfg) = { make_bzimage, make_elf, make_multiboot, make_flat, make_firmware };

    for (unsigned int i = 0; i < 5; i++) {
        struct native_load load = { .cfg = config() };

        load.cfg.image.kernel.data = image;
        load.cfg.image.cmdline = "console=ttyS0";
        kinds[i](&load.cfg);
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, i % 2, native_load, &load, AXVM_ERR_NOMEM) > 3);
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, i % 2 == 0, native_load, &load, AXVM_ERR_NOMEM) > 3);
    }
}

/* ---- a running guest ---- */

enum { TOUCH, PRINT, PV_CLOCK, STEAL, START_AP, X2APIC, OFF, DONE };

/* One after the other. What could not be had memory for is done again by itself, as the fault comes again. */
static void walk(struct axvm_vcpu *vcpu, void *arg)
{
    unsigned int *at = arg, what = (*at)++;

    assert_true(what < DONE + 10);
    switch (what) {
    case TOUCH:
        x86_exit_fault(vcpu, 5 * MIB, AXVM_PROT_WRITE);
        break;
    case PRINT:
        vcpu->arch.gpr[AXVM_RAX] = 'x';
        x86_exit_port(vcpu, 0x3f8, 1, false);
        break;
    case PV_CLOCK: /* in memory that is not there yet */
        x86_exit_wrmsr(vcpu, 0x4b564d01, 7 * MIB | 1);
        break;
    case STEAL:
        x86_exit_wrmsr(vcpu, 0x4b564d03, 9 * MIB | 1);
        break;
    case START_AP:
        x86_exit_wrmsr(vcpu, 0x1b, 0xfee00d00); /* x2APIC mode */
        break;
    case X2APIC:
        x86_exit_wrmsr(vcpu, 0x830, UINT64_C(1) << 32 | 0x4610);
        break;
    default: /* ACPI's S5: SLP_TYP 0, SLP_EN */
        vcpu->arch.gpr[AXVM_RAX] = 0x2000;
        x86_exit_port(vcpu, 0x604, 2, false);
    }
}

static void a_guest_survives_each_failing_allocation(void **state)
{
    struct fake_hal *hal = *state;
    unsigned int nomem = 0, n = 0;
    uint64_t calls;

    do {
        struct axvm_config cfg = config();
        struct fake_console console;
        unsigned int at = TOUCH;
        struct axvm *vm;

        cfg.console = fake_console_init(&console);
        cfg.image.kernel.data = image;
        make_flat(&cfg);
        vm = native_vm(hal, &cfg);
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        x86.guest = walk;
        x86.guest_arg = &at;
        nomem += native_run_failing(hal, vm, n, &calls);
        assert_string_equal(console.text, "x");
        assert_int_not_equal(atomic_load(&vm->vcpus[1]->power), AXVM_POWER_OFF);
        native_destroy(vm);
    } while (n++ < calls);
    assert_true(n > 1 && nomem > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_cpu_that_cannot_be_enabled_is_as_it_was),
        NATIVE_TEST(a_vm_that_cannot_be_made_leaves_nothing),
        NATIVE_TEST(loading_each_kind_of_image_survives_failing_allocations_and_can_be_repeated),
        NATIVE_TEST(a_guest_survives_each_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
