/* SPDX-License-Identifier: BSD-2-Clause */
/* Each allocation and callback failing in turn, on the riscv64 backend: hostile-guest.md rows H1, H2, 12, 84. */
#include "hs_world.h"
#include "native_faults.h"
#include "native_images.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "sbi.h"

#define RAM UINT64_C(0x80000000)

static const struct axvm_passthrough rtc = {
    .name = "rtc", .base_gpa = { 0x10101000 }, .base_hpa = { 0x101000 }, .len = 0x1000, .host_irq = 11, .guest_irq = 11
};
static const struct axvm_vcpu_config pinned[3] = { { 1 }, { 1 }, { 1 } };

static struct axvm_config config(uint32_t irqchip)
{
    return (struct axvm_config){
        .vcpu_count = 3,
        .vcpus = pinned, /* with an IMSIC: to have guest interrupt files */
        .ram_size = 16 * MIB,
        .ram_kind = AXVM_REGION_TOUCH,
        .irqchip = irqchip,
        .passthrough = &rtc,
        .passthrough_count = 1,
    };
}

/* ---- a CPU ---- */

static void a_cpu_that_cannot_be_enabled_is_as_it_was(void **state)
{
    struct hs_hart before = hs.hart[1];

    assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, false, native_enable_second, NULL, AXVM_ERR_NOMEM) > 0);
    assert_memory_equal(hs.hart[1].csr, before.csr, sizeof(before.csr));
}

/* ---- a VM ---- */

/* Whoever had a guest interrupt file has given it back. */
static int create(struct fake_hal *hal, void *cfg)
{
    int rc = native_create(hal, cfg);

    for (uint32_t i = 0; i <= AXVM_GUEST_FILES; i++)
        assert_null(hal->cpus[0]->arch.files.owners[i]);
    return rc;
}

static void a_vm_that_cannot_be_made_leaves_nothing_whatever_its_controller(void **state)
{
    for (uint32_t irqchip = AXVM_RISCV64_IRQCHIP_PLIC; irqchip <= AXVM_RISCV64_IRQCHIP_IMSIC; irqchip++) {
        for (unsigned int ram = AXVM_REGION_ALLOC; ram <= AXVM_REGION_TOUCH; ram += AXVM_REGION_TOUCH - AXVM_REGION_ALLOC) {
            struct axvm_config cfg = config(irqchip);

            cfg.ram_kind = (enum axvm_region_kind)ram;
            assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, false, create, &cfg, AXVM_ERR_NOMEM) > 3);
            assert_true(native_each_failing(*state, FAKE_PAGE_ALLOC, true, create, &cfg, AXVM_ERR_NOMEM) > 3);
        }
    }
}

/* A vCPU that gets no file of the hardware's is served by the model: not an error. */
static void without_a_table_for_its_page_a_vcpu_goes_without_a_guest_file(void **state)
{
    struct fake_hal *hal = *state;
    const struct axvm_config cfg = config(AXVM_RISCV64_IRQCHIP_IMSIC);
    struct axvm *vm;
    unsigned int with = 0;

    vm = native_vm(hal, &cfg);
    for (uint32_t i = 0; i < 3; i++)
        with += vm->vcpus[i]->arch.file_cpu != NULL;
    assert_int_equal(with, 3);
    /* All files are taken: the fourth is there, the fifth vCPU goes without. */
    {
        struct axvm_config second = cfg;
        struct axvm *other;

        second.id = 1;
        second.vcpu_count = 2;
        other = native_vm(hal, &second);
        assert_non_null(other->vcpus[0]->arch.file_cpu);
        assert_null(other->vcpus[1]->arch.file_cpu);
        assert_int_equal(axvm_cpu_disable(hal->cpus[0]), AXVM_ERR_BUSY);
        native_destroy(other);
    }
    native_destroy(vm);
}

/* ---- images ---- */

static uint8_t image[300 * 1024], initrd[100 * 1024];

/* Linux, Documentation/arch/riscv/boot-image-header.rst */
static struct axvm_blob linux_image(void)
{
    memset(image, 0x13, sizeof(image));
    native_put_le(image + 8, 2 * MIB, 8);       /* text_offset */
    native_put_le(image + 16, 3 * MIB, 8);      /* image_size */
    native_put_le(image + 24, 0, 8);            /* flags */
    native_put_le(image + 32, 2, 4);            /* version */
    native_put_le(image + 48, 0x5643534952, 8); /* "RISCV" */
    native_put_le(image + 56, 0x05435352, 4);
    return (struct axvm_blob){ image, sizeof(image) };
}

static struct axvm_blob elf_image(void)
{
    static const struct native_segment segment = { 0x1000, RAM + 2 * MIB, 200 * 1024, 2 * MIB };

    memset(image, 0, sizeof(image));
    native_put_elf64(image, 243, &segment, 1); /* EM_RISCV */
    return (struct axvm_blob){ image, 0x1000 + 200 * 1024 };
}

static struct axvm_blob flat_image(void)
{
    memset(image, 0x13, sizeof(image));
    return (struct axvm_blob){ image, 200 * 1024 + 5 };
}

