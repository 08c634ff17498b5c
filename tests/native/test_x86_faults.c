/* SPDX-License-Identifier: BSD-2-Clause */
/* Each allocation failing in turn, on the x86_64 backend: hostile-guest.md rows H1, H2, 12, 84. */
#include "x86_world.h"
#define NATIVE_RESET() x86_world_reset()
#define NATIVE_ENABLE_CPU(hal, pcpu) x86_enable_cpu(hal, pcpu)
#include "native_fixture.h"

#include <axvm/err.h>

#define MIB (UINT64_C(1) << 20)
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

static int enable_second(struct fake_hal *hal, void *arg)
{
    int rc = x86_enable_cpu(hal, 1);

    (void)arg;
    if (rc == AXVM_OK) {
        assert_int_equal(axvm_cpu_disable(hal->cpus[1]), AXVM_OK);
        hal->cpus[1] = NULL;
    }
    fake_hal_set_cpu(0);
    return rc;
}

static void a_cpu_that_cannot_be_enabled_is_as_it_was(void **state)
{
    char before[sizeof(x86.cpu[1])];

    memcpy(before, &x86.cpu[1], sizeof(before));
    assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, false, enable_second, NULL, AXVM_ERR_NOMEM) >= 4);
    assert_memory_equal(&x86.cpu[1], before, sizeof(before));
    x86.no_svm = true;
    assert_int_equal(enable_second(*state, NULL), AXVM_ERR_NOSUP);
    x86.no_svm = false;
    x86.svm_features = 0; /* no nested paging */
    assert_int_equal(enable_second(*state, NULL), AXVM_ERR_NOSUP);
    assert_memory_equal(&x86.cpu[1], before, sizeof(before));
}

/* ---- a VM ---- */

static int create(struct fake_hal *hal, void *arg)
{
    struct axvm *vm = NULL;
    int rc = axvm_new(&hal->ops, arg, &vm);

    if (rc == AXVM_OK)
        assert_int_equal(axvm_destroy(vm), AXVM_OK);
    else
        assert_null(vm);
    return rc;
}

/* Permission maps, CPUID, controllers, platform, VMCBs, FP areas, local APICs. */
static void a_vm_that_cannot_be_made_leaves_nothing(void **state)
{
    static const enum axvm_irq_mode modes[] = { AXVM_IRQ_EMULATED, AXVM_IRQ_PASSTHROUGH, AXVM_IRQ_NONE };

    for (unsigned int i = 0; i < 6; i++) {
        struct axvm_config cfg = config();

        cfg.irq_mode = modes[i / 2];
        cfg.ram_kind = i % 2 ? AXVM_REGION_ALLOC : AXVM_REGION_TOUCH;
        cfg.passthrough_count = cfg.irq_mode != AXVM_IRQ_NONE;
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, false, create, &cfg, AXVM_ERR_NOMEM) > 8);
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, true, create, &cfg, AXVM_ERR_NOMEM) > 8);
    }
}

/* ---- images, ACPI ---- */

static uint8_t image[160 * KIB], initrd[40 * KIB];
static const struct axvm_module module = { .file = { initrd, sizeof(initrd) }, .cmdline = "a module" };

static void put_le(uint32_t at, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        image[at + i] = (uint8_t)(v >> 8 * i);
}

/* Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
static void make_bzimage(struct axvm_config *cfg)
{
    memset(image, 0, sizeof(image));
    put_le(0x1f1, 4, 1);
    put_le(0x1f4, (sizeof(image) - 5 * 512) / 16, 4);
    put_le(0x1fe, 0xaa55, 2);
    put_le(0x200, 0x6aeb, 2);
    memcpy(image + 0x202, "HdrS", 4);
    put_le(0x206, 0x20f, 2);
    put_le(0x211, 1, 1);
    put_le(0x22c, 0x7fffffff, 4);
    put_le(0x230, 2 * MIB, 4);
    put_le(0x234, 1, 1);
    put_le(0x235, 21, 1);
    put_le(0x236, 0x2b, 2);
    put_le(0x238, 2047, 4);
    put_le(0x258, 16 * MIB, 8);
    put_le(0x260, 1 * MIB, 4);
    cfg->image.kernel.size = sizeof(image);
    cfg->image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
}

/* An ELF file of one segment at 2 MiB. */
static void make_elf(struct axvm_config *cfg)
{
    static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

    memset(image, 0, sizeof(image));
    memcpy(image, ident, sizeof(ident));
    put_le(16, 2, 2);
    put_le(18, 62, 2);
    put_le(20, 1, 4);
    put_le(24, 2 * MIB, 8);
    put_le(32, 64, 8);
    put_le(52, 64, 2);
    put_le(54, 56, 2);
    put_le(56, 1, 2);
    put_le(64, 1, 4);
    put_le(68, 7, 4);
    put_le(72, 0x1000, 8);
    put_le(80, 2 * MIB, 8);
    put_le(88, 2 * MIB, 8);
    put_le(96, 100 * KIB, 8);
    put_le(104, 300 * KIB, 8);
    put_le(112, 0x1000, 8);
    cfg->image.kernel.size = 0x1000 + 100 * KIB;
    cfg->image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
}

/* Multiboot Specification 0.6.96, "OS image format", with the address fields. */
static void make_multiboot(struct axvm_config *cfg)
{
    const uint32_t fields[] = { 0x1badb002, 0x10003, 0u - 0x1badb002 - 0x10003, MIB + 0x40, MIB, 0, 2 * MIB, MIB + 0x100 };

    memset(image, 0, sizeof(image));
    for (unsigned int i = 0; i < 8; i++)
        put_le(0x40 + 4 * i, fields[i], 4);
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

/* The VM is made before anything fails; if it cannot be loaded, it is afterwards. */
static int load(struct fake_hal *hal, void *arg)
{
    uint64_t n = hal->fail_after[FAKE_PAGE_ALLOC], calls;
    bool for_good = hal->fail_for_good[FAKE_PAGE_ALLOC];
    struct axvm *vm;
    int rc;

    fake_hal_fail_nothing(hal);
    vm = native_vm(hal, arg);
    calls = hal->calls[FAKE_PAGE_ALLOC];
    fake_hal_fail(hal, FAKE_PAGE_ALLOC, n, for_good);
    rc = axvm_load(vm);
    fake_hal_fail_nothing(hal);
    calls = hal->calls[FAKE_PAGE_ALLOC] - calls;
    assert_int_equal(axvm_get_state(vm), rc == AXVM_OK ? AXVM_LOADED : AXVM_LOADING);
    if (rc != AXVM_OK)
        assert_int_equal(axvm_load(vm), AXVM_OK);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    native_destroy(vm);
    hal->calls[FAKE_PAGE_ALLOC] = calls; /* those that could have failed */
    return rc;
}

static void loading_each_kind_of_image_survives_failing_allocations_and_can_be_repeated(void **state)
{
    void (*const kinds[])(struct axvm_config * cfg) = { make_bzimage, make_elf, make_multiboot, make_flat, make_firmware };

    for (unsigned int i = 0; i < 5; i++) {
        struct axvm_config cfg = config();

        cfg.image.kernel.data = image;
        cfg.image.cmdline = "console=ttyS0";
        kinds[i](&cfg);
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, i % 2, load, &cfg, AXVM_ERR_NOMEM) > 3);
        assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, i % 2 == 0, load, &cfg, AXVM_ERR_NOMEM) > 3);
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

static unsigned int run_to_the_end(struct axvm *vm)
{
    unsigned int nomem = 0;
    struct axvm_exit exit;
    int rc;

    do {
        rc = axvm_run_vcpu(vm, 0, &exit);
        assert_true(rc == AXVM_OK || rc == AXVM_ERR_NOMEM);
        nomem += rc == AXVM_ERR_NOMEM;
        assert_true(nomem < 3);
    } while (rc != AXVM_OK || exit.reason == AXVM_EXIT_CPU_UP);
    assert_int_equal(exit.reason, AXVM_EXIT_SYSTEM_OFF);
    return nomem;
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
        fake_hal_fail_alloc(hal, n);
        calls = hal->calls[FAKE_PAGE_ALLOC];
        nomem += run_to_the_end(vm);
        calls = hal->calls[FAKE_PAGE_ALLOC] - calls;
        fake_hal_fail_nothing(hal);
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