static void check_entry(struct axvm *vm)
{
    assert_int_equal(vm->boot_entry, RAM + 2 * MIB);
}

/* When it fails the VM is reset, and not loaded. */
static int reset(struct fake_hal *hal, void *arg)
{
    struct axvm *vm = arg;
    int rc = axvm_reset(vm);

    if (rc == AXVM_OK)
        return rc;
    fake_hal_fail_nothing(hal);
    assert_int_equal(axvm_get_state(vm), AXVM_LOADING);
    assert_int_equal(axvm_load(vm), AXVM_OK);
    return rc;
}

static void loading_each_kind_of_image_survives_failing_allocations_and_can_be_repeated(void **state)
{
    struct axvm_blob (*const kinds[])(void) = { linux_image, elf_image, flat_image };

    for (uint32_t n = 0; n < 9; n++) {
        struct native_load load = { config(AXVM_RISCV64_IRQCHIP_PLIC + n % 3), check_entry };
        struct fake_hal *hal = *state;
        struct axvm *vm;

        load.cfg.image.kernel = kinds[n / 3]();
        load.cfg.image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
        load.cfg.image.cmdline = "console=ttyS0";
        hal->calls[FAKE_PAGE_ALLOC] = 0;
        assert_true(native_each_failing(hal, FAKE_PAGE_ALLOC, n % 2, native_load, &load, AXVM_ERR_NOMEM) > 3);
        vm = native_vm(hal, &load.cfg);
        assert_int_equal(axvm_load(vm), AXVM_OK);
        assert_true(native_each_failing(hal, FAKE_PAGE_ALLOC, n % 2, reset, vm, AXVM_ERR_NOMEM) > 3);
        native_destroy(vm);
    }
}

/* ---- a running guest ---- */

struct step {
    bool store; /* to gpa; otherwise an SBI call */
    uint64_t gpa, eid, fid, a0, a1, a2;
};
static const struct step steps[] = {
    { .store = true, .gpa = RAM + 5 * MIB },
    { .eid = SBI_EXT_DBCN, .fid = 0, .a0 = 5000, .a1 = RAM + 6 * MIB - 100 }, /* memory not touched yet */
    { .eid = SBI_EXT_DBCN, .fid = 2, .a0 = 'x' },
    { .eid = SBI_EXT_PMU, .fid = 7, .a0 = RAM + 9 * MIB },
    { .eid = SBI_EXT_STA, .fid = 0, .a0 = RAM + 11 * MIB },
    { .store = true, .gpa = AXVM_RISCV64_UART_BASE },
    { .eid = SBI_EXT_HSM, .fid = 0, .a0 = 1, .a1 = RAM },
    { .eid = SBI_EXT_SRST, .fid = 0 },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

struct walk {
    unsigned int at;
    bool waits; /* for the result of the last call */
    unsigned int failed;
};

/* One step after the other; what fails is tried again, as the same instruction or as another call. */
static void walk(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct walk *w = arg;
    const struct step *s = &steps[w->at];

    if (w->waits) {
        int64_t error = (int64_t)vcpu->arch.gpr[10];

        assert_true(error == SBI_SUCCESS || error == SBI_ERR_FAILED || error == SBI_ERR_INVALID_PARAM || (s->store && error));
        w->failed += error != SBI_SUCCESS && !s->store;
        if (s->store || error == SBI_SUCCESS)
            s = &steps[++w->at];
    }
    w->waits = true;
    if (s->store)
        hs_store(vcpu, trap, s->gpa, 'y');
    else
        hs_ecall(vcpu, trap, s->eid, s->fid, s->a0, s->a1, s->a2);
}

/* Row 12: the guest goes on when there is memory again; a call of its firmware fails, and works when it is made again. */
static void a_guest_survives_each_failing_allocation(void **state)
{
    struct fake_hal *hal = *state;
    unsigned int nomem = 0, failed = 0, n = 0;
    uint64_t calls;

    do {
        struct axvm_config cfg = config(AXVM_RISCV64_IRQCHIP_PLIC);
        struct fake_console console;
        struct walk w = { 0 };
        struct axvm *vm;

        cfg.console = fake_console_init(&console);
        cfg.image.kernel = flat_image();
        vm = native_vm(hal, &cfg);
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        hs.guest = walk;
        hs.guest_arg = &w;
        nomem += native_run_failing(hal, vm, n, &calls);
        failed += w.failed;
        assert_int_equal(w.at, STEPS - 1);
        assert_true(console.len >= 2);
        native_destroy(vm);
    } while (n++ < calls);
    assert_true(n > 3);
    assert_true(nomem + failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_cpu_that_cannot_be_enabled_is_as_it_was),
        NATIVE_TEST(a_vm_that_cannot_be_made_leaves_nothing_whatever_its_controller),
        NATIVE_TEST(without_a_table_for_its_page_a_vcpu_goes_without_a_guest_file),
        NATIVE_TEST(loading_each_kind_of_image_survives_failing_allocations_and_can_be_repeated),
        NATIVE_TEST(a_guest_survives_each_failing_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
